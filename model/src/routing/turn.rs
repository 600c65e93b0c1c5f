//! The routing of one turn: outgoing messages become messages of the journal, by the rules of the routing slip.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::fault::{Fault, FaultKind};
use crate::message::{HistoryEntry, Message};
use crate::priority::Priority;
use crate::routing::guild_view::GuildView;
use crate::routing::room::Room;
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
    /// Why rules that applied made no message.
    pub dropped: Vec<Fault>,
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
    /// The session state of this turn once it was changed, as a value and as text.
    context: Option<(serde_json::Value, Box<RawValue>)>,
    room: Room,
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
        let room = Room::new(guild.bounds);
        Self { origin, received_on, sender, guild, scope, slip, context: None, room }
    }

    /// Routes one outgoing message.
    ///
    /// # Errors
    /// `hop_limit` when the thread has more hops than [`GuildView::hop_limit`]. `invalid_payload` when a transformer
    /// returns a value that cannot be a payload, or when the session state would be too large. `denied` when the
    /// messages of the turn would be too large together.
    pub fn route(&mut self, outgoing: Outgoing) -> Result<RoutedTurn, Fault> {
        let mut base = self.base(&outgoing)?;
        if !outgoing.topics.is_empty() {
            base.topics = Topics::Many(outgoing.topics.iter().map(|name| topic::canonical(name)).collect());
            base.routing_slip = self.guild.has_routes().then(|| self.guild.routes.clone());
            return self.alone(base, outgoing.reason);
        }
        let rules = self.take_rules(&base.format);
        base.routing_slip = self.slip.clone();
        if rules.is_empty() {
            base.topics = self.default_topics();
            if let Some(name) = base.topics.as_slice().iter().find(|name| topic::is_closed_to_rules(name)) {
                let text = format!("no rule routes it, and an answer may not go to {name}, a topic of the host's own");
                return Ok(RoutedTurn { dropped: vec![Fault::new(FaultKind::Denied, text)], ..RoutedTurn::default() });
            }
            return self.alone(base, outgoing.reason);
        }
        self.by_rules(rules, &base, outgoing.reason.as_deref())
    }

    /// Finishes a message that no rule copies.
    fn alone(&mut self, base: Message, reason: Option<String>) -> Result<RoutedTurn, Fault> {
        let message = self.finish(base, reason, None);
        self.room.take_message(&message)?;
        Ok(RoutedTurn { messages: vec![message], ..RoutedTurn::default() })
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
        &mut self,
        rules: Vec<Arc<RoutingRule>>,
        base: &Message,
        reason: Option<&str>,
    ) -> Result<RoutedTurn, Fault> {
        let mut routed = RoutedTurn::default();
        let owner = StateOwner::Agent(self.sender.id.clone());
        let bytes = base.stored_bytes();
        for rule in rules {
            self.room.check(bytes)?;
            let mut message = base.clone();
            message.topics = rule.topics().unwrap_or_else(|| self.origin.topics.clone());
            rule.apply(&mut message, self.origin);
            let (message, changes) = match transform::by_rule(&rule, message, self.origin, &owner, self.scope)? {
                Ok(made) => made,
                Err(fault) => {
                    routed.dropped.push(fault);
                    continue;
                }
            };
            for (_, change) in &changes {
                self.room.take(crate::message::raw_json(&change.update).get().len())?;
            }
            routed.changes.extend(changes);
            let message = self.finish(message, reason.map(str::to_owned), rule.reason.clone());
            self.room.take_message(&message)?;
            routed.messages.push(message);
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
        self.merge_context(outgoing.session_state.as_deref())?;
        self.room.check(outgoing.payload.get().len())?;
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
            Some((_, text)) => Some(text.clone()),
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

    /// Merges members into the session state of this message and of those that follow it.
    fn merge_context(&mut self, update: Option<&RawValue>) -> Result<(), Fault> {
        let Some(update) = update.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok()) else {
            return Ok(());
        };
        let mut context = self.context.take().map_or_else(
            || {
                let state = self.origin.session_state.as_deref();
                state.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_else(|| serde_json::json!({}))
            },
            |(context, _)| context,
        );
        if let (Some(into), serde_json::Value::Object(from)) = (context.as_object_mut(), update) {
            into.extend(from);
        }
        let text = crate::message::raw_json(&context);
        self.guild.bounds.check_session(text.get().len())?;
        self.context = Some((context, text));
        Ok(())
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
