//! Questions and forms that are answered line by line. Plain data.

use serde_json::{Map, Value, json};

use crate::terminal::one_line;
use guildhall_model::format::short_name;

/// Leaves a form.
const LEAVE: &str = "/cancel";

/// A question or a form that waits for an answer.
#[derive(Debug)]
pub struct Ask {
    kind: Kind,
    conversation: Value,
}

#[derive(Debug)]
enum Kind {
    Question { options: Vec<Value> },
    Form { fields: Vec<Field>, values: Map<String, Value> },
}

/// What a line is for the question.
#[derive(Debug, PartialEq)]
pub enum Taken {
    /// The answer is complete.
    Answer { format: &'static str, payload: Value },
    /// The next field of a form, or why the line does not fit.
    Next(String),
    /// The form is left.
    Left,
    /// The line is no answer.
    NotMine,
}

/// A field of a form.
#[derive(Debug)]
struct Field {
    name: String,
    title: String,
    kind: FieldKind,
    is_required: bool,
    default: Option<Value>,
}

#[derive(Debug, PartialEq)]
enum FieldKind {
    Text,
    Integer,
    Number,
    Boolean,
    Choice(Vec<Value>),
    Json,
}

impl Ask {
    /// Reads a message that asks something.
    #[must_use]
    pub fn of(frame: &Value) -> Option<Self> {
        let payload = &frame["payload"];
        let kind = match short_name(frame["format"].as_str()?) {
            "QuestionFormat" | "questionFormat" => {
                let options = payload["options"].as_array().cloned().unwrap_or_default();
                Kind::Question { options }
            }
            "FormFormat" | "formFormat" => Kind::Form { fields: fields(&payload["schema"]), values: Map::new() },
            _ => return None,
        };
        let is_empty = match &kind {
            Kind::Question { options } => options.is_empty(),
            Kind::Form { fields, .. } => fields.is_empty(),
        };
        (!is_empty).then(|| Self { kind, conversation: frame["conversation_id"].clone() })
    }

    /// The client's conversation that the answer belongs to.
    #[must_use]
    pub fn conversation(&self) -> &Value {
        &self.conversation
    }

    /// What the user is asked now.
    #[must_use]
    pub fn prompt(&self) -> String {
        match &self.kind {
            Kind::Question { options } => {
                let lines = options.iter().enumerate().map(|(n, option)| format!("  {}. {}", n + 1, shown(option)));
                let lines: Vec<String> = lines.collect();
                format!("{}\n  Answer with a number.", lines.join("\n"))
            }
            Kind::Form { fields, .. } => fields.first().map_or_else(String::new, Field::prompt),
        }
    }

    /// Takes a line of the user.
    pub fn take(&mut self, line: &str) -> Taken {
        let text = line.trim();
        match &mut self.kind {
            Kind::Question { options } => match chosen(options, text) {
                Some(option) => Taken::Answer { format: "questionResponse", payload: json!({"data": option}) },
                None => Taken::NotMine,
            },
            Kind::Form { .. } if text == LEAVE => Taken::Left,
            Kind::Form { fields, values } => {
                let Some(field) = fields.first() else { return Taken::NotMine };
                match field.read(text) {
                    Err(why) => return Taken::Next(format!("  {why}")),
                    Ok(None) => {}
                    Ok(Some(value)) => {
                        values.insert(field.name.clone(), value);
                    }
                }
                fields.remove(0);
                match fields.first() {
                    Some(next) => Taken::Next(next.prompt()),
                    None => Taken::Answer { format: "formResponse", payload: std::mem::take(values).into() },
                }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    one_line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The option that a line names: by its number, or by its text in any case.
fn chosen(options: &[Value], text: &str) -> Option<Value> {
    let named = options.iter().find(|option| shown(option).eq_ignore_ascii_case(text));
    let numbered = || options.get(text.parse::<usize>().ok()?.checked_sub(1)?);
    named.or_else(numbered).cloned()
}

/// The fields of an object's JSON Schema, in its order.
fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| Field {
            name: name.clone(),
            title: property["title"].as_str().or(property["description"].as_str()).unwrap_or(name).to_owned(),
            kind: FieldKind::of(property),
            is_required: required.contains(&name.as_str()),
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
        })
        .collect()
}

impl FieldKind {
    fn of(schema: &Value) -> Self {
        if let Some(choices) = schema["enum"].as_array() {
            return Self::Choice(choices.clone());
        }
        let is_no_null = |name: &&str| *name != "null";
        let many = || schema["type"].as_array()?.iter().filter_map(Value::as_str).find(is_no_null);
        match schema["type"].as_str().or_else(many) {
            Some("string") => Self::Text,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Json,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Integer => "whole number".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Boolean => "yes or no".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::Choice(choices) => choices.iter().map(shown).collect::<Vec<_>>().join(", "),
        }
    }

    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(json!(text)),
            Self::Integer => text.parse::<i64>().ok().map(Value::from),
            Self::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "y" | "yes" | "true" | "1" => Some(json!(true)),
                "n" | "no" | "false" | "0" => Some(json!(false)),
                _ => None,
            },
            Self::Choice(choices) => chosen(choices, text),
            Self::Json => serde_json::from_str(text).ok(),
        }
    }
}

impl Field {
    fn prompt(&self) -> String {
        let need = match &self.default {
            Some(default) => format!("default {}", shown(default)),
            None if self.is_required => "required".to_owned(),
            None => "empty to leave out".to_owned(),
        };
        format!("  {} ({}; {need}; {LEAVE} leaves the form)", one_line(&self.title), self.kind.what())
    }

    /// The value of a line; `None`: the field is left out.
    fn read(&self, text: &str) -> Result<Option<Value>, String> {
        if text.is_empty() {
            return match &self.default {
                Some(default) => Ok(Some(default.clone())),
                None if self.is_required => Err(format!("{} is required", one_line(&self.title))),
                None => Ok(None),
            };
        }
        let wrong = || format!("`{}` does not fit: {}", one_line(text), self.kind.what());
        self.kind.read(text).map(Some).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_by_a_number_or_an_option() {
        let frame = json!({"format": "rustic_ai.core.ui_protocol.types.QuestionFormat", "conversation_id": 7,
            "payload": {"options": ["Red", "Green", 3]}});
        let answer = |line: &str| Ask::of(&frame).unwrap().take(line);
        let data = |value: Value| Taken::Answer { format: "questionResponse", payload: json!({"data": value}) };
        assert_eq!(answer("2"), data(json!("Green")));
        assert_eq!(answer(" red "), data(json!("Red")));
        assert_eq!(answer("3"), data(json!(3)));
        assert_eq!(answer("0"), Taken::NotMine);
        assert_eq!(answer("something else"), Taken::NotMine);
        let ask = Ask::of(&frame).unwrap();
        assert!(ask.prompt().contains("  2. Green") && *ask.conversation() == json!(7));
        assert!(Ask::of(&json!({"format": "QuestionFormat", "payload": {}})).is_none(), "nothing to choose from");
        assert!(Ask::of(&json!({"format": "text", "payload": {"options": ["a"]}})).is_none());
    }

    #[test]
    fn a_form_is_filled_line_by_line() {
        let schema = json!({"required": ["name"], "properties": {
            "name": {"type": "string", "title": "Your name"}, "seats": {"type": ["integer", "null"]},
            "size": {"enum": ["S", "L"], "default": "L"}, "vip": {"type": "boolean"}}});
        let frame = json!({"format": "formFormat", "payload": {"schema": schema}});
        let mut ask = Ask::of(&frame).unwrap();
        assert!(ask.prompt().starts_with("  Your name (text; required"));
        assert!(matches!(ask.take(""), Taken::Next(why) if why.contains("is required")));
        assert!(matches!(ask.take("Ann"), Taken::Next(next) if next.contains("seats (whole number")));
        assert!(matches!(ask.take("many"), Taken::Next(why) if why.contains("does not fit")));
        assert!(matches!(ask.take(""), Taken::Next(next) if next.contains("size (S, L; default L")));
        assert!(matches!(ask.take(""), Taken::Next(next) if next.contains("vip (yes or no")));
        let payload = json!({"name": "Ann", "size": "L", "vip": true});
        assert_eq!(ask.take("yes"), Taken::Answer { format: "formResponse", payload });
        assert_eq!(Ask::of(&frame).unwrap().take("/cancel"), Taken::Left);
    }
}
