//! What commands write: tables that fit the terminal, colours and progress for people, JSON for programs. Texts of hosts and
//! guests never reach a terminal with their control characters.

mod table;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::{Style, Term};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

pub use table::Table;

/// A command was used in a wrong way: the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// Returns an error whose exit code is 2.
pub fn misuse(text: impl Into<String>) -> anyhow::Error {
    Misuse(text.into()).into()
}

/// Colours are for terminals, and for people who do not refuse them with `NO_COLOR`.
pub fn choose_colours() {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    console::set_colors_enabled(!is_refused && io::stdout().is_terminal());
    console::set_colors_enabled_stderr(!is_refused && io::stderr().is_terminal());
}

/// Returns the columns of the terminal; without a terminal nothing is cut.
#[must_use]
pub fn width() -> usize {
    let terminal = Term::stdout();
    let is_known = terminal.is_term().then(|| terminal.size_checked()).flatten();
    is_known.map_or(usize::MAX, |(_, columns)| usize::from(columns).max(40))
}

/// Writes lines to standard output.
///
/// # Errors
/// The output is closed.
pub fn print(text: impl fmt::Display) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

/// Writes a value as indented JSON to standard output.
///
/// # Errors
/// The output is closed.
pub fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(serde_json::to_string_pretty(value).map_err(io::Error::other)?)
}

/// Writes a value as one line of JSON to standard output.
///
/// # Errors
/// The output is closed.
pub fn print_json_line(value: &impl Serialize) -> io::Result<()> {
    print(serde_json::to_string(value).map_err(io::Error::other)?)
}

/// Writes a line about the command itself to standard error.
pub fn note(text: impl fmt::Display) {
    // Nobody has to read it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns a text whose control characters cannot steer a terminal; lines and tabs stay.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// Returns a text as one line that cannot steer a terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_whitespace() { ' ' } else { c };
    plain(text).chars().map(shown).collect()
}

/// Returns a status or a health in its colour.
#[must_use]
pub fn status(name: &str) -> String {
    let style = match name {
        "running" | "ok" | "ready" => Style::new().green(),
        "error" | "failed" | "refused" => Style::new().red(),
        "stopped" | "stopping" => Style::new().dim(),
        _ => Style::new().yellow(),
    };
    style.apply_to(one_line(name)).to_string()
}

/// Returns a text that matters less.
#[must_use]
pub fn dim(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}

/// Returns a text that stands out.
#[must_use]
pub fn bold(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

/// Returns the text of a failure.
#[must_use]
pub fn bad(text: &str) -> String {
    Style::new().red().apply_to(text).to_string()
}

/// Shows on standard error that something goes on, if that is a terminal. It disappears when it is dropped.
#[must_use]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows a text beside a spinner.
    pub fn spinner(text: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(text.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Shows how many of `bytes` are done.
    pub fn bytes(text: impl Into<String>, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes).with_message(text.into());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Returns the bar, for what counts on another task.
    #[must_use]
    pub fn bar(&self) -> ProgressBar {
        self.0.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Asks whether something that cannot be undone is meant, unless `is_meant` says so already.
///
/// # Errors
/// The answer is no, or nobody can be asked: standard input is no terminal.
pub fn confirm(question: &str, is_meant: bool) -> anyhow::Result<()> {
    if is_meant {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(misuse(format!("{question} Nobody can be asked without a terminal: add --yes")));
    }
    let mut err = io::stderr();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => anyhow::bail!("nothing is changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_a_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\r\nc\td\u{9b}"), "a\u{fffd}[31mb\u{fffd}\nc\td\u{fffd}");
        assert_eq!(one_line("a\nb\tc\u{7}"), "a b c\u{fffd}");
    }

    #[test]
    fn without_a_terminal_and_without_yes_nothing_is_destroyed() {
        assert!(confirm("Really?", true).is_ok());
        if !io::stdin().is_terminal() {
            let refused = confirm("Really?", false).unwrap_err();
            assert!(refused.is::<Misuse>() && refused.to_string().contains("--yes"), "{refused}");
        }
    }
}
