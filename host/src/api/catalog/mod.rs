//! The catalog: what guilds are made of.

mod agents;
mod blueprints;
mod categories;
mod components;
mod guilds;
mod organizations;
mod tags;
mod users;

use super::{ApiLimits, ApiState, Route};

pub fn routes(limits: ApiLimits) -> Vec<Route> {
    [
        agents::routes(),
        categories::routes(),
        blueprints::routes(),
        components::routes(limits),
        guilds::routes(),
        organizations::routes(),
        tags::routes(),
        users::routes(),
    ]
    .concat()
}
