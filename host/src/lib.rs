//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod model;
pub mod sandbox;
