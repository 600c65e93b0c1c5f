//! What a turn has said and not yet committed. Everything is checked as it is
//! staged, so that a well-meaning guest learns at once what is wrong with it; what
//! is staged here is valid, and it is lost with the turn that failed.

use serde_json::value::RawValue;

use super::bindings::messaging::{EmitError, Outgoing as GuestOutgoing};
use super::keyvalue::StagedWrites;
use super::limits::{Limit, Limits};
use guildhall_model::priority::Priority;
use guildhall_model::routing::Outgoing;
use guildhall_model::tag::AgentTag;
use guildhall_model::{payload, topic};

const MAX_NAMES: usize = 16;
const MAX_NAME_BYTES: usize = 256;
const MIN_FORMAT_CHARS: usize = 3;
const MAX_REASON_BYTES: usize = 4 << 10;

/// A limit that a turn met with what it wanted to stage; it was refused that and went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitMet {
    pub setting: &'static str,
    pub limit: u64,
    pub value: u64,
}

/// What one turn has staged so far.
#[derive(Default)]
pub(super) struct Staged {
    /// The limit that was met last.
    pub(super) met: Option<LimitMet>,
    pub(super) emits: Vec<Outgoing>,
    /// JSON merge patches, each an object.
    pub(super) agent_patches: Vec<String>,
    pub(super) guild_patches: Vec<String>,
    pub(super) values: StagedWrites,
    pub(super) progress: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Agent,
    Guild,
}

/// So many frames of progress, which nobody stores, cost what a message does.
const PROGRESS_A_MESSAGE: u64 = 2;

impl Staged {
    /// Checks a message and stages it. `own_inbox` is the one inbox that the agent
    /// may write to.
    pub(super) fn emit(&mut self, outgoing: GuestOutgoing, own_inbox: &str, limits: &Limits) -> Result<(), EmitError> {
        let most = limits.get(Limit::Emits);
        if self.emits.len() as u64 >= most {
            self.meet(Limit::Emits, limits, most + 1);
            return Err(EmitError::TooMany(u32::try_from(most).unwrap_or(u32::MAX)));
        }
        let state_bytes = outgoing.session_state.as_ref().map_or(0, String::len);
        self.check_size(outgoing.payload.len().max(state_bytes), limits)?;
        let size = outgoing.payload.len() + state_bytes;
        let emit = checked(outgoing, own_inbox)?;
        self.hold(size, limits).map_err(EmitError::Other)?;
        self.emits.push(emit);
        Ok(())
    }

    /// Checks a merge patch and stages it.
    pub(super) fn patch(&mut self, state: State, patch: String, limits: &Limits) -> Result<(), String> {
        let row = Limit::StatePatches.row();
        let most = limits.get(Limit::StatePatches);
        if (self.agent_patches.len() + self.guild_patches.len()) as u64 >= most {
            self.meet(Limit::StatePatches, limits, most + 1);
            return Err(format!("a turn may change state {most} times (`{}`)", row.setting));
        }
        if self.check_size(patch.len(), limits).is_err() {
            let most = limits.get(Limit::PayloadBytes);
            return Err(format!("a patch may have {most} bytes (`{}`)", Limit::PayloadBytes.row().setting));
        }
        payload::check_object(&patch)?;
        self.hold(patch.len(), limits)?;
        match state {
            State::Agent => self.agent_patches.push(patch),
            State::Guild => self.guild_patches.push(patch),
        }
        Ok(())
    }

    /// Checks what goes to the user at once.
    pub(super) fn progress(&mut self, format: &str, payload: &str, limits: &Limits) -> Result<(), EmitError> {
        let most = limits.get(Limit::Progress);
        if self.progress >= most {
            self.meet(Limit::Progress, limits, most + 1);
            return Err(EmitError::TooMany(u32::try_from(most).unwrap_or(u32::MAX)));
        }
        check_format(format)?;
        self.check_size(payload.len(), limits)?;
        payload::check_object(payload).map_err(EmitError::InvalidPayload)?;
        self.hold(payload.len(), limits).map_err(EmitError::Other)?;
        self.progress += 1;
        Ok(())
    }

    /// What the turn has said so far: see `Usage`.
    pub(super) fn said(&self) -> u64 {
        self.emits.len() as u64 + self.progress / PROGRESS_A_MESSAGE + (self.bytes >> 10)
    }

    /// Counts what the host holds for the turn.
    pub(super) fn hold(&mut self, bytes: usize, limits: &Limits) -> Result<(), String> {
        let (total, most) = (self.bytes + bytes as u64, limits.get(Limit::StagedBytes));
        if total > most {
            self.meet(Limit::StagedBytes, limits, total);
            return Err(format!("a turn may stage {most} bytes (`{}`)", Limit::StagedBytes.row().setting));
        }
        self.bytes = total;
        Ok(())
    }

    fn check_size(&mut self, bytes: usize, limits: &Limits) -> Result<(), EmitError> {
        let most = limits.get(Limit::PayloadBytes);
        if bytes as u64 <= most {
            return Ok(());
        }
        self.meet(Limit::PayloadBytes, limits, bytes as u64);
        Err(EmitError::PayloadTooLarge(most))
    }

    fn meet(&mut self, limit: Limit, limits: &Limits, value: u64) {
        limit.count();
        self.met = Some(LimitMet { setting: limit.row().setting, limit: limits.get(limit), value });
    }
}

fn checked(outgoing: GuestOutgoing, own_inbox: &str) -> Result<Outgoing, EmitError> {
    let GuestOutgoing { format, payload, topics, recipients, priority, new_thread, session_state, reason } = outgoing;
    check_format(&format)?;
    payload::check(&payload).map_err(EmitError::InvalidPayload)?;
    let payload = raw(payload).map_err(EmitError::InvalidPayload)?;
    let session_state = match session_state {
        Some(state) => {
            let wrong = |wrong| EmitError::InvalidPayload(format!("session-state: {wrong}"));
            payload::check_object(&state).map_err(wrong)?;
            Some(raw(state).map_err(wrong)?)
        }
        None => None,
    };
    if topics.len() > MAX_NAMES || recipients.len() > MAX_NAMES {
        return Err(EmitError::Other(format!("a message may name {MAX_NAMES} topics and {MAX_NAMES} recipients")));
    }
    let topics = topics.iter().map(|name| allowed_topic(name, own_inbox)).collect::<Result<_, _>>()?;
    let too_long = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.len() > most);
    if recipients.iter().any(|tag| too_long(&tag.id, MAX_NAME_BYTES) || too_long(&tag.name, MAX_NAME_BYTES)) {
        return Err(EmitError::Other(format!("a recipient's id and name may have {MAX_NAME_BYTES} bytes")));
    }
    if too_long(&reason, MAX_REASON_BYTES) {
        return Err(EmitError::Other(format!("a reason may have {MAX_REASON_BYTES} bytes")));
    }
    let priority = match priority {
        Some(number) => {
            Some(Priority::new(number).ok_or_else(|| EmitError::Other(format!("priority is {number}, not 0 to 7")))?)
        }
        None => None,
    };
    let recipients = recipients.into_iter().map(|tag| AgentTag { id: tag.id, name: tag.name }).collect();
    Ok(Outgoing { format, payload, topics, recipients, priority, new_thread, session_state, reason })
}

fn check_format(format: &str) -> Result<(), EmitError> {
    if format.len() > MAX_NAME_BYTES || format.chars().take(MIN_FORMAT_CHARS).count() < MIN_FORMAT_CHARS {
        let wrong = format!("a format has at least {MIN_FORMAT_CHARS} characters and at most {MAX_NAME_BYTES} bytes");
        return Err(EmitError::Other(wrong));
    }
    Ok(())
}

/// The topic in the host's spelling, if an agent may write to it: not what the
/// host itself says, not what users say, and no inbox but its own and the one where
/// it writes to itself.
fn allowed_topic(name: &str, own_inbox: &str) -> Result<String, EmitError> {
    let topic = topic::canonical(name);
    if topic.is_empty() || topic.len() > MAX_NAME_BYTES {
        return Err(EmitError::Other(format!("a topic has 1 to {MAX_NAME_BYTES} bytes")));
    }
    if topic.strip_prefix("agent_self_inbox:").is_some_and(|id| own_inbox.strip_prefix("agent_inbox:") == Some(id)) {
        return Ok(topic);
    }
    let is_users = ["user:", "user_system:", "user_system_notification:"].iter().any(|start| topic.starts_with(start));
    let is_others = topic.starts_with("agent_inbox:") && topic != own_inbox;
    if topic::is_reserved(&topic) || is_users || is_others { Err(EmitError::TopicDenied(topic)) } else { Ok(topic) }
}

/// The text as JSON.
fn raw(text: String) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text).map_err(|error| format!("not valid JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(payload: &str) -> GuestOutgoing {
        GuestOutgoing {
            format: "text".into(),
            payload: payload.into(),
            topics: Vec::new(),
            recipients: Vec::new(),
            priority: None,
            new_thread: false,
            session_state: None,
            reason: None,
        }
    }

    /// Seven bytes.
    const SMALL: &str = r#"{"a":1}"#;

    fn emit(outgoing: GuestOutgoing) -> Result<(), EmitError> {
        Staged::default().emit(outgoing, "agent_inbox:me", &Limits::default())
    }

    #[test]
    fn a_payload_is_a_json_object() {
        assert!(emit(outgoing(r#" {"a": [1, "]}"]}"#)).is_ok());
        for wrong in ["", "[]", "1", "{", r#"{"a":}"#, "{}{}", "{}", " { } "] {
            assert!(matches!(emit(outgoing(wrong)), Err(EmitError::InvalidPayload(_))), "{wrong}");
        }
        let deep = |levels| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(emit(outgoing(&deep(63))).is_ok());
        assert!(matches!(emit(outgoing(&deep(64))), Err(EmitError::InvalidPayload(_))));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(256 << 10));
        assert!(matches!(emit(outgoing(&large)), Err(EmitError::PayloadTooLarge(262_144))));
    }

    #[test]
    fn what_is_said_with_a_payload_is_checked_too() {
        let with = |change: fn(&mut GuestOutgoing)| {
            let mut message = outgoing(SMALL);
            change(&mut message);
            emit(message)
        };
        assert!(matches!(with(|message| message.format = "éé".into()), Err(EmitError::Other(_))));
        assert!(matches!(with(|message| message.priority = Some(8)), Err(EmitError::Other(_))));
        assert!(matches!(with(|message| message.topics = vec![" ".into()]), Err(EmitError::Other(_))));
        assert!(matches!(with(|message| message.session_state = Some("[]".into())), Err(EmitError::InvalidPayload(_))));
        assert!(with(|message| message.session_state = Some("{}".into())).is_ok());
    }

    #[test]
    fn an_agent_writes_to_no_topic_of_the_host_of_users_or_of_other_agents() {
        for topic in ["system_topic", "heartbeat", "dead_letter_queue", "user:ada", "user:ada:inbox", "agent_inbox:you"]
        {
            let denied = allowed_topic(topic, "agent_inbox:me");
            assert!(matches!(denied, Err(EmitError::TopicDenied(_))), "{topic}");
        }
        for topic in ["work", "agent_inbox:me", "user_outbox:ada", "user:ada:notifications"] {
            assert!(allowed_topic(topic, "agent_inbox:me").is_ok(), "{topic}");
        }
    }

    #[test]
    fn a_turn_stages_a_bounded_number_and_a_bounded_amount() {
        let limits = Limits::default().with(Limit::Emits, 2).with(Limit::StagedBytes, 18).with(Limit::StatePatches, 2);
        let mut staged = Staged::default();
        assert!(staged.emit(outgoing(SMALL), "", &limits).is_ok());
        assert!(staged.patch(State::Agent, "{}".into(), &limits).is_ok());
        assert!(matches!(staged.emit(outgoing(r#"{"a":"long"}"#), "", &limits), Err(EmitError::Other(_))));
        assert!(staged.emit(outgoing(SMALL), "", &limits).is_ok());
        assert!(matches!(staged.emit(outgoing(SMALL), "", &limits), Err(EmitError::TooMany(2))));
        assert_eq!(staged.met, Some(LimitMet { setting: "sandbox.emits", limit: 2, value: 3 }));
        assert!(staged.patch(State::Guild, "[]".into(), &limits).is_err());
        assert!(staged.patch(State::Guild, "{}".into(), &limits).is_ok());
        assert!(staged.patch(State::Guild, "{}".into(), &limits).is_err());
    }
}
