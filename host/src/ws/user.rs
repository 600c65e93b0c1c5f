//! The user socket: what a user says goes into the log, what concerns the user
//! comes out of it.

use std::sync::Arc;

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use serde_json::{Value, json};

use crate::journal::{GuildLog, IngressError, JournalError, Published, Receipt, Tail, TailEvent};
use guildhall_model::dialect::{self, Channel, Viewer};
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::{MessageId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

use super::presence::Present;
use super::session::{Ending, Incoming, Session, sort};
use super::{SocketOptions, WsState};
use guildhall_model::expression::{Evaluate, Expressions, MAX_TOTAL};
use guildhall_model::frame::{self, ClientId, Frame, FrameError};

/// Messages of one socket that may wait for the log at once; then it is not read.
const UNWRITTEN: usize = 64;
/// Frames that are written before they are flushed.
const BURST: usize = 64;
/// How long a socket of a guild that has ended waits for the next of its messages.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(200);
/// How long a message waits for a guild that is just starting here.
const GUILD_WITHIN: Duration = Duration::from_secs(10);

struct UserSocket {
    session: Session,
    log: GuildLog,
    user: UserId,
    number: u64,
    viewer: Viewer,
    present: Present,
    ack: bool,
    frame_bytes: usize,
    evaluator: Arc<dyn Evaluate>,
    unwritten: VecDeque<Unwritten>,
}

/// A message that waits for the log.
struct Unwritten {
    receipt: Receipt,
    id: MessageId,
    client_id: Option<Value>,
}

/// What a user's socket hears, from now on or after the message that it has seen last.
pub fn tail(log: &GuildLog, user: &UserId, options: &SocketOptions) -> Tail {
    let mut topics = topic::of_conversation(user);
    topics.push(topic::ENDING.to_owned());
    log.tail(topics, options.after)
}

/// Serves one user socket until it ends.
pub async fn serve(
    state: WsState,
    (log, tail): (GuildLog, Tail),
    (user, name): (UserId, String),
    options: SocketOptions,
    present: Present,
    socket: WebSocket,
) {
    let session = Session::new(socket, state.clock.clone());
    let mut socket = UserSocket {
        session,
        viewer: Viewer { dialect: options.dialect, user: user.clone(), user_name: name, channel: Channel::User },
        log,
        user,
        number: rand::random::<u64>() | 1,
        present,
        ack: options.ack,
        frame_bytes: state.frame_bytes,
        evaluator: state.evaluator.clone(),
        unwritten: VecDeque::new(),
    };
    let ending = socket.run(tail, options.after, &state).await;
    socket.session.close(ending).await;
}

impl UserSocket {
    async fn run(&mut self, mut tail: Tail, after: Option<MessageId>, state: &WsState) -> Ending {
        self.join();
        let begun = async {
            self.session.ping().await?;
            match after {
                Some(after) if self.log.has_gap_after(after) => {
                    let gap = self.gap(after);
                    self.session.send([gap]).await
                }
                _ => Ok(()),
            }
        };
        if let Err(ending) = begun.await {
            return ending;
        }
        loop {
            let ping_due = self.session.ping_due();
            let may_read = self.unwritten.len() < UNWRITTEN;
            let waits = !self.unwritten.is_empty();
            let done = tokio::select! {
                () = state.shutdown.cancelled() => Err(Ending::HostShutdown),
                heard = tail.next() => self.show(heard, &mut tail).await,
                written = first_written(&mut self.unwritten), if waits => self.written(written).await,
                received = self.session.socket.recv(), if may_read => self.received(received).await,
                () = tokio::time::sleep_until(ping_due) => self.session.keep_alive().await,
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    /// Tells the guild's manager that the user is here.
    fn join(&self) {
        let payload = json!({"user_id": self.user, "user_name": self.viewer.user_name});
        let sender = AgentTag::new(format!("user_socket:{}", self.user), self.viewer.user_name.as_str());
        let to = Topics::One(topic::SYSTEM.to_owned());
        let mut message = Message::draft(sender, to, format::USER_AGENT_CREATION_REQUEST, raw_json(&payload));
        message.user = Some(self.user.clone());
        self.log.signal(message);
    }

    fn gap(&self, after: MessageId) -> String {
        Session::refusal(
            self.log.new_id(),
            &FrameError {
                error_type: "GAP",
                message: format!("messages after {after} are no longer kept; what follows is all that is left"),
                client_id: None,
            },
        )
    }

    async fn show(&mut self, heard: Result<TailEvent, JournalError>, tail: &mut Tail) -> Result<(), Ending> {
        let mut frames = Vec::new();
        let mut heard = heard.map(Some);
        let mut ending = Ok(());
        while let Some(event) = heard.unwrap_or_else(|error| {
            tracing::error!(%error, "a user socket cannot read the log");
            ending = Err(Ending::HostError);
            None
        }) {
            match event {
                TailEvent::Message { message, topic } => {
                    if topic == topic::ENDING {
                        ending = Err(Ending::GuildEnded);
                    } else if self.shows(&message) {
                        frames.push(dialect::write(&message, &topic, &self.viewer));
                    }
                }
                TailEvent::Lagged => {
                    ending = Err(Ending::Lagged);
                    break;
                }
            }
            if frames.len() >= BURST {
                break;
            }
            heard = Ok(tail.try_next());
        }
        if !frames.is_empty() {
            self.session.send(frames).await?;
        }
        if ending == Err(Ending::GuildEnded) {
            self.show_the_rest(tail).await?;
        }
        ending
    }

    /// Whether a message is shown here: it is for this socket, and still lives.
    fn shows(&self, message: &Message) -> bool {
        dialect::is_shown(message, self.number, &self.viewer) && !message.is_expired(self.session.clock.now_ms())
    }

    /// The guild has ended: what the log still has for the user is shown before
    /// the socket is closed.
    async fn show_the_rest(&mut self, tail: &mut Tail) -> Result<(), Ending> {
        while let Ok(Ok(TailEvent::Message { message, topic })) =
            tokio::time::timeout(LAST_WORDS_WITHIN, tail.next()).await
        {
            if self.shows(&message) {
                let text = dialect::write(&message, &topic, &self.viewer);
                self.session.send([text]).await?;
            }
        }
        Ok(())
    }

    async fn received(
        &mut self,
        received: Option<Result<axum::extract::ws::Message, axum::Error>>,
    ) -> Result<(), Ending> {
        self.session.is_alive();
        let outcome = match sort(received, self.frame_bytes) {
            Incoming::End(ending) => return Err(ending),
            Incoming::Control => return Ok(()),
            Incoming::Pong => {
                self.present.ready();
                return Ok(());
            }
            Incoming::FrameError(error) => Err(error),
            Incoming::Text(text) => match frame::read(&text, &Expressions::sharing(&*self.evaluator, MAX_TOTAL)) {
                Ok(frame) => self.publish(frame).await,
                Err(error) => Err(error),
            },
        };
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => self.session.send([answer]).await,
            Err(error) => {
                let refusal = Session::refusal(self.log.new_id(), &error);
                self.session.send([refusal]).await
            }
        }
    }

    /// Publishes a message; an answer comes back at once only when it was said
    /// before.
    async fn publish(&mut self, frame: Frame) -> Result<Option<String>, FrameError> {
        let client_id = frame.client_id.as_ref().map(ClientId::to_json);
        let draft = frame.into_draft(&self.user, &self.viewer.user_name, self.number)?;
        let published =
            publish_when_it_runs(&self.log, draft).await.map_err(|error| frame_error(error, client_id.clone()))?;
        match published.receipt {
            None => Ok(Some(Session::ack(published.id, client_id.as_ref(), true))),
            Some(receipt) => {
                self.unwritten.push_back(Unwritten { receipt, id: published.id, client_id });
                Ok(None)
            }
        }
    }

    async fn written(&mut self, (written, outcome): (Unwritten, Result<(), JournalError>)) -> Result<(), Ending> {
        match outcome {
            Ok(()) if self.ack => {
                let ack = Session::ack(written.id, written.client_id.as_ref(), false);
                self.session.send([ack]).await
            }
            Ok(()) => Ok(()),
            Err(error) => {
                let refusal =
                    Session::refusal(self.log.new_id(), &frame_error(IngressError::Journal(error), written.client_id));
                self.session.send([refusal]).await
            }
        }
    }
}

async fn publish_when_it_runs(log: &GuildLog, draft: UserDraft) -> Result<Published, IngressError> {
    let deadline = tokio::time::Instant::now() + GUILD_WITHIN;
    while !log.is_open() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    log.publish_from_user(draft).await
}

/// Waits for the oldest message that is not written yet. Cancel-safe: it leaves
/// the queue only with its outcome.
async fn first_written(unwritten: &mut VecDeque<Unwritten>) -> (Unwritten, Result<(), JournalError>) {
    let Some(first) = unwritten.front_mut() else { return std::future::pending().await };
    let outcome = (&mut first.receipt).await;
    match unwritten.pop_front() {
        Some(first) => (first, outcome),
        None => std::future::pending().await,
    }
}

fn frame_error(error: IngressError, client_id: Option<Value>) -> FrameError {
    let (error_type, message) = match error {
        IngressError::Absent => ("BUSY", "the guild is not running here; try again in a moment".to_owned()),
        IngressError::Refused(fault) => (error_type(&fault), fault.message),
        IngressError::Journal(error) => ("HOST_ERROR", format!("the message could not be stored: {error}")),
    };
    FrameError { error_type, message, client_id }
}

const fn error_type(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Busy => "BUSY",
        FaultKind::NoRecipient => "NO_RECIPIENT",
        FaultKind::Denied => "DENIED",
        _ => "REFUSED",
    }
}
