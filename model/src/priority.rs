//! The priority of a message. Each priority is one lane of a consumer, and a more urgent lane is served first.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The names of the priorities, by their number.
const NAMES: [&str; Priority::LANES] =
    ["URGENT", "IMPORTANT", "HIGH", "ABOVE_NORMAL", "NORMAL", "LOW", "VERY_LOW", "LOWEST"];

/// How urgent a message is: 0 is the most urgent, 4 is normal, 7 is the least urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 7))]
pub struct Priority(u8);

impl Priority {
    /// The most urgent priority, 0.
    pub const URGENT: Self = Self(0);
    /// Priority 2.
    pub const HIGH: Self = Self(2);
    /// The default, 4.
    pub const NORMAL: Self = Self(4);
    /// The number of priorities, and so of the lanes of a consumer.
    pub const LANES: usize = 8;

    /// Returns the priority with this number, or `None` above 7.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 8 { Some(Self(number)) } else { None }
    }

    /// Returns the number, 0 to 7.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the index of the lane, 0 to 7.
    #[must_use]
    pub const fn lane(self) -> usize {
        self.0 as usize
    }

    /// Reads a priority as clients write it: a number, digits in a text, or a name in any case (`"HIGH"`).
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let number = match value {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
            Value::Number(number) => match number.as_f64().filter(|float| float.fract() == 0.0) {
                Some(float @ 0.0..=7.0) => float as u64,
                _ => return None,
            },
            Value::String(text) => {
                let text = text.trim();
                match NAMES.iter().position(|name| name.eq_ignore_ascii_case(text)) {
                    Some(position) => position as u64,
                    None => text.parse().ok()?,
                }
            }
            _ => return None,
        };
        u8::try_from(number).ok().and_then(Self::new)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom("priority must be 0 to 7"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_priority_is_read_in_every_spelling() {
        for value in [json!(2), json!(2.0), json!("2"), json!("high"), json!(" HIGH ")] {
            assert_eq!(Priority::read(&value), Some(Priority::HIGH), "{value}");
        }
        for value in [json!(9), json!("soon"), json!(null), json!(1.5), json!(-1)] {
            assert_eq!(Priority::read(&value), None, "{value}");
        }
    }
}
