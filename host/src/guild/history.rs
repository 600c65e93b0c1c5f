//! The history of a user in a guild, read from the log page by page.

use super::error::GuildError;
use super::guilds::Guilds;
use crate::journal::{GuildLog, JournalError};
use crate::store::StoreError;
use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::topic;

/// How many messages of a history are in memory at a time.
const HISTORY_PAGE: usize = 500;

/// A user's history, read page by page, however long it is.
pub struct History {
    log: GuildLog,
    topics: Vec<String>,
    viewer: Viewer,
    /// The next page begins after this id; `None`: there is none.
    after: Option<MessageId>,
    /// Whether it runs from its last message to its first; the next page then ends before `after`.
    newest_first: bool,
}

impl History {
    /// The same in another dialect than that of the host, if one is given.
    #[must_use]
    pub fn in_dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.viewer.dialect = dialect.unwrap_or(self.viewer.dialect);
        self
    }

    /// The id after which the next page begins; `None`: there is none.
    pub const fn next_after(&self) -> Option<MessageId> {
        self.after
    }

    /// The next messages as JSON texts, at most 500; `None` at the end. Cancel safe.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next_page(&mut self) -> Result<Option<Vec<String>>, JournalError> {
        self.next_page_of(HISTORY_PAGE).await
    }

    /// The next messages as JSON texts, at most `limit`; `None` at the end. A page may have fewer messages, because its
    /// bytes are bounded. Cancel safe.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next_page_of(&mut self, limit: usize) -> Result<Option<Vec<String>>, JournalError> {
        let Some(after) = self.after else { return Ok(None) };
        let (page, more) = match self.newest_first {
            false => self.log.history(&self.topics, after, limit).await?,
            true => self.log.history_back(&self.topics, after, limit).await?,
        };
        self.after = page.last().map(|message| message.id).filter(|_| more);
        let to_text = |message: &Message| dialect::write(message, &self.topics[0], &self.viewer);
        Ok(Some(page.iter().map(to_text).collect()))
    }
}

impl Guilds {
    /// The messages of a guild after an id that a user saw and that the log still has, oldest first, in the dialect of
    /// the host.
    /// Cancel safe.
    ///
    /// # Errors
    /// `Unknown`, or the store or the log cannot be read.
    pub async fn history(&self, id: &GuildId, user: &UserId, after: MessageId) -> Result<History, GuildError> {
        self.history_from(id, user, after, false).await
    }

    /// As [`Self::history`], newest first; `before`: only messages before this id. Cancel safe.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub async fn history_back(
        &self,
        id: &GuildId,
        user: &UserId,
        before: Option<MessageId>,
    ) -> Result<History, GuildError> {
        self.history_from(id, user, before.unwrap_or(MessageId::new(MessageId::MAX)), true).await
    }

    async fn history_from(
        &self,
        id: &GuildId,
        user: &UserId,
        after: MessageId,
        newest_first: bool,
    ) -> Result<History, GuildError> {
        let setup = &self.0.setup;
        if setup.store.guild_status(id).await?.is_none() {
            return Err(GuildError::Unknown);
        }
        Ok(History {
            log: setup.journal.guild(id).await?,
            topics: topic::of_conversation(user),
            viewer: Viewer {
                dialect: setup.dialect,
                user: user.clone(),
                user_name: self.user_name(id, user).await?,
                channel: Channel::User,
            },
            after: Some(after),
            newest_first,
        })
    }

    async fn user_name(&self, id: &GuildId, user: &UserId) -> Result<String, StoreError> {
        let proxy = AgentId::proxy_of(user);
        let rows = self.0.setup.store.agents(id).await?;
        Ok(rows.into_iter().find(|row| row.id == proxy).map_or_else(|| user.to_string(), |row| row.spec.name))
    }
}
