//! What a guild's manager does when a message of the log asks it: agents and rules
//! come and go, states are read and changed, the guild ends. The answers are part
//! of the turn that consumes the request.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::journal::{Commit, Consumer, Delivery};
use crate::store::{AgentKind, AgentRow};
use guildhall_model::expression::Expressions;
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
use guildhall_model::spec::{AgentSpec, RoutingRule};
use guildhall_model::status::AgentStatus;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

use super::manager::Running;
use super::state::Event;

/// The most agents and rules of a guild.
const MAX_AGENTS: usize = 1_000;
const MAX_RULES: usize = 1_000;

/// What the manager answers.
pub(super) enum Answer {
    /// With a format of its own, where it was asked.
    Reply(&'static str, Value),
    /// On the error topic.
    Error(&'static str, Value),
    /// Nothing; the event says it all.
    Event(Event),
}

pub(super) fn reply(name: &'static str, payload: Value) -> Answer {
    Answer::Reply(name, payload)
}

const LAUNCHED: &str = "rustic_ai.core.agents.system.models.AgentLaunchResponse";
const REMOVED: &str = "rustic_ai.core.agents.system.models.AgentRemovalResponse";
const RULE_UPDATED: &str = "rustic_ai.core.agents.system.models.RoutingRuleUpdateResponse";
const LISTED: &str = "rustic_ai.core.agents.system.models.AgentListResponse";
const INFO: &str = "rustic_ai.core.agents.system.models.AgentInfoResponse";
const USER_CREATED: &str = "rustic_ai.core.agents.system.models.UserAgentCreationResponse";
const BAD_INPUT: &str = "rustic_ai.core.agents.system.models.BadInputResponse";
const CONFLICT: &str = "rustic_ai.core.agents.system.models.ConflictResponse";

fn bad_input(field: &str, message: String) -> Answer {
    reply(BAD_INPUT, json!({"status_code": 400, "status": "Bad Request", "error_field": field, "message": message}))
}

fn failure(error_type: &str, message: impl Into<String>) -> Answer {
    let message: String = message.into();
    let payload = json!({"agent_type": format::MANAGER_CLASS, "error_type": error_type, "error_message": message});
    Answer::Error(format::ERROR_MESSAGE, payload)
}

fn is_about_state(format: &str) -> bool {
    matches!(format, format::STATE_FETCH_REQUEST | format::STATE_UPDATE_REQUEST)
}

/// What the manager's handlers are called.
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
        format::STATE_FETCH_REQUEST => "get_state",
        format::STATE_UPDATE_REQUEST => "update_state",
        _ => "stop_guild",
    }
}

impl Running {
    /// Serves one request and commits it with its answer; what is no request is
    /// consumed.
    pub(super) async fn serve(&mut self, requests: &mut Consumer, delivery: &Delivery) -> Option<Event> {
        let message = &delivery.message;
        let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
        let on_state = delivery.topic == topic::STATE;
        let answer = match self.read(&message.format, &payload) {
            Some(Ok(Request::UpdateState(write))) => return self.write(&write, requests, message, &payload),
            Some(Ok(request)) if !on_state || is_about_state(&message.format) => {
                self.obey(request, message, &payload).await
            }
            Some(Err(errors)) if !on_state || is_about_state(&message.format) => {
                let words: Vec<String> =
                    errors.iter().take(5).map(|mistake| format!("{}: {}", mistake.path(), mistake.msg)).collect();
                self.refusal(&message.format, &payload, words.join("; "))
            }
            Some(_) | None => {
                // Written whether or not somebody waits, here and below.
                drop(requests.commit(message, Commit::default()));
                return None;
            }
        };
        let event = match &answer {
            Answer::Reply(format, payload) => self.event_of(message, format, payload),
            Answer::Error(..) => None,
            Answer::Event(event) => Some(event.clone()),
        };
        drop(requests.commit(message, Commit { emits: self.told(message, &answer), ..Commit::default() }));
        event
    }

    /// An answer as the message that tells it.
    pub(super) fn told(&self, request: &Message, answer: &Answer) -> Vec<Message> {
        match answer {
            Answer::Event(_) => Vec::new(),
            Answer::Reply(format, payload) => {
                let topics = if is_about_state(&request.format) {
                    Topics::Many(vec![topic::STATE.to_owned()])
                } else {
                    request.topics.clone()
                };
                vec![self.answer(request, topics, format, payload)]
            }
            Answer::Error(format, payload) => {
                let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
                let mut error = self.answer(request, topics, format, payload);
                error.is_error = true;
                vec![error]
            }
        }
    }

    /// A user who was made by a message joins as one who opened a socket does.
    fn event_of(&self, message: &Message, format: &str, payload: &Value) -> Option<Event> {
        if format != USER_CREATED {
            return matches!(format, LAUNCHED | REMOVED).then(|| self.measure());
        }
        let asked: Value = serde_json::from_str(message.payload.get()).ok()?;
        let name = asked["user_name"].as_str()?.trim().to_owned();
        Some(Event::Joined { user: UserId::from(payload["user_id"].as_str()?), name })
    }

    pub(super) fn refusal(&self, asked: &str, payload: &Value, words: String) -> Answer {
        match asked {
            format::STATE_FETCH_REQUEST => {
                Answer::Error(format::STATE_FETCH_ERROR, json!({"state_fetch_request": payload, "error": words}))
            }
            format::STATE_UPDATE_REQUEST => {
                Answer::Error(format::STATE_UPDATE_ERROR, json!({"state_update_request": payload, "error": words}))
            }
            _ => failure("INVALID_REQUEST", words),
        }
    }

    async fn obey(&mut self, request: Request, message: &Message, payload: &Value) -> Answer {
        match request {
            Request::LaunchAgent(spec) => self.launch(*spec).await,
            Request::RemoveAgent(id) => self.remove(&id).await,
            Request::AddRule(rule) => self.add_rule(*rule).await,
            Request::RemoveRule { hashid } => self.remove_rule(&hashid).await,
            Request::ListAgents { guild } => match self.foreign(&guild) {
                Some(refused) => refused,
                None => self.list(|_| true).await,
            },
            Request::ListRunning { guild } => match self.foreign(&guild) {
                Some(refused) => refused,
                None => {
                    let running: Vec<AgentId> = self.members.keys().cloned().collect();
                    self.list(|row| row.kind != AgentKind::Member || running.contains(&row.id)).await
                }
            },
            Request::GetAgent { guild, agent } => match self.foreign(&guild) {
                Some(refused) => refused,
                None => self.info(&agent, "agent_id").await,
            },
            Request::GetUser(user) => self.info(&AgentId::proxy_of(&user), "user_id").await,
            Request::AddUser { user, .. } => self.new_user(&user),
            Request::FetchState(fetch) => self.fetch(&fetch, message, payload),
            Request::UpdateState(_) => {
                failure(FaultKind::HostError.name(), "a change of a state is committed elsewhere")
            }
            Request::Stop { guild, user } => match user.or_else(|| message.user.clone()) {
                Some(user) if guild == self.spec.id.as_str() => {
                    Answer::Event(Event::StopAsked { user, guild: Some(guild) })
                }
                _ => failure("INVALID_REQUEST", format!("this is the guild {}, not {guild}", self.spec.id)),
            },
        }
    }

    fn foreign(&self, guild: &str) -> Option<Answer> {
        let is_foreign = guild != self.spec.id.as_str();
        is_foreign.then(|| bad_input("guild_id", format!("this is the guild {}, not {guild}", self.spec.id)))
    }

    fn read(&self, format: &str, payload: &Value) -> Option<Result<Request, Vec<FieldError>>> {
        let sandbox = self.serving.components.sandbox();
        let (ceilings, evaluator) = (sandbox.ceilings().ceilings(), sandbox.evaluator());
        let expressions = Expressions::unshared(&*evaluator);
        let context = SpecContext { ceilings: &ceilings, expressions: &expressions, random: rand::random };
        Request::read(format, payload, context)
    }

    async fn launch(&mut self, mut spec: AgentSpec) -> Answer {
        let id = spec.id.clone();
        let launched = json!({"agent_id": id, "status_code": 201, "status": "Agent launched successfully"});
        if self.members.contains_key(&id) {
            return reply(LAUNCHED, launched);
        }
        if self.members.len() >= MAX_AGENTS {
            return failure("TOO_MANY", format!("a guild may have {MAX_AGENTS} agents"));
        }
        let digest = match self.serving.digest_at_hand(&spec).await {
            Ok(digest) => digest,
            Err(reason) => return failure("AGENT_NOT_LAUNCHED", reason),
        };
        // It keeps this one, whatever serves its class later.
        spec.component = Some(digest.into_string());
        let consumer = match self.log.consume(&id, subscriptions(&spec)).await {
            Ok(consumer) => consumer,
            Err(error) => return failure(FaultKind::HostError.name(), error.to_string()),
        };
        self.spec.agents.retain(|agent| agent.id != id);
        self.spec.agents.push(spec.clone());
        let row = AgentRow::new(AgentKind::Member, spec.clone(), AgentStatus::Starting);
        if let Err(error) = self.store.upsert_agent(&self.spec.id, &row).await {
            tracing::error!(%error, agent = %id, "an agent cannot be stored");
        }
        self.refresh().await;
        self.start_agent(spec, consumer);
        reply(LAUNCHED, launched)
    }

    async fn remove(&mut self, id: &AgentId) -> Answer {
        let is_known = self.end_agent(id).await || self.was_here(id).await;
        if !is_known {
            return failure("AGENT_NOT_FOUND", format!("the guild has no agent {id}"));
        }
        self.spec.agents.retain(|agent| agent.id != *id);
        let row = [(id.clone(), AgentStatus::Deleted)];
        if let Err(error) = self.store.set_agent_statuses(&self.spec.id, &row).await {
            tracing::error!(%error, agent = %id, "the removal of an agent cannot be stored");
        }
        self.refresh().await;
        reply(
            REMOVED,
            json!({"agent_id": id, "status_code": 200, "status": "Agent removed successfully", "message": null}),
        )
    }

    async fn was_here(&self, id: &AgentId) -> bool {
        let rows = self.store.agents(&self.spec.id).await.unwrap_or_default();
        rows.iter().any(|row| row.id == *id && row.kind == AgentKind::Member)
    }

    async fn add_rule(&mut self, rule: RoutingRule) -> Answer {
        if self.spec.routes.steps.len() >= MAX_RULES {
            return failure("TOO_MANY", format!("a guild may have {MAX_RULES} rules"));
        }
        let hash = hashid(&rule);
        self.spec.routes.steps.push(Arc::new(rule));
        self.refresh().await;
        let status = "Routing rule added successfully";
        reply(RULE_UPDATED, json!({"rule_hashid": hash, "status_code": 201, "status": status, "message": null}))
    }

    async fn remove_rule(&mut self, hash: &str) -> Answer {
        let before = self.spec.routes.steps.len();
        self.spec.routes.steps.retain(|rule| !is_meant(rule, hash));
        if self.spec.routes.steps.len() == before {
            return failure("RULE_NOT_FOUND", format!("Routing rule with hashid {hash} not found"));
        }
        self.refresh().await;
        let status = "Routing rule removed successfully";
        reply(RULE_UPDATED, json!({"rule_hashid": hash, "status_code": 200, "status": status, "message": null}))
    }

    /// Lets everybody see the guild as it is now, and keeps it.
    pub(super) async fn refresh(&mut self) {
        let (agents, routes) = (self.spec.agents.clone(), Arc::new(self.spec.routes.clone()));
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.agents = agents;
            view.routes = routes;
        });
        if let Err(error) = self.store.set_guild_spec(&self.spec, self.clock.now_ms()).await {
            tracing::error!(%error, guild = %self.spec.id, "the guild's spec cannot be stored");
        }
        self.announce();
    }

    async fn list(&self, shown: impl Fn(&AgentRow) -> bool) -> Answer {
        let rows = match self.store.agents(&self.spec.id).await {
            Ok(rows) => rows,
            Err(error) => return failure(FaultKind::HostError.name(), error.to_string()),
        };
        let present = rows.iter().filter(|row| row.status != AgentStatus::Deleted && shown(row));
        reply(LISTED, json!({"agents": present.map(info_of).collect::<Vec<_>>()}))
    }

    async fn info(&self, id: &AgentId, field: &str) -> Answer {
        let rows = self.store.agents(&self.spec.id).await.unwrap_or_default();
        match rows.iter().find(|row| row.id == *id && row.status != AgentStatus::Deleted) {
            Some(row) => reply(INFO, info_of(row)),
            None => bad_input(field, format!("the guild has no agent {id}")),
        }
    }

    fn new_user(&self, user: &UserId) -> Answer {
        if self.view.borrow().users.iter().any(|(known, _)| known == user) {
            let message = format!("Agent for user {user} already exists");
            let payload =
                json!({"status_code": 409, "status": "Conflict", "error_field": "user_id", "message": message});
            return reply(CONFLICT, payload);
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

    /// An answer to a request; a user who asked sees it.
    fn answer(&self, request: &Message, topics: Topics, name: &str, payload: &Value) -> Message {
        let mut answer = Message::draft(self.tag.clone(), topics, name, raw_json(payload));
        answer.in_response_to = Some(request.id);
        answer.thread = request.full_thread();
        answer.conversation_id.clone_from(&request.conversation_id);
        answer.traceparent.clone_from(&request.traceparent);
        answer.priority =
            if name.ends_with("Response") && name.contains(".state.") { Priority::NORMAL } else { request.priority };
        answer.user.clone_from(&request.user);
        answer.full_names = request.full_names;
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

fn info_of(row: &AgentRow) -> Value {
    let spec = &row.spec;
    json!({"id": row.id, "name": spec.name, "description": spec.description, "class_name": spec.class_name})
}
