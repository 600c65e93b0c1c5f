//! A bench to run an agent on in `cargo test`: natively, with the dispatch that the component uses, without a host.

use crate::describe::describe;
use crate::host::Host;
use crate::runner::Runner;
use crate::{
    Agent, AgentTag, Description, EmitError, Failure, Format, Health, Identity, Language, Message, Outgoing, Stateful,
    StopReason,
};
use serde_json::Value;
use std::cell::RefCell;

thread_local! {
    static LOGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what was logged on this thread for the bench that runs on it, and shows it if the test fails.
pub(crate) fn keep_log(lines: &str) {
    eprint!("{lines}");
    LOGS.with_borrow_mut(|logs| logs.extend(lines.lines().map(String::from)));
}

/// One agent on the bench, with the part of a host that it can see.
///
/// A turn is a transaction here too: what it emitted and changed counts only if the handler returned `Ok`.
pub struct Bench<A> {
    /// The envelope of the messages to come: set `sender`, `attempt`, `session_state` and so on. `send` fills in a new
    /// id, the format and the payload.
    pub envelope: Message,
    /// Who `Ctx::whoami` says the agent is.
    pub identity: Identity,
    /// The agent's committed state, a JSON object.
    pub agent_state: Value,
    /// The guild's committed state, a JSON object.
    pub guild_state: Value,
    /// Makes every emit and progress fail so, until it is `None` again.
    pub fail_emit: Option<EmitError>,
    /// What evaluates expressions; there is none unless the test brings one.
    pub evaluator: Evaluator,
    /// What `Ctx::is_cancelled` says.
    pub cancelled: bool,
    /// What the turns so far showed as progress, failed ones too.
    pub progress: Vec<Progress>,
    /// What was logged so far, a line each: `[info] 3 votes`.
    pub logs: Vec<String>,
    properties: String,
    runner: Runner<A>,
}

/// Evaluates an expression on the text of a JSON object.
pub type Evaluator = fn(Language, &str, &str) -> Result<Option<String>, String>;

fn no_evaluator(_: Language, _: &str, _: &str) -> Result<Option<String>, String> {
    Err("expression_unavailable: set the bench's `evaluator`".into())
}

/// What an agent showed at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The name of its format.
    pub format: String,
    /// Its payload, parsed.
    pub payload: Value,
}

impl<A: Agent> Bench<A> {
    /// Starts an agent as a host does: `properties` as in a blueprint, empty states.
    ///
    /// # Errors
    /// The agent's configuration error, or what in the properties does not fit.
    pub fn start(properties: Value) -> Result<Self, String> {
        let mut bench = Bench {
            envelope: first_envelope(),
            identity: Identity {
                guild_id: "guild".into(),
                guild_name: "Bench".into(),
                agent_id: "agent".into(),
                agent_name: A::NAME.into(),
                class_name: A::CLASS_NAME.into(),
                component_digest: String::new(),
            },
            agent_state: Value::Object(Default::default()),
            guild_state: Value::Object(Default::default()),
            fail_emit: None,
            evaluator: no_evaluator,
            cancelled: false,
            progress: Vec::new(),
            logs: Vec::new(),
            properties: properties.to_string(),
            runner: Runner::new(),
        };
        bench.restart()?;
        Ok(bench)
    }

    /// Describes the agent, with the version `test`.
    pub fn describe() -> Description {
        describe::<A>("test")
    }

    /// Delivers a message of type `T`. Gives what the turn emitted, in order.
    ///
    /// # Errors
    /// The handler's failure; then nothing was emitted and no state changed.
    pub fn send<T: Format>(&mut self, message: &T) -> Result<Vec<Outgoing>, Failure> {
        self.send_text(T::NAME, &serde_json::to_string(message)?)
    }

    /// Delivers a message of any format.
    ///
    /// # Errors
    /// As [`Bench::send`].
    pub fn send_raw(&mut self, format: &str, payload: Value) -> Result<Vec<Outgoing>, Failure> {
        self.send_text(format, &payload.to_string())
    }

    /// Delivers JSON text as it is.
    ///
    /// # Errors
    /// As [`Bench::send`].
    pub fn send_text(&mut self, format: &str, payload: &str) -> Result<Vec<Outgoing>, Failure> {
        self.envelope.id += 1;
        let message = Message {
            format: format.into(),
            payload: payload.into(),
            thread: vec![self.envelope.id],
            ..self.envelope.clone()
        };
        let mut turn = Turn::new(self);
        let outcome = self.runner.receive(&mut turn, &message);
        let Turn { emitted, progress, agent_state, guild_state, .. } = turn;
        self.progress.extend(progress);
        self.take_logs();
        outcome?;
        self.agent_state = agent_state.staged;
        self.guild_state = guild_state.staged;
        Ok(emitted)
    }

    /// Ends the instance without a word, as a crash does, and starts another: fields are lost, states remain.
    ///
    /// # Errors
    /// As [`Bench::start`].
    pub fn restart(&mut self) -> Result<(), String> {
        LOGS.take();
        self.runner = Runner::new();
        let outcome = self.runner.start(&self.properties);
        self.take_logs();
        outcome
    }

    /// Asks the agent how it feels.
    pub fn heartbeat(&mut self) -> Health {
        let health = self.runner.heartbeat();
        self.take_logs();
        health
    }

    /// Tells the agent that it ends.
    pub fn stop(&mut self, reason: StopReason) {
        self.runner.stop(reason);
        self.take_logs();
    }

    fn take_logs(&mut self) {
        self.logs.extend(LOGS.take());
    }
}

impl<A: Stateful> Bench<A> {
    /// Ends the instance and starts another with what the first has saved, as an idle unload, an upgrade and a restart of
    /// the host do. `version` is that of the component which saves.
    ///
    /// # Errors
    /// Why it cannot be saved, started or restored.
    pub fn reload(&mut self, version: &str) -> Result<(), String> {
        let saved = self.runner.save()?;
        self.restart()?;
        let restored = self.runner.restore(version, &saved);
        self.take_logs();
        restored
    }
}

fn first_envelope() -> Message {
    Message {
        id: 0,
        format: String::new(),
        payload: String::new(),
        sender: AgentTag { id: Some("user".into()), name: Some("User".into()) },
        topic: "default_topic".into(),
        recipients: Vec::new(),
        thread: Vec::new(),
        in_response_to: None,
        conversation_id: None,
        priority: 4,
        timestamp_ms: 1_700_000_000_000,
        is_error: false,
        session_state: None,
        traceparent: None,
        attempt: 1,
        budget_ms: 30_000,
    }
}

/// The host's side of one turn.
struct Turn {
    identity: Identity,
    fail_emit: Option<EmitError>,
    evaluator: Evaluator,
    cancelled: bool,
    emitted: Vec<Outgoing>,
    progress: Vec<Progress>,
    agent_state: State,
    guild_state: State,
}

struct State {
    committed: Value,
    staged: Value,
}

impl State {
    fn new(committed: &Value) -> Self {
        State { committed: committed.clone(), staged: committed.clone() }
    }

    fn stage(&mut self, patch: &str) -> Result<(), String> {
        match serde_json::from_str(patch) {
            Ok(patch @ Value::Object(_)) => {
                merge(&mut self.staged, patch);
                Ok(())
            }
            Ok(_) => Err("a patch must be a JSON object".into()),
            Err(error) => Err(format!("a patch must be JSON: {error}")),
        }
    }
}

impl Turn {
    fn new<A>(bench: &Bench<A>) -> Self {
        Turn {
            identity: bench.identity.clone(),
            fail_emit: bench.fail_emit.clone(),
            evaluator: bench.evaluator,
            cancelled: bench.cancelled,
            emitted: Vec::new(),
            progress: Vec::new(),
            agent_state: State::new(&bench.agent_state),
            guild_state: State::new(&bench.guild_state),
        }
    }

    /// What the host checks too: a payload is a JSON object.
    fn check(&self, payload: &str) -> Result<Value, EmitError> {
        if let Some(error) = &self.fail_emit {
            return Err(error.clone());
        }
        match serde_json::from_str(payload) {
            Ok(payload @ Value::Object(_)) => Ok(payload),
            Ok(_) => Err(EmitError::InvalidPayload("not a JSON object".into())),
            Err(error) => Err(EmitError::InvalidPayload(error.to_string())),
        }
    }
}

impl Host for Turn {
    fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError> {
        self.check(&outgoing.payload)?;
        self.emitted.push(outgoing);
        Ok(())
    }

    fn progress(&mut self, format: &str, payload: &str) -> Result<(), EmitError> {
        let payload = self.check(payload)?;
        self.progress.push(Progress { format: format.into(), payload });
        Ok(())
    }

    fn whoami(&self) -> Identity {
        self.identity.clone()
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    fn agent_state(&self) -> String {
        self.agent_state.committed.to_string()
    }

    fn guild_state(&self) -> String {
        self.guild_state.committed.to_string()
    }

    fn update_agent_state(&mut self, patch: &str) -> Result<(), String> {
        self.agent_state.stage(patch)
    }

    fn update_guild_state(&mut self, patch: &str) -> Result<(), String> {
        self.guild_state.stage(patch)
    }

    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, String> {
        (self.evaluator)(language, source, input)
    }
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Default::default());
    }
    let members = target.as_object_mut().expect("made an object above");
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.remove(&name);
            }
            value => merge(members.entry(name).or_insert(Value::Null), value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use serde_json::json;

    #[message("text", "app.TextFormat")]
    struct Text {
        text: String,
    }

    #[properties]
    struct Props {
        #[serde(default = "two")]
        factor: u32,
    }

    fn two() -> u32 {
        2
    }

    struct Probe {
        props: Props,
        turns: u32,
    }

    impl Agent for Probe {
        const CLASS_NAME: &'static str = "tests.Probe";
        const NAME: &'static str = "Probe";
        const SUMMARY: &'static str = "Does what it is told";
        type Properties = Props;

        fn new(props: Props) -> Result<Self, String> {
            match props.factor {
                0 => Err("factor must not be 0".into()),
                _ => Ok(Probe { props, turns: 0 }),
            }
        }

        fn handlers(on: &mut Handlers<Self>) {
            on.message(Self::on_text);
        }

        fn emits(emits: &mut Emits) {
            emits.message::<Text>();
        }
    }

    impl Probe {
        fn on_text(&mut self, ctx: &mut Ctx, order: Text) -> Result<(), Failure> {
            self.turns += 1;
            ctx.update_agent_state(&json!({"turns": self.turns, "gone": null}))?;
            ctx.update_guild_state(&json!({"seen": {&order.text: true}}))?;
            ctx.progress(&order)?;
            log::info!("order:\n{}", order.text);
            match order.text.as_str() {
                "fail" => Err(Failure::retry("told so")),
                "emit" => {
                    let copy = Outgoing::new(&order)?.to_topic("copies").with_priority(1);
                    ctx.emit(copy.in_new_thread().because("told so"))?;
                    Ok(())
                }
                "state" => {
                    let state: Value = ctx.agent_state()?;
                    ctx.reply_raw("state", state)?;
                    Ok(())
                }
                "whoami" => {
                    let text = format!("{} {}", ctx.whoami().agent_name, ctx.is_cancelled());
                    ctx.reply(&Text { text })?;
                    Ok(())
                }
                "no json" => Ok(ctx.reply_json_text("text", "no json")?),
                "sum" => {
                    let text = (self.props.factor * ctx.message().attempt).to_string();
                    Ok(ctx.reply(&Text { text })?)
                }
                _ => Ok(()),
            }
        }
    }

    fn bench() -> Bench<Probe> {
        Bench::start(json!({})).unwrap()
    }

    fn text(text: &str) -> Text {
        Text { text: text.into() }
    }

    #[test]
    fn a_turn_gives_what_it_emitted() {
        let emitted = bench().send(&text("emit")).unwrap();
        assert_eq!(emitted.len(), 1);
        assert_eq!(emitted[0].format, "text");
        assert_eq!(emitted[0].topics, ["copies"]);
        assert_eq!(emitted[0].priority, Some(1));
        assert!(emitted[0].new_thread);
        assert_eq!(emitted[0].reason.as_deref(), Some("told so"));
        assert_eq!(emitted[0].parse::<Text>().unwrap().text, "emit");
    }

    #[test]
    fn an_alias_is_received_like_the_first_name() {
        let emitted = bench().send_raw("app.TextFormat", json!({"text": "emit"}));
        assert_eq!(emitted.unwrap()[0].format, "text");
    }

    #[test]
    fn a_failed_turn_changes_nothing_but_was_seen() {
        let mut bench = bench();
        bench.agent_state = json!({"gone": 1});
        assert_eq!(bench.send(&text("fail")), Err(Failure::retry("told so")));
        assert_eq!(bench.agent_state, json!({"gone": 1}));
        assert_eq!(bench.guild_state, json!({}));
        assert_eq!(bench.progress[0].payload, json!({"text": "fail"}));
        assert_eq!(bench.logs, ["[info] order:", "[info] fail"]);
    }

    #[test]
    fn patches_are_merged_and_null_removes() {
        let mut bench = bench();
        bench.agent_state = json!({"gone": 1, "kept": 2});
        bench.send(&text("a")).unwrap();
        bench.send(&text("b")).unwrap();
        assert_eq!(bench.agent_state, json!({"kept": 2, "turns": 2}));
        assert_eq!(bench.guild_state, json!({"seen": {"a": true, "b": true}}));
    }

    #[test]
    fn a_turn_sees_the_state_committed_before_it() {
        let mut bench = bench();
        bench.agent_state = json!({"turns": 7});
        let emitted = bench.send(&text("state")).unwrap();
        assert_eq!(emitted[0].parse::<Value>().unwrap(), json!({"turns": 7}));
        assert_eq!(bench.agent_state, json!({"turns": 1}));
    }

    #[test]
    fn a_restart_loses_fields_and_keeps_state() {
        let mut bench = bench();
        bench.send(&text("a")).unwrap();
        bench.send(&text("a")).unwrap();
        bench.restart().unwrap();
        assert_eq!(bench.agent_state, json!({"turns": 2}));
        bench.send(&text("a")).unwrap();
        assert_eq!(bench.agent_state, json!({"turns": 1}));
    }

    impl Stateful for Probe {
        fn save(&mut self) -> Result<Vec<u8>, String> {
            Ok(self.turns.to_le_bytes().into())
        }

        fn restore(&mut self, _version: &str, data: &[u8]) -> Result<(), String> {
            self.turns = u32::from_le_bytes(data.try_into().map_err(|_| "no four bytes")?);
            Ok(())
        }
    }

    #[test]
    fn what_is_saved_survives_a_reload() {
        let mut bench = bench();
        bench.send(&text("a")).unwrap();
        bench.reload("1").unwrap();
        bench.send(&text("a")).unwrap();
        assert_eq!(bench.agent_state, json!({"turns": 2}));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_rejected_with_format_and_path() {
        let failure = bench().send_raw("text", json!({"text": 3})).unwrap_err();
        assert!(matches!(failure, Failure::Reject(_)));
        let words = "the payload of format `text` does not fit at `text`: invalid type: integer";
        assert!(failure.reason().starts_with(words), "{failure:?}");
    }

    #[test]
    fn a_message_nobody_handles_is_dropped_without_a_failure() {
        let mut bench = bench();
        assert_eq!(bench.send_raw("image", json!({})), Ok(vec![]));
        assert_eq!(bench.agent_state, json!({}));
        assert!(bench.logs[0].starts_with("[debug] no handler for format `image`"));
    }

    #[test]
    fn properties_that_do_not_fit_or_please_refuse_the_start() {
        let refused = |properties| Bench::<Probe>::start(properties).err().unwrap();
        assert_eq!(refused(json!({"factor": 0})), "factor must not be 0");
        let words = "the `properties` object does not fit at `factor`: ";
        assert!(refused(json!({"factor": "x"})).starts_with(words));
    }

    #[test]
    fn the_envelope_and_the_host_can_be_set() {
        let mut bench = bench();
        bench.envelope.attempt = 3;
        bench.cancelled = true;
        let text_of = |emitted: Vec<Outgoing>| emitted[0].parse::<Text>().unwrap().text;
        assert_eq!(text_of(bench.send(&text("sum")).unwrap()), "6");
        assert_eq!(text_of(bench.send(&text("whoami")).unwrap()), "Probe true");
    }

    #[test]
    fn an_emit_that_the_host_refuses_fails_the_turn_in_words() {
        let mut bench = bench();
        let failure = bench.send(&text("no json")).unwrap_err();
        assert!(failure.reason().starts_with("the emitted payload is not valid"));
        bench.fail_emit = Some(EmitError::TopicDenied("x".into()));
        let failure = bench.send(&text("emit")).unwrap_err();
        assert_eq!(failure.reason(), "the agent may not emit to topic `x`");
    }

    #[test]
    fn the_description_is_derived_from_the_types() {
        let description = Bench::<Probe>::describe();
        let names =
            |specs: &[crate::FormatSpec]| -> Vec<String> { specs.iter().map(|spec| spec.name.clone()).collect() };
        assert_eq!(description.class_name, "tests.Probe");
        assert_eq!(names(&description.receives), ["text", "app.TextFormat"]);
        assert_eq!(names(&description.emits), ["text"]);
        let schema: Value = serde_json::from_str(&description.properties_schema).unwrap();
        assert_eq!(schema["properties"]["factor"]["default"], json!(2));
        let schema: Value = serde_json::from_str(&description.receives[0].json_schema).unwrap();
        assert_eq!(schema["required"], json!(["text"]));
    }

    #[test]
    fn heartbeat_and_stop_have_defaults() {
        let mut bench = bench();
        assert_eq!(bench.heartbeat(), Health::ok());
        bench.stop(StopReason::Requested);
    }
}
