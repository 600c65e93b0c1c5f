//! An agent that misbehaves on request. The first word of a text is the order, the rest is its argument.
//!
//! | text | what it does |
//! |---|---|
//! | `loop` | never returns |
//! | `eat` | allocates memory until the instance ends |
//! | `trap`, `unreachable` | panics with the message `told to trap`; traps without a message |
//! | `exit N` | ends the process; WASI tells the host 0 or 1 only |
//! | `recurse` | calls itself until the stack is full |
//! | `burn MS` | computes for about MS milliseconds on a usual machine |
//! | `flood N`, `big N` | emits N messages; one with a payload of N bytes |
//! | `badjson`, `array` | emits a payload that is not JSON; one that is not an object |
//! | `topic T` | emits to the topic T |
//! | `progress N` | sends N progress messages, then replies |
//! | `log N` | prints N lines to stdout |
//! | `reject WHY`, `retry WHY`, `other WHY` | fails in this way |
//! | `crash-once` | panics at the first attempt, replies at the next |
//! | `count`, `count-trap` | adds one to its state and replies with the sum; the same, then panics |
//! | `remember X`, `recall` | keeps X only in its memory; replies with it |
//! | `hoard KIB` | sends itself the order again without end, each time with KIB more session state |
//! | `double` | sends itself the order twice without end |
//! | `spin-until-cancelled` | returns when it is cancelled |
//! | anything else | replies `ok: ` and the text |
//!
//! A refused emit fails the turn (`other`). The orders `flood`, `big`, `badjson`, `array` and `topic` with a `?` after the
//! word (`flood? 300`) reply with `refused: ` and the reason instead.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{Value, json};
use std::hint::black_box;

/// A text: an order, or an answer to one.
#[message("text", "rustic_ai.core.ui_protocol.types.TextFormat")]
pub struct Text {
    text: String,
}

/// The members that a blueprint may set.
#[properties]
pub struct Props {
    /// Whether the start fails.
    #[serde(default)]
    fail_start: bool,
    /// Whether the start panics.
    #[serde(default)]
    trap_start: bool,
    /// Whether the start never ends.
    #[serde(default)]
    loop_start: bool,
    /// The answer to a heartbeat: `warning` or `error`.
    sick: Option<String>,
    /// What happens when a snapshot is made: `loop`, `fail` or `big`.
    save: Option<String>,
    /// What happens when a snapshot is restored: `trap`, `loop` or `fail`.
    restore: Option<String>,
}

/// See the crate's documentation.
pub struct Hostile {
    sick: Option<String>,
    save: Option<String>,
    restore: Option<String>,
    remembered: String,
}

impl Agent for Hostile {
    const CLASS_NAME: &'static str = "guildhall.tests.HostileAgent";
    const NAME: &'static str = "Hostile Agent";
    const SUMMARY: &'static str = "Misbehaves as it is told";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        if props.fail_start {
            return Err("told to fail".into());
        }
        if props.trap_start {
            panic!("told to trap at start");
        }
        if props.loop_start {
            spin();
        }
        Ok(Hostile { sick: props.sick, save: props.save, restore: props.restore, remembered: String::new() })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.message(Self::obey);
    }

    fn emits(emits: &mut Emits) {
        emits.message::<Text>();
    }

    fn heartbeat(&mut self) -> Health {
        match self.sick.as_deref() {
            Some("error") => Health::error("told to be ill"),
            Some("warning") => Health::warning("told to feel unwell"),
            _ => Health::ok(),
        }
    }
}

impl Hostile {
    fn obey(&mut self, ctx: &mut Ctx, order: Text) -> Result<(), Failure> {
        let (word, argument) = order.text.split_once(' ').unwrap_or((&order.text, ""));
        let emitted = match word.trim_end_matches('?') {
            "loop" => spin(),
            "eat" => eat(),
            "trap" => panic!("told to trap"),
            "unreachable" => unreachable_instruction(),
            "exit" => std::process::exit(argument.parse().unwrap_or(1)),
            "recurse" => return reply(ctx, recurse(1).to_string()),
            "burn" => return reply(ctx, format!("burnt {}", burn(number(argument)?))),
            "flood" => flood(ctx, number(argument)?),
            "big" => big(ctx, number(argument)?),
            "badjson" => ctx.reply_json_text("text", "{no json"),
            "array" => ctx.reply_json_text("text", "[]"),
            "topic" => ctx.emit(Outgoing::new(&order)?.to_topic(argument)),
            "progress" => progress(ctx, number(argument)?),
            "log" => print(number(argument)?),
            "reject" => return Err(Failure::reject(argument)),
            "retry" => return Err(Failure::retry(argument)),
            "other" => return Err(Failure::other(argument)),
            "crash-once" if ctx.message().attempt == 1 => panic!("told to crash once"),
            "count" => return count(ctx),
            "count-trap" => {
                count(ctx)?;
                panic!("told to trap after counting");
            }
            "remember" => {
                self.remembered = argument.to_owned();
                return reply(ctx, "ok: remembered".into());
            }
            "recall" => return reply(ctx, format!("recalled: {}", self.remembered)),
            "hoard" => hoard(ctx, &order, number(argument)?),
            "double" => to_itself(ctx, &order).and_then(|()| to_itself(ctx, &order)),
            "spin-until-cancelled" => {
                while !ctx.is_cancelled() {}
                return reply(ctx, "cancelled".into());
            }
            _ => return reply(ctx, format!("ok: {}", order.text)),
        };
        match emitted {
            Err(error) if word.ends_with('?') => reply(ctx, format!("refused: {}", error.in_words())),
            outcome => Ok(outcome?),
        }
    }
}

fn reply(ctx: &mut Ctx, text: String) -> Result<(), Failure> {
    Ok(ctx.reply(&Text { text })?)
}

fn number(argument: &str) -> Result<u64, Failure> {
    argument.parse().map_err(|_| Failure::reject(format!("`{argument}` is no number")))
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn eat() -> ! {
    let mut eaten = Vec::new();
    loop {
        eaten.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[cfg(target_family = "wasm")]
fn unreachable_instruction() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn unreachable_instruction() -> ! {
    std::process::abort()
}

/// Recurses. Each call has work left after the inner one, so that the optimiser cannot turn it into a loop. It needs almost
/// no linear memory, so that the stack of the server's thread is full before the guest's own.
#[expect(unconditional_recursion, reason = "what it is for")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    recurse(black_box(depth + 1)) ^ black_box(depth)
}

/// Computes for about `ms` milliseconds. An agent has no clock; a division takes long for the fuel that it uses.
fn burn(ms: u64) -> u64 {
    let mut rest = 0_u64;
    for step in 0..ms * 400_000 {
        rest = black_box(rest ^ (u64::MAX / black_box(step | 1)));
    }
    ms
}

fn flood(ctx: &mut Ctx, count: u64) -> Result<(), EmitError> {
    (0..count).try_for_each(|n| ctx.reply(&Text { text: format!("flood {n}") }))
}

fn itself(ctx: &Ctx, order: &Text) -> Result<Outgoing, EmitError> {
    Ok(Outgoing::new(order)?.to_topic(format!("agent_self_inbox:{}", ctx.whoami().agent_id)))
}

fn to_itself(ctx: &mut Ctx, order: &Text) -> Result<(), EmitError> {
    let again = itself(ctx, order)?;
    ctx.emit(again)
}

/// Adds a member of `kib` KiB to the session state of the thread.
fn hoard(ctx: &mut Ctx, order: &Text, kib: u64) -> Result<(), EmitError> {
    let name = ctx.message().id.to_string();
    let again = itself(ctx, order)?.with_session_state(&json!({ name: "x".repeat(kib as usize * 1024) }))?;
    ctx.emit(again)
}

/// Returns a payload of exactly `bytes` bytes, or of an empty text if that is longer.
fn big(ctx: &mut Ctx, bytes: u64) -> Result<(), EmitError> {
    let empty = r#"{"text":""}"#.len();
    let text = "x".repeat((bytes as usize).saturating_sub(empty));
    ctx.reply(&Text { text })
}

fn progress(ctx: &mut Ctx, count: u64) -> Result<(), EmitError> {
    (0..count).try_for_each(|n| ctx.progress(&Text { text: format!("progress {n}") }))?;
    ctx.reply(&Text { text: format!("progressed {count}") })
}

fn print(lines: u64) -> Result<(), EmitError> {
    (0..lines).for_each(|n| println!("line {n}"));
    Ok(())
}

fn count(ctx: &mut Ctx) -> Result<(), Failure> {
    let state: Value = ctx.agent_state()?;
    let count = state["count"].as_u64().unwrap_or(0) + 1;
    ctx.update_agent_state(&json!({ "count": count }))?;
    reply(ctx, count.to_string())
}

impl Stateful for Hostile {
    fn save(&mut self) -> Result<Vec<u8>, String> {
        match self.save.as_deref() {
            Some("loop") => spin(),
            Some("fail") => Err("told not to save".into()),
            Some("big") => Ok(vec![0; 2 << 20]),
            _ => Ok(self.remembered.clone().into_bytes()),
        }
    }

    fn restore(&mut self, _version: &str, data: &[u8]) -> Result<(), String> {
        match self.restore.as_deref() {
            Some("trap") => panic!("told to trap at restore"),
            Some("loop") => spin(),
            Some("fail") => Err("told not to restore".into()),
            _ => {
                self.remembered = String::from_utf8(data.into()).map_err(|error| error.to_string())?;
                Ok(())
            }
        }
    }
}

export_agent!(Hostile: Stateful);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::testing::Bench;

    fn told(bench: &mut Bench<Hostile>, order: &str) -> Result<Vec<String>, Failure> {
        let emitted = bench.send(&Text { text: order.into() })?;
        Ok(emitted.iter().map(|message| message.parse::<Text>().unwrap().text).collect())
    }

    #[test]
    fn it_obeys() {
        let mut bench = Bench::<Hostile>::start(json!({})).unwrap();
        for (order, answer) in [
            ("hello there", vec!["ok: hello there"]),
            ("flood 2", vec!["flood 0", "flood 1"]),
            ("count", vec!["1"]),
            ("count", vec!["2"]),
            ("log 1", vec![]),
            ("burn 1", vec!["burnt 1"]),
            ("progress 1", vec!["progressed 1"]),
            ("array?", vec!["refused: the emitted payload is not valid: not a JSON object"]),
        ] {
            assert_eq!(told(&mut bench, order), Ok(answer.into_iter().map(String::from).collect()), "{order}");
        }
        assert_eq!(told(&mut bench, "reject no way"), Err(Failure::reject("no way")));
        assert_eq!(told(&mut bench, "retry later"), Err(Failure::retry("later")));
        assert!(matches!(told(&mut bench, "badjson"), Err(Failure::Other(_))));
        assert_eq!(bench.send(&Text { text: "big 1000".into() }).unwrap()[0].payload.len(), 1000);
        bench.envelope.attempt = 2;
        assert_eq!(told(&mut bench, "crash-once"), Ok(vec!["ok: crash-once".into()]));
    }

    #[test]
    #[should_panic = "told to trap"]
    fn it_panics_when_told() {
        let _ = told(&mut Bench::start(json!({})).unwrap(), "trap");
    }

    #[test]
    fn it_remembers() {
        let mut bench = Bench::<Hostile>::start(json!({})).unwrap();
        told(&mut bench, "remember tea").unwrap();
        bench.reload("1").unwrap();
        assert_eq!(told(&mut bench, "recall"), Ok(vec!["recalled: tea".into()]));
    }

    #[test]
    fn it_starts_ill_or_not_at_all() {
        assert_eq!(Bench::<Hostile>::start(json!({"fail_start": true})).err().as_deref(), Some("told to fail"));
        let mut bench = Bench::<Hostile>::start(json!({"sick": "warning"})).unwrap();
        assert_eq!(bench.heartbeat(), Health::warning("told to feel unwell"));
    }
}
