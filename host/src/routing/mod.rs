//! Routing: where what somebody says in a guild goes. Pure functions from a
//! message, its origin and the guild's rules to messages.
//!
//! What an agent says is routed by the slip that travels with the message it
//! answers; a guild's routes enter a conversation by being copied into that slip
//! when a user speaks. In a guild without routes two default rules hold: a user
//! reaches whoever listens, and an answer reaches the user who began the thread.

mod fault;
mod proxy;
mod slip;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::model::fault::{Fault, FaultKind};
use crate::model::ids::{AgentId, GuildId, UserId};
use crate::model::message::{AgentTag, HistoryEntry, Message, Priority, Topics};
use crate::model::spec::{AgentSpec, RoutingSlip};
use crate::model::topic;

pub use fault::{Trial, dead_letter, error_message};
pub use proxy::{Entered, enter};
pub use slip::{Speaking, take_matching};

/// What routing knows of a guild.
#[derive(Clone, Debug)]
pub struct GuildView {
    pub id: GuildId,
    pub name: String,
    pub routes: Arc<RoutingSlip>,
    pub agents: Vec<AgentSpec>,
    /// Users who joined, by id, with the names of their proxies.
    pub users: Vec<(UserId, String)>,
    /// Messages that may follow one another without a person in between.
    pub hop_limit: u32,
}

impl GuildView {
    /// Whether the guild's own rules decide.
    #[must_use]
    pub fn has_routes(&self) -> bool {
        !self.routes.steps.is_empty()
    }
}

/// How many hops a thread may have unless configured otherwise.
pub const HOP_LIMIT: u32 = 1_000;

/// The topics an agent listens to.
#[must_use]
pub fn subscriptions(agent: &AgentSpec) -> Vec<String> {
    let mut topics = vec![topic::agent_inbox(&agent.id)];
    if agent.listen_to_default_topic {
        topics.push(topic::DEFAULT.to_owned());
    }
    for name in &agent.additional_topics {
        let name = topic::canonical(name);
        if !topics.contains(&name) {
            topics.push(name);
        }
    }
    topics
}

/// Who speaks.
#[derive(Clone, Debug)]
pub struct Speaker {
    pub id: AgentId,
    pub tag: AgentTag,
    pub class_name: String,
    /// The handler that speaks.
    pub method: &'static str,
}

/// One thing an agent said in a turn.
#[derive(Clone, Debug)]
pub struct Said {
    pub format: String,
    pub payload: Box<RawValue>,
    /// Exactly these topics; empty: the slip decides.
    pub topics: Vec<String>,
    pub recipients: Vec<AgentTag>,
    pub priority: Option<Priority>,
    pub new_thread: bool,
    /// Members to merge into the session state of what follows.
    pub session_state: Option<Box<RawValue>>,
    pub reason: Option<String>,
}

/// The routing of one turn: the slip is used up as the turn speaks.
#[derive(Debug)]
pub struct TurnRouter<'a> {
    origin: &'a Message,
    heard_on: &'a str,
    speaker: &'a Speaker,
    guild: &'a GuildView,
    slip: Option<RoutingSlip>,
    context: Option<serde_json::Value>,
}

impl<'a> TurnRouter<'a> {
    #[must_use]
    pub fn new(origin: &'a Message, heard_on: &'a str, speaker: &'a Speaker, guild: &'a GuildView) -> Self {
        let slip = origin.routing_slip.as_deref().cloned();
        Self { origin, heard_on, speaker, guild, slip, context: None }
    }

    /// The messages that something said becomes, in the order of the rules.
    ///
    /// # Errors
    /// `hop_limit` when agents have answered each other too often.
    pub fn route(&mut self, said: Said) -> Result<Vec<Message>, Fault> {
        let mut base = self.base(&said)?;
        if !said.topics.is_empty() {
            base.topics = Topics::Many(said.topics.iter().map(|name| topic::canonical(name)).collect());
            base.routing_slip = self.guild.has_routes().then(|| self.guild.routes.clone());
            return Ok(vec![self.finish(base, said.reason, None)]);
        }
        let speaking = Speaking {
            speaker: self.speaker,
            origin_sender: &self.origin.sender,
            origin_topic: self.heard_on,
            origin_format: &self.origin.format,
            format: &base.format,
        };
        let rules = self.slip.as_mut().map(|slip| take_matching(slip, &speaking)).unwrap_or_default();
        base.routing_slip = self.slip.clone().map(Arc::new);
        if rules.is_empty() {
            base.topics = self.default_topics();
            return Ok(vec![self.finish(base, said.reason, None)]);
        }
        Ok(rules
            .into_iter()
            .map(|rule| {
                let mut message = base.clone();
                message.topics = rule.topics().unwrap_or_else(|| self.origin.topics.clone());
                rule.apply(&mut message, self.origin);
                self.finish(message, said.reason.clone(), rule.reason)
            })
            .collect())
    }

    fn base(&mut self, said: &Said) -> Result<Message, Fault> {
        let origin = self.origin;
        let hops = origin.hops + 1;
        if hops > self.guild.hop_limit {
            let text = format!(
                "{} messages followed one another in this thread without a person in between, the limit is {}",
                hops, self.guild.hop_limit
            );
            let limit = u64::from(self.guild.hop_limit);
            return Err(Fault::new(FaultKind::HopLimit, text).over(limit, Some(u64::from(hops)), "limits.hops"));
        }
        self.merge_context(said.session_state.as_deref());
        let mut message = Message::draft(
            self.speaker.tag.clone(),
            Topics::Many(Vec::new()),
            said.format.clone(),
            said.payload.clone(),
        );
        message.recipients.clone_from(&said.recipients);
        message.in_response_to = Some(origin.id);
        message.thread = origin.full_thread();
        message.new_thread = said.new_thread;
        message.conversation_id.clone_from(&origin.conversation_id);
        message.history.clone_from(&origin.history);
        message.ttl = origin.ttl;
        message.traceparent.clone_from(&origin.traceparent);
        message.session_state = match &self.context {
            Some(context) => Some(crate::model::message::raw_json(context)),
            None => origin.session_state.clone(),
        };
        message.process_status = origin.process_status;
        message.origin_guild_stack.clone_from(&origin.origin_guild_stack);
        message.priority = said.priority.unwrap_or(origin.priority);
        message.user.clone_from(&origin.user);
        message.full_names = origin.full_names;
        message.hops = hops;
        Ok(message)
    }

    fn merge_context(&mut self, update: Option<&RawValue>) {
        let Some(update) = update.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok()) else {
            return;
        };
        let mut context = self.context.take().unwrap_or_else(|| {
            let state = self.origin.session_state.as_deref();
            state.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_else(|| serde_json::json!({}))
        });
        if let (Some(into), serde_json::Value::Object(from)) = (context.as_object_mut(), update) {
            into.extend(from);
        }
        self.context = Some(context);
    }

    /// Where an answer goes that no rule routes: in a guild without routes to the
    /// user who began the thread, else where the question was asked.
    fn default_topics(&self) -> Topics {
        match &self.origin.user {
            Some(user) if !self.guild.has_routes() => Topics::Many(vec![topic::user_notifications(user)]),
            _ => self.origin.topics.clone(),
        }
    }

    fn finish(&self, mut message: Message, said: Option<String>, ruled: Option<String>) -> Message {
        let reasons: Vec<String> = said.into_iter().chain(ruled).collect();
        let to_topics = message.topics.as_slice().to_vec();
        message.push_history(HistoryEntry {
            agent: self.speaker.tag.clone(),
            origin: self.origin.id,
            result: crate::model::ids::MessageId::default(),
            processor: self.speaker.method.to_owned(),
            from_topic: Some(self.heard_on.to_owned()),
            to_topics,
            reason: (!reasons.is_empty()).then_some(reasons),
        });
        also_to_tagged_users(&mut message, self.guild);
        message
    }
}

/// A user who is tagged gets the message too, on whatever topic it goes.
fn also_to_tagged_users(message: &mut Message, guild: &GuildView) {
    if message.recipients.is_empty() {
        return;
    }
    for (user, name) in &guild.users {
        let proxy = AgentTag::new(AgentId::proxy_of(user).into_string(), name.as_str());
        let to = topic::user_notifications(user);
        let is_there = message.topics.as_slice().contains(&to) || message.also.contains(&to);
        let means_somebody = message.recipients.iter().any(|tag| !tag.is_blank() && tag.matches(&proxy));
        if means_somebody && !is_there {
            message.also.push(to);
        }
    }
}

#[cfg(test)]
mod tests;
