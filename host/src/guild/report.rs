//! What a guild's manager tells: how the guild is, who is there, what changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::agent::Sign;
use crate::model::clock::rfc3339_ms;
use crate::model::format;
use crate::model::health::{HealthReport, HealthStatus, Heartbeat};
use crate::model::ids::{AgentId, UserId};
use crate::model::message::{Message, Priority, Topics, raw_json};
use crate::model::state::StateOwner;
use crate::model::topic;

use super::manager::{Member, Running};
use super::state::Asked;

impl Running {
    /// Tells everybody who listens, and whoever will, how the guild is.
    pub(super) fn report(&self) {
        let now_ms = self.clock.now_ms();
        let users = self.view.borrow().users.clone();
        let mut agents: BTreeMap<AgentId, Heartbeat> = self
            .state
            .signs()
            .iter()
            .map(|(id, sign)| (id.clone(), heartbeat(sign, self.members.get(id), now_ms)))
            .collect();
        for (user, _) in &users {
            agents.insert(AgentId::proxy_of(user), heartbeat(&Sign::of(HealthStatus::Ok), None, now_ms));
        }
        let report = HealthReport { agents, guild_health: self.state.health() };
        self.log.retain(self.say(topic::GUILD_STATUS, format::HEALTH_REPORT, &json!(report)));
    }

    pub(super) fn tell_participants(&self, asked: Asked) {
        let view = self.view.borrow().clone();
        let participant = |id: &str, name: &str, kind: &str| json!({"id": id, "name": name, "type": kind});
        let mut participants: Vec<(String, Value)> = self
            .members
            .values()
            .map(|member| &member.spec)
            .map(|spec| (spec.name.clone(), participant(spec.id.as_str(), &spec.name, "bot")))
            .collect();
        let (id, name) = (self.tag.id.clone().unwrap_or_default(), self.tag.name.clone().unwrap_or_default());
        participants.push((name.clone(), participant(&id, &name, "bot")));
        for (user, name) in &view.users {
            participants.push((name.clone(), participant(AgentId::proxy_of(user).as_str(), name, "human")));
        }
        participants.sort_by(|one, other| one.0.cmp(&other.0));
        let participants: Vec<Value> = participants.into_iter().map(|(_, participant)| participant).collect();
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

    /// The manager's own heartbeat, in answer to a check.
    pub(super) fn beat(&self) {
        let beat = heartbeat(&Sign::of(HealthStatus::Ok), None, self.clock.now_ms());
        let mut message = self.say(topic::GUILD_STATUS, format::HEARTBEAT, &json!(beat));
        message.priority = Priority::HIGH;
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

fn heartbeat(sign: &Sign, member: Option<&Member>, now_ms: u64) -> Heartbeat {
    let mut checkmeta = Map::new();
    let latency = member.and_then(|member| member.spec.qos.latency);
    checkmeta.insert("qos_latency".into(), json!(latency));
    checkmeta.insert("observed_latency".into(), json!(member.map_or(0, |member| member.handle.pulse().waited_ms())));
    if let Some(busy) = member.and_then(|member| member.handle.pulse().busy_ms(now_ms)) {
        checkmeta.insert("busy_ms".into(), json!(busy));
    }
    if let Some(detail) = &sign.detail {
        checkmeta.insert("detail".into(), json!(detail));
    }
    let time = rfc3339_ms(now_ms);
    Heartbeat { checktime: time.clone(), checkstatus: sign.status, responsetime: time, checkmeta }
}
