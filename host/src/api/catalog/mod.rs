//! The catalog: what guilds are made of.

mod agents;
mod blueprints;
mod categories;
mod components;

use super::{ApiLimits, ApiState, Route};

pub fn routes(limits: ApiLimits) -> Vec<Route> {
    [agents::routes(), categories::routes(), blueprints::routes(), components::routes(limits)].concat()
}
