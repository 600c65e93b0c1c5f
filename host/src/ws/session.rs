//! The parts that both kinds of socket share: writing with a deadline, pings, endings, and the frames that the socket
//! itself creates.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use guildhall_model::clock::Clock;
use guildhall_model::format;
use guildhall_model::ids::MessageId;

use guildhall_model::frame::FrameError;

/// The largest message that is read, in bytes. It is larger than the limit for frames, so that a frame over the limit is
/// answered with a close frame and not with a broken connection.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// A client that needs longer to accept a frame is disconnected.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// The time between two pings, and the time that a client has to answer one.
pub const PING_EVERY: Duration = Duration::from_secs(20);

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client disconnected or does not answer: no close frame is sent.
    Gone,
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
}

impl Ending {
    fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::GuildEnded => (1000, "the guild was stopped".to_owned()),
            Self::HostShutdown => (1001, "the host is shutting down".to_owned()),
            Self::FrameTooLarge { limit } => (1009, format!("a frame has at most {limit} bytes (limits.frame_bytes)")),
            Self::Lagged => (1013, "too many messages wait; resume with ?after=<last id>".to_owned()),
            Self::HostError => (1011, "the log cannot be read".to_owned()),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}

/// A socket with its deadlines.
pub struct Session {
    pub socket: WebSocket,
    pub clock: Clock,
    next_ping: Instant,
    awaits_pong: bool,
}

impl Session {
    /// A session that pings its client at intervals.
    pub fn new(socket: WebSocket, clock: Clock) -> Self {
        Self { socket, clock, next_ping: Instant::now() + PING_EVERY, awaits_pong: false }
    }

    /// Sends frames and flushes them once.
    ///
    /// Dropping the future may leave some of the frames unsent.
    ///
    /// # Errors
    /// `Gone` when the connection is broken, `Lagged` when the client does not accept them in time.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = String>) -> Result<(), Ending> {
        let sending = async {
            for frame in frames {
                self.socket.feed(WsMessage::Text(frame.into())).await?;
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(SEND_WITHIN, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone),
            Err(_) => Err(Ending::Lagged),
        }
    }

    /// Sends a ping now.
    ///
    /// Dropping the future may leave the ping unsent.
    ///
    /// # Errors
    /// `Gone` when the connection is broken or slow.
    pub async fn ping(&mut self) -> Result<(), Ending> {
        self.awaits_pong = true;
        self.next_ping = Instant::now() + PING_EVERY;
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
    /// `Gone` when the client did not answer the ping before, or the connection is broken.
    pub async fn keep_alive(&mut self) -> Result<(), Ending> {
        if self.awaits_pong {
            return Err(Ending::Gone);
        }
        self.ping().await
    }

    /// Notes that the client has sent something.
    pub const fn is_alive(&mut self) {
        self.awaits_pong = false;
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
    pub fn error_frame(id: MessageId, error: &FrameError) -> String {
        let payload = json!({
            "agent_type": "gateway",
            "error_type": error.error_type,
            "error_message": error.message,
            "client_id": error.client_id,
        });
        own_frame(format::ERROR_MESSAGE, &payload, id, error.client_id.as_ref(), true)
    }

    /// Returns the `Ack` frame of a message that is in the log; `is_repeat` when it was there before.
    pub fn ack(id: MessageId, client_id: Option<&Value>, is_repeat: bool) -> String {
        let mut payload = json!({"client_id": client_id, "id": id});
        if is_repeat {
            payload["duplicate"] = json!(true);
        }
        own_frame(format::ACK, &payload, id, client_id, false)
    }
}

/// A frame that the socket creates. It is not in the log.
fn own_frame(format: &str, payload: &Value, id: MessageId, client_id: Option<&Value>, is_error: bool) -> String {
    json!({
        "id": id,
        "format": format,
        "payload": payload,
        "sender": {"id": "guildhall", "name": "Guildhall"},
        "topics": [],
        "timestamp": id.timestamp_ms(),
        "thread": [],
        "priority": 4,
        "is_error_message": is_error,
        "client_id": client_id,
    })
    .to_string()
}

/// What a client sent, as far as both kinds of socket treat it in the same way.
pub enum Incoming {
    /// A text frame within the limit.
    Text(axum::extract::ws::Utf8Bytes),
    Pong,
    /// A frame that needs no answer.
    Control,
    /// A frame that is answered with an error.
    FrameError(FrameError),
    /// The socket is to be closed.
    End(Ending),
}

/// Whether a socket failed because a message is larger than [`MAX_MESSAGE_BYTES`].
fn is_too_large(error: &axum::Error) -> bool {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::CapacityError;
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>());
    matches!(cause, Some(Error::Capacity(CapacityError::MessageTooLong { .. })))
}

/// Sorts what was received; `limit` is the largest frame in bytes.
pub fn sort(received: Option<Result<WsMessage, axum::Error>>, limit: usize) -> Incoming {
    match received {
        None | Some(Ok(WsMessage::Close(_))) => Incoming::End(Ending::Gone),
        Some(Err(error)) => {
            Incoming::End(if is_too_large(&error) { Ending::FrameTooLarge { limit } } else { Ending::Gone })
        }
        Some(Ok(WsMessage::Text(text))) if text.len() > limit => Incoming::End(Ending::FrameTooLarge { limit }),
        Some(Ok(WsMessage::Binary(bytes))) if bytes.len() > limit => Incoming::End(Ending::FrameTooLarge { limit }),
        Some(Ok(WsMessage::Text(text))) => Incoming::Text(text),
        Some(Ok(WsMessage::Binary(_))) => Incoming::FrameError(FrameError {
            error_type: "BINARY_FRAME",
            message: "a frame is JSON in a text frame, not a binary one".to_owned(),
            client_id: None,
        }),
        Some(Ok(WsMessage::Pong(_))) => Incoming::Pong,
        Some(Ok(WsMessage::Ping(_))) => Incoming::Control,
    }
}
