//! The routing of one turn: outgoing messages become messages of the journal, by the rules of the routing slip.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::fault::{Fault, FaultKind};
use crate::message::{HistoryEntry, Message};
use crate::priority::Priority;
use crate::routing::guild_view::GuildView;
use crate::routing::scope::Scope;
use crate::routing::sender::Sender;
use crate::routing::slip::{RuleInput, take_matching};
use crate::routing::transform;
use crate::spec::{RoutingRule, RoutingSlip};
use crate::state::{StateChange, StateOwner};
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

/// One message that an agent emitted during a turn, before it is routed.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The format of the payload.
    pub format: String,
    /// A JSON object.
    pub payload: Box<RawValue>,
    /// The topics that the agent chose; with none the slip decides.
    pub topics: Vec<String>,
    /// The agents that the message is meant for.
    pub recipients: Vec<AgentTag>,
    /// The priority; `None` takes the priority of the message that is answered.
    pub priority: Option<Priority>,
    /// Whether the message starts a thread below the current one.
    pub new_thread: bool,
    /// Members to merge into the session state of this message and of those that follow it in the turn.
    pub session_state: Option<Box<RawValue>>,
    /// The reason for the message history.
    pub reason: Option<String>,
}

/// The result of routing one outgoing message.
#[derive(Debug, Default)]
pub struct RoutedTurn {
    /// The messages, in the order of the rules.
    pub messages: Vec<Message>,
    /// The state changes of the rules. Each belongs before the message of its rule.
    pub changes: Vec<(StateOwner, StateChange)>,
}

/// Routes the messages of one turn. Each message uses up rules of the slip, so later messages of the turn see fewer.
#[derive(Debug)]
pub struct TurnRouter<'a> {
    origin: &'a Message,
    received_on: &'a str,
    sender: &'a Sender,
    guild: &'a GuildView,
    scope: Scope<'a>,
    slip: Option<Arc<RoutingSlip>>,
    context: Option<serde_json::Value>,
}

impl<'a> TurnRouter<'a> {
    /// Starts the routing of a turn.
    ///
    /// `origin` is the message that the turn handles, and `received_on` the topic on which `sender` received it.
    #[must_use]
    pub fn new(
        origin: &'a Message,
        received_on: &'a str,
        sender: &'a Sender,
        guild: &'a GuildView,
        scope: Scope<'a>,
    ) -> Self {
        // A turn that handles a message of the manager follows the guild's rules.
        let follows_guild = || guild.has_routes() && origin.sender.is_manager_of(&guild.id);
        let slip = origin.routing_slip.clone().or_else(|| follows_guild().then(|| guild.routes.clone()));
        Self { origin, received_on, sender, guild, scope, slip, context: None }
    }

    /// Routes one outgoing message.
    ///
    /// # Errors
    /// `hop_limit` when the thread has more hops than [`GuildView::hop_limit`], and `invalid_payload` when a
    /// transformer returns a value that cannot be a payload.
    pub fn route(&mut self, outgoing: Outgoing) -> Result<RoutedTurn, Fault> {
        let mut base = self.base(&outgoing)?;
        if !outgoing.topics.is_empty() {
            base.topics = Topics::Many(outgoing.topics.iter().map(|name| topic::canonical(name)).collect());
            base.routing_slip = self.guild.has_routes().then(|| self.guild.routes.clone());
            return Ok(RoutedTurn { messages: vec![self.finish(base, outgoing.reason, None)], changes: Vec::new() });
        }
        let rules = self.take_rules(&base.format);
        base.routing_slip = self.slip.clone();
        if rules.is_empty() {
            base.topics = self.default_topics();
            return Ok(RoutedTurn { messages: vec![self.finish(base, outgoing.reason, None)], changes: Vec::new() });
        }
        self.by_rules(rules, &base, outgoing.reason.as_deref())
    }

    /// Routes an error message, which has its topics already. Returns a copy for each rule that applies, then the
    /// message itself.
    #[must_use]
    pub fn route_error(&mut self, mut message: Message) -> RoutedTurn {
        // An error about too many hops follows no rules, or it would start the same loop.
        let is_over = message.hops >= self.guild.hop_limit;
        let rules = if is_over { Vec::new() } else { self.take_rules(&message.format) };
        message.routing_slip = self.slip.clone();
        let mut copy = message.clone();
        copy.also.clear();
        let mut routed = self.by_rules(rules, &copy, None).unwrap_or_default();
        routed.messages.push(self.finish(message, None, None));
        routed
    }

    fn take_rules(&mut self, format: &str) -> Vec<Arc<RoutingRule>> {
        let input = RuleInput {
            sender: self.sender,
            origin_sender: &self.origin.sender,
            origin_topic: self.received_on,
            origin_format: &self.origin.format,
            format,
        };
        self.slip.as_mut().map(|slip| take_matching(slip, &input)).unwrap_or_default()
    }

    fn by_rules(
        &self,
        rules: Vec<Arc<RoutingRule>>,
        base: &Message,
        reason: Option<&str>,
    ) -> Result<RoutedTurn, Fault> {
        let mut routed = RoutedTurn::default();
        let owner = StateOwner::Agent(self.sender.id.clone());
        for rule in rules {
            let mut message = base.clone();
            message.topics = rule.topics().unwrap_or_else(|| self.origin.topics.clone());
            rule.apply(&mut message, self.origin);
            let Some((message, changes)) = transform::by_rule(&rule, message, self.origin, &owner, self.scope)? else {
                continue;
            };
            routed.changes.extend(changes);
            routed.messages.push(self.finish(message, reason.map(str::to_owned), rule.reason.clone()));
        }
        Ok(routed)
    }

    fn base(&mut self, outgoing: &Outgoing) -> Result<Message, Fault> {
        let origin = self.origin;
        let hops = origin.hops + 1;
        if hops > self.guild.hop_limit {
            let text = format!(
                "{} messages followed one another in this thread without a message from a person, the limit is {}",
                hops, self.guild.hop_limit
            );
            let limit = u64::from(self.guild.hop_limit);
            return Err(Fault::new(FaultKind::HopLimit, text).over(limit, Some(u64::from(hops)), "limits.hops"));
        }
        self.merge_context(outgoing.session_state.as_deref());
        let mut message = Message::draft(
            self.sender.tag.clone(),
            Topics::Many(Vec::new()),
            outgoing.format.clone(),
            outgoing.payload.clone(),
        );
        message.recipients.clone_from(&outgoing.recipients);
        message.in_response_to = Some(origin.id);
        message.thread = origin.full_thread();
        message.new_thread = outgoing.new_thread;
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
        message.priority = outgoing.priority.unwrap_or(origin.priority);
        message.user.clone_from(&origin.user);
        message.full_names = origin.full_names;
        message.root_number = origin.root_number;
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

    /// Returns the topics of an answer that no rule routes. In a guild without routes it goes to the user who started
    /// the thread, otherwise to the topics of the question.
    fn default_topics(&self) -> Topics {
        match &self.origin.user {
            Some(user) if !self.guild.has_routes() => Topics::Many(vec![topic::user_notifications(user)]),
            _ if self.sender.to_default => Topics::One(topic::DEFAULT.to_owned()),
            _ => self.origin.topics.clone(),
        }
    }

    fn finish(&self, mut message: Message, reason: Option<String>, rule_reason: Option<String>) -> Message {
        let reasons: Vec<String> = reason.into_iter().chain(rule_reason).collect();
        let to_topics = message.topics.as_slice().to_vec();
        message.push_history(HistoryEntry {
            agent: self.sender.tag.clone(),
            origin: self.origin.id,
            result: crate::ids::MessageId::default(),
            processor: self.sender.method.to_owned(),
            from_topic: Some(self.received_on.to_owned()),
            to_topics,
            reason: (!reasons.is_empty()).then_some(reasons),
        });
        self.guild.notify_tagged_users(&mut message);
        message
    }
}
