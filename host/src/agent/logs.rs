//! The last lines that an agent printed, with the lines of the host about the agent. They are kept in a ring buffer
//! that is bounded however much is printed and however slowly it is read. It outlives the agent's instances, not the
//! host.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use guildhall_model::clock::{Clock, rfc3339_ms};
use guildhall_sandbox::LogLevel;

/// The most lines that are kept of one agent.
const MAX_LINES: usize = 500;
/// The most bytes that these lines have together.
const MAX_BYTES: usize = 64 << 10;

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LogSource)]
pub enum Source {
    /// The guest printed it.
    Agent,
    /// The host wrote it about the agent.
    Host,
}

/// One line of an agent's log.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LogLine)]
pub struct Line {
    /// Counts from 1, from the start of the agent's task.
    pub number: u64,
    /// When it was written, RFC 3339.
    pub at: String,
    /// How important it is.
    #[serde(serialize_with = "name_of")]
    #[schema(value_type = String)]
    pub level: LogLevel,
    /// Who wrote it.
    pub source: Source,
    /// The line without its end.
    pub text: Arc<str>,
}

fn name_of<S: serde::Serializer>(level: &LogLevel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.name())
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
}

impl Ring {
    fn push(&mut self, at: String, level: LogLevel, source: Source, text: Arc<str>) {
        self.last += 1;
        self.bytes += text.len();
        self.lines.push_back(Line { number: self.last, at, level, source, text });
        while self.lines.len() > MAX_LINES || (self.bytes > MAX_BYTES && self.lines.len() > 1) {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.text.len());
        }
    }
}

/// Writes the lines of an agent. Its readers end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct LogWriter {
    ring: Arc<watch::Sender<Ring>>,
    clock: Clock,
}

/// Reads the lines of an agent. It is a position in the ring buffer; clones read independently.
#[derive(Clone, Debug)]
pub struct LogReader {
    ring: watch::Receiver<Ring>,
    /// The number of the last line that was read.
    read: u64,
}

/// What one read returned.
#[derive(Debug, Default)]
pub struct Read {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// How many lines were dropped from the buffer before they could be read.
    pub dropped: u64,
}

impl LogWriter {
    /// Creates an empty log.
    #[must_use]
    pub fn new(clock: Clock) -> (Self, LogReader) {
        let (ring, read) = watch::channel(Ring::default());
        (Self { ring: Arc::new(ring), clock }, LogReader { ring: read, read: 0 })
    }

    /// Writes a line; the oldest lines make room for it.
    pub fn write(&self, level: LogLevel, source: Source, text: &str) {
        let at = rfc3339_ms(self.clock.now_ms());
        self.ring.send_modify(|ring| ring.push(at, level, source, text.into()));
    }
}

impl LogReader {
    /// The last lines of at least a level, at most `limit`. The reader goes on after them.
    pub fn last(&mut self, level: LogLevel, limit: usize) -> Read {
        let ring = self.ring.borrow_and_update();
        self.read = ring.last;
        let mut lines: Vec<_> =
            ring.lines.iter().rev().filter(|line| line.level >= level).take(limit).cloned().collect();
        lines.reverse();
        Read { lines, dropped: 0 }
    }

    /// Waits for the next lines of at least a level; `None` when the agent has ended. Nothing is kept for a slow
    /// reader: the lines that were dropped meanwhile are counted. Cancel safe.
    pub async fn next(&mut self, level: LogLevel) -> Option<Read> {
        loop {
            self.ring.changed().await.ok()?;
            let ring = self.ring.borrow_and_update();
            let first = ring.lines.front().map_or(ring.last + 1, |line| line.number);
            let dropped = first.saturating_sub(self.read + 1);
            let is_new = |line: &&Line| line.number > self.read && line.level >= level;
            let lines: Vec<_> = ring.lines.iter().filter(is_new).cloned().collect();
            self.read = ring.last;
            if !lines.is_empty() || dropped > 0 {
                return Some(Read { lines, dropped });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> (LogWriter, LogReader) {
        LogWriter::new(Clock::system())
    }

    fn numbers(read: &Read) -> Vec<u64> {
        read.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn the_last_lines_of_a_level_are_read_oldest_first() {
        let (writer, mut reader) = logs();
        for level in [LogLevel::Info, LogLevel::Error, LogLevel::Debug, LogLevel::Warn] {
            writer.write(level, Source::Agent, "x");
        }
        assert_eq!(numbers(&reader.last(LogLevel::Warn, 10)), [2, 4]);
        assert_eq!(numbers(&reader.last(LogLevel::Debug, 2)), [3, 4]);
    }

    #[test]
    fn the_buffer_is_bounded_in_lines_and_bytes() {
        let (writer, mut reader) = logs();
        for _ in 0..2 * MAX_LINES {
            writer.write(LogLevel::Info, Source::Agent, "x");
        }
        assert_eq!(reader.last(LogLevel::Debug, usize::MAX).lines.len(), MAX_LINES);
        for _ in 0..100 {
            writer.write(LogLevel::Info, Source::Agent, &"x".repeat(MAX_BYTES / 10));
        }
        assert_eq!(reader.last(LogLevel::Debug, usize::MAX).lines.len(), 10);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_count_of_dropped_lines_and_a_reader_ends_with_the_agent() {
        let (writer, mut reader) = logs();
        assert!(reader.last(LogLevel::Debug, 1).lines.is_empty());
        for _ in 0..MAX_LINES + 7 {
            writer.write(LogLevel::Info, Source::Host, "x");
        }
        let read = reader.next(LogLevel::Debug).await.unwrap();
        assert_eq!((read.lines.len(), read.dropped), (MAX_LINES, 7));
        drop(writer);
        assert!(reader.next(LogLevel::Debug).await.is_none());
    }
}
