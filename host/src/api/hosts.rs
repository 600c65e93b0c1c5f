//! The hosts that share the journal (`/api/hosts`).

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::{ApiState, Route};
use crate::guild::{Guilds, HostEntry};
use guildhall_model::clock::rfc3339_ms;

pub fn routes() -> Vec<Route> {
    vec![("/api/hosts", get(list))]
}

/// A host that is alive.
#[derive(Serialize, ToSchema)]
pub struct Host {
    /// Random, another one at each start; null for a host that is alone.
    id: Option<String>,
    /// Where the other hosts reach it (`hosts.url`); null for a host that is alone.
    url: Option<String>,
    /// The version of its program.
    version: String,
    /// When it was started, UTC; null for a host that is alone.
    started_at: Option<String>,
    /// How many guilds run there. Guilds that sleep run nowhere.
    guilds: u64,
    /// Whether it is the host that answers.
    is_this: bool,
}

/// The hosts that serve the same guilds.
#[derive(Serialize, ToSchema)]
pub struct Hosts {
    hosts: Vec<Host>,
}

async fn list(State(api): State<ApiState>) -> Json<Hosts> {
    Json(Hosts { hosts: all(&api.guilds) })
}

fn all(guilds: &Guilds) -> Vec<Host> {
    let running = guilds.running() as u64;
    let Some(hosts) = guilds.hosts() else {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        return vec![Host { id: None, url: None, version, started_at: None, guilds: running, is_this: true }];
    };
    let shown = |host: &HostEntry| {
        let is_this = host.id == hosts.own;
        Host {
            id: Some(host.id.clone()),
            url: Some(host.url.clone()),
            version: host.version.clone(),
            started_at: Some(rfc3339_ms(host.started_ms)),
            guilds: if is_this { running } else { host.guilds },
            is_this,
        }
    };
    hosts.all.iter().map(shown).collect()
}
