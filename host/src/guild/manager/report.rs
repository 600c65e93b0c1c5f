//! What a guild's manager publishes on its own: health reports, heartbeats, participants, changes of the guild. All of
//! it is ephemeral.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::active::ActiveManager;
use super::member::{Member, proxy_row};
use crate::agent::AgentHealth;
use crate::guild::lifecycle::{HealthCheck, ParticipantsRequest};
use crate::store::StoreError;
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::format;
use guildhall_model::health::{HealthReport, HealthStatus, Heartbeat};
use guildhall_model::ids::{AgentId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::participant::{self, Participant};
use guildhall_model::priority::Priority;
use guildhall_model::spec::AgentSpec;
use guildhall_model::state::StateOwner;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

/// The most users whose proxies an announcement of the guild lists: those who joined last.
const MAX_PROXIES: usize = 1_000;

impl ActiveManager {
    /// Publishes a health report. Later subscribers get the last one.
    pub(super) fn report(&self) {
        let now_ms = self.clock.now_ms();
        let users = self.view.borrow().users.clone();
        let mut agents: BTreeMap<AgentId, Heartbeat> = self
            .lifecycle
            .agents()
            .iter()
            .map(|(id, health)| (id.clone(), heartbeat(health, self.members.get(id), now_ms, now_ms)))
            .collect();
        for (user, _) in &users {
            agents.insert(
                AgentId::proxy_of(user),
                heartbeat(&AgentHealth::without_detail(HealthStatus::Ok), None, now_ms, now_ms),
            );
        }
        let report = HealthReport { agents, guild_health: self.lifecycle.health() };
        self.log.retain(self.message(topic::GUILD_STATUS, format::HEALTH_REPORT, &json!(report)));
    }

    /// The agents, the manager and the users of the guild, by name.
    pub(super) fn participants(&self) -> Vec<Participant> {
        let view = self.view.borrow().clone();
        let member = |spec: &AgentSpec| Participant::new(spec.tag(), &spec.class_name);
        let mut participants: Vec<Participant> = view.agents.iter().map(member).collect();
        participants.push(Participant::new(self.tag.clone(), format::MANAGER_CLASS));
        let user = |(user, name): &(UserId, String)| {
            let tag = AgentTag::new(AgentId::proxy_of(user).into_string(), name.as_str());
            Participant::new(tag, format::USER_PROXY_CLASS)
        };
        participants.extend(view.users.iter().map(user));
        participant::sort(&mut participants);
        participants
    }

    /// Sends the list of participants to the user who requested it.
    pub(super) fn send_participants(&self, request: ParticipantsRequest) {
        let participants = self.participants();
        let to = topic::user_system_notification(&request.user);
        let mut answer = self.message(&to, format::PARTICIPANT_LIST, &json!({"participants": participants}));
        answer.in_response_to = Some(request.request);
        answer.thread = vec![request.request];
        answer.root_number = request.number;
        answer.conversation_id = request.conversation_id;
        self.log.signal(answer);
    }

    /// Confirms the stop that a user requested.
    pub(super) fn confirm_stop(&self, user: &UserId) {
        self.log.signal(self.message(topic::GUILD_STATUS, format::STOP_GUILD_RESPONSE, &json!({"user_id": user})));
    }

    /// Tells a user that the stop could not be stored, and that the guild goes on.
    pub(super) fn refuse_stop(&self, user: &UserId, error: &StoreError) {
        let payload = json!({
            "agent_type": format::MANAGER_CLASS,
            "error_type": "STORE_UNAVAILABLE",
            "error_message": format!("the guild was not stopped and goes on: {error}; try again later"),
        });
        for to in [topic::user_system_notification(user), topic::user_notifications(user)] {
            let mut message = self.message(&to, format::ERROR_MESSAGE, &payload);
            message.is_error = true;
            message.user = Some(user.clone());
            self.log.signal(message);
        }
    }

    /// A message of the manager to one topic.
    pub(super) fn message(&self, to: &str, format: &str, payload: &Value) -> Message {
        Message::draft(self.tag.clone(), Topics::Many(vec![to.to_owned()]), format, raw_json(payload))
    }

    /// Publishes the manager's heartbeat and each agent's, in answer to a check.
    pub(super) fn publish_heartbeats(&self, check: Option<HealthCheck>) {
        let now_ms = self.clock.now_ms();
        let checked_ms = check.and_then(|check| check.time_ms).unwrap_or(now_ms);
        let own = heartbeat(&AgentHealth::without_detail(HealthStatus::Ok), None, checked_ms, now_ms);
        self.publish_heartbeat(self.tag.clone(), &own, check);
        for (id, health) in self.lifecycle.agents() {
            let Some(member) = self.members.get(id) else { continue };
            self.publish_heartbeat(member.spec.tag(), &heartbeat(health, Some(member), checked_ms, now_ms), check);
        }
    }

    fn publish_heartbeat(&self, sender: AgentTag, heartbeat: &Heartbeat, check: Option<HealthCheck>) {
        let mut message = self.message(topic::GUILD_STATUS, format::HEARTBEAT, &json!(heartbeat));
        message.sender = sender;
        message.priority = Priority::HIGH;
        message.in_response_to = check.map(|check| check.request);
        message.thread = message.in_response_to.into_iter().collect();
        message.root_number = check.and_then(|check| check.number);
        self.log.signal(message);
    }

    /// Publishes the participants to every system socket, if they are others than those that were published last.
    pub(super) fn publish_participants(&mut self) {
        let participants = self.participants();
        if participants != self.known_participants {
            let list = json!({"participants": participants});
            self.log.signal(self.message(topic::GUILD_STATUS, format::PARTICIPANT_LIST, &list));
            self.known_participants = participants;
        }
    }

    /// Announces the guild after its agents or rules have changed, and its state. The participants are published soon,
    /// if they have changed.
    pub(super) fn announce_guild(&mut self) {
        self.publish_spec();
        self.due.participants = true;
    }

    /// Publishes the guild with the proxies of its users, and its state.
    pub(super) fn publish_spec(&self) {
        let mut spec = json!(self.spec);
        if let Some(agents) = spec["agents"].as_array_mut() {
            let view = self.view.borrow();
            agents.extend(
                view.users.iter().rev().take(MAX_PROXIES).rev().map(|(user, name)| json!(proxy_row(user, name).spec)),
            );
        }
        for agent in spec["agents"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            agent.retain(|name, _| !matches!(name.as_str(), "sandbox" | "component"));
        }
        let update = json!({"guild_id": self.spec.id, "guild_spec": spec});
        self.log.signal(self.message(topic::GUILD_STATUS, format::GUILD_UPDATED, &update));
        let state = self.state_payload(&StateOwner::Guild, None).unwrap_or_default();
        self.log.signal(self.message(topic::GUILD_STATUS, format::STATE_FETCH_RESPONSE, &state));
    }
}

/// The heartbeat of an agent, or of the manager itself. `checked_ms` is the time of the check that it answers.
fn heartbeat(health: &AgentHealth, member: Option<&Member>, checked_ms: u64, now_ms: u64) -> Heartbeat {
    let mut checkmeta = Map::new();
    let latency = member.and_then(|member| member.spec.qos.latency);
    checkmeta.insert("qos_latency".into(), json!(latency));
    checkmeta.insert("observed_latency".into(), json!(member.map_or(0, |member| member.handle.gauges().waited_ms())));
    if let Some(busy) = member.and_then(|member| member.handle.gauges().busy_ms(now_ms)) {
        checkmeta.insert("busy_ms".into(), json!(busy));
    }
    if let Some(detail) = &health.detail {
        checkmeta.insert("detail".into(), json!(detail));
    }
    let (checktime, responsetime) = (rfc3339_ms(checked_ms), rfc3339_ms(now_ms));
    Heartbeat { checktime, checkstatus: health.status, responsetime, checkmeta }
}
