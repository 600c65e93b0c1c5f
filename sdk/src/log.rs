//! Lines for the agent's log: `log::info!("{n} votes")`.
//!
//! Each line goes to stderr with its level in front, `[info] 3 votes`, where the host collects it. What an agent prints
//! by itself to stdout or stderr lands in the same log.

use std::fmt::{Arguments, Write};

#[doc(inline)]
pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};

/// Writes `text`, line by line, each in one piece. Cannot fail: there is nobody to tell.
#[doc(hidden)]
pub fn write(level: &str, text: Arguments) {
    let mut lines = String::new();
    for line in text.to_string().lines() {
        let _ = writeln!(lines, "[{level}] {line}");
    }
    #[cfg(target_family = "wasm")]
    let _ = std::io::Write::write_all(&mut std::io::stderr(), lines.as_bytes());
    #[cfg(not(target_family = "wasm"))]
    crate::testing::keep_log(&lines);
}

/// Logs what helps the author only.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($text:tt)*) => { $crate::log::write("debug", ::std::format_args!($($text)*)) };
}

/// Logs what an operator may want to know.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($text:tt)*) => { $crate::log::write("info", ::std::format_args!($($text)*)) };
}

/// Logs what an operator should look at.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($text:tt)*) => { $crate::log::write("warn", ::std::format_args!($($text)*)) };
}

/// Logs what went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($text:tt)*) => { $crate::log::write("error", ::std::format_args!($($text)*)) };
}
