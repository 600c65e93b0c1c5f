//! The dead letters of a guild: listed, shown, replayed, discarded. A letter is replayed or discarded once, also when
//! two clients ask for it at a time.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::journal::{GuildLog, JournalError};
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::dialect;
use guildhall_model::ids::{AgentId, GuildId, MessageId};
use guildhall_model::message::Message;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

use super::error::GuildError;
use super::guilds::Guilds;

/// Why a dead letter was not shown, replayed or discarded.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// Its guild is unknown or stopped, or the host fails.
    #[error(transparent)]
    Guild(#[from] GuildError),
    /// There is no such dead letter, or another request takes it out just now.
    #[error("the guild has no dead letter {0}")]
    Unknown(MessageId),
    /// The agent that could not serve the message was removed.
    #[error("the guild has no agent {0} any more")]
    NoAgent(String),
}

impl From<JournalError> for DeadLetterError {
    fn from(error: JournalError) -> Self {
        Self::Guild(error.into())
    }
}

/// A page of dead letters, oldest first.
#[derive(Debug)]
pub struct Page {
    /// The letters as REST shows them.
    pub letters: Vec<Value>,
    /// The next page begins after this id; `None`: there is none.
    pub next: Option<MessageId>,
}

/// The payload of a dead letter, as far as it is read again.
#[derive(serde::Deserialize)]
struct Stored {
    original_topic: String,
    original_message_id: MessageId,
    original_message: Message,
    #[serde(default)]
    agent: Value,
    #[serde(default)]
    attempts: u32,
    fault: Value,
}

impl Stored {
    fn of(letter: &Message) -> Result<Self, JournalError> {
        let unreadable =
            |error: serde_json::Error| JournalError::Corrupt(format!("dead letter {}: {error}", letter.id));
        let mut stored: Self = serde_json::from_str(letter.payload.get()).map_err(unreadable)?;
        stored.original_message.id = stored.original_message_id;
        Ok(stored)
    }

    /// The letter as REST shows it: the fault, the agent and the message.
    fn to_json(&self, letter: &Message) -> Value {
        let text = dialect::write_without_session(&self.original_message);
        let message = RawValue::from_string(text).map_or(Value::Null, |raw| json!(raw));
        json!({
            "id": letter.id,
            "message_id": self.original_message_id,
            "agent": self.agent,
            "topic": self.original_topic,
            "at": rfc3339_ms(letter.id.timestamp_ms()),
            "attempts": self.attempts,
            "fault": self.fault,
            "message": message,
        })
    }
}

/// Keeps others from taking out the same letter.
struct Reserved<'g> {
    guilds: &'g Guilds,
    letter: (GuildId, MessageId),
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.guilds.0.reserved_letters.lock().remove(&self.letter);
    }
}

impl Guilds {
    /// The dead letters of a guild after an id, at most `limit`. Cancel safe.
    ///
    /// # Errors
    /// There is no such guild, or the log cannot be read.
    pub async fn dead_letters(&self, guild: &GuildId, after: MessageId, limit: usize) -> Result<Page, DeadLetterError> {
        let log = self.log_of(guild).await?;
        let (letters, more) = log.history(&[topic::DEAD_LETTERS.to_owned()], after, limit).await?;
        // A letter that cannot be read is left out.
        let shown = letters.iter().filter_map(|letter| {
            let stored =
                Stored::of(letter).inspect_err(|error| tracing::warn!(%error, %guild, "a dead letter is left out"));
            Some(stored.ok()?.to_json(letter))
        });
        let next = letters.last().map(|letter| letter.id).filter(|_| more);
        Ok(Page { letters: shown.collect(), next })
    }

    /// One dead letter. Cancel safe.
    ///
    /// # Errors
    /// There is no such guild or letter.
    pub async fn dead_letter(&self, guild: &GuildId, letter: MessageId) -> Result<Value, DeadLetterError> {
        let log = self.log_of(guild).await?;
        let (letter, stored) = find(&log, letter).await?;
        Ok(stored.to_json(&letter))
    }

    /// Removes a dead letter from the log. Dropping the future may leave the removal to complete.
    ///
    /// # Errors
    /// There is no such guild or letter.
    pub async fn discard_dead_letter(&self, guild: &GuildId, letter: MessageId) -> Result<(), DeadLetterError> {
        let log = self.log_of(guild).await?;
        let _reserved = self.reserve(guild, letter)?;
        find(&log, letter).await?;
        Ok(log.replace(letter, Vec::new()).1.await?)
    }

    /// Sends the message of a dead letter again to the inbox of the agent that could not serve it, and removes the
    /// letter, in one step. Returns the new message's id. Dropping the future may leave the replay to complete.
    ///
    /// # Errors
    /// There is no such guild, letter or agent, or the guild was stopped.
    pub async fn replay_dead_letter(&self, guild: &GuildId, letter: MessageId) -> Result<MessageId, DeadLetterError> {
        let _awake = self.awake(guild).await?;
        let log = self.log_of(guild).await?;
        let _reserved = self.reserve(guild, letter)?;
        let (_, stored) = find(&log, letter).await?;
        let row = self.0.setup.store.guild(guild).await.map_err(GuildError::of_store)?;
        if row.status.is_over() {
            return Err(GuildError::Stopped.into());
        }
        let agent = stored.agent["id"].as_str().unwrap_or_default();
        if !row.spec.agents.iter().any(|member| member.id.as_str() == agent) {
            return Err(DeadLetterError::NoAgent(agent.to_owned()));
        }
        let again = replayed(&stored.original_message, &AgentId::from(agent));
        let (id, receipt) = log.replace(letter, vec![again]);
        receipt.await?;
        Ok(id)
    }

    fn reserve(&self, guild: &GuildId, letter: MessageId) -> Result<Reserved<'_>, DeadLetterError> {
        let letter = (guild.clone(), letter);
        if !self.0.reserved_letters.lock().insert(letter.clone()) {
            // Another request is taking it out.
            return Err(DeadLetterError::Unknown(letter.1));
        }
        Ok(Reserved { guilds: self, letter })
    }

    /// The log of a guild, also of a stopped one.
    async fn log_of(&self, guild: &GuildId) -> Result<GuildLog, DeadLetterError> {
        let status = self.0.setup.store.guild_status(guild).await.map_err(GuildError::Store)?;
        status.ok_or(GuildError::Unknown)?;
        Ok(self.0.setup.journal.guild(guild).await?)
    }
}

async fn find(log: &GuildLog, id: MessageId) -> Result<(Message, Stored), DeadLetterError> {
    let is_letter = |message: &Message| message.topics.as_slice().iter().any(|topic| topic == topic::DEAD_LETTERS);
    let found = log.by_ids(&[id]).await?;
    let letter = found.into_iter().find(is_letter).ok_or(DeadLetterError::Unknown(id))?;
    let stored = Stored::of(&letter)?;
    Ok((letter, stored))
}

/// The message again, for one agent alone and in its old thread. Its hops begin at zero: an operator has decided that
/// it may go on.
fn replayed(original: &Message, agent: &AgentId) -> Message {
    let mut message = original.clone();
    message.id = MessageId::default();
    message.thread = original.full_thread();
    message.new_thread = false;
    message.topics = Topics::Many(vec![topic::agent_inbox(agent)]);
    message.also = Vec::new();
    message.ttl = None;
    message.hops = 0;
    message.client_id = None;
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_model::message::raw_json;
    use guildhall_model::tag::AgentTag;

    #[test]
    fn a_replayed_message_goes_to_the_agent_alone_and_stays_in_its_thread() {
        let topics = Topics::One("work".into());
        let mut original = Message::draft(AgentTag::new("ann", "Ann"), topics, "text", raw_json(&json!({"text": "x"})));
        original.id = MessageId::new(7);
        original.also = vec!["user_notifications:ann".into()];
        (original.ttl, original.hops) = (Some(1), 900);
        let again = replayed(&original, &AgentId::from("echo"));
        assert_eq!(again.topics.as_slice(), ["agent_inbox:echo"]);
        assert_eq!(again.thread, [MessageId::new(7)]);
        assert!(again.also.is_empty() && again.ttl.is_none() && again.hops == 0);
        assert_eq!(again.payload.get(), original.payload.get());
    }
}
