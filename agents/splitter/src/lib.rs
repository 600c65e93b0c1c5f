//! The splitter: splits a message into parts and sends each part in its own format. It sends all parts or none.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The properties in a blueprint.
#[properties]
pub struct Props {
    /// How a message is split.
    splitter: Splitter,
    /// The format of each part.
    format_selector: Selector,
}

/// How a message is split.
#[properties]
#[serde(tag = "split_type", rename_all = "snake_case")]
pub enum Splitter {
    /// The parts are the elements of the list in a member of the payload. Another value is one part.
    List {
        /// The member.
        field_name: String,
    },
    /// The parts are the members of an object, sorted by name: each is `{name: value}`.
    Dict {
        /// The member of the payload that is the object. Without it the payload is the object.
        field_name: Option<String>,
    },
    /// The parts are the result of a JSONata expression on the payload: the elements of a list, one part, or none.
    Jsonata {
        /// The expression.
        expression: String,
    },
    /// The same with a CEL expression.
    Cel {
        /// The expression.
        expression: String,
    },
}

/// The format of a part.
#[properties]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Selector {
    /// The same format for all parts.
    Fixed {
        /// The format.
        fixed_format: String,
    },
    /// A format for each position.
    List {
        /// As many formats as there are parts.
        format_list: Vec<String>,
    },
    /// A format for each name of a member. The payload of a part is then the value alone.
    Dict {
        /// The formats by name.
        format_dict: BTreeMap<String, String>,
        /// The format of the other members. Without it they are rejected.
        fallback_format: Option<String>,
    },
    /// The result of a JSONata expression on the part.
    Jsonata {
        /// The expression.
        jsonata_expr: String,
    },
    /// The result of a CEL expression on the part.
    Cel {
        /// The expression.
        expression: String,
    },
}

/// The name of a part, if it has one, and its value.
type Part = (Option<String>, Value);

/// The agent; see the crate's documentation.
pub struct SplitterAgent {
    props: Props,
}

impl Agent for SplitterAgent {
    const CLASS_NAME: &'static str = "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent";
    const NAME: &'static str = "Splitter Agent";
    const SUMMARY: &'static str = "Splits a message and sends its parts";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        match &props.splitter {
            Splitter::Jsonata { expression } => Language::Jsonata.check(expression)?,
            Splitter::Cel { expression } => Language::Cel.check(expression)?,
            Splitter::List { .. } | Splitter::Dict { .. } => {}
        }
        match &props.format_selector {
            Selector::Jsonata { jsonata_expr } => Language::Jsonata.check(jsonata_expr)?,
            Selector::Cel { expression } => Language::Cel.check(expression)?,
            Selector::Fixed { .. } | Selector::List { .. } | Selector::Dict { .. } => {}
        }
        Ok(SplitterAgent { props })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.any(Self::split);
    }
}

impl SplitterAgent {
    fn split(&mut self, ctx: &mut Ctx) -> Result<(), Failure> {
        let parts = self.parts(ctx, ctx.payload()?)?;
        for (format, payload) in self.formatted(ctx, parts)? {
            ctx.reply_raw(format, payload)?;
        }
        Ok(())
    }

    fn parts(&self, ctx: &Ctx, mut payload: Map<String, Value>) -> Result<Vec<Part>, Failure> {
        let mut member = |name: &str| {
            payload.remove(name).ok_or_else(|| Failure::reject(format!("SplitterError: the payload has no `{name}`")))
        };
        match &self.props.splitter {
            Splitter::List { field_name } => Ok(elements(member(field_name)?)),
            Splitter::Jsonata { expression } => {
                Ok(evaluated(ctx, Language::Jsonata, expression, &payload)?.map(elements).unwrap_or_default())
            }
            Splitter::Cel { expression } => {
                Ok(evaluated(ctx, Language::Cel, expression, &payload)?.map(elements).unwrap_or_default())
            }
            Splitter::Dict { field_name } => {
                let members = match field_name {
                    Some(name) => match member(name)? {
                        Value::Object(members) => members,
                        _ => return Err(Failure::reject(format!("SplitterError: `{name}` is not an object"))),
                    },
                    None => payload,
                };
                let sorted: BTreeMap<String, Value> = members.into_iter().collect();
                Ok(sorted.into_iter().map(|(name, value)| (Some(name), value)).collect())
            }
        }
    }

    fn formatted(&self, ctx: &Ctx, parts: Vec<Part>) -> Result<Vec<(String, Value)>, Failure> {
        if let Selector::List { format_list } = &self.props.format_selector
            && format_list.len() != parts.len()
        {
            let reason =
                format!("SplitterError: LengthMismatch: {} parts and {} formats", parts.len(), format_list.len());
            return Err(Failure::reject(reason));
        }
        let send = |(position, (name, value)): (usize, Part)| {
            let (format, payload) = match (&self.props.format_selector, name) {
                (Selector::Fixed { fixed_format }, name) => (fixed_format.clone(), payload_of(name, value)),
                (Selector::List { format_list }, name) => (format_list[position].clone(), payload_of(name, value)),
                (Selector::Dict { format_dict, fallback_format }, Some(name)) => {
                    let format = format_dict.get(&name).or(fallback_format.as_ref()).cloned();
                    (format.ok_or_else(|| no_format(&name))?, value)
                }
                (Selector::Dict { .. }, None) => return Err(no_format("a part without a name")),
                (Selector::Jsonata { jsonata_expr }, name) => {
                    selected(ctx, Language::Jsonata, jsonata_expr, name, value)?
                }
                (Selector::Cel { expression }, name) => selected(ctx, Language::Cel, expression, name, value)?,
            };
            match payload.as_object() {
                Some(members) if !members.is_empty() => Ok((format, payload)),
                _ => Err(Failure::reject(format!("SplitterError: part {position} is not an object with members"))),
            }
        };
        parts.into_iter().enumerate().map(send).collect()
    }
}

fn elements(value: Value) -> Vec<Part> {
    match value {
        Value::Array(items) => items.into_iter().map(|item| (None, item)).collect(),
        other => vec![(None, other)],
    }
}

/// Evaluates an expression. The result null counts as none.
fn evaluated(
    ctx: &Ctx,
    language: Language,
    source: &str,
    input: &impl guildhall_sdk::serde::Serialize,
) -> Result<Option<Value>, Failure> {
    let result =
        ctx.evaluate(language, source, input).map_err(|error| Failure::reject(format!("SplitterError: {error}")))?;
    Ok(result.filter(|value| !value.is_null()))
}

/// Returns a part and the format that an expression returns for it.
fn selected(
    ctx: &Ctx,
    language: Language,
    source: &str,
    name: Option<String>,
    value: Value,
) -> Result<(String, Value), Failure> {
    let payload = payload_of(name, value);
    match evaluated(ctx, language, source, &payload)? {
        Some(Value::String(format)) => Ok((format, payload)),
        _ => Err(no_format("a part: the result of the expression is not a text")),
    }
}

fn payload_of(name: Option<String>, value: Value) -> Value {
    match name {
        Some(name) => Value::Object(Map::from_iter([(name, value)])),
        None => value,
    }
}

fn no_format(name: &str) -> Failure {
    Failure::reject(format!("SplitterError: no format for {name}"))
}

export_agent!(SplitterAgent);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::serde_json::json;
    use guildhall_sdk::testing::Bench;

    fn split(splitter: Value, selector: Value, payload: Value) -> Result<Vec<(String, Value)>, Failure> {
        let properties = json!({"splitter": splitter, "format_selector": selector});
        let sent = Bench::<SplitterAgent>::start(properties).unwrap().send_raw("any.Format", payload)?;
        Ok(sent.into_iter().map(|sent| (sent.format.clone(), sent.parse().unwrap())).collect())
    }

    fn list() -> Value {
        json!({"split_type": "list", "field_name": "items"})
    }

    fn fixed() -> Value {
        json!({"strategy": "fixed", "fixed_format": "x.Y"})
    }

    #[test]
    fn a_list_is_split_into_its_elements_and_another_value_is_one_part() {
        let of = |items: Value| split(list(), fixed(), json!({"items": items}));
        assert_eq!(of(json!([{"a": 1}, {"b": 2}])).unwrap().len(), 2);
        assert_eq!(of(json!({"a": 1})).unwrap(), [("x.Y".to_owned(), json!({"a": 1}))]);
        assert_eq!(of(json!([])).unwrap(), []);
    }

    #[test]
    fn the_members_of_an_object_are_sent_by_name_in_their_formats() {
        let selector = json!({"strategy": "dict", "format_dict": {"a": "f.A"}, "fallback_format": "f.Z"});
        let dict = json!({"split_type": "dict", "field_name": "parts"});
        let sent = split(dict, selector, json!({"parts": {"z": {"v": 1}, "a": {"v": 2}}})).unwrap();
        assert_eq!(sent, [("f.A".to_owned(), json!({"v": 2})), ("f.Z".to_owned(), json!({"v": 1}))]);
        let whole = split(json!({"split_type": "dict"}), fixed(), json!({"b": 1, "a": {"x": 2}})).unwrap();
        assert_eq!(whole, [("x.Y".to_owned(), json!({"a": {"x": 2}})), ("x.Y".to_owned(), json!({"b": 1}))]);
    }

    #[test]
    fn a_list_of_formats_must_be_as_long_as_the_list_of_parts() {
        let by_position = json!({"strategy": "list", "format_list": ["f.A", "f.B"]});
        let sent = split(list(), by_position.clone(), json!({"items": [{"a": 1}, {"b": 2}]})).unwrap();
        assert_eq!((sent[0].0.as_str(), sent[1].0.as_str()), ("f.A", "f.B"));
        let failure = split(list(), by_position, json!({"items": [{"a": 1}]})).unwrap_err();
        assert!(failure.reason().contains("LengthMismatch"), "{failure:?}");
    }

    #[test]
    fn a_part_that_cannot_be_sent_rejects_the_message() {
        for items in [json!([{"a": 1}, {}]), json!([1, 2])] {
            let failure = split(list(), fixed(), json!({"items": items})).unwrap_err();
            assert!(failure.reason().starts_with("SplitterError"), "{failure:?}");
        }
        assert!(split(list(), fixed(), json!({"other": 1})).is_err());
    }

    #[test]
    fn expressions_select_parts_and_formats() {
        let properties = json!({
            "splitter": {"split_type": "jsonata", "expression": "items"},
            "format_selector": {"strategy": "cel", "expression": "kind"},
        });
        let mut bench = Bench::<SplitterAgent>::start(properties).unwrap();
        bench.evaluator = |language, source, input| {
            let input: Value = guildhall_sdk::serde_json::from_str(input).unwrap();
            assert_eq!(source, if language == Language::Cel { "kind" } else { "items" });
            Ok(input.get(source).map(Value::to_string))
        };
        let sent = bench.send_raw("any.Format", json!({"items": [{"kind": "f.A"}, {"kind": "f.B"}]})).unwrap();
        assert_eq!((sent[0].format.as_str(), sent[1].format.as_str()), ("f.A", "f.B"));
        assert_eq!(bench.send_raw("any.Format", json!({"other": 1})).unwrap(), []);
        let failure = bench.send_raw("any.Format", json!({"items": {"kind": 1}})).unwrap_err();
        assert!(failure.reason().starts_with("SplitterError"), "{failure:?}");
    }

    #[test]
    fn unknown_properties_are_refused() {
        let properties = json!({"splitter": {"split_type": "zzz"}, "format_selector": fixed()});
        assert!(Bench::<SplitterAgent>::start(properties).is_err());
    }
}
