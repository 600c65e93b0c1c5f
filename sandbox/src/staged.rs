//! The effects of a turn that are not committed yet. Each effect is checked when it is staged, so that the guest gets
//! the error at once. Staged effects are valid, and they are dropped when the turn fails.

use serde_json::value::RawValue;

use crate::bindings::messaging::{EmitError, Outgoing as GuestOutgoing};
use crate::buckets::StagedWrites;
use crate::limits::{Limit, Limits};
use guildhall_model::priority::Priority;
use guildhall_model::routing::Outgoing;
use guildhall_model::tag::AgentTag;
use guildhall_model::{names, payload, topic};

/// How many topics and how many recipients a message may name.
const MAX_NAMES: usize = 16;
/// The longest name of a format, topic or recipient, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The shortest name of a format, in characters.
const MIN_FORMAT_CHARS: usize = 3;
/// The longest reason of a message, in bytes.
const MAX_REASON_BYTES: usize = 4 << 10;

/// A limit that a turn met when it staged an effect. The effect was refused and the turn went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitMet {
    /// The setting that changes the limit.
    pub setting: &'static str,
    /// The limit, in the unit that the setting's name ends in.
    pub limit: u64,
    /// The value that was refused, in the same unit.
    pub value: u64,
}

/// The effects that one turn has staged.
#[derive(Default)]
pub(crate) struct Staged {
    /// The limit that was met last.
    pub(crate) met: Option<LimitMet>,
    /// The outgoing messages, in order.
    pub(crate) emits: Vec<Outgoing>,
    /// JSON merge patches of the agent's state, in order.
    pub(crate) agent_patches: Vec<String>,
    /// JSON merge patches of the guild's state, in order.
    pub(crate) guild_patches: Vec<String>,
    /// The changes of values.
    pub(crate) values: StagedWrites,
    /// How many progress frames were sent.
    pub(crate) progress: u64,
    /// The bytes of all of these.
    bytes: u64,
}

/// Which state a patch changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The state of the agent.
    Agent,
    /// The state of the guild.
    Guild,
}

/// This many progress frames weigh as much as one message, because they are not stored.
const PROGRESS_FRAMES_PER_MESSAGE: u64 = 2;

impl Staged {
    /// Checks a message and stages it. `own_inbox` is the only agent inbox that the agent may write to.
    ///
    /// # Errors
    /// The answer to the guest: the message is not valid, or a limit is met.
    pub(crate) fn emit(&mut self, outgoing: GuestOutgoing, own_inbox: &str, limits: &Limits) -> Result<(), EmitError> {
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

    /// Checks a JSON merge patch and stages it.
    ///
    /// # Errors
    /// The answer to the guest: the patch is not a JSON object, or a limit is met.
    pub(crate) fn patch(&mut self, state: State, patch: String, limits: &Limits) -> Result<(), String> {
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

    /// Checks and counts a progress frame, which is sent at once.
    ///
    /// # Errors
    /// The answer to the guest: the frame is not valid, or a limit is met.
    pub(crate) fn progress(&mut self, format: &str, payload: &str, limits: &Limits) -> Result<(), EmitError> {
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

    /// Returns the weight of the staged effects: see [`Usage::emitted`](crate::turn::Usage::emitted).
    pub(crate) fn weight(&self) -> u64 {
        self.emits.len() as u64 + self.progress / PROGRESS_FRAMES_PER_MESSAGE + (self.bytes >> 10)
    }

    /// Counts bytes that the host holds for the turn.
    ///
    /// # Errors
    /// The answer to the guest: they are more than `host.staged_bytes`.
    pub(crate) fn hold(&mut self, bytes: usize, limits: &Limits) -> Result<(), String> {
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
    names::check(format).map_err(|unseen| EmitError::Other(format!("format: {unseen}")))
}

/// Returns the canonical name of a topic if an agent may write to it. It may not write to topics of the host, to topics
/// on which users send, or to inboxes of other agents.
fn allowed_topic(name: &str, own_inbox: &str) -> Result<String, EmitError> {
    let topic = topic::canonical(name);
    if topic.is_empty() || topic.len() > MAX_NAME_BYTES {
        return Err(EmitError::Other(format!("a topic has 1 to {MAX_NAME_BYTES} bytes")));
    }
    names::check(&topic).map_err(|unseen| EmitError::Other(format!("topic: {unseen}")))?;
    if topic.strip_prefix("agent_self_inbox:").is_some_and(|id| own_inbox.strip_prefix("agent_inbox:") == Some(id)) {
        return Ok(topic);
    }
    let is_users = ["user:", "user_system:", "user_system_notification:"].iter().any(|start| topic.starts_with(start));
    let is_other_inbox = topic.starts_with("agent_inbox:") && topic != own_inbox;
    if topic::is_reserved(&topic) || is_users || is_other_inbox {
        Err(EmitError::TopicDenied(topic))
    } else {
        Ok(topic)
    }
}

/// Parses a text as JSON.
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
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
        assert!(matches!(emit(outgoing(&large)), Err(EmitError::PayloadTooLarge(1_048_576))));
    }

    #[test]
    fn the_fields_beside_the_payload_are_checked_too() {
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
