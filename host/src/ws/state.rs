//! What the sockets work with, and what a client chooses in the query of a socket's URL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::presence::Presences;
use crate::journal::Journal;
use crate::room::ByteRoom;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::expression::Evaluations;
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::origin::AllowedPages;

/// The bounds of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketLimits {
    /// The largest frame of a client, in bytes, over all its fragments.
    pub frame_bytes: usize,
    /// The time between two pings, and the time that a client has to answer one.
    pub ping_every: Duration,
}

/// Keeps a guild awake as long as it is held.
pub type Awake = Box<dyn Send>;

/// Why a guild does not wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAwake {
    /// There is no such guild.
    Unknown,
    /// The guild was stopped.
    Stopped,
    /// The store or the journal is away: it may wake later.
    Away,
    /// The host cannot start it.
    Failed,
}

/// Wakes guilds that sleep.
pub trait WakeGuild: Send + Sync {
    /// Wakes a guild if it sleeps, and keeps it awake as long as the result is held. Cancel safe.
    fn awake<'a>(&'a self, guild: &'a GuildId) -> BoxFuture<'a, Result<Awake, NotAwake>>;
}

/// The services and the settings of the sockets. Cheap to clone.
#[derive(Clone)]
pub struct WsState {
    pub store: Store,
    pub journal: Journal,
    /// Wakes the guilds that sockets are opened for.
    pub guilds: Arc<dyn WakeGuild>,
    pub clock: Clock,
    /// The dialect of sockets that do not choose one.
    pub dialect: Dialect,
    pub limits: SocketLimits,
    /// The memory for what clients send and have not taken.
    pub room: ByteRoom,
    /// The pages of other origins that may open sockets.
    pub pages: AllowedPages,
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
    #[expect(clippy::too_many_arguments, reason = "called once, with the parts of a host")]
    pub fn new(
        store: Store,
        journal: Journal,
        guilds: Arc<dyn WakeGuild>,
        clock: Clock,
        dialect: Dialect,
        limits: SocketLimits,
        room: ByteRoom,
        pages: AllowedPages,
        evaluations: Evaluations,
    ) -> Self {
        Self {
            store,
            journal,
            guilds,
            clock,
            dialect,
            limits,
            room,
            pages,
            evaluations,
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            presences: Presences::default(),
        }
    }
}

impl WsState {
    /// Returns this state for new sockets with other bounds and other pages. All sockets are tracked together.
    #[must_use]
    pub fn with(&self, limits: SocketLimits, pages: AllowedPages) -> Self {
        Self { limits, pages, ..self.clone() }
    }
}

/// The query of a socket's URL, as the client wrote it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SocketQuery {
    dialect: Option<String>,
    /// The id of the last message that the client has seen; later ones are sent.
    after: Option<String>,
    /// `true`: an `Ack` frame for each message of the client, sent when the message is in the log.
    ack: Option<String>,
    /// `true`, on a system socket: also send events.
    events: Option<String>,
    /// What no socket knows: other programs add parameters of their own.
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

/// The names of the options.
const OPTIONS: [&str; 4] = ["dialect", "after", "ack", "events"];
/// How like an unknown name must be to an option to be taken for it, of 1.
const ALIKE: f64 = 0.6;

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
        for name in self.others.keys() {
            let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), known);
            if let Some(meant) = OPTIONS.into_iter().find(|known| likeness(known) >= ALIKE) {
                return Err(format!("there is no option `{name}`; did you mean `{meant}`?"));
            }
        }
        let dialect = self.dialect.map_or(Ok(default), |dialect| dialect.parse())?;
        let after = match self.after {
            Some(text) => {
                Some(text.parse().map(MessageId::new).map_err(|_| format!("`after` is a message id, not `{text}`"))?)
            }
            None => None,
        };
        Ok(SocketOptions { dialect, after, ack: switch("ack", self.ack)?, events: switch("events", self.events)? })
    }
}

/// Reads a switch of a query, which is off unless it is given.
fn switch(name: &str, value: Option<String>) -> Result<bool, String> {
    match value.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("1" | "true" | "yes" | "on") => Ok(true),
        None | Some("0" | "false" | "no" | "off") => Ok(false),
        Some(_) => Err(format!("`{name}` is true or false, not `{}`", value.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_spelled_in_several_ways_and_never_ignored() {
        let read = |ack: &str| {
            let query = SocketQuery { ack: Some(ack.to_owned()), ..SocketQuery::default() };
            query.read(Dialect::default()).map(|options| options.ack)
        };
        for (value, is_on) in [("1", true), ("true", true), ("yes", true), ("TRUE", true), ("0", false), ("no", false)]
        {
            assert_eq!(read(value), Ok(is_on), "{value}");
        }
        for (name, meant) in [("akc", Some("`ack`")), ("afetr", Some("`after`")), ("utm_source", None), ("token", None)]
        {
            let others = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
            let read = SocketQuery { others, ..SocketQuery::default() }.read(Dialect::default());
            assert_eq!(read.is_err(), meant.is_some(), "{name}");
            assert!(read.err().is_none_or(|text| text.contains(meant.unwrap_or_default())), "{name}");
        }
        for value in ["", "2", "maybe"] {
            assert!(read(value).unwrap_err().starts_with("`ack` is true or false"), "{value}");
        }
    }
}
