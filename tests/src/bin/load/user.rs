//! One user who chats: the hot path. Of a frame only the number of its message is read.

use std::fmt::Write;
use std::time::Duration;

use anyhow::bail;
use futures_util::{FutureExt, SinkExt, StreamExt};
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::report::Report;
use crate::session::Session;

/// The texts before the number of a message and before that of its echo, which is `Echo: ~~…` or `ok: ~~…`.
const HEAD: &str = r#"{"format":"text","payload":{"text":"~~"#;
const MARK: &str = ": ~~";
const DIGITS: usize = 10;
const TAIL: &str = r#""}}"#;
/// How long the last echoes are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// When and how much a user chats.
#[derive(Clone, Copy)]
pub struct Plan {
    pub start: Instant,
    pub measure_from: Instant,
    pub until: Instant,
    pub in_flight: usize,
    pub bytes: usize,
    /// The pause between messages.
    pub pause: Duration,
}

/// Returns an empty histogram of microseconds, up to ten minutes, with three digits.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are allowed")
}

/// The results of one user, or of all users together.
pub struct Outcome {
    /// The latencies in microseconds, of messages sent during the measurement.
    pub latencies: Histogram<u64>,
    /// The number of echoes that came during the measurement.
    pub echoes: u64,
    pub sent: u64,
    /// The number of messages whose echo came.
    pub received: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// The number of `ErrorMessage` frames.
    pub errors: u64,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { latencies: latencies(), echoes: 0, sent: 0, received: 0, duplicated: 0, out_of_order: 0, errors: 0 }
    }
}

impl Outcome {
    pub fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all have the same bounds");
        self.echoes += other.echoes;
        self.sent += other.sent;
        self.received += other.received;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.errors += other.errors;
    }

    pub fn report(&self, report: &mut Report) {
        report.count("sent", self.sent);
        report.count("received", self.received);
        report.count("lost", self.sent - self.received);
        report.count("duplicated", self.duplicated);
        report.count("out_of_order", self.out_of_order);
        report.count("errors", self.errors);
    }
}

/// The time at which a message was sent, in nanoseconds after the start.
const ANSWERED: u64 = u64::MAX;

struct Book {
    plan: Plan,
    padding: String,
    /// For each number the time at which the message was sent, or [`ANSWERED`].
    sent: Vec<u64>,
    last: Option<usize>,
    outcome: Outcome,
}

impl Book {
    fn new(plan: Plan) -> Self {
        let padding = plan.bytes.saturating_sub(HEAD.len() + DIGITS + 1 + TAIL.len());
        Self { plan, padding: "x".repeat(padding), sent: Vec::new(), last: None, outcome: Outcome::default() }
    }

    fn in_flight(&self) -> usize {
        self.sent.len() - usize::try_from(self.outcome.received).unwrap_or(usize::MAX)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.plan.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn next_message(&mut self) -> Message {
        let mut text = String::with_capacity(HEAD.len() + DIGITS + 1 + self.padding.len() + TAIL.len());
        text.push_str(HEAD);
        let _ = write!(text, "{:0DIGITS$} ", self.sent.len());
        text.push_str(&self.padding);
        text.push_str(TAIL);
        self.sent.push(self.now());
        self.outcome.sent += 1;
        Message::text(text)
    }

    fn take(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        let Some(number) = number(text) else {
            self.outcome.errors += u64::from(text.contains("ErrorMessage"));
            return;
        };
        let Some(sent) = self.sent.get_mut(number) else { return };
        if *sent == ANSWERED {
            self.outcome.duplicated += 1;
            return;
        }
        let sent = std::mem::replace(sent, ANSWERED);
        let now = self.now();
        self.outcome.received += 1;
        let since = |instant: Instant| (instant - self.plan.start).as_nanos() as u64;
        let (from, until) = (since(self.plan.measure_from), since(self.plan.until));
        self.outcome.echoes += u64::from((from..until).contains(&now));
        if sent >= from {
            self.outcome.latencies.saturating_record((now - sent) / 1000);
        }
        match self.last {
            Some(last) if number < last => self.outcome.out_of_order += 1,
            _ => self.last = Some(number),
        }
    }
}

fn number(text: &str) -> Option<usize> {
    let digits = text.find(MARK)? + MARK.len();
    text.get(digits..digits + DIGITS)?.parse().ok()
}

/// Chats as planned, then waits for the last echoes.
pub async fn chat(mut session: Session, plan: Plan) -> anyhow::Result<(Session, Outcome)> {
    let mut book = Book::new(plan);
    let socket = &mut session.socket;
    let mut end = std::pin::pin!(sleep_until(plan.until));
    let mut next_at = plan.start;
    loop {
        while book.in_flight() < plan.in_flight && (plan.pause.is_zero() || Instant::now() >= next_at) {
            let message = book.next_message();
            socket.feed(message).await?;
            next_at = Instant::now() + plan.pause;
        }
        socket.flush().await?;
        tokio::select! {
            () = sleep_until(next_at), if book.in_flight() < plan.in_flight => {}
            message = socket.next() => match message {
                Some(message) => book.take(&message?),
                None => bail!("the host has closed a user's socket"),
            },
            () = &mut end => break,
        }
        while let Some(Some(message)) = socket.next().now_or_never() {
            book.take(&message?);
        }
    }
    let rest = async {
        while book.in_flight() > 0 {
            match socket.next().await {
                Some(message) => book.take(&message?),
                None => bail!("the host has closed a user's socket"),
            }
        }
        Ok(())
    };
    if let Ok(ended) = timeout(PATIENCE, rest).await {
        ended?;
    }
    // A repeated echo would arrive now.
    while let Ok(Some(message)) = timeout(Duration::from_millis(200), socket.next()).await {
        book.take(&message?);
    }
    Ok((session, book.outcome))
}

/// Sends one message and waits for its echo. Returns how long it took.
pub async fn echo_once(mut session: Session) -> anyhow::Result<(Session, Duration)> {
    let now = Instant::now();
    let plan = Plan { start: now, measure_from: now, until: now, in_flight: 1, bytes: 300, pause: Duration::ZERO };
    let mut book = Book::new(plan);
    let message = book.next_message();
    session.socket.send(message).await?;
    let echo = async {
        while book.in_flight() > 0 {
            match session.socket.next().await {
                Some(message) => book.take(&message?),
                None => bail!("the host has closed a user's socket"),
            }
        }
        Ok(())
    };
    timeout(PATIENCE, echo).await??;
    Ok((session, now.elapsed()))
}

/// Sends one message to this many agents. Returns how many did not echo it in time.
pub async fn echoes_of_one(mut session: Session, agents: usize) -> anyhow::Result<u64> {
    let frame = format!("{HEAD}{:0DIGITS$} {TAIL}", 0);
    session.socket.send(Message::text(frame)).await?;
    let mut unanswered = agents as u64;
    let echoes = async {
        while unanswered > 0 {
            match session.socket.next().await {
                Some(message) => unanswered -= u64::from(message?.to_text().is_ok_and(|text| number(text).is_some())),
                None => bail!("the host has closed a user's socket"),
            }
        }
        Ok(())
    };
    if let Ok(ended) = timeout(PATIENCE, echoes).await {
        ended?;
    }
    Ok(unanswered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let start = Instant::now();
        let pause = Duration::ZERO;
        Book::new(Plan { start, measure_from: start, until: start + PATIENCE, in_flight: 8, bytes: 300, pause })
    }

    fn echo(message: &Message) -> Message {
        Message::text(message.to_text().unwrap().replace("~~", "Echo: ~~"))
    }

    #[test]
    fn a_frame_is_as_long_as_asked_for_and_is_json() {
        let message = book().next_message();
        assert_eq!(message.len(), 300);
        assert!(serde_json::from_str::<serde_json::Value>(message.to_text().unwrap()).is_ok());
    }

    #[test]
    fn loss_duplication_and_order_are_counted() {
        let mut book = book();
        let messages: Vec<_> = (0..4).map(|_| book.next_message()).collect();
        for number in [1, 0, 0, 3] {
            book.take(&echo(&messages[number]));
        }
        let outcome = &book.outcome;
        assert_eq!((outcome.sent, outcome.received, book.in_flight()), (4, 3, 1));
        assert_eq!((outcome.duplicated, outcome.out_of_order), (1, 1));
    }

    #[test]
    fn only_echoes_count() {
        let mut book = book();
        let message = book.next_message();
        book.take(&message);
        book.take(&Message::text(r#"{"format":"a.ErrorMessage"}"#));
        assert_eq!((book.outcome.received, book.outcome.errors), (0, 1));
    }
}
