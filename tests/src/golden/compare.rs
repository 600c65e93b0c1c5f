//! Compares an answer with the recorded one: the status, the body, and the content type if there is a body.
//!
//! In JSON bodies the following may differ:
//! - generated ids: a recorded id is bound to one of this server at first and has to be the same one afterwards;
//! - times: any time of the same format;
//! - the order of members in objects, and `4` and `4.0`;
//! - members that the recorded server does not have: `code`, `hint`, `context` and `trace_id` of errors, `warnings` of new
//!   objects;
//! - members that this server does not have: the `database_url` of a manager, and the `url` of an error, which is a page of
//!   a validator;
//! - the text after `Invalid GuildSpec:`, which a validator wrote;
//! - the order of a list that was recorded in the order of its generated ids and not in that of its times;
//! - the content type of a file that was unknown to the recorded server: it sent none, this server sends that of bytes;
//! - an error of the recorded server (500), which may be any client error (4xx) here, with any body.

use serde_json::{Map, Value};

use super::bindings::{Bindings, is_generated};
use super::recording::{Content, Response};

const PREFIX_ONLY: &str = "Invalid GuildSpec:";

/// Returns the members that only this server has, in an answer of this status.
const fn ours_alone(status: u16) -> &'static [&'static str] {
    match status {
        201 => &["warnings"],
        400.. => &["code", "hint", "context", "trace_id"],
        _ => &[],
    }
}

/// The members that only recorded servers have.
const THEIRS_ALONE: [(&str, &str); 2] = [("database_url", "sqlite:"), ("url", "https://errors.pydantic.dev/")];

/// Compares this server's answer with the recorded one.
///
/// # Errors
/// Describes the first difference and its place.
pub fn difference(recorded: &Response, ours: &Response, bindings: &mut Bindings) -> Result<(), String> {
    if recorded.status == 500 && (400..500).contains(&ours.status) {
        return Ok(());
    }
    if recorded.status != ours.status {
        return Err(format!("status {} instead of {}: {}", ours.status, recorded.status, shown(&ours.body)));
    }
    match (&recorded.body, &ours.body) {
        (Content::None, Content::None) => return Ok(()),
        (Content::Json(recorded), Content::Json(ours_json)) => {
            Comparison { bindings, ours_alone: ours_alone(ours.status) }.value("", recorded, ours_json)?;
        }
        (recorded, ours) if recorded == ours => {}
        (recorded, ours) => return Err(format!("body {} instead of {}", shown(ours), shown(recorded))),
    }
    let is_of_bytes = ours.content_type.as_deref() == Some("application/octet-stream");
    if recorded.content_type == ours.content_type || (recorded.content_type.is_none() && is_of_bytes) {
        return Ok(());
    }
    Err(format!("content type {:?} instead of {:?}", ours.content_type, recorded.content_type))
}

fn shown(content: &Content) -> String {
    let text = match content {
        Content::None => "none".to_owned(),
        Content::Json(value) => value.to_string(),
        Content::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
    };
    text.chars().take(300).collect()
}

struct Comparison<'b> {
    bindings: &'b mut Bindings,
    ours_alone: &'static [&'static str],
}

impl Comparison<'_> {
    fn value(&mut self, at: &str, recorded: &Value, ours: &Value) -> Result<(), String> {
        let is_equal = match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => return self.object(at, recorded, ours),
            (Value::Array(recorded), Value::Array(ours)) => return self.list(at, recorded, ours),
            (Value::String(recorded), Value::String(ours)) => self.text(recorded, ours),
            (Value::Number(recorded), Value::Number(ours)) => recorded == ours || recorded.as_f64() == ours.as_f64(),
            (recorded, ours) => recorded == ours,
        };
        if is_equal { Ok(()) } else { Err(instead(at, recorded, ours)) }
    }

    fn object(&mut self, at: &str, recorded: &Map<String, Value>, ours: &Map<String, Value>) -> Result<(), String> {
        for (key, recorded) in recorded {
            let at = format!("{at}.{key}");
            // The keys of some objects contain ids.
            let value = ours.get(key).or_else(|| ours.get(&self.bindings.translate(key)));
            let Some(value) = value else {
                let begins = |begin| recorded.as_str().is_some_and(|text| text.starts_with(begin));
                if THEIRS_ALONE.iter().any(|(name, begin)| name == key && begins(begin)) {
                    continue;
                }
                return Err(format!("{at} is missing"));
            };
            self.value(&at, recorded, value)?;
        }
        let is_known = |key: &&String| recorded.contains_key(*key) || self.ours_alone.contains(&key.as_str());
        let extra: Vec<_> = ours.keys().filter(|key| !is_known(key)).collect();
        let has_more = ours.len() > recorded.len() && !extra.is_empty();
        if has_more { Err(format!("{at} has {extra:?} besides")) } else { Ok(()) }
    }

    fn list(&mut self, at: &str, recorded: &[Value], ours: &[Value]) -> Result<(), String> {
        if recorded.len() != ours.len() {
            return Err(format!("{at} has {} items instead of {}", ours.len(), recorded.len()));
        }
        let ours = self.in_recorded_order(recorded, ours);
        let mut pairs = recorded.iter().zip(ours).enumerate();
        pairs.try_for_each(|(index, (recorded, ours))| self.value(&format!("{at}.{index}"), recorded, ours))
    }

    /// Returns this server's items in the recorded order, if that is the order of the ids.
    fn in_recorded_order<'v>(&self, recorded: &[Value], ours: &'v [Value]) -> Vec<&'v Value> {
        let in_order: Vec<&Value> = ours.iter().collect();
        if !is_by_id(recorded) || !(is_by_id(ours) || is_out_of_time(recorded)) {
            return in_order;
        }
        let find = |item: &Value| {
            let id = item["id"].as_str()?;
            ours.iter().find(|ours| ours["id"].as_str().is_some_and(|ours| self.bindings.recorded(ours) == Some(id)))
        };
        recorded.iter().map(find).collect::<Option<Vec<_>>>().unwrap_or(in_order)
    }

    fn text(&mut self, recorded: &str, ours: &str) -> bool {
        let translated = self.bindings.translate(recorded);
        translated == ours
            || self.bindings.agree(recorded, ours)
            || spelling_of_time(recorded).is_some_and(|spelling| spelling_of_time(ours) == Some(spelling))
            || (recorded.starts_with(PREFIX_ONLY) && ours.starts_with(PREFIX_ONLY))
    }
}

fn is_by_id(items: &[Value]) -> bool {
    let ids: Option<Vec<&str>> = items.iter().map(|item| item["id"].as_str().filter(|id| is_generated(id))).collect();
    ids.is_some_and(|ids| ids.is_sorted())
}

/// Returns whether items with a creation time are in another order than that of the times.
fn is_out_of_time(items: &[Value]) -> bool {
    let times: Option<Vec<&str>> = items.iter().map(|item| item["created_at"].as_str()).collect();
    times.is_some_and(|times| !times.is_sorted())
}

fn instead(at: &str, recorded: &Value, ours: &Value) -> String {
    let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
    format!("{at} is {} instead of {}", short(ours), short(recorded))
}

/// Returns the format of a time: its zone, which may be empty. Returns `None` if the text is not a time.
fn spelling_of_time(text: &str) -> Option<&str> {
    let (date, time) = text.split_once('T')?;
    let is_like = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
    };
    let (clock, rest) = time.split_at_checked(8)?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    (is_like(date, "0000-00-00") && is_like(clock, "00:00:00")).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compare(recorded: Value, ours: Value, status: u16) -> Result<(), String> {
        let response =
            |value| Response { status, content_type: Some("application/json".to_owned()), body: Content::Json(value) };
        difference(&response(recorded), &response(ours), &mut Bindings::default())
    }

    #[test]
    fn only_allowed_differences_are_accepted() {
        let id = ("33weUMe8yVAQ7MY4jYLNd8", "6Z9dHvf3qWEqnFqUioFS7H");
        for (recorded, ours, status, is_same) in [
            (json!({"a": 1, "b": 2}), json!({"b": 2.0, "a": 1}), 200, true),
            (json!({"a": 1}), json!({"a": "1"}), 200, false),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), 200, false),
            (json!({"detail": "x"}), json!({"detail": "x", "code": "y", "trace_id": "z"}), 404, true),
            (json!({"detail": "x"}), json!({"detail": "x", "code": "y"}), 200, false),
            (json!({"t": "2026-11-23T02:25:22.656234"}), json!({"t": "2027-01-01T00:00:00.5"}), 200, true),
            (json!({"t": "2026-11-23T02:25:22.656234"}), json!({"t": "2027-01-01T00:00:00.5Z"}), 200, false),
            (json!([id.0, id.0]), json!([id.1, id.1]), 200, true),
            (json!([id.0, id.0]), json!([id.1, id.0]), 200, false),
            (json!([id.0, format!("/x/{}/y", id.0)]), json!([id.1, format!("/x/{}/y", id.1)]), 200, true),
            (json!([1, 2]), json!([2, 1]), 200, false),
            (json!({"id": "x"}), json!({"id": "x", "warnings": []}), 201, true),
            (json!({"id": "x"}), json!({"id": "x", "warnings": []}), 200, false),
            (json!([{"url": "https://errors.pydantic.dev/2.14/v/missing"}]), json!([{}]), 400, true),
            (json!({"url": "/rustic/api"}), json!({}), 200, false),
            (json!("Invalid GuildSpec: 1"), json!("Invalid GuildSpec: 2"), 400, true),
        ] {
            assert_eq!(compare(recorded.clone(), ours.clone(), status).is_ok(), is_same, "{recorded} {ours}");
        }
    }

    #[test]
    fn a_recorded_server_error_may_only_be_a_client_error() {
        let failure = Response { status: 500, content_type: None, body: Content::Bytes(b"x".to_vec()) };
        let answer = |status| Response { status, content_type: None, body: Content::Json(json!({})) };
        for (status, is_same) in [(404, true), (422, true), (201, false), (503, false)] {
            assert_eq!(difference(&failure, &answer(status), &mut Bindings::default()).is_ok(), is_same, "{status}");
        }
    }

    #[test]
    fn a_list_by_id_is_compared_by_id() {
        let (first, second) = ("33weUMe8yVAQ7MY4jYLNd8", "6Z9dHvf3qWEqnFqUioFS7H");
        let mut bindings = Bindings::default();
        assert!(bindings.agree(first, "Z9HPX55vwwTkmNYFf5E8xf") && bindings.agree(second, "QRiEusHk3jNdotEzy8pK2b"));
        let recorded = json!([{"id": first, "n": 1}, {"id": second, "n": 2}]);
        let ours = json!([{"id": "QRiEusHk3jNdotEzy8pK2b", "n": 2}, {"id": "Z9HPX55vwwTkmNYFf5E8xf", "n": 1}]);
        let mut comparison = Comparison { bindings: &mut bindings, ours_alone: &[] };
        assert_eq!(comparison.value("", &recorded, &ours), Ok(()));
    }
}
