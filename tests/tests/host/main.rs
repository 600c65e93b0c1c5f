//! Tests of the server from outside: a process of its own, real components, REST and sockets.

use guildhall_tests::{Host, Options};

mod asyncapi;
mod backup;
mod cli;
mod client_js;
mod clients;
mod component_cli;
mod components;
mod configuration;
mod connections;
mod console;
mod crash;
mod database;
mod dead_letters;
mod dialects;
mod disk_and_clock;
mod docs;
mod document;
mod expressions;
mod faults;
mod files;
mod floods;
mod frames;
mod fuzz;
mod golden;
mod grants;
mod hostile;
mod hosts;
mod insight;
mod life;
mod limits;
mod lists;
mod oci;
mod once;
mod openapi;
mod outages;
mod packaging;
mod proxies;
mod redis;
mod reference_clients;
mod removal;
mod restart;
mod resume;
mod said;
mod semantics;
mod silence;
mod sleep;
mod stop_start;

/// Returns the configuration of a server for tests. All servers share the compiled components.
fn options() -> Options {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/components");
    Options::new(env!("CARGO_BIN_EXE_host")).component_cache(cache)
}

/// Starts a new, empty server.
async fn host() -> Host {
    Host::spawn(options()).await
}

/// Returns how often a test repeats its steps: the value of the variable if it is set.
fn times(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(times) => times.parse().unwrap_or_else(|_| panic!("{variable} is no number: {times}")),
        Err(_) => default,
    }
}
