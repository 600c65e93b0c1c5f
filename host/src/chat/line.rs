//! A message as text for people.

use serde_json::Value;

use crate::terminal::{Table, bad, one_line, plain, width};
use guildhall_model::format::short_name;

/// Returns a frame as text: the sender, and what it says.
#[must_use]
pub fn of(frame: &Value) -> String {
    let sender = &frame["sender"];
    let who = one_line(sender["name"].as_str().or(sender["id"].as_str()).unwrap_or("?"));
    format!("{who}: {}", said(frame))
}

fn said(frame: &Value) -> String {
    let payload = &frame["payload"];
    let text = |member: &str| payload[member].as_str().map(plain);
    let titled = |rest: String| {
        let parts = [text("title"), text("description"), Some(rest)];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    };
    match short_name(frame["format"].as_str().unwrap_or_default()) {
        "ErrorMessage" => bad(&failure(payload)),
        "CodeFormat" => titled(text("code").unwrap_or_default()),
        "QuestionFormat" | "questionFormat" | "FormFormat" | "formFormat" => titled(String::new()),
        "FilesWithTextFormat" => titled(files(payload)),
        "TableFormat" => titled(table(payload)),
        _ => match text("text").or_else(|| text("error_message")) {
            Some(said) => titled(said),
            None => one_line(&payload.to_string()),
        },
    }
}

/// The words of a failure, with the limit and the setting that it names.
fn failure(payload: &Value) -> String {
    let message = payload["error_message"].as_str().map_or_else(|| payload.to_string(), str::to_owned);
    let kind = payload["error_type"].as_str().unwrap_or("error");
    let about = ["limit", "value", "setting", "attempt"].into_iter().filter_map(|name| {
        let value = payload.get(name).filter(|value| !value.is_null())?;
        Some(format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    });
    let about: Vec<String> = about.collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    plain(&format!("{kind}: {message}{about}"))
}

fn files(payload: &Value) -> String {
    let text = payload["text"].as_str().map(plain).unwrap_or_default();
    let files = payload["files"].as_array().into_iter().flatten();
    let names = files.map(|file| one_line(file["name"].as_str().or(file["url"].as_str()).unwrap_or("file")));
    let lines: Vec<String> = names.map(|name| format!("  file {name}")).collect();
    [vec![text], lines].concat().join("\n").trim().to_owned()
}

/// The most columns and rows of a table that are shown.
const MOST_COLUMNS: usize = 8;
const MOST_ROWS: usize = 100;

fn table(payload: &Value) -> String {
    let rows = payload["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = payload["headers"].as_array().into_iter().flatten().filter_map(|head| head["dataKey"].as_str());
    let mut keys: Vec<&str> = named.collect();
    if keys.is_empty() {
        keys = rows.first().and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    }
    keys.truncate(MOST_COLUMNS);
    let mut shown = Table::new(keys.iter().map(|key| one_line(key)));
    for row in rows.iter().take(MOST_ROWS) {
        let cell = |key: &&str| match &row[*key] {
            Value::Null => String::new(),
            Value::String(text) => one_line(text),
            other => one_line(&other.to_string()),
        };
        shown.row(keys.iter().map(cell));
    }
    let more = rows.len().saturating_sub(MOST_ROWS);
    let more = if more == 0 { String::new() } else { format!("\n({more} more rows)") };
    format!("{}{more}", shown.fit(width()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(format: &str, payload: Value) -> String {
        let frame = json!({"format": format, "payload": payload, "sender": {"name": "Echo"}});
        console::strip_ansi_codes(&of(&frame)).into_owned()
    }

    #[test]
    fn a_message_is_what_it_says() {
        assert_eq!(line("text", json!({"text": "hi\u{1b}[2J"})), "Echo: hi\u{fffd}[2J");
        assert_eq!(line("a.Custom", json!({"n": 1})), "Echo: {\"n\":1}");
        let failure = json!({"error_type": "FUEL", "error_message": "too much", "limit": 5, "setting": "sandbox.fuel"});
        assert_eq!(line("x.ErrorMessage", failure), "Echo: FUEL: too much (limit 5, setting sandbox.fuel)");
        let question = json!({"title": "Which?", "description": "Choose one", "options": ["a"]});
        assert_eq!(line("x.QuestionFormat", question), "Echo: Which?\nChoose one");
        let files = json!({"text": "see", "files": [{"name": "a.txt"}]});
        assert_eq!(line("x.FilesWithTextFormat", files), "Echo: see\n  file a.txt");
        let table = json!({"data": [{"a": 1, "b": "x"}], "headers": [{"dataKey": "b"}, {"dataKey": "a"}]});
        assert_eq!(line("x.TableFormat", table), "Echo: b  a\nx  1");
    }
}
