//! What the sockets work with, and what a client chooses in the query of a socket's URL.

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::presence::Presences;
use crate::journal::Journal;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::expression::Evaluations;
use guildhall_model::ids::MessageId;

/// The services and the settings of the sockets. Cheap to clone.
#[derive(Clone)]
pub struct WsState {
    pub store: Store,
    pub journal: Journal,
    pub clock: Clock,
    /// The dialect of sockets that do not choose one.
    pub dialect: Dialect,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// The one other origin whose pages may open sockets.
    pub cors_origin: String,
    /// Checks the expressions of routing slips in frames.
    pub evaluations: Evaluations,
    /// Tracks the tasks of all open sockets.
    pub tracker: TaskTracker,
    /// Cancelled when the host shuts down; closes all sockets.
    pub shutdown: CancellationToken,
    pub(super) presences: Presences,
}

impl WsState {
    /// The state of a host without open sockets.
    #[must_use]
    pub fn new(
        store: Store,
        journal: Journal,
        clock: Clock,
        dialect: Dialect,
        frame_bytes: usize,
        cors_origin: String,
        evaluations: Evaluations,
    ) -> Self {
        Self {
            store,
            journal,
            clock,
            dialect,
            frame_bytes,
            cors_origin,
            evaluations,
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            presences: Presences::default(),
        }
    }
}

/// The query of a socket's URL, as the client wrote it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SocketQuery {
    dialect: Option<String>,
    /// The id of the last message that the client has seen; later ones are sent.
    after: Option<String>,
    /// `1`: an `Ack` frame for each message of the client, sent when the message is in the log.
    ack: Option<String>,
    /// `1`, on a system socket: also send events.
    events: Option<String>,
}

/// The options of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketOptions {
    pub dialect: Dialect,
    /// The messages after this one are sent; `None`: those that are published from now on.
    pub after: Option<MessageId>,
    /// Whether each message of the client is acknowledged.
    pub ack: bool,
    /// Whether events are sent.
    pub events: bool,
}

impl SocketQuery {
    /// Reads the options of a socket; `default` is the dialect of a query that names none.
    ///
    /// # Errors
    /// A sentence about the first value that is not valid.
    pub(super) fn read(self, default: Dialect) -> Result<SocketOptions, String> {
        let dialect = self.dialect.map_or(Ok(default), |dialect| dialect.parse())?;
        let after = match self.after {
            Some(text) => {
                Some(text.parse().map(MessageId::new).map_err(|_| format!("`after` is a message id, not `{text}`"))?)
            }
            None => None,
        };
        let is_on = |flag: Option<String>| matches!(flag.as_deref(), Some("1" | "true"));
        Ok(SocketOptions { dialect, after, ack: is_on(self.ack), events: is_on(self.events) })
    }
}
