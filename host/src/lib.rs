//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod agent;
pub mod api;
mod blueprint;
pub mod chat;
pub mod cli;
pub mod component;
pub mod config;
mod demo;
pub mod files;
pub mod guild;
mod heap;
pub mod journal;
pub mod metrics;
pub mod model;
pub mod oci;
#[cfg(test)]
mod order;
pub mod routing;
pub mod sandbox;
pub mod server;
pub mod store;
#[cfg(test)]
mod store_on_postgresql;
pub mod ws;
pub mod yaml;
