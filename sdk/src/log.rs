//! Writes to the agent's log: `log::info!("{n} votes")`.
//!
//! Each line goes to stderr with its level, such as `[info] 3 votes`, and the server collects it. Other output of the agent
//! to stdout or stderr becomes part of the same log.

use std::fmt::{Arguments, Write};

/// Writes a text line by line. Errors are ignored, because there is no other place to report them.
#[doc(hidden)]
pub fn write(level: &str, text: Arguments) {
    let mut lines = String::new();
    for line in text.to_string().lines() {
        let _ = writeln!(lines, "[{level}] {line}");
    }
    #[cfg(target_family = "wasm")]
    let _ = std::io::Write::write_all(&mut std::io::stderr(), lines.as_bytes());
    #[cfg(not(target_family = "wasm"))]
    crate::bench_log::keep(&lines);
}

/// Logs a line for the author of the agent.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($text:tt)*) => { $crate::log::write("debug", ::std::format_args!($($text)*)) };
}

/// Logs a line that may interest an operator.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($text:tt)*) => { $crate::log::write("info", ::std::format_args!($($text)*)) };
}

/// Logs a problem that an operator should look at.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($text:tt)*) => { $crate::log::write("warn", ::std::format_args!($($text)*)) };
}

/// Logs an error.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($text:tt)*) => { $crate::log::write("error", ::std::format_args!($($text)*)) };
}

#[doc(inline)]
pub use {__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};
