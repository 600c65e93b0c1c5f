//! The catalog: agent classes, components, blueprints, and the guilds that were launched from them.

pub mod agents;
pub mod blueprints;
mod categories;
pub mod components;
pub mod guilds;
mod organizations;
mod tags;
pub mod users;

use crate::api::state::{ApiLimits, Route};

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
