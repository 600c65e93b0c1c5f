//! The probe: keeps what it hears in its state, where tests and people can look at it, and says nothing.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{Value, json};

/// What a blueprint may set.
#[properties]
pub struct Props {
    /// How many messages are kept, the last ones.
    #[serde(default = "fifty")]
    keep: usize,
}

fn fifty() -> usize {
    50
}

/// One message as it was heard.
#[properties]
pub struct Heard {
    id: u64,
    format: String,
    topic: String,
    sender: Option<String>,
    payload: Value,
}

/// What is kept.
#[properties]
#[derive(Default)]
struct State {
    #[serde(default)]
    heard: Vec<Heard>,
    /// How many there were in all.
    #[serde(default)]
    count: u64,
}

/// Larger payloads are kept as their size.
const MOST_BYTES: usize = 4 << 10;
/// The most that can be kept.
const MOST: usize = 100;

/// See the crate's documentation.
pub struct Probe {
    keep: usize,
}

impl Agent for Probe {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent";
    const NAME: &'static str = "Probe Agent";
    const SUMMARY: &'static str = "Keeps what it hears, for tests and for looking in";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        if props.keep > MOST {
            return Err(format!("`keep` may be {MOST} at the most"));
        }
        Ok(Probe { keep: props.keep })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(Self::hear);
    }
}

impl Probe {
    fn hear(&mut self, ctx: &mut Ctx) -> Result<(), Failure> {
        let mut state: State = ctx.agent_state()?;
        let message = ctx.message();
        let payload = match message.payload.len() {
            size if size > MOST_BYTES => json!({"bytes": size}),
            _ => ctx.payload()?,
        };
        state.heard.push(Heard {
            id: message.id,
            format: message.format.clone(),
            topic: message.topic.clone(),
            sender: message.sender.name.clone(),
            payload,
        });
        let from = state.heard.len().saturating_sub(self.keep);
        ctx.update_agent_state(&json!({"heard": state.heard[from..], "count": state.count + 1}))
    }
}

export_agent!(Probe);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::testing::Bench;

    #[test]
    fn the_last_messages_are_kept_and_all_are_counted() {
        let mut bench = Bench::<Probe>::start(json!({"keep": 2})).unwrap();
        for n in 1..=3 {
            assert!(bench.send_raw("x.A", json!({"n": n})).unwrap().is_empty());
        }
        bench.send_raw("x.A", json!({"long": "x".repeat(MOST_BYTES)})).unwrap();
        assert_eq!(bench.agent_state["count"], 4);
        assert_eq!(bench.agent_state["heard"][0]["payload"], json!({"n": 3}));
        assert!(bench.agent_state["heard"][1]["payload"]["bytes"].is_u64());
        assert_eq!(bench.agent_state["heard"].as_array().unwrap().len(), 2);
    }
}
