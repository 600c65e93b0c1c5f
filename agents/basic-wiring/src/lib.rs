//! The wiring agent: passes every message on unchanged. Routing rules make use of it: with a predicate it is a filter,
//! with a transformer a translator.

use guildhall_sdk::prelude::*;

/// The agent; see the crate's documentation.
pub struct Wiring;

impl Agent for Wiring {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent";
    const NAME: &'static str = "Basic Wiring Agent";
    const SUMMARY: &'static str = "Passes every message on unchanged";
    type Properties = NoProperties;

    fn new(_: NoProperties) -> Result<Self, String> {
        Ok(Wiring)
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(|_, ctx| {
            let Message { format, payload, .. } = ctx.message();
            Ok(ctx.reply_json_text(format, payload)?)
        });
    }
}

export_agent!(Wiring);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::serde_json::json;
    use guildhall_sdk::testing::Bench;

    #[test]
    fn every_message_is_passed_on_unchanged() {
        let mut bench = Bench::<Wiring>::start(json!({})).unwrap();
        let sent = bench.send_text("app.Order", r#"{"n":1.50,  "b":[] }"#).unwrap();
        assert_eq!((sent[0].format.as_str(), sent[0].payload.as_str()), ("app.Order", r#"{"n":1.50,  "b":[] }"#));
        assert!(sent[0].topics.is_empty(), "the rules decide where it goes");
    }
}
