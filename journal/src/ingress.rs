//! The contract between a log and the guild that runs in this process: how a user's message enters the guild.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::Fault;
use guildhall_model::ids::MessageId;
use guildhall_model::routing::Routed;

use super::error::JournalError;
use super::receipt::Receipt;

/// Decides which messages a user's message becomes. The guild that runs in this process provides it.
pub trait Ingress: Send + Sync {
    /// Returns the messages to publish, the user's own first. The others join its thread. `guild_state` is a JSON
    /// object. Called without the log's lock. Most messages are routed at once; one whose rules have expressions waits
    /// for them. Dropping the future publishes nothing.
    ///
    /// # Errors
    /// A fault for the user when the message has no recipient or cannot be routed.
    fn route(&self, draft: UserDraft, guild_state: Arc<str>) -> BoxFuture<'_, Result<Routed, Fault>>;

    /// Called when messages that were routed are refused because an agent lags.
    fn refused(&self, fault: &Fault);
}

/// Why a user's message was not published.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The guild does not run in this process (yet).
    #[error("the guild is not running here")]
    Absent,
    /// The guild refused the message. The fault is for the user.
    #[error("{0}")]
    Refused(Box<Fault>),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A user's message with its id.
#[derive(Debug)]
pub struct Published {
    pub id: MessageId,
    /// `None` when the same user sent the same client id before. `id` is then the id of the first message.
    pub receipt: Option<Receipt>,
}
