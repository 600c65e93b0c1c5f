//! What a guest prints, as lines for the agent's log. Each line has a level, and each turn has a budget of lines and
//! bytes. The end of standard error is kept for faults.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::limits::{Limit, Limits};

/// How much of the end of standard error a fault shows, in bytes.
const TAIL_BYTES: usize = 4 << 10;
/// How many bytes a guest may write in one call. It calls again for the rest.
const PERMIT_BYTES: usize = 64 << 10;

/// The level of a log line, the least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the author of the agent.
    Debug,
    /// Usual events.
    Info,
    /// Something that the operator or the author should look at.
    Warn,
    /// A failure.
    Error,
}

impl LogLevel {
    /// Returns the name of the level, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Returns the level with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.name() == name)
    }
}

/// One line of a guest, without its line end and without the text of its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The text, at most `host.log_line_bytes` long.
    pub text: String,
}

/// Receives the lines of one agent. It is called in the middle of a turn and must not wait.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// Standard output and standard error of one guest.
pub(crate) struct Console {
    sink: LogSink,
    budget: Budget,
    /// The unfinished line of standard output.
    out: Vec<u8>,
    /// The unfinished line of standard error.
    err: Vec<u8>,
    /// The end of standard error.
    tail: Vec<u8>,
}

/// Which output a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The lines and bytes that a turn may print, and how many it has printed.
struct Budget {
    max_lines: u64,
    max_bytes: u64,
    line_bytes: usize,
    lines: u64,
    bytes: u64,
    dropped_lines: u64,
    dropped_bytes: u64,
    cut_lines: u64,
}

impl Console {
    /// Creates both outputs, with an empty count.
    pub(crate) fn new(sink: LogSink, limits: &Limits) -> Self {
        let budget = Budget {
            max_lines: limits.get(Limit::LogLines),
            max_bytes: limits.get(Limit::LogBytes),
            line_bytes: limits.size(Limit::LogLineBytes),
            lines: 0,
            bytes: 0,
            dropped_lines: 0,
            dropped_bytes: 0,
            cut_lines: 0,
        };
        Self { sink, budget, out: Vec::new(), err: Vec::new(), tail: Vec::new() }
    }

    fn write(&mut self, output: Output, bytes: &[u8]) {
        if output == Output::Err {
            keep_tail(&mut self.tail, bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let held = if output == Output::Err { &mut self.err } else { &mut self.out };
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            // One byte more than a line may have shows that the line is too long.
            let room = (self.budget.line_bytes + 1).saturating_sub(held.len());
            let taken = text.len().min(room);
            held.extend_from_slice(&text[..taken]);
            self.budget.dropped_bytes += (text.len() - taken) as u64;
            if ends {
                let line = std::mem::take(held);
                self.log_line(line, output);
            }
        }
    }

    fn log_line(&mut self, line: Vec<u8>, output: Output) {
        if let Some(text) = self.budget.admit(line) {
            let (level, text) = level_of(text.trim_end_matches('\r'), output);
            (self.sink)(LogLine { level, text: text.to_owned() });
        }
    }

    /// Logs the lines of a text on the budget of what the guest prints.
    pub(crate) fn log(&mut self, level: LogLevel, text: &str) {
        for line in text.lines() {
            // One byte more than a line may have shows that the line is too long.
            let taken = line.len().min(self.budget.line_bytes + 1);
            self.budget.dropped_bytes += (line.len() - taken) as u64;
            if let Some(text) = self.budget.admit(line.as_bytes()[..taken].to_vec()) {
                (self.sink)(LogLine { level, text });
            }
        }
    }

    /// Logs the unfinished lines and how much was dropped, and starts the budget of the next turn.
    pub(crate) fn end_turn(&mut self) {
        for output in [Output::Out, Output::Err] {
            let line = std::mem::take(if output == Output::Err { &mut self.err } else { &mut self.out });
            if !line.is_empty() {
                self.log_line(line, output);
            }
        }
        let budget = &mut self.budget;
        if budget.dropped_lines > 0 || budget.dropped_bytes > 0 {
            let text = format!(
                "{} lines and {} bytes of output were dropped: a turn may print {} lines (`{}`) and {} bytes (`{}`)",
                budget.dropped_lines,
                budget.dropped_bytes,
                budget.max_lines,
                Limit::LogLines.row().setting,
                budget.max_bytes,
                Limit::LogBytes.row().setting,
            );
            (self.sink)(LogLine { level: LogLevel::Warn, text });
        }
        if budget.cut_lines > 0 {
            let (cut, setting) = (budget.cut_lines, Limit::LogLineBytes.row().setting);
            let text =
                format!("{cut} lines of output were cut: a line may have {} bytes (`{setting}`)", budget.line_bytes);
            (self.sink)(LogLine { level: LogLevel::Warn, text });
        }
        budget.cut_lines = 0;
        (budget.lines, budget.bytes, budget.dropped_lines, budget.dropped_bytes) = (0, 0, 0, 0);
        self.tail.clear();
    }

    /// Returns the end of what this turn wrote to standard error; `None` when it is blank.
    pub(crate) fn stderr_tail(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.tail);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Budget {
    /// Counts a line and returns it, cut if it is too long; `None` when it is blank or the budget is used up.
    fn admit(&mut self, mut line: Vec<u8>) -> Option<String> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let length = line.len() as u64;
        if self.lines >= self.max_lines || self.bytes + length > self.max_bytes {
            let limit = if self.lines >= self.max_lines { Limit::LogLines } else { Limit::LogBytes };
            limit.count();
            self.dropped_lines += 1;
            self.dropped_bytes += length;
            return None;
        }
        self.lines += 1;
        self.bytes += length;
        if line.len() > self.line_bytes {
            Limit::LogLineBytes.count();
            self.cut_lines += 1;
            line.truncate(self.line_bytes);
            line.extend_from_slice("…".as_bytes());
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    let surplus = tail.len().saturating_sub(TAIL_BYTES);
    tail.drain(..surplus);
}

/// Splits a leading `[level]` from a line. Without one, standard output has the level `info` and standard error
/// `warn`.
fn level_of(line: &str, output: Output) -> (LogLevel, &str) {
    let default = if output == Output::Err { LogLevel::Warn } else { LogLevel::Info };
    let named = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((name, text)) = named else { return (default, line) };
    let level = match name.to_ascii_lowercase().as_str() {
        "trace" | "debug" => LogLevel::Debug,
        "info" => LogLevel::Info,
        "warn" | "warning" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => return (default, line),
    };
    (level, text.strip_prefix(' ').unwrap_or(text))
}

/// One of the outputs, as a stream of WASI.
#[derive(Clone)]
pub(crate) struct Pipe {
    /// Receives what is written.
    pub(crate) console: Arc<Mutex<Console>>,
    /// Which output it is.
    pub(crate) output: Output,
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    // Only WASI 0.3 asks for this one, and it is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Pipe {
    async fn ready(&mut self) {}
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: bytes::Bytes) -> Result<(), StreamError> {
        self.console.lock().write(self.output, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(PERMIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(limits: &Limits) -> (Console, Arc<Mutex<Vec<LogLine>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = lines.clone();
        (Console::new(Arc::new(move |line| seen.lock().push(line)), limits), lines)
    }

    #[test]
    fn output_is_split_into_lines_with_levels() {
        let (mut console, lines) = console(&Limits::default());
        console.write(Output::Out, b"[error] it b");
        console.write(Output::Err, b"\ncareful\r\n");
        console.write(Output::Out, b"roke\n[x] y\nrest");
        console.end_turn();
        let seen: Vec<_> = lines.lock().iter().map(|line| (line.level, line.text.clone())).collect();
        let expected = [
            (LogLevel::Warn, "careful"),
            (LogLevel::Error, "it broke"),
            (LogLevel::Info, "[x] y"),
            (LogLevel::Info, "rest"),
        ];
        assert_eq!(seen, expected.map(|(level, text)| (level, text.to_owned())));
    }

    #[test]
    fn a_turn_that_prints_too_much_gets_one_line_about_it() {
        let limits = Limits::default().with(Limit::LogLines, 2).with(Limit::LogLineBytes, 8);
        let (mut console, lines) = console(&limits);
        console.write(Output::Out, b"0123456789abcdef\n1\n2\n3\n");
        console.end_turn();
        console.write(Output::Out, b"next turn\n");
        let seen: Vec<_> = lines.lock().iter().map(|line| line.text.clone()).collect();
        assert_eq!(seen[..2], ["01234567…", "1"]);
        assert!(seen[2].starts_with("2 lines and 9 bytes of output were dropped"), "{}", seen[2]);
        assert!(seen[3].starts_with("1 lines of output were cut: a line may have 8 bytes"), "{}", seen[3]);
        assert_eq!(seen[4], "next tur…");
    }

    #[test]
    fn the_end_of_standard_error_is_kept() {
        let (mut console, _) = console(&Limits::default());
        console.write(Output::Err, &[b'x'; 2 * TAIL_BYTES]);
        console.write(Output::Err, b"the end\n");
        let tail = console.stderr_tail().unwrap();
        assert!(tail.ends_with("the end") && tail.len() < TAIL_BYTES);
    }
}
