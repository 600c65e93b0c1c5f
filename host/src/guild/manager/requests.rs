//! The requests to a guild's manager that are messages of the log: agents and rules are added and removed, states are
//! read and changed, the guild ends. A request and its answer are one commit.

use std::sync::Arc;

use serde_json::{Value, json};

use super::active::ActiveManager;
use super::answer::{
    Answer, CONFLICT, INFO, LAUNCHED, LISTED, REMOVED, RULE_UPDATED, USER_CREATED, bad_input, failure, refusal, reply,
};
use super::member::proxy_row;
use crate::guild::lifecycle::Event;
use crate::journal::{Commit, Consumer, Delivery};
use crate::store::{AgentKind, AgentRow, MemberChange, StoreError};
use guildhall_model::expression::{ExpressionError, Expressions, MAX_DOCUMENT};
use guildhall_model::fault::FaultKind;
use guildhall_model::format;
use guildhall_model::ids::{AgentId, MessageId, UserId};
use guildhall_model::message::{HistoryEntry, Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::read::FieldError;
use guildhall_model::read::spec::SpecContext;
use guildhall_model::request::Request;
use guildhall_model::routing::hashid::{hashid, is_meant};
use guildhall_model::routing::subscriptions;
use guildhall_model::spec::{AgentSpec, GuildSpec, RoutingRule};
use guildhall_model::status::AgentStatus;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::Limit;

/// The most agents of a guild.
const MAX_AGENTS: usize = 1_000;

/// The format of a request that makes the manager panic.
#[cfg(test)]
pub(in crate::guild) const PANICS: &str = "guildhall.tests.Panic";

fn is_about_state(format: &str) -> bool {
    matches!(format, format::STATE_FETCH_REQUEST | format::STATE_UPDATE_REQUEST)
}

/// The name of the manager's handler in the history of an answer, as the reference has it.
fn handler(format: &str) -> &'static str {
    match format {
        format::AGENT_LAUNCH_REQUEST => "launch_agent",
        format::REMOVE_AGENT_REQUEST => "remove_agent",
        format::ADD_RULE_REQUEST => "add_routing_rule",
        format::REMOVE_RULE_REQUEST => "remove_routing_rule",
        format::AGENT_LIST_REQUEST => "list_agents",
        format::RUNNING_AGENT_LIST_REQUEST => "list_running_agents",
        format::AGENT_GET_REQUEST => "get_agent",
        format::USER_AGENT_CREATION_REQUEST => "create_user_agent",
        format::USER_AGENT_GET_REQUEST => "get_user_agent",
        format::STATE_FETCH_REQUEST => "get_state_handler",
        format::STATE_UPDATE_REQUEST => "update_state_handler",
        _ => "stop_guild",
    }
}

impl ActiveManager {
    /// Serves one request and commits it with its answer. Other messages are consumed. Dropping the future leaves the
    /// request in the inbox; it is served again at the next start.
    pub(super) async fn serve(&mut self, requests: &mut Consumer, delivery: &Delivery) -> Option<Event> {
        let message = &delivery.message;
        #[cfg(test)]
        assert_ne!(message.format, PANICS, "told to panic");
        let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
        let on_state = delivery.topic == topic::STATE;
        let answer = match self.read(&message.format, &payload).await {
            Some(Ok(Request::UpdateState(write))) => return self.update_state(&write, requests, message, &payload),
            Some(Ok(request)) if !on_state || is_about_state(&message.format) => {
                self.carry_out_request(request, message, &payload).await
            }
            Some(Err(errors)) if !on_state || is_about_state(&message.format) => {
                let texts: Vec<String> =
                    errors.iter().take(5).map(|error| format!("{}: {}", error.path(), error.msg)).collect();
                refusal(&message.format, &payload, texts.join("; "))
            }
            Some(_) | None => {
                // The receipt is not awaited, here and below: the writer writes the commit anyway.
                drop(requests.commit(message, Commit::default()));
                return None;
            }
        };
        let event = match &answer {
            Answer::Reply(format, payload) => self.event_of(message, format, payload),
            Answer::Error(..) => None,
            Answer::Event(event) => Some(event.clone()),
        };
        drop(requests.commit(message, Commit { emits: self.answer_messages(message, &answer), ..Commit::default() }));
        event
    }

    /// The messages of an answer: one, or none for an event.
    pub(super) fn answer_messages(&self, request: &Message, answer: &Answer) -> Vec<Message> {
        match answer {
            Answer::Event(_) => Vec::new(),
            Answer::Reply(format, payload) => {
                let topics = if is_about_state(&request.format) {
                    Topics::Many(vec![topic::STATE.to_owned()])
                } else {
                    request.topics.clone()
                };
                vec![self.answer_message(request, topics, format, payload)]
            }
            Answer::Error(format, payload) => {
                let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
                let mut error = self.answer_message(request, topics, format, payload);
                error.is_error = true;
                vec![error]
            }
        }
    }

    /// What an answer means for the guild's life: a user who was created joins as one who opened a socket, and the
    /// health of launched and removed agents is measured.
    fn event_of(&self, message: &Message, format: &str, payload: &Value) -> Option<Event> {
        if format != USER_CREATED {
            return matches!(format, LAUNCHED | REMOVED).then(|| self.measure());
        }
        let request: Value = serde_json::from_str(message.payload.get()).ok()?;
        let name = request["user_name"].as_str()?.trim().to_owned();
        Some(Event::Joined { user: UserId::from(payload["user_id"].as_str()?), name })
    }

    async fn carry_out_request(&mut self, request: Request, message: &Message, payload: &Value) -> Answer {
        match request {
            Request::LaunchAgent(spec) => self.launch(*spec).await,
            Request::RemoveAgent(id) => self.remove(&id).await,
            Request::AddRule(rule) => self.add_rule(*rule).await,
            Request::RemoveRule { hashid } => self.remove_rule(&hashid).await,
            Request::ListAgents { guild } => match self.refuse_guild(&guild) {
                Some(refused) => refused,
                None => self.list(|_| true).await,
            },
            Request::ListRunning { guild } => match self.refuse_guild(&guild) {
                Some(refused) => refused,
                None => {
                    let running: Vec<AgentId> = self.members.keys().cloned().collect();
                    self.list(|row| row.kind != AgentKind::Member || running.contains(&row.id)).await
                }
            },
            Request::GetAgent { guild, agent } => match self.refuse_guild(&guild) {
                Some(refused) => refused,
                None => self.info(&agent, "agent_id").await,
            },
            Request::GetUser(user) => self.info(&AgentId::proxy_of(&user), "user_id").await,
            Request::AddUser { user, name } => self.new_user(&user, name.trim()).await,
            Request::FetchState(fetch) => self.fetch_state(&fetch, message, payload),
            Request::UpdateState(_) => {
                failure(FaultKind::HostError.name(), "a change of a state is committed elsewhere")
            }
            Request::Stop { guild, user } => match user.or_else(|| message.user.clone()) {
                Some(user) if guild == self.spec.id.as_str() => {
                    Answer::Event(Event::StopRequested { user: Some(user), guild: Some(guild) })
                }
                _ => failure("INVALID_REQUEST", format!("this is the guild {}, not {guild}", self.spec.id)),
            },
        }
    }

    /// Refuses a request for another guild.
    fn refuse_guild(&self, guild: &str) -> Option<Answer> {
        let is_other = guild != self.spec.id.as_str();
        is_other.then(|| bad_input("guild_id", format!("this is the guild {}, not {guild}", self.spec.id)))
    }

    /// Reads a request. Expressions in it are checked away from the server's threads.
    async fn read(&self, format: &str, payload: &Value) -> Option<Result<Request, Vec<FieldError>>> {
        let sandbox = self.serving.components.sandbox();
        let ceilings = sandbox.ceilings().ceilings();
        {
            let probe = Expressions::probe();
            let context = SpecContext { ceilings: &ceilings, expressions: &probe, random: rand::random };
            let read = Request::read(format, payload, context);
            if !probe.was_met() {
                return read;
            }
        }
        let (format, payload) = (format.to_owned(), payload.clone());
        let read = move |expressions: &Expressions<'_>| {
            Request::read(&format, &payload, SpecContext { ceilings: &ceilings, expressions, random: rand::random })
        };
        let failed = |error: ExpressionError| {
            Some(Err(vec![FieldError::new("value_error", Vec::new(), error.to_string(), Value::Null)]))
        };
        sandbox.evaluations().run(self.spec.id.as_str(), MAX_DOCUMENT, read).await.unwrap_or_else(failed)
    }

    /// Launches an agent. If its id is in use, the running agent stays as it is; the answer and the announcement are
    /// the same.
    async fn launch(&mut self, mut spec: AgentSpec) -> Answer {
        let id = spec.id.clone();
        let launched = json!({"agent_id": id, "status_code": 201, "status": "Agent launched successfully"});
        if self.members.contains_key(&id) {
            self.announce_guild();
            return reply(LAUNCHED, launched);
        }
        if self.ending.lock().contains(&id) {
            return failure(
                FaultKind::Busy.name(),
                format!("the agent {id} is still ending: try again in some seconds"),
            );
        }
        if self.members.len() >= MAX_AGENTS {
            return failure("TOO_MANY", format!("a guild may have {MAX_AGENTS} agents"));
        }
        let digest = match self.serving.usable_digest_of(&spec).await {
            Ok(digest) => digest,
            Err(reason) => return failure("AGENT_NOT_LAUNCHED", reason),
        };
        // It keeps this component, also when another one is bound to its class later.
        spec.component = Some(digest.into_string());
        let consumer = match self.log.consume(&id, subscriptions(&spec)).await {
            Ok(consumer) => consumer,
            Err(error) => return failure(FaultKind::HostError.name(), error.to_string()),
        };
        let mut changed = self.spec.clone();
        changed.agents.retain(|agent| agent.id != id);
        changed.agents.push(spec.clone());
        let row = AgentRow::new(AgentKind::Member, spec.clone(), AgentStatus::Starting);
        if let Err(error) = self.change(changed, MemberChange::Put(&row)).await {
            // Dropped before its cursor is removed, so that nothing writes the cursor again.
            drop(consumer);
            self.log.forget_consumer(&id);
            return not_stored(&error);
        }
        self.start_agent(spec, consumer, None);
        reply(LAUNCHED, launched)
    }

    async fn remove(&mut self, id: &AgentId) -> Answer {
        match self.was_member(id).await {
            Ok(is_stored) if is_stored || self.members.contains_key(id) => {}
            Ok(_) => return failure("AGENT_NOT_FOUND", format!("the guild has no agent {id}")),
            Err(error) => return not_stored(&error),
        }
        let mut changed = self.spec.clone();
        changed.agents.retain(|agent| agent.id != *id);
        if let Err(error) = self.change(changed, MemberChange::Status(id, AgentStatus::Deleted)).await {
            return not_stored(&error);
        }
        self.end_agent(id).await;
        reply(
            REMOVED,
            json!({"agent_id": id, "status_code": 200, "status": "Agent removed successfully", "message": null}),
        )
    }

    async fn was_member(&self, id: &AgentId) -> Result<bool, StoreError> {
        let rows = self.store.agents(&self.spec.id).await?;
        Ok(rows.iter().any(|row| row.id == *id && row.kind == AgentKind::Member))
    }

    async fn add_rule(&mut self, rule: RoutingRule) -> Answer {
        let most = self.serving.components.sandbox().ceilings();
        let (rules, bytes) = (&self.spec.routes, self.spec.routes.stored_bytes() + rule.stored_bytes());
        for (limit, value) in [(Limit::SlipRules, rules.steps.len() + 1), (Limit::SlipBytes, bytes)] {
            let (value, allowed, setting) = (value as u64, most.get(limit), limit.row().setting);
            if value > allowed {
                limit.count();
                let text =
                    format!("`{setting}` is {allowed} for the rules of a guild; with this rule it would be {value}");
                return failure("TOO_MANY", text);
            }
        }
        let hash = hashid(&rule);
        let mut changed = self.spec.clone();
        changed.routes.steps.push(Arc::new(rule));
        if let Err(error) = self.change(changed, MemberChange::None).await {
            return not_stored(&error);
        }
        let status = "Routing rule added successfully";
        reply(RULE_UPDATED, json!({"rule_hashid": hash, "status_code": 201, "status": status, "message": null}))
    }

    async fn remove_rule(&mut self, hash: &str) -> Answer {
        let mut changed = self.spec.clone();
        changed.routes.steps.retain(|rule| !is_meant(rule, hash));
        if self.spec.routes.steps.len() == changed.routes.steps.len() {
            return failure("RULE_NOT_FOUND", format!("Routing rule with hashid {hash} not found"));
        }
        if let Err(error) = self.change(changed, MemberChange::None).await {
            return not_stored(&error);
        }
        let status = "Routing rule removed successfully";
        reply(RULE_UPDATED, json!({"rule_hashid": hash, "status_code": 200, "status": status, "message": null}))
    }

    /// Stores a changed guild, then publishes it to its agents and announces it. Dropping the future may leave it
    /// stored and not published.
    ///
    /// # Errors
    /// The store fails; the guild is as it was.
    async fn change(&mut self, changed: GuildSpec, member: MemberChange<'_>) -> Result<(), StoreError> {
        self.store.change_guild(&changed, member, self.clock.now_ms()).await?;
        self.spec = changed;
        self.publish_guild();
        Ok(())
    }

    /// Publishes the guild to its agents and announces it.
    pub(super) fn publish_guild(&mut self) {
        let (agents, routes) = (self.spec.agents.clone(), Arc::new(self.spec.routes.clone()));
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.agents = agents;
            view.routes = routes;
        });
        self.announce_guild();
    }

    async fn list(&self, shown: impl Fn(&AgentRow) -> bool) -> Answer {
        let rows = match self.store.agents(&self.spec.id).await {
            Ok(rows) => rows,
            Err(error) => return not_read(&error),
        };
        let present = rows.iter().filter(|row| row.status != AgentStatus::Deleted && shown(row));
        reply(LISTED, json!({"agents": present.map(info_of).collect::<Vec<_>>()}))
    }

    async fn info(&self, id: &AgentId, field: &str) -> Answer {
        let rows = match self.store.agents(&self.spec.id).await {
            Ok(rows) => rows,
            Err(error) => return not_read(&error),
        };
        match rows.iter().find(|row| row.id == *id && row.status != AgentStatus::Deleted) {
            Some(row) => reply(INFO, info_of(row)),
            None => bad_input(field, format!("the guild has no agent {id}")),
        }
    }

    async fn new_user(&self, user: &UserId, name: &str) -> Answer {
        if self.view.borrow().users.iter().any(|(known, _)| known == user) {
            let message = format!("Agent for user {user} already exists");
            let payload =
                json!({"status_code": 409, "status": "Conflict", "error_field": "user_id", "message": message});
            return reply(CONFLICT, payload);
        }
        let row = AgentRow { user: Some(user.clone()), ..proxy_row(user, name) };
        if let Err(error) = self.store.upsert_agent(&self.spec.id, &row).await {
            return not_stored(&error);
        }
        let payload = json!({
            "user_id": user,
            "agent_id": AgentId::proxy_of(user),
            "status_code": 201,
            "status": "Agent created successfully",
            "topic": topic::user_inbox(user),
        });
        reply(USER_CREATED, payload)
    }

    /// The message of an answer. The user of the request gets it as well.
    fn answer_message(&self, request: &Message, topics: Topics, name: &str, payload: &Value) -> Message {
        let mut answer = Message::draft(self.tag.clone(), topics, name, raw_json(payload));
        answer.in_response_to = Some(request.id);
        answer.thread = request.full_thread();
        answer.conversation_id.clone_from(&request.conversation_id);
        answer.traceparent.clone_from(&request.traceparent);
        answer.priority =
            if name.ends_with("Response") && name.contains(".state.") { Priority::NORMAL } else { request.priority };
        answer.user.clone_from(&request.user);
        answer.full_names = request.full_names;
        answer.root_number = request.root_number;
        answer.hops = request.hops.saturating_add(1);
        answer.also = request.user.iter().map(topic::user_notifications).collect();
        answer.history = request.settled_history().into_owned();
        answer.push_history(HistoryEntry {
            agent: self.tag.clone(),
            origin: request.id,
            result: MessageId::default(),
            processor: handler(&request.format).to_owned(),
            from_topic: request.topics.as_slice().first().cloned(),
            to_topics: answer.topics.as_slice().to_vec(),
            reason: None,
        });
        answer
    }
}

/// The answer to a request whose change could not be stored: nothing has changed.
fn not_stored(error: &StoreError) -> Answer {
    tracing::error!(%error, "a request to a manager cannot be stored");
    failure("STORE_UNAVAILABLE", format!("nothing was changed: {error}; try again later"))
}

/// The answer to a request for what the store cannot return.
fn not_read(error: &StoreError) -> Answer {
    failure("STORE_UNAVAILABLE", format!("{error}; try again later"))
}

fn info_of(row: &AgentRow) -> Value {
    let spec = &row.spec;
    json!({"id": row.id, "name": spec.name, "description": spec.description, "class_name": spec.class_name})
}
