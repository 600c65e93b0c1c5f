//! The time of day, and its text forms. Code that needs the time takes a [`Clock`] as a value, so tests can pass one
//! that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the time of day, in milliseconds since 1970 (UTC).
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// Returns the clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that stands still at a time.
    #[must_use]
    pub fn fixed(now_ms: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(now_ms))))
    }

    /// Sets a fixed clock. It has no effect on the clock of the machine.
    pub fn set(&self, now_ms: u64) {
        if let Some(held) = &self.0 {
            held.store(now_ms, Ordering::Relaxed);
        }
    }

    /// Returns whether this is the clock of the machine.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the time in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            Some(held) => held.load(Ordering::Relaxed),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Returns a time in milliseconds since 1970 as the wire document writes it: `2025-01-15T10:00:00.000Z`.
#[must_use]
pub fn rfc3339_ms(ms: u64) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let stamp = stamp.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Reads a time as clients write it, and returns milliseconds since 1970. It accepts a date, a date and a time with or
/// without a zone (UTC is the default), and a number of seconds since 1970.
#[must_use]
pub fn read_time(value: &serde_json::Value) -> Option<u64> {
    let text = match value {
        serde_json::Value::Number(seconds) => {
            let seconds = seconds.as_f64().filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within its range")]
            return Some((seconds * 1_000.0).round() as u64);
        }
        serde_json::Value::String(text) => text.trim(),
        _ => return None,
    };
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let naive: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(naive).ok()
    });
    u64::try_from(stamp?.as_millisecond()).ok()
}

/// The end of the year 9999, in seconds since 1970.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// Returns a time in milliseconds since 1970 as REST answers write it: UTC without a zone and with six digits,
/// `2026-11-23T02:07:11.738000`.
#[must_use]
pub fn naive_utc(ms: u64) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let stamp = stamp.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_written_as_in_the_wire_document_and_the_rest_api() {
        assert_eq!(rfc3339_ms(1_736_935_200_005), "2025-01-15T10:00:00.005Z");
        assert_eq!(naive_utc(1_736_935_200_005), "2025-01-15T10:00:00.005000");
    }

    #[test]
    fn times_are_read_as_clients_write_them() {
        for (time, ms) in [
            (json!("2025-01-15T10:00:00.005Z"), Some(1_736_935_200_005)),
            (json!("2025-01-15T11:00:00.005+01:00"), Some(1_736_935_200_005)),
            (json!("2025-01-15T10:00:00.005000"), Some(1_736_935_200_005)),
            (json!("2025-01-15"), Some(1_736_899_200_000)),
            (json!(1_736_935_200.005), Some(1_736_935_200_005)),
            (json!("1960-01-01"), None),
            (json!("soon"), None),
            (json!(-1), None),
            (json!(1e300), None),
            (json!(null), None),
        ] {
            assert_eq!(read_time(&time), ms, "{time}");
        }
    }
}
