//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod agent;
pub mod api;
pub mod guild;
pub mod journal;
pub mod model;
pub mod routing;
pub mod sandbox;
pub mod store;
pub mod ws;
