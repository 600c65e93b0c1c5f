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
    const SUMMARY: &'static str = "Does what a message orders";
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
            "fail" => Err(Failure::retry("as ordered")),
            "emit" => {
                let copy = Outgoing::new(&order)?.to_topic("copies").with_priority(1);
                ctx.emit(copy.in_new_thread().because("as ordered"))?;
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
fn a_turn_returns_the_emitted_messages() {
    let emitted = bench().send(&text("emit")).unwrap();
    assert_eq!(emitted.len(), 1);
    assert_eq!(emitted[0].format, "text");
    assert_eq!(emitted[0].topics, ["copies"]);
    assert_eq!(emitted[0].priority, Some(1));
    assert!(emitted[0].new_thread);
    assert_eq!(emitted[0].reason.as_deref(), Some("as ordered"));
    assert_eq!(emitted[0].parse::<Text>().unwrap().text, "emit");
}

#[test]
fn a_message_with_an_alias_of_the_format_is_received() {
    let emitted = bench().send_raw("app.TextFormat", json!({"text": "emit"}));
    assert_eq!(emitted.unwrap()[0].format, "text");
}

#[test]
fn a_failed_turn_changes_nothing_and_its_progress_and_log_remain() {
    let mut bench = bench();
    bench.agent_state = json!({"gone": 1});
    assert_eq!(bench.send(&text("fail")), Err(Failure::retry("as ordered")));
    assert_eq!(bench.agent_state, json!({"gone": 1}));
    assert_eq!(bench.guild_state, json!({}));
    assert_eq!(bench.progress[0].payload, json!({"text": "fail"}));
    assert_eq!(bench.logs, ["[info] order:", "[info] fail"]);
}

#[test]
fn patches_are_merged_and_null_removes_a_member() {
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
fn a_snapshot_survives_a_reload() {
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
    let start = "the payload of format `text` does not fit at `text`: invalid type: integer";
    assert!(failure.reason().starts_with(start), "{failure:?}");
}

#[test]
fn a_message_without_a_handler_is_dropped_without_a_failure() {
    let mut bench = bench();
    assert_eq!(bench.send_raw("image", json!({})), Ok(vec![]));
    assert_eq!(bench.agent_state, json!({}));
    assert!(bench.logs[0].starts_with("[debug] no handler for format `image`"));
}

#[test]
fn properties_that_do_not_fit_or_that_the_agent_refuses_prevent_the_start() {
    let refused = |properties| Bench::<Probe>::start(properties).err().unwrap();
    assert_eq!(refused(json!({"factor": 0})), "factor must not be 0");
    let start = "the `properties` object does not fit at `factor`: ";
    assert!(refused(json!({"factor": "x"})).starts_with(start));
}

#[test]
fn the_envelope_and_the_cancellation_can_be_set() {
    let mut bench = bench();
    bench.envelope.attempt = 3;
    bench.cancelled = true;
    let text_of = |emitted: Vec<Outgoing>| emitted[0].parse::<Text>().unwrap().text;
    assert_eq!(text_of(bench.send(&text("sum")).unwrap()), "6");
    assert_eq!(text_of(bench.send(&text("whoami")).unwrap()), "Probe true");
}

#[test]
fn a_refused_emit_fails_the_turn_with_a_readable_reason() {
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
    let names = |specs: &[crate::FormatSpec]| -> Vec<String> { specs.iter().map(|spec| spec.name.clone()).collect() };
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
