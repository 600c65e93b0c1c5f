//! The aggregator: collects messages that belong together until the collection is complete, then sends them as one
//! message. Together with rules that send a message to several agents it implements scatter and gather.
//!
//! The collections are the agent's state, so they outlive the instance. Each collection is completed once. A collection
//! that is not completed in time is dropped.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{self, Value, json};
use std::collections::BTreeMap;

/// The properties in a blueprint.
#[properties]
pub struct Props {
    /// How messages are collected.
    #[serde(default)]
    collector: Collector,
    /// When a collection is complete.
    #[serde(default)]
    aggregator: Aggregator,
    /// Where the path of the correlation id begins.
    #[serde(default)]
    correlation_location: Location,
    /// The path, with dots, of the correlation id, which is the same in messages that belong together. Without a path
    /// the messages of one thread belong together.
    correlation_id_path: Option<String>,
    /// Seconds after which an incomplete collection is dropped.
    #[serde(default = "default_timeout_s")]
    timeout_s: u64,
}

fn default_timeout_s() -> u64 {
    3_600
}

/// How a message is added to a collection.
#[properties]
#[serde(tag = "collector_type", rename_all = "snake_case")]
pub enum Collector {
    /// It is added at the end.
    List {},
    /// It replaces the message with the same value in this member of the payload. All messages without the member count
    /// as one.
    Dict {
        /// The member of the payload.
        #[serde(default = "default_key_field")]
        key_field: String,
    },
    /// It is added after the other messages of its format.
    Type {},
}

fn default_key_field() -> String {
    "id".into()
}

impl Default for Collector {
    fn default() -> Self {
        Collector::List {}
    }
}

/// When a collection is complete.
#[properties]
#[serde(tag = "aggregation_check", rename_all = "snake_case")]
pub enum Aggregator {
    /// When it has this many messages.
    Count {
        /// The number of messages.
        #[serde(default = "default_count")]
        count: usize,
    },
    /// When it has the number of messages of each format.
    FormatCount {
        /// The formats and their numbers.
        formats: Vec<FormatCount>,
    },
    /// When an expression returns true, a number other than 0, or a text that is not blank. Its input is `{messages,
    /// correlation_id, count, message_types}`.
    Jsonata {
        /// The JSONata expression.
        expression: String,
    },
}

fn default_count() -> usize {
    3
}

impl Default for Aggregator {
    fn default() -> Self {
        Aggregator::Count { count: 3 }
    }
}

/// How many messages of a format a complete collection has.
#[properties]
pub struct FormatCount {
    /// The format.
    format: String,
    /// The number of messages.
    #[serde(default = "default_format_count")]
    count: usize,
}

fn default_format_count() -> usize {
    1
}

/// Where the path of the correlation id begins.
#[properties]
#[derive(Default)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In the payload.
    #[default]
    Payload,
    /// In the state that travels with the thread.
    Session,
}

/// A message in a collection.
#[properties]
#[derive(Clone)]
pub struct Collected {
    /// The format of the message.
    #[serde(rename = "type")]
    format: String,
    /// The payload of the message.
    data: Value,
}

/// A complete collection.
#[message("rustic_ai.core.agents.eip.aggregating_agent.AggregatedMessages")]
pub struct AggregatedMessages {
    /// What the messages have in common.
    correlation_id: String,
    /// The messages.
    messages: Vec<Collected>,
}

/// The agent's state.
#[properties]
#[derive(Default)]
struct State {
    /// The incomplete collections, by correlation id.
    #[serde(default)]
    aggregations: BTreeMap<String, Collection>,
    /// The correlation ids of the collections that were completed last.
    #[serde(default)]
    done: Vec<String>,
}

/// An incomplete collection.
#[properties]
#[derive(Default)]
struct Collection {
    /// When its first message came, in milliseconds since 1970.
    since_ms: u64,
    messages: Vec<Collected>,
}

/// How many incomplete collections may wait, and how many completed ones are remembered.
const MAX_COLLECTIONS: usize = 256;

/// The agent; see the crate's documentation.
pub struct AggregatorAgent {
    props: Props,
}

impl Agent for AggregatorAgent {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent";
    const NAME: &'static str = "Aggregating Agent";
    const SUMMARY: &'static str = "Collects messages that belong together and sends them as one";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        match &props.aggregator {
            Aggregator::Count { count: 0 } => Err("`count` must be at least 1".into()),
            Aggregator::FormatCount { formats } if formats.is_empty() => Err("`formats` must name a format".into()),
            Aggregator::Jsonata { expression } => {
                Language::Jsonata.check(expression).map(|()| AggregatorAgent { props })
            }
            _ => Ok(AggregatorAgent { props }),
        }
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(Self::collect);
    }

    fn emits(emits: &mut Emits) {
        emits.message::<AggregatedMessages>();
    }
}

impl AggregatorAgent {
    fn collect(&mut self, ctx: &mut Ctx) -> Result<(), Failure> {
        let now_ms = ctx.message().timestamp_ms;
        let data: Value = ctx.payload()?;
        let key = self.correlation(ctx, &data)?;
        let mut state: State = ctx.agent_state()?;
        if state.done.contains(&key) {
            return Ok(());
        }
        let mut patch = json!({});
        for late in self.to_drop(&state, &key, now_ms) {
            patch[late.as_str()] = Value::Null;
        }
        let mut collection = state.aggregations.remove(&key).unwrap_or_default();
        if collection.messages.is_empty() {
            collection.since_ms = now_ms;
        }
        self.props.collector.add(&mut collection.messages, Collected { format: ctx.message().format.clone(), data });
        let evaluate = |source: &str, input: &Value| ctx.evaluate(Language::Jsonata, source, input);
        let is_complete = self.props.aggregator.is_complete(&key, &collection.messages, evaluate);
        if !is_complete.map_err(Failure::reject)? {
            patch[key.as_str()] = serde_json::to_value(&collection)?;
            return ctx.update_agent_state(&json!({"aggregations": patch}));
        }
        patch[key.as_str()] = Value::Null;
        state.done.push(key.clone());
        let from = state.done.len().saturating_sub(MAX_COLLECTIONS);
        ctx.update_agent_state(&json!({"aggregations": patch, "done": state.done[from..]}))?;
        Ok(ctx.reply(&AggregatedMessages { correlation_id: key, messages: collection.messages })?)
    }

    fn correlation(&self, ctx: &Ctx, data: &Value) -> Result<String, Failure> {
        let Some(path) = &self.props.correlation_id_path else {
            let Message { thread, id, .. } = ctx.message();
            return Ok(thread.last().unwrap_or(id).to_string());
        };
        let session: Value;
        let root = match self.props.correlation_location {
            Location::Payload => data,
            Location::Session => {
                session = serde_json::from_str(ctx.message().session_state.as_deref().unwrap_or("{}"))?;
                &session
            }
        };
        match path.split('.').try_fold(root, |value, name| value.get(name)) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(number @ Value::Number(_)) => Ok(number.to_string()),
            _ => Err(Failure::reject(format!("there is no correlation id at `{path}`"))),
        }
    }

    /// Returns the collections that are dropped: the ones that are too old, and the oldest ones if there are too many.
    fn to_drop(&self, state: &State, key: &str, now_ms: u64) -> Vec<String> {
        let life_ms = self.props.timeout_s.saturating_mul(1_000);
        let mut others: Vec<_> = state.aggregations.iter().filter(|(other, _)| *other != key).collect();
        others.sort_by_key(|(_, collection)| collection.since_ms);
        let too_many = others.len().saturating_sub(MAX_COLLECTIONS - 1);
        let is_late = |(place, (_, collection)): &(usize, (&String, &Collection))| {
            *place < too_many || now_ms.saturating_sub(collection.since_ms) > life_ms
        };
        others.into_iter().enumerate().filter(is_late).map(|(_, (other, _))| other.clone()).collect()
    }
}

impl Collector {
    /// Adds a message to a collection.
    pub fn add(&self, messages: &mut Vec<Collected>, message: Collected) {
        if let Collector::Dict { key_field } = self
            && let Some(same) = messages.iter_mut().find(|other| other.key(key_field) == message.key(key_field))
        {
            *same = message;
            return;
        }
        messages.push(message);
        if let Collector::Type {} = self {
            messages.sort_by(|one, other| one.format.cmp(&other.format));
        }
    }
}

impl Collected {
    fn key(&self, field: &str) -> Option<String> {
        match self.data.get(field)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

impl Aggregator {
    /// Whether a collection is complete. `evaluate` evaluates a JSONata expression.
    ///
    /// # Errors
    /// The error of `evaluate`.
    pub fn is_complete(
        &self,
        correlation_id: &str,
        messages: &[Collected],
        evaluate: impl FnOnce(&str, &Value) -> Result<Option<Value>, String>,
    ) -> Result<bool, String> {
        Ok(match self {
            Aggregator::Count { count } => messages.len() >= *count,
            Aggregator::FormatCount { formats } => formats.iter().all(|wanted| {
                messages.iter().filter(|message| message.format == wanted.format).count() >= wanted.count
            }),
            Aggregator::Jsonata { expression } => {
                let types: Vec<&str> = messages.iter().map(|message| message.format.as_str()).collect();
                let input = json!({
                    "messages": messages, "correlation_id": correlation_id, "count": messages.len(),
                    "message_types": types,
                });
                match evaluate(expression, &input)? {
                    Some(Value::Bool(value)) => value,
                    Some(Value::Number(number)) => number.as_f64() != Some(0.0),
                    Some(Value::String(text)) => !text.trim().is_empty(),
                    Some(Value::Array(_) | Value::Object(_) | Value::Null) | None => false,
                }
            }
        })
    }
}

export_agent!(AggregatorAgent);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::testing::Bench;

    fn bench(properties: Value) -> Bench<AggregatorAgent> {
        Bench::start(properties).unwrap()
    }

    fn collected(sent: Vec<Outgoing>) -> Option<AggregatedMessages> {
        sent.first().map(|sent| sent.parse().unwrap())
    }

    #[test]
    fn enough_messages_are_sent_as_one_and_only_once() {
        let mut bench =
            bench(json!({"correlation_id_path": "order.id", "aggregator": {"aggregation_check": "count", "count": 2}}));
        let payload = |n: u32, order: &str| json!({"n": n, "order": {"id": order}});
        assert!(collected(bench.send_raw("x.A", payload(1, "c1")).unwrap()).is_none());
        assert!(collected(bench.send_raw("x.A", payload(9, "other")).unwrap()).is_none());
        bench.restart().unwrap();
        let whole = collected(bench.send_raw("x.B", payload(2, "c1")).unwrap()).unwrap();
        let kinds: Vec<_> = whole.messages.iter().map(|message| message.format.as_str()).collect();
        assert_eq!((whole.correlation_id.as_str(), kinds), ("c1", vec!["x.A", "x.B"]));
        assert!(
            collected(bench.send_raw("x.C", payload(3, "c1")).unwrap()).is_none(),
            "the collection was completed before"
        );
        assert_eq!(bench.agent_state["aggregations"].as_object().unwrap().len(), 1);
    }

    #[test]
    fn messages_of_each_format_are_counted() {
        let formats = json!([{"format": "x.A", "count": 2}, {"format": "x.B"}]);
        let mut bench = bench(json!({
            "correlation_id_path": "id", "collector": {"collector_type": "type"},
            "aggregator": {"aggregation_check": "format_count", "formats": formats},
        }));
        for format in ["x.B", "x.A"] {
            assert!(collected(bench.send_raw(format, json!({"id": 7})).unwrap()).is_none());
        }
        let whole = collected(bench.send_raw("x.A", json!({"id": 7})).unwrap()).unwrap();
        assert_eq!(whole.messages[2].format, "x.B", "by format");
    }

    #[test]
    fn messages_with_the_same_key_count_once() {
        let mut bench = bench(json!({
            "correlation_id_path": "c", "collector": {"collector_type": "dict", "key_field": "k"},
            "aggregator": {"aggregation_check": "count", "count": 2},
        }));
        for n in 1..=2 {
            assert!(collected(bench.send_raw("x.A", json!({"c": "c", "k": 1, "n": n})).unwrap()).is_none());
        }
        let whole = collected(bench.send_raw("x.A", json!({"c": "c", "k": 2})).unwrap()).unwrap();
        assert_eq!(whole.messages[0].data["n"], 2);
    }

    #[test]
    fn an_expression_decides_when_a_collection_is_complete() {
        let mut bench = bench(json!({
            "correlation_id_path": "c",
            "aggregator": {"aggregation_check": "jsonata", "expression": "count = 2"},
        }));
        bench.evaluator = |_, source, input| {
            assert_eq!(source, "count = 2");
            let input: Value = serde_json::from_str(input).unwrap();
            Ok(Some((input["count"] == 2 && input["message_types"] == json!(["x.A", "x.A"])).to_string()))
        };
        assert!(collected(bench.send_raw("x.A", json!({"c": "c"})).unwrap()).is_none());
        assert!(collected(bench.send_raw("x.A", json!({"c": "c"})).unwrap()).is_some());
    }

    #[test]
    fn a_message_without_correlation_id_is_rejected_and_wrong_properties_are_refused() {
        let failure = bench(json!({"correlation_id_path": "id"})).send_raw("x.A", json!({"n": 1})).unwrap_err();
        assert!(failure.reason().contains("`id`"), "{failure:?}");
        for properties in [
            json!({"aggregator": {"aggregation_check": "count", "count": 0}}),
            json!({"aggregator": {"aggregation_check": "format_count", "formats": []}}),
        ] {
            assert!(Bench::<AggregatorAgent>::start(properties).is_err());
        }
    }
}
