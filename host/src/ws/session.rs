//! The parts that both kinds of socket share: writing with a deadline, pings, endings, and the frames that the socket
//! itself creates.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use guildhall_model::clock::Clock;
use guildhall_model::close::CloseCode;
use guildhall_model::dialect::{self, Dialect};
use guildhall_model::format;
use guildhall_model::ids::{ClientId, MessageId};

use super::state::{Awake, WsState};
use crate::connections::Connection;
use crate::room::{ByteRoom, Held, NoRoom, SETTING as ROOM};
use guildhall_model::frame::{FrameError, FrameErrorKind};

/// The most bytes that wait to be written to a socket besides the frame that is being sent. A larger frame is refused by
/// the library, so it is above every frame that the host writes.
pub const MAX_WRITE_BUFFER_BYTES: usize = 64 << 20;
/// A client that needs longer to accept a frame is disconnected.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Frames that a client has not taken after this time use room.
const SLOW_AFTER: Duration = Duration::from_millis(200);

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client disconnected: no close frame is sent.
    Gone,
    /// The client has not answered a ping within this time.
    Silent {
        within: Duration,
    },
    /// The client broke a rule of the protocol.
    BrokenProtocol(&'static str),
    /// A text frame is not UTF-8.
    NotUtf8,
    /// All room for what clients send is taken.
    NoRoom(NoRoom),
    /// The guild was stopped.
    GuildEnded,
    HostShutdown,
    /// The client sent a frame of more than `limit` bytes.
    FrameTooLarge {
        limit: usize,
    },
    /// Too many messages wait for the client.
    Lagged,
    /// The log cannot be read.
    HostError,
    /// Another host has the guild now.
    Moved,
}

impl Ending {
    fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Silent { within } => {
                (CloseCode::Silent, format!("no answer to a ping within {} s (limits.ping_s)", within.as_secs()))
            }
            Self::BrokenProtocol(rule) => (CloseCode::BrokenProtocol, rule.to_owned()),
            Self::NotUtf8 => (CloseCode::NotUtf8, "a text frame is UTF-8".to_owned()),
            Self::NoRoom(NoRoom { limit }) => {
                (CloseCode::TryAgainLater, format!("clients use all {limit} bytes of {ROOM}; try again later"))
            }
            Self::GuildEnded => (CloseCode::GuildStopped, "the guild was stopped".to_owned()),
            Self::HostShutdown => (CloseCode::ShuttingDown, "the host is shutting down".to_owned()),
            Self::FrameTooLarge { limit } => {
                (CloseCode::FrameTooLarge, format!("a frame has at most {limit} bytes (limits.frame_bytes)"))
            }
            Self::Lagged => {
                (CloseCode::TryAgainLater, "too many messages wait; resume with ?after=<last id>".to_owned())
            }
            Self::HostError => (CloseCode::HostError, "the log cannot be read".to_owned()),
            Self::Moved => {
                (CloseCode::Moved, "another host has the guild now; resume with ?after=<last id>".to_owned())
            }
        };
        Some(CloseFrame { code: code.number(), reason: reason.into() })
    }
}

/// The bytes that a message uses besides its text.
const MESSAGE_BYTES: usize = 1 << 10;

/// A socket that was accepted, and its connection if it came from this host's listener.
pub struct Accepted {
    pub socket: WebSocket,
    pub connection: Option<Connection>,
    /// Keeps the guild awake as long as the socket is open.
    pub awake: Awake,
}

/// A socket with its deadlines.
pub struct Session {
    pub socket: WebSocket,
    pub clock: Clock,
    dialect: Dialect,
    #[expect(dead_code, reason = "keeps the guild awake until it is dropped")]
    awake: Awake,
    room: ByteRoom,
    /// `None`: the socket is not served from a connection of this host's listener.
    connection: Option<Connection>,
    ping_every: Duration,
    next_ping: Instant,
    awaits_pong: bool,
}

impl Session {
    /// A session that pings its client at intervals. Its own frames are in `dialect`.
    pub fn new(Accepted { socket, connection, awake }: Accepted, state: &WsState, dialect: Dialect) -> Self {
        let ping_every = state.limits.ping_every;
        Self {
            socket,
            clock: state.clock.clone(),
            dialect,
            awake,
            room: state.room.clone(),
            connection,
            ping_every,
            next_ping: Instant::now() + ping_every,
            awaits_pong: false,
        }
    }

    /// Sends frames and flushes them once. Frames that the client is slow to take use room.
    ///
    /// Dropping the future may leave some of the frames unsent.
    ///
    /// # Errors
    /// `Gone` when the connection is broken, `Lagged` when the client does not accept them in time, `NoRoom` when others
    /// use all room.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = String>) -> Result<(), Ending> {
        let frames: Vec<String> = frames.into_iter().collect();
        let bytes = frames.iter().map(String::len).sum();
        let sending = async {
            for frame in frames {
                self.socket.feed(WsMessage::Text(frame.into())).await?;
            }
            self.socket.flush().await
        };
        let mut sending = pin!(sending);
        let done = match tokio::time::timeout(SLOW_AFTER, sending.as_mut()).await {
            Ok(done) => Ok(done),
            Err(_) => {
                let _held = self.room.take(bytes).map_err(Ending::NoRoom)?;
                tokio::time::timeout(SEND_WITHIN, sending).await
            }
        };
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone),
            Err(_) => Err(Ending::Lagged),
        }
    }

    /// Writes the answer to a ping before the next frame is read, so that answers which the client does not take cannot
    /// pile up.
    ///
    /// Dropping the future may leave the answer unsent.
    ///
    /// # Errors
    /// `Gone` when the connection is broken, `Lagged` when the client does not accept the answer in time.
    pub async fn answer_ping(&mut self) -> Result<(), Ending> {
        self.send([]).await
    }

    /// Sends a ping now.
    ///
    /// Dropping the future may leave the ping unsent.
    ///
    /// # Errors
    /// `Gone` when the connection is broken or slow.
    pub async fn ping(&mut self) -> Result<(), Ending> {
        self.awaits_pong = true;
        self.next_ping = Instant::now() + self.ping_every;
        match tokio::time::timeout(SEND_WITHIN, self.socket.send(WsMessage::Ping(Vec::new().into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ending::Gone),
        }
    }

    /// The time of the next ping.
    pub const fn ping_due(&self) -> Instant {
        self.next_ping
    }

    /// Sends a ping.
    ///
    /// Dropping the future may leave the ping unsent.
    ///
    /// # Errors
    /// `Silent` when the client did not answer the ping before, `Gone` when the connection is broken.
    pub async fn keep_alive(&mut self) -> Result<(), Ending> {
        if self.awaits_pong {
            return Err(Ending::Silent { within: self.ping_every });
        }
        self.ping().await
    }

    /// Begins to ping anew: the client was not read for a time, so its answer may wait.
    pub fn restart_pings(&mut self) {
        self.awaits_pong = false;
        self.next_ping = Instant::now() + self.ping_every;
    }

    /// Sorts what was received; `limit` is the largest frame in bytes.
    pub fn sort(&mut self, received: Option<Result<WsMessage, axum::Error>>, limit: usize) -> Incoming {
        self.awaits_pong = false;
        if let Some(connection) = &self.connection {
            match &received {
                Some(Ok(WsMessage::Ping(bytes) | WsMessage::Pong(bytes))) => connection.has_control_frame(bytes.len()),
                Some(_) | None => connection.has_frame(),
            }
            if received.as_ref().is_some_and(Result::is_err) && connection.is_out_of_room() {
                return Incoming::End(Ending::NoRoom(self.room.no_room()));
            }
        }
        sort(received, limit)
    }

    /// Takes room for a frame of this many bytes, until it is written to the log.
    ///
    /// # Errors
    /// `BUSY` when others use all room.
    pub fn room_for(&self, bytes: usize, client_id: Option<&ClientId>) -> Result<Held, FrameError> {
        self.room.take(bytes + MESSAGE_BYTES).map_err(|no_room| FrameError {
            kind: FrameErrorKind::Busy,
            message: no_room.to_string(),
            client_id: client_id.map(ClientId::to_json),
        })
    }

    /// Closes the socket with a code, and waits up to two seconds for the client to close it too.
    ///
    /// Dropping the future drops the connection.
    pub async fn close(mut self, ending: Ending) {
        let Some(frame) = ending.frame() else {
            // Sends the answer to the client's close frame, if it sent one.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.flush()).await;
            return;
        };
        self.close_with(frame).await;
    }

    /// Closes the socket with a frame, and waits up to two seconds for the client to close it too.
    ///
    /// Dropping the future drops the connection.
    pub async fn close_with(mut self, frame: CloseFrame) {
        let closing = async {
            self.socket.send(WsMessage::Close(Some(frame))).await?;
            while let Some(Ok(message)) = self.socket.recv().await {
                if matches!(message, WsMessage::Close(_)) {
                    break;
                }
            }
            Ok::<(), axum::Error>(())
        };
        // A client that does not close the socket is disconnected.
        let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
    }

    /// Returns the frame that answers a frame which cannot be used.
    pub fn error_frame(&self, id: MessageId, error: &FrameError) -> String {
        let payload = json!({
            "agent_type": "gateway",
            "error_type": error.kind.name(),
            "error_message": error.message,
            "client_id": error.client_id,
        });
        self.own_frame(format::ERROR_MESSAGE, &payload, id, error.client_id.as_ref(), true)
    }

    /// Returns the `Ack` frame of a message that is in the log; `is_repeat` when it was there before.
    pub fn ack(&self, id: MessageId, client_id: Option<&Value>, is_repeat: bool) -> String {
        let mut payload = json!({"client_id": client_id, "id": id});
        if is_repeat {
            payload["duplicate"] = json!(true);
        }
        self.own_frame(format::ACK, &payload, id, client_id, false)
    }

    /// A frame that the socket creates. It is not in the log.
    fn own_frame(
        &self,
        format: &str,
        payload: &Value,
        id: MessageId,
        client_id: Option<&Value>,
        is_error: bool,
    ) -> String {
        let frame = json!({
            "id": id,
            "format": format,
            "payload": payload,
            "sender": {"id": "guildhall", "name": "Guildhall"},
            "topics": [],
            "timestamp": self.clock.now_ms(),
            "thread": [],
            "priority": 4,
            "is_error_message": is_error,
            "client_id": client_id,
        });
        dialect::write_own(frame, self.dialect)
    }
}

/// What a client sent, as far as both kinds of socket treat it in the same way.
pub enum Incoming {
    /// A text frame within the limit.
    Text(axum::extract::ws::Utf8Bytes),
    Pong,
    Ping,
    /// A frame that is answered with an error.
    FrameError(FrameError),
    /// The socket is to be closed.
    End(Ending),
}

/// Why a socket failed to read, for its client.
fn ending_of(error: &axum::Error, limit: usize) -> Ending {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::Capacity(CapacityError::MessageTooLong { .. })) => Ending::FrameTooLarge { limit },
        Some(Error::Utf8(_)) => Ending::NotUtf8,
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Ending::Gone,
        Some(Error::Protocol(error)) => Ending::BrokenProtocol(match error {
            ProtocolError::UnmaskedFrameFromClient => "a client masks its frames",
            ProtocolError::NonZeroReservedBits => "the reserved bits are zero",
            ProtocolError::FragmentedControlFrame => "a ping, pong or close frame is not fragmented",
            ProtocolError::ControlFrameTooBig => "a ping, pong or close frame has at most 125 bytes",
            ProtocolError::InvalidCloseSequence => "a close frame is empty or has a code",
            ProtocolError::UnexpectedContinueFrame | ProtocolError::ExpectedFragment(_) => {
                "fragments of messages are not mixed"
            }
            _ => "the frame is not valid",
        }),
        _ => Ending::Gone,
    }
}

fn sort(received: Option<Result<WsMessage, axum::Error>>, limit: usize) -> Incoming {
    match received {
        None | Some(Ok(WsMessage::Close(_))) => Incoming::End(Ending::Gone),
        Some(Err(error)) => Incoming::End(ending_of(&error, limit)),
        Some(Ok(WsMessage::Text(text))) if text.len() > limit => Incoming::End(Ending::FrameTooLarge { limit }),
        Some(Ok(WsMessage::Binary(bytes))) if bytes.len() > limit => Incoming::End(Ending::FrameTooLarge { limit }),
        Some(Ok(WsMessage::Text(text))) => Incoming::Text(text),
        Some(Ok(WsMessage::Binary(_))) => Incoming::FrameError(FrameError {
            kind: FrameErrorKind::BinaryFrame,
            message: "a frame is JSON in a text frame, not a binary one".to_owned(),
            client_id: None,
        }),
        Some(Ok(WsMessage::Pong(_))) => Incoming::Pong,
        Some(Ok(WsMessage::Ping(_))) => Incoming::Ping,
    }
}
