//! The common part of the two test binaries that run the vectors of `tests/data/cases`.
//!
//! `model/tests/vectors` runs the areas that need `guildhall-model` alone, `host/tests/vectors` those that need a journal,
//! a store, agents or a whole guild. Both read the same cases and the same list of differences, and they judge and count
//! in the same way. Every case is run by exactly one of the two, or is listed as one that does not apply.

pub mod cases;
pub mod compare;
pub mod differences;
pub mod inputs;
pub mod report;

/// Which test binary runs a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `model/tests/vectors`.
    Model,
    /// `host/tests/vectors`.
    Host,
}

/// The areas that need more than `guildhall-model`.
const HOST_AREAS: [&str; 12] = [
    "aggregator",
    "bus_delivery",
    "bus_query",
    "collector",
    "delivery",
    "dispatch",
    "enrich_history",
    "guild_db_roundtrip",
    "manager",
    "rule_db_roundtrip",
    "splitter",
    "yaml_load",
];

/// The areas that nothing runs: this project has no such function. Each of their cases is listed with its reason.
pub const AREAS_NOT_RUN: [&str; 15] = [
    "dead_letter_topic",
    "dependency_scope",
    "dependency_string",
    "gateway",
    "gemstone_decode",
    "gemstone_encode",
    "gemstone_generate",
    "gemstone_order",
    "heartbeat_parse",
    "heartbeat_reply",
    "message_history_rest",
    "message_sort",
    "state_refresh",
    "topic_namespace",
    "upa_subscriptions",
];

impl Part {
    /// Returns the part that answers for an area. An unknown area belongs to the model, whose test then reports it.
    pub fn of(area: &str) -> Self {
        if HOST_AREAS.contains(&area) { Self::Host } else { Self::Model }
    }
}
