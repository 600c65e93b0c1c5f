//! The socket of a user: it publishes the user's messages to the guild's log, and sends the messages that the log has for
//! the user.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::journal::{GuildLog, IngressError, JournalError, Published, Receipt, Tail, TailEvent};
use crate::room::Held;
use guildhall_model::dialect::{self, Channel, Viewer};
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::{ClientId, MessageId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

use super::frames::read_frame;
use super::presence::Present;
use super::session::{Accepted, Ending, Incoming, Session};
use super::state::{SocketOptions, WsState};
use guildhall_model::expression::Evaluations;
use guildhall_model::frame::{Frame, FrameError, FrameErrorKind};

/// At most this many messages of one socket wait for their guild, to be written to the log, or to be acknowledged; after
/// that the socket is not read.
const UNWRITTEN: usize = 64;
/// At most this many frames are sent before they are flushed.
const BURST: usize = 64;
/// Frames are flushed when they have this many bytes.
const BURST_BYTES: usize = 256 << 10;
/// The time that a socket of a guild that was stopped waits for the next message.
const LAST_MESSAGE_WITHIN: Duration = Duration::from_millis(200);
/// The time that a message waits for a guild that is being started.
const GUILD_WITHIN: Duration = Duration::from_secs(10);

struct UserSocket {
    session: Session,
    log: GuildLog,
    user: UserId,
    /// Marks the messages of this socket, so that they are not sent back to it.
    number: u64,
    viewer: Viewer,
    present: Present,
    ack: bool,
    frame_bytes: usize,
    evaluations: Evaluations,
    /// The messages that wait for the guild to run here, in their order.
    waiting: VecDeque<Waiting>,
    unwritten: VecDeque<Unwritten>,
    /// The `Ack` frames that wait until the messages before them are sent.
    acks: VecDeque<String>,
    /// The errors that are sent next.
    errors: Vec<String>,
}

/// The time after which a message that the log has not stored is answered with `BUSY`.
const STORED_WITHIN: Duration = Duration::from_secs(2);

/// A message that waits for its guild.
struct Waiting {
    draft: UserDraft,
    client_id: Option<Value>,
    held: Held,
    /// When it is refused.
    until: Instant,
}

/// A message that is not written to the log yet.
struct Unwritten {
    /// When it is answered with `BUSY`; `None`: that was done.
    late: Option<Instant>,
    receipt: Receipt,
    id: MessageId,
    client_id: Option<Value>,
}

/// Subscribes a user's socket to its topics, from now on or after the message of `options.after`.
pub fn tail(log: &GuildLog, user: &UserId, options: &SocketOptions) -> Tail {
    let mut topics = topic::of_conversation(user);
    topics.push(topic::ENDING.to_owned());
    log.tail(topics, options.after)
}

/// Serves one user socket until it ends, and closes it.
///
/// Dropping the future drops the connection without a close frame; published messages stay in the log.
pub async fn serve(
    state: WsState,
    (log, tail): (GuildLog, Tail),
    (user, name): (UserId, String),
    (options, number): (SocketOptions, u64),
    present: Present,
    accepted: Accepted,
) {
    let session = Session::new(accepted, &state, options.dialect);
    let mut socket = UserSocket {
        session,
        viewer: Viewer { dialect: options.dialect, user: user.clone(), user_name: name, channel: Channel::User },
        log,
        user,
        number,
        present,
        ack: options.ack,
        frame_bytes: state.limits.frame_bytes,
        evaluations: state.evaluations.clone(),
        waiting: VecDeque::new(),
        unwritten: VecDeque::new(),
        acks: VecDeque::new(),
        errors: Vec::new(),
    };
    let ending = socket.run(tail, options.after, &state).await;
    socket.session.close(ending).await;
}

impl UserSocket {
    async fn run(&mut self, mut tail: Tail, after: Option<MessageId>, state: &WsState) -> Ending {
        self.join();
        let started = async {
            self.session.ping().await?;
            match after {
                Some(after) if self.log.has_gap_after(after) => {
                    let gap = self.gap(after);
                    self.session.send([gap]).await
                }
                _ => Ok(()),
            }
        };
        if let Err(ending) = started.await {
            return ending;
        }
        loop {
            let ping_due = self.session.ping_due();
            let may_read = self.unwritten.len() + self.waiting.len() + self.acks.len() < UNWRITTEN;
            let waits = !self.unwritten.is_empty();
            let patience = self.waiting.front().map(|waiting| waiting.until);
            let late = self.unwritten.iter().find_map(|message| message.late);
            let done = tokio::select! {
                () = state.shutdown.cancelled() => Err(Ending::HostShutdown),
                event = tail.next() => self.show(event, &mut tail).await,
                written = first_written(&mut self.unwritten), if waits => {
                    self.written(written, &mut tail);
                    Ok(())
                }
                () = self.log.opened(), if patience.is_some() => {
                    self.publish_waiting(&mut tail).await
                }
                () = tokio::time::sleep_until(patience.unwrap_or(ping_due)), if patience.is_some() => {
                    self.publish_waiting(&mut tail).await
                }
                received = self.session.socket.recv(), if may_read => self.received(received, &mut tail).await,
                () = tokio::time::sleep_until(late.unwrap_or(ping_due)), if late.is_some() => self.tell_late(&tail).await,
                () = tokio::time::sleep_until(ping_due) => self.session.keep_alive().await,
            };
            if let Err(ending) = done {
                return ending;
            }
            if let Err(ending) = self.send_errors().await {
                return ending;
            }
        }
    }

    /// Reports to the guild's manager that the user has joined.
    fn join(&self) {
        let payload = json!({"user_id": self.user, "user_name": self.viewer.user_name});
        let sender = AgentTag::new(format!("user_socket:{}", self.user), self.viewer.user_name.as_str());
        let to = Topics::One(topic::SYSTEM.to_owned());
        let mut message = Message::draft(sender, to, format::USER_AGENT_CREATION_REQUEST, raw_json(&payload));
        message.user = Some(self.user.clone());
        self.log.signal(message);
    }

    /// The frame about messages that retention has removed. A client that resumes after its id misses nothing.
    fn gap(&self, after: MessageId) -> String {
        self.session.error_frame(
            after.before(0),
            &FrameError {
                kind: FrameErrorKind::Gap,
                message: format!("messages after {after} are no longer kept; what follows is all that is left"),
                client_id: None,
            },
        )
    }

    /// Sends an event and those that wait behind it, in bursts.
    async fn show(&mut self, first: Result<TailEvent, JournalError>, tail: &mut Tail) -> Result<(), Ending> {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        let mut next = first.map(Some);
        let mut ending = Ok(());
        while let Some(event) = next.unwrap_or_else(|error| {
            ending = Err(match error {
                JournalError::TakenOver => Ending::Moved,
                error => {
                    tracing::error!(%error, "a user socket cannot read the log");
                    Ending::HostError
                }
            });
            None
        }) {
            match event {
                TailEvent::Message { message, topic } => {
                    if topic == topic::ENDING {
                        ending = Err(Ending::GuildEnded);
                    } else {
                        // A confirmation comes before what follows from the message.
                        for ack in self.acks_before(&message, tail).await {
                            bytes += ack.len();
                            frames.push(ack);
                        }
                        if self.shows(&message) {
                            let frame = dialect::write(&message, &topic, &self.viewer);
                            bytes += frame.len();
                            frames.push(frame);
                        }
                    }
                }
                TailEvent::Passed => {
                    let ack = self.acks.pop_front();
                    bytes += ack.as_ref().map_or(0, String::len);
                    frames.extend(ack);
                }
                TailEvent::Lagged => {
                    ending = Err(Ending::Lagged);
                    break;
                }
            }
            if frames.len() >= BURST || bytes >= BURST_BYTES {
                break;
            }
            next = Ok(tail.try_next());
        }
        if !frames.is_empty() {
            self.session.send(frames).await?;
        }
        if ending == Err(Ending::GuildEnded) {
            self.show_the_rest(tail).await?;
        }
        ending
    }

    /// Takes the confirmations of the messages before one that the tail has returned. That one is stored, so those are too.
    async fn acks_before(&mut self, message: &Message, tail: &mut Tail) -> Vec<String> {
        self.settle(message.id, tail).await;
        let count = tail.passed_before(message.id);
        self.acks.drain(..count.min(self.acks.len())).collect()
    }

    /// Reads the outcomes of the messages before an id, which are known.
    async fn settle(&mut self, before: MessageId, tail: &mut Tail) {
        while self.unwritten.front().is_some_and(|message| message.id < before) {
            let written = first_written(&mut self.unwritten).await;
            self.written(written, tail);
        }
    }

    /// Whether a message is sent to this socket: it is for this socket and has not expired.
    fn shows(&self, message: &Message) -> bool {
        dialect::is_shown(message, self.number, &self.viewer) && !message.is_expired(self.session.clock.now_ms())
    }

    /// Sends what the log still has for the user, after the guild was stopped and before the socket is closed.
    async fn show_the_rest(&mut self, tail: &mut Tail) -> Result<(), Ending> {
        while let Ok(Ok(event)) = tokio::time::timeout(LAST_MESSAGE_WITHIN, tail.next()).await {
            let text = match event {
                TailEvent::Message { message, topic } if self.shows(&message) => {
                    Some(dialect::write(&message, &topic, &self.viewer))
                }
                TailEvent::Message { .. } => None,
                TailEvent::Passed => self.acks.pop_front(),
                TailEvent::Lagged => break,
            };
            if let Some(text) = text {
                self.session.send([text]).await?;
            }
        }
        Ok(())
    }

    async fn received(
        &mut self,
        received: Option<Result<axum::extract::ws::Message, axum::Error>>,
        tail: &mut Tail,
    ) -> Result<(), Ending> {
        let outcome = match self.session.sort(received, self.frame_bytes) {
            Incoming::End(ending) => return Err(ending),
            Incoming::Ping => return self.session.answer_ping().await,
            Incoming::Pong => {
                self.present.ready();
                return Ok(());
            }
            Incoming::FrameError(error) => Err(error),
            Incoming::Text(text) => {
                let bytes = text.len();
                match Box::pin(read_frame(text, self.log.guild(), &self.evaluations)).await {
                    Ok(frame) => self.accept(frame, bytes, tail).await,
                    Err(error) => Err(error),
                }
            }
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => self.answer_error(&error, tail).await,
        }
    }

    /// Acknowledges a message when all messages before it are sent, so that a client that resumes after the largest id it
    /// has seen misses nothing.
    fn acknowledge(&mut self, id: MessageId, ack: String, tail: &mut Tail) {
        self.acks.push_back(ack);
        tail.announce(id);
    }

    async fn answer_error(&mut self, error: &FrameError, tail: &Tail) -> Result<(), Ending> {
        let answer = self.session.error_frame(tail.new_id(), error);
        self.session.send([answer]).await
    }

    /// Publishes the message of a frame of `bytes` bytes, or keeps it until the guild runs here.
    async fn accept(&mut self, frame: Frame, bytes: usize, tail: &mut Tail) -> Result<(), FrameError> {
        let held = self.session.room_for(bytes, frame.client_id.as_ref())?;
        let client_id = frame.client_id.as_ref().map(ClientId::to_json);
        if self.log.stalled_for() > STORED_WITHIN {
            let message = "the journal takes no messages at present; send the message again in some seconds".to_owned();
            return Err(FrameError { kind: FrameErrorKind::Busy, message, client_id });
        }
        let mut draft = frame.into_draft(&self.user, &self.viewer.user_name, self.number)?;
        draft.traceparent.get_or_insert_with(new_trace);
        let waiting = Waiting { draft, client_id, held, until: Instant::now() + GUILD_WITHIN };
        if self.waiting.is_empty() && self.log.is_open() {
            return self.publish(waiting, tail).await;
        }
        self.waiting.push_back(waiting);
        Ok(())
    }

    /// Publishes the messages that waited for the guild, or refuses those that have waited too long.
    async fn publish_waiting(&mut self, tail: &mut Tail) -> Result<(), Ending> {
        while let Some(first) = self.waiting.front()
            && (self.log.is_open() || first.until <= Instant::now())
            && let Some(first) = self.waiting.pop_front()
        {
            if let Err(error) = self.publish(first, tail).await {
                self.answer_error(&error, tail).await?;
            }
        }
        Ok(())
    }

    /// Publishes a message. A message whose client id the log already has is acknowledged as a repeat.
    async fn publish(&mut self, waiting: Waiting, tail: &mut Tail) -> Result<(), FrameError> {
        let Waiting { draft, client_id, held, until: _ } = waiting;
        let published = self.log.publish_from_user_holding(draft, Some(held)).await;
        let Published { id, receipt } = published.map_err(|error| frame_error(error, client_id.clone()))?;
        match receipt {
            None => {
                // The first one is stored, and is confirmed first.
                self.settle(MessageId::new(id.get() + 1), tail).await;
                let ack = self.session.ack(id, client_id.as_ref(), true);
                self.acknowledge(id, ack, tail);
            }
            Some(receipt) => {
                let late = Some(Instant::now() + STORED_WITHIN);
                self.unwritten.push_back(Unwritten { late, receipt, id, client_id });
            }
        }
        Ok(())
    }

    /// Answers the messages that the log has not stored in time with `BUSY`, once each.
    async fn tell_late(&mut self, tail: &Tail) -> Result<(), Ending> {
        let now = Instant::now();
        let mut late = Vec::new();
        for message in self.unwritten.iter_mut().filter(|message| message.late.is_some_and(|at| at <= now)) {
            message.late = None;
            late.push(message.client_id.clone());
        }
        let text = "the journal has not stored this message yet; it is stored when the disk works again, unless the host \
                    ends before; sent again with the same id, it is stored once";
        let frame = |client_id| FrameError { kind: FrameErrorKind::Busy, message: text.to_owned(), client_id };
        let frames: Vec<_> =
            late.into_iter().map(|client_id| self.session.error_frame(tail.new_id(), &frame(client_id))).collect();
        self.session.send(frames).await
    }

    /// Acknowledges a message that was written, or reports that it could not be written.
    fn written(&mut self, (written, outcome): (Unwritten, Result<(), JournalError>), tail: &mut Tail) {
        match outcome {
            Ok(()) if self.ack => {
                let ack = self.session.ack(written.id, written.client_id.as_ref(), false);
                self.acknowledge(written.id, ack, tail);
            }
            Ok(()) => {}
            Err(error) => {
                let error = frame_error(IngressError::Journal(error), written.client_id);
                self.errors.push(self.session.error_frame(tail.new_id(), &error));
            }
        }
    }

    /// Sends the errors of messages that could not be written.
    async fn send_errors(&mut self) -> Result<(), Ending> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = std::mem::take(&mut self.errors);
        self.session.send(errors).await
    }
}

/// Waits until the oldest message is written. Cancel safe: the message leaves the queue only with its outcome.
async fn first_written(unwritten: &mut VecDeque<Unwritten>) -> (Unwritten, Result<(), JournalError>) {
    let Some(first) = unwritten.front_mut() else { return std::future::pending().await };
    let outcome = (&mut first.receipt).await;
    match unwritten.pop_front() {
        Some(first) => (first, outcome),
        None => std::future::pending().await,
    }
}

/// The trace context of a new trace, for a message whose client gave none.
fn new_trace() -> String {
    // An id of zeros is not valid.
    let (trace, span) = (rand::random::<u128>().max(1), rand::random::<u64>().max(1));
    format!("00-{trace:032x}-{span:016x}-01")
}

fn frame_error(error: IngressError, client_id: Option<Value>) -> FrameError {
    let (kind, message) = match error {
        IngressError::Absent => {
            (FrameErrorKind::Busy, "the guild is not running here; try again in a moment".to_owned())
        }
        IngressError::Refused(fault) => (kind_of(&fault), fault.message),
        IngressError::Journal(error) => {
            (FrameErrorKind::HostError, format!("the message could not be stored: {error}"))
        }
    };
    FrameError { kind, message, client_id }
}

const fn kind_of(fault: &Fault) -> FrameErrorKind {
    match fault.kind {
        FaultKind::Busy => FrameErrorKind::Busy,
        FaultKind::NoRecipient => FrameErrorKind::NoRecipient,
        FaultKind::Denied => FrameErrorKind::Denied,
        _ => FrameErrorKind::Refused,
    }
}
