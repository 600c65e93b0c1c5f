//! The failures of a handler, and the conversions of other errors by `?`.

use crate::bindings::guildhall::agent::messaging::EmitError;
use crate::bindings::guildhall::agent::types::{Failure, RetryHint};
use std::time::Duration;

impl Failure {
    /// Returns a failure that another attempt cannot help. The message becomes a dead letter at once, its sender receives
    /// `reason`, and the agent stays healthy.
    pub fn reject(reason: impl Into<String>) -> Self {
        Failure::Reject(reason.into())
    }

    /// Returns a temporary failure. The server delivers the message again after its backoff, as often as the blueprint
    /// allows.
    pub fn retry(reason: impl Into<String>) -> Self {
        Failure::Retry(RetryHint { reason: reason.into(), after_ms: None })
    }

    /// Returns a temporary failure, see [`Failure::retry`]. The message is not delivered again before `after` has passed
    /// (whole milliseconds, at most 49 days).
    pub fn retry_after(reason: impl Into<String>, after: Duration) -> Self {
        Failure::Retry(RetryHint {
            reason: reason.into(),
            after_ms: Some(u32::try_from(after.as_millis()).unwrap_or(u32::MAX)),
        })
    }

    /// Returns any other failure, such as an error in the agent itself.
    pub fn other(reason: impl Into<String>) -> Self {
        Failure::Other(reason.into())
    }

    /// Returns the reason as text.
    pub fn reason(&self) -> &str {
        match self {
            Failure::Reject(reason) | Failure::Other(reason) => reason,
            Failure::Retry(hint) => &hint.reason,
        }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::Other(reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Failure::Other(reason.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::Other(error.to_string())
    }
}

impl From<EmitError> for Failure {
    fn from(error: EmitError) -> Self {
        Failure::Other(error.in_words())
    }
}

impl EmitError {
    /// Returns a readable reason why the message was not staged.
    pub fn in_words(&self) -> String {
        match self {
            EmitError::InvalidPayload(why) => format!("the emitted payload is not valid: {why}"),
            EmitError::PayloadTooLarge(limit) => {
                format!("the emitted payload is larger than {limit} bytes")
            }
            EmitError::TooMany(limit) => format!("a turn may emit at most {limit} messages"),
            EmitError::TopicDenied(topic) => format!("the agent may not emit to topic `{topic}`"),
            EmitError::Other(why) => format!("the message was not emitted: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_turns_errors_into_failures() {
        fn fails(with: u8) -> Result<(), Failure> {
            match with {
                0 => Err("plain")?,
                1 => Err(String::from("owned"))?,
                2 => Err(EmitError::TooMany(256))?,
                _ => serde_json::from_str("{")?,
            }
            Ok(())
        }
        assert_eq!(fails(0), Err(Failure::other("plain")));
        assert_eq!(fails(1), Err(Failure::other("owned")));
        assert_eq!(fails(2), Err(Failure::other("a turn may emit at most 256 messages")));
        assert!(matches!(fails(3), Err(Failure::Other(_))));
    }

    #[test]
    fn a_retry_carries_its_delay_in_milliseconds() {
        let Failure::Retry(hint) = Failure::retry_after("busy", Duration::from_secs(2)) else {
            panic!("not a retry");
        };
        assert_eq!(hint.after_ms, Some(2000));
        assert_eq!(
            Failure::retry_after("busy", Duration::MAX),
            Failure::Retry(RetryHint { reason: "busy".into(), after_ms: Some(u32::MAX) })
        );
    }
}
