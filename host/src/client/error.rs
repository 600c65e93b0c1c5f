//! What a host answers instead of a result, in its own words.

use std::fmt;

use serde_json::Value;

use crate::terminal::plain;

/// An answer of 400 and above.
#[derive(Clone, Debug)]
pub struct HostError {
    /// The HTTP status.
    pub status: u16,
    /// The body, `Null` when it is no JSON.
    pub body: Value,
    /// What was asked, such as `GET /api/guilds`.
    pub request: String,
}

impl HostError {
    /// Reads an answer.
    #[must_use]
    pub fn new(status: u16, body: &[u8], request: String) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or_default(), request }
    }

    /// Returns the stable name of the error, or an empty text.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl std::error::Error for HostError {}

impl fmt::Display for HostError {
    /// The detail with status and code, then one line for each mistake of a body, the hint, and the trace id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, body, request } = self;
        let code = match self.code() {
            "" => String::new(),
            code => format!(" {code}"),
        };
        match &body["detail"] {
            Value::String(detail) => write!(f, "{} ({status}{})", plain(detail), plain(&code))?,
            Value::Array(mistakes) => {
                write!(f, "the request has mistakes ({status}{})", plain(&code))?;
                for mistake in mistakes {
                    write!(f, "\n  {}", plain(&mistake_line(mistake)))?;
                }
            }
            _ => write!(
                f,
                "{request} was answered with {status}{} and no words: is it a Guildhall host, or a proxy before one?",
                plain(&code)
            )?,
        }
        if let Some(hint) = body["hint"].as_str() {
            write!(f, "\n  hint: {}", plain(hint))?;
        }
        match body["trace_id"].as_str() {
            Some(trace) if !trace.is_empty() => write!(f, "\n  trace: {}", plain(trace)),
            _ => Ok(()),
        }
    }
}

/// A mistake of a body, with its place.
fn mistake_line(mistake: &Value) -> String {
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    let place: Vec<String> = mistake["loc"].as_array().into_iter().flatten().map(step).collect();
    let text = mistake["msg"].as_str().unwrap_or("is wrong");
    if place.is_empty() { text.to_owned() } else { format!("{}: {text}", place.join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_detail_code_hint_and_a_line_for_each_mistake() {
        let body = br#"{"detail":"Guild not found","code":"guild_not_found","hint":"list them","trace_id":"ab"}"#;
        let error = HostError::new(404, body, "GET /api/guilds/x".to_owned());
        assert_eq!(error.to_string(), "Guild not found (404 guild_not_found)\n  hint: list them\n  trace: ab");
        let body = br#"{"detail":[{"loc":["body","agents",0,"name"],"msg":"Field required"}],"code":"invalid_body"}"#;
        let error = HostError::new(422, body, "POST /api/guilds".to_owned());
        assert_eq!(
            error.to_string(),
            "the request has mistakes (422 invalid_body)\n  body.agents.0.name: Field required"
        );
        let error = HostError::new(502, b"<html>", "GET /x".to_owned());
        assert!(error.to_string().starts_with("GET /x was answered with 502 and no words: is it a Guildhall host"));
    }
}
