//! The echo agent: answers every message with the same payload in the same format. A text gets a prefix.
//!
//! Benchmarks use it, so it parses no more than it must: it returns the JSON unchanged and inserts the prefix where the
//! text begins. The other members of a payload keep their order.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{self, value::RawValue};

/// The formats whose member `text` gets the prefix.
const TEXTS: [&str; 3] = ["text", "TextFormat", "rustic_ai.core.ui_protocol.types.TextFormat"];

/// The properties in a blueprint.
#[properties]
pub struct Props {
    /// The text that is inserted before each text. May be empty.
    #[serde(default = "default_prefix")]
    prefix: String,
}

fn default_prefix() -> String {
    "Echo: ".into()
}

/// The agent; see the crate's documentation.
pub struct Echo {
    /// The prefix as part of a JSON string: escaped, without quotes.
    prefix: String,
}

impl Agent for Echo {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";
    const NAME: &'static str = "Echo Agent";
    const SUMMARY: &'static str = "Answers every message with the same payload";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        let quoted = serde_json::to_string(&props.prefix).map_err(|error| error.to_string())?;
        Ok(Echo { prefix: quoted[1..quoted.len() - 1].into() })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(Self::echo);
    }
}

impl Echo {
    fn echo(&mut self, ctx: &mut Ctx) -> Result<(), Failure> {
        let Message { format, payload, .. } = ctx.message();
        let answer = match start_of_text(format, payload) {
            Some(at) => [&payload[..at], &self.prefix, &payload[at..]].concat(),
            None => payload.clone(),
        };
        ctx.reply_json_text(format, answer)?;
        Ok(())
    }
}

/// Returns the position of the text's first character in `payload`; `None` when the message is not a text.
fn start_of_text(format: &str, payload: &str) -> Option<usize> {
    #[derive(guildhall_sdk::serde::Deserialize)]
    #[serde(crate = "guildhall_sdk::serde")]
    struct Text<'a> {
        #[serde(borrow)]
        text: &'a RawValue,
    }

    if !TEXTS.contains(&format) {
        return None;
    }
    let text = serde_json::from_str::<Text>(payload).ok()?.text.get();
    let quote = text.as_ptr().addr() - payload.as_ptr().addr();
    text.starts_with('"').then_some(quote + 1)
}

export_agent!(Echo);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::serde_json::json;
    use guildhall_sdk::testing::Bench;

    fn echoed(properties: serde_json::Value, format: &str, payload: &str) -> String {
        let mut bench = Bench::<Echo>::start(properties).unwrap();
        let replies = bench.send_text(format, payload).unwrap();
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].format, format);
        replies[0].payload.clone()
    }

    #[test]
    fn a_text_comes_back_with_the_prefix() {
        for format in TEXTS {
            let reply = echoed(json!({}), format, r#"{"text":"hello"}"#);
            assert_eq!(reply, r#"{"text":"Echo: hello"}"#);
        }
    }

    #[test]
    fn the_prefix_can_be_changed_and_is_escaped() {
        let reply = echoed(json!({"prefix": "\"a\"\n"}), "text", r#"{"text":"b"}"#);
        assert_eq!(reply, r#"{"text":"\"a\"\nb"}"#);
        let reply = echoed(json!({"prefix": ""}), "text", r#"{"text":"b"}"#);
        assert_eq!(reply, r#"{"text":"b"}"#);
    }

    #[test]
    fn the_other_members_of_a_text_keep_their_order() {
        let payload = r#"{ "title":"T", "text" : "é\u00e9\"", "description":{"text":"x"}, "a":1.0 }"#;
        let reply = echoed(json!({}), "text", payload);
        let wanted = r#"{ "title":"T", "text" : "Echo: é\u00e9\"", "description":{"text":"x"}, "a":1.0 }"#;
        assert_eq!(reply, wanted);
    }

    #[test]
    fn other_messages_come_back_unchanged() {
        for (format, payload) in [
            ("image", r#"{"text": "not a text"}"#),
            ("text", r#"{"text": 1}"#),
            ("text", r#"{"texts": "x"}"#),
            ("text", r#"{"text": "a", "text": "b"}"#),
            ("app.Order", r#"{"n":1.50,  "b":[] }"#),
        ] {
            assert_eq!(echoed(json!({}), format, payload), payload);
        }
    }

    #[test]
    fn it_receives_every_format() {
        assert!(Bench::<Echo>::describe().receives.is_empty());
    }
}
