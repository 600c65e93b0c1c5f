//! What a guild's manager tells: how the guild is, who is there, what changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::agent::AgentHealth;
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::format;
use guildhall_model::health::{HealthReport, HealthStatus, Heartbeat};
use guildhall_model::ids::{AgentId, UserId};
use guildhall_model::message::{AgentTag, Message, Priority, Topics, raw_json};
use guildhall_model::participant::{self, Participant};
use guildhall_model::spec::AgentSpec;
use guildhall_model::state::StateOwner;
use guildhall_model::topic;

use super::manager::{Member, Running};
use super::state::{Asked, Check};

impl Running {
    /// Tells everybody who listens, and whoever will, how the guild is.
    pub(super) fn report(&self) {
        let now_ms = self.clock.now_ms();
        let users = self.view.borrow().users.clone();
        let mut agents: BTreeMap<AgentId, Heartbeat> = self
            .state
            .signs()
            .iter()
            .map(|(id, health)| (id.clone(), heartbeat(health, self.members.get(id), now_ms, now_ms)))
            .collect();
        for (user, _) in &users {
            agents.insert(
                AgentId::proxy_of(user),
                heartbeat(&AgentHealth::without_detail(HealthStatus::Ok), None, now_ms, now_ms),
            );
        }
        let report = HealthReport { agents, guild_health: self.state.health() };
        self.log.retain(self.say(topic::GUILD_STATUS, format::HEALTH_REPORT, &json!(report)));
    }

    pub(super) fn tell_participants(&self, asked: Asked) {
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
        let to = topic::user_system_notification(&asked.user);
        let mut answer = self.say(&to, format::PARTICIPANT_LIST, &json!({"participants": participants}));
        answer.in_response_to = Some(asked.request);
        answer.thread = vec![asked.request];
        answer.conversation_id = asked.conversation_id;
        self.log.signal(answer);
    }

    pub(super) fn confirm_stop(&self, user: &UserId) {
        self.log.signal(self.say(topic::GUILD_STATUS, format::STOP_GUILD_RESPONSE, &json!({"user_id": user})));
    }

    pub(super) fn say(&self, to: &str, format: &str, payload: &Value) -> Message {
        Message::draft(self.tag.clone(), Topics::Many(vec![to.to_owned()]), format, raw_json(payload))
    }

    /// The manager's own heartbeat and each agent's, in answer to a check.
    pub(super) fn beat(&self, check: Option<Check>) {
        let now_ms = self.clock.now_ms();
        let checked_ms = check.and_then(|check| check.time_ms).unwrap_or(now_ms);
        let own = heartbeat(&AgentHealth::without_detail(HealthStatus::Ok), None, checked_ms, now_ms);
        self.tell_beat(self.tag.clone(), &own, check);
        for (id, health) in self.state.signs() {
            let Some(member) = self.members.get(id) else { continue };
            self.tell_beat(member.spec.tag(), &heartbeat(health, Some(member), checked_ms, now_ms), check);
        }
    }

    fn tell_beat(&self, sender: AgentTag, beat: &Heartbeat, check: Option<Check>) {
        let mut message = self.say(topic::GUILD_STATUS, format::HEARTBEAT, &json!(beat));
        message.sender = sender;
        message.priority = Priority::HIGH;
        message.in_response_to = check.map(|check| check.request);
        message.thread = message.in_response_to.into_iter().collect();
        self.log.signal(message);
    }

    /// Announces that agents, rules or users are others now.
    pub(super) fn announce(&self) {
        let mut spec = json!(self.spec);
        for agent in spec["agents"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            agent.retain(|name, _| !matches!(name.as_str(), "sandbox" | "component"));
        }
        let update = json!({"guild_id": self.spec.id, "guild_spec": spec});
        self.log.signal(self.say(topic::GUILD_STATUS, format::GUILD_UPDATED, &update));
        let state = self.fetched(&StateOwner::Guild, None).unwrap_or_default();
        self.log.signal(self.say(topic::GUILD_STATUS, format::STATE_FETCH_RESPONSE, &state));
    }
}

/// `checked_ms` is the time of the check that it answers.
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
