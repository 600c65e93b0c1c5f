//! The JSON Schemas of the formats that the host itself reads and writes: texts for people, health, participants and
//! the requests of sockets.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::value::RawValue;

static SCHEMAS: LazyLock<HashMap<&'static str, &'static RawValue>> =
    LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).expect("a test parses the file"));

/// Returns the schema of a format, by its full name.
#[must_use]
pub fn built_in(format: &str) -> Option<&'static RawValue> {
    SCHEMAS.get(format).copied()
}

/// Returns all schemas with the full names of their formats, in the order of the names.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static RawValue)> {
    let mut all: Vec<_> = SCHEMAS.iter().map(|(name, schema)| (*name, *schema)).collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;

    #[test]
    fn the_formats_that_the_host_reads_and_writes_have_a_schema() {
        for name in [
            format::TEXT_FORMAT,
            format::FILES_WITH_TEXT,
            format::ERROR_MESSAGE,
            format::HEALTH_REPORT,
            format::HEALTH_CHECK_REQUEST,
            format::HEARTBEAT,
            format::PARTICIPANT_LIST,
            format::PARTICIPANT_LIST_REQUEST,
            format::STOP_GUILD_REQUEST,
            format::STOP_GUILD_RESPONSE,
            format::USER_AGENT_CREATION_REQUEST,
            format::DELIVERY_FAILURE,
        ] {
            let schema = built_in(name).unwrap_or_else(|| panic!("{name} has no schema")).get();
            assert!(serde_json::from_str::<serde_json::Value>(schema).unwrap().is_object());
        }
        assert!(built_in("os.getcwd").is_none());
    }
}
