//! The probe: stores the messages that it receives in its state, where tests and people can read them. It emits
//! nothing.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{Value, json};

/// The properties in a blueprint.
#[properties]
pub struct Props {
    /// How many messages are stored: the last ones, at most 100.
    #[serde(default = "default_keep")]
    keep: usize,
}

fn default_keep() -> usize {
    50
}

/// A message that the probe received.
#[properties]
pub struct Received {
    id: u64,
    format: String,
    topic: String,
    sender: Option<String>,
    payload: Value,
}

/// The agent's state.
#[properties]
#[derive(Default)]
struct State {
    /// The last messages.
    #[serde(default)]
    heard: Vec<Received>,
    /// How many messages it has received.
    #[serde(default)]
    count: u64,
}

/// The largest payload that is stored, in bytes. Of a larger one the size is stored.
const MAX_PAYLOAD_BYTES: usize = 4 << 10;
/// The most messages that can be stored.
const MAX_MESSAGES: usize = 100;

/// The agent; see the crate's documentation.
pub struct Probe {
    keep: usize,
}

impl Agent for Probe {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent";
    const NAME: &'static str = "Probe Agent";
    const SUMMARY: &'static str = "Stores the messages that it receives, for tests and for debugging";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        if props.keep > MAX_MESSAGES {
            return Err(format!("`keep` may be at most {MAX_MESSAGES}"));
        }
        Ok(Probe { keep: props.keep })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(Self::store);
    }
}

impl Probe {
    fn store(&mut self, ctx: &mut Ctx) -> Result<(), Failure> {
        let mut state: State = ctx.agent_state()?;
        let message = ctx.message();
        let payload = match message.payload.len() {
            size if size > MAX_PAYLOAD_BYTES => json!({"bytes": size}),
            _ => ctx.payload()?,
        };
        state.heard.push(Received {
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
    fn the_last_messages_are_stored_and_all_are_counted() {
        let mut bench = Bench::<Probe>::start(json!({"keep": 2})).unwrap();
        for n in 1..=3 {
            assert!(bench.send_raw("x.A", json!({"n": n})).unwrap().is_empty());
        }
        bench.send_raw("x.A", json!({"long": "x".repeat(MAX_PAYLOAD_BYTES)})).unwrap();
        assert_eq!(bench.agent_state["count"], 4);
        assert_eq!(bench.agent_state["heard"][0]["payload"], json!({"n": 3}));
        assert!(bench.agent_state["heard"][1]["payload"]["bytes"].is_u64());
        assert_eq!(bench.agent_state["heard"].as_array().unwrap().len(), 2);
    }
}
