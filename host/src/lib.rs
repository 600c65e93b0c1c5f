//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod journal;
pub mod model;
pub mod routing;
pub mod ws;
pub mod sandbox;
