//! Routing: where what somebody says in a guild goes. Pure functions from a
//! message, its origin and the guild's rules to messages.
//!
//! What an agent says is routed by the slip that travels with the message it
//! answers; a guild's routes enter a conversation by being copied into that slip
//! when a user speaks. In a guild without routes two default rules hold: a user
//! reaches whoever listens, and an answer reaches the user who began the thread.

mod fault;
pub mod hashid;
pub mod mentions;
mod pattern;
mod predicate;
mod proxy;
mod slip;
mod transform;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::fault::{Fault, FaultKind};
use crate::ids::{AgentId, GuildId, UserId};
use crate::message::{HistoryEntry, Message};
use crate::priority::Priority;
use crate::spec::{AgentSpec, RoutingRule, RoutingSlip};
use crate::state::{StateChange, StateOwner};
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

pub use fault::{Trial, dead_letter, error_message, last_words};
pub use predicate::holds;
pub use proxy::{Routed, enter};
pub use slip::{Speaking, take_matching};
pub use transform::Scope;

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
    /// How many earlier messages a user's message brings along.
    pub conversation_history: u32,
}

impl GuildView {
    /// Everybody who can be mentioned: the agents, then the users' proxies.
    #[must_use]
    pub fn mentionable(&self) -> Vec<AgentTag> {
        let proxy =
            |(user, name): &(UserId, String)| AgentTag::new(AgentId::proxy_of(user).into_string(), name.as_str());
        self.agents.iter().map(AgentSpec::tag).chain(self.users.iter().map(proxy)).collect()
    }

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
    let mut topics = vec![topic::agent_inbox(&agent.id), topic::agent_self_inbox(&agent.id)];
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

/// The handler that serves an agent's messages, by the name that rules and
/// predicates know: that of the reference for its own classes, else `receive`.
#[must_use]
pub fn handler_of(class_name: &str) -> &'static str {
    match class_name {
        "rustic_ai.core.agents.testutils.echo_agent.EchoAgent" => "echo_message",
        WIRING_CLASS => "wire_message",
        "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent" => "split_and_send",
        "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent"
        | "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent" => "collect_message",
        _ => "receive",
    }
}

/// Who speaks.
#[derive(Clone, Debug)]
pub struct Speaker {
    pub id: AgentId,
    pub tag: AgentTag,
    pub class_name: String,
    /// The handler that speaks.
    pub method: &'static str,
    /// Whether what no rule routes goes to the default topic, not where it was asked.
    pub to_default: bool,
}

/// The class whose unrouted messages go to the default topic.
pub const WIRING_CLASS: &str = "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent";

/// One thing an agent said in a turn.
#[derive(Clone, Debug)]
pub struct Outgoing {
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

/// What something said becomes.
#[derive(Debug, Default)]
pub struct RoutedTurn {
    /// In the order of the rules.
    pub messages: Vec<Message>,
    /// What rules change of states, each before the message of its rule.
    pub changes: Vec<(StateOwner, StateChange)>,
}

/// The routing of one turn: the slip is used up as the turn speaks.
#[derive(Debug)]
pub struct TurnRouter<'a> {
    origin: &'a Message,
    heard_on: &'a str,
    speaker: &'a Speaker,
    guild: &'a GuildView,
    scope: Scope<'a>,
    slip: Option<Arc<RoutingSlip>>,
    context: Option<serde_json::Value>,
}

impl<'a> TurnRouter<'a> {
    #[must_use]
    pub fn new(
        origin: &'a Message,
        heard_on: &'a str,
        speaker: &'a Speaker,
        guild: &'a GuildView,
        scope: Scope<'a>,
    ) -> Self {
        // What the manager says of its own accord follows the guild's rules.
        let begins_here = || guild.has_routes() && origin.sender.is_manager_of(&guild.id);
        let slip = origin.routing_slip.clone().or_else(|| begins_here().then(|| guild.routes.clone()));
        Self { origin, heard_on, speaker, guild, scope, slip, context: None }
    }

    /// What something said becomes.
    ///
    /// # Errors
    /// `hop_limit` when agents have answered each other too often,
    /// `invalid_payload` when a rule makes something that is no payload.
    pub fn route(&mut self, said: Outgoing) -> Result<RoutedTurn, Fault> {
        let mut base = self.base(&said)?;
        if !said.topics.is_empty() {
            base.topics = Topics::Many(said.topics.iter().map(|name| topic::canonical(name)).collect());
            base.routing_slip = self.guild.has_routes().then(|| self.guild.routes.clone());
            return Ok(RoutedTurn { messages: vec![self.finish(base, said.reason, None)], changes: Vec::new() });
        }
        let rules = self.take_rules(&base.format);
        base.routing_slip = self.slip.clone();
        if rules.is_empty() {
            base.topics = self.default_topics();
            return Ok(RoutedTurn { messages: vec![self.finish(base, said.reason, None)], changes: Vec::new() });
        }
        self.by_rules(rules, &base, said.reason.as_deref())
    }

    /// What a failure becomes: a copy for each rule that applies, then the message
    /// itself, whose topics are given.
    #[must_use]
    pub fn route_error(&mut self, mut message: Message) -> RoutedTurn {
        // What is said of too many hops is no hop more, or it would go round as well.
        let is_over = message.hops >= self.guild.hop_limit;
        let rules = if is_over { Vec::new() } else { self.take_rules(&message.format) };
        message.routing_slip = self.slip.clone();
        let mut copy = message.clone();
        copy.also.clear();
        let mut spoken = self.by_rules(rules, &copy, None).unwrap_or_default();
        spoken.messages.push(self.finish(message, None, None));
        spoken
    }

    fn take_rules(&mut self, format: &str) -> Vec<Arc<RoutingRule>> {
        let speaking = Speaking {
            speaker: self.speaker,
            origin_sender: &self.origin.sender,
            origin_topic: self.heard_on,
            origin_format: &self.origin.format,
            format,
        };
        self.slip.as_mut().map(|slip| take_matching(slip, &speaking)).unwrap_or_default()
    }

    fn by_rules(
        &self,
        rules: Vec<Arc<RoutingRule>>,
        base: &Message,
        reason: Option<&str>,
    ) -> Result<RoutedTurn, Fault> {
        let mut spoken = RoutedTurn::default();
        let owner = StateOwner::Agent(self.speaker.id.clone());
        for rule in rules {
            let mut message = base.clone();
            message.topics = rule.topics().unwrap_or_else(|| self.origin.topics.clone());
            rule.apply(&mut message, self.origin);
            let Some((message, changes)) = transform::by_rule(&rule, message, self.origin, &owner, self.scope)? else {
                continue;
            };
            spoken.changes.extend(changes);
            spoken.messages.push(self.finish(message, reason.map(str::to_owned), rule.reason.clone()));
        }
        Ok(spoken)
    }

    fn base(&mut self, said: &Outgoing) -> Result<Message, Fault> {
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
        message.history = origin.settled_history().into_owned();
        message.ttl = origin.ttl;
        message.traceparent.clone_from(&origin.traceparent);
        message.session_state = match &self.context {
            Some(context) => Some(crate::message::raw_json(context)),
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
            _ if self.speaker.to_default => Topics::One(topic::DEFAULT.to_owned()),
            _ => self.origin.topics.clone(),
        }
    }

    fn finish(&self, mut message: Message, said: Option<String>, ruled: Option<String>) -> Message {
        let reasons: Vec<String> = said.into_iter().chain(ruled).collect();
        let to_topics = message.topics.as_slice().to_vec();
        message.push_history(HistoryEntry {
            agent: self.speaker.tag.clone(),
            origin: self.origin.id,
            result: crate::ids::MessageId::default(),
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
