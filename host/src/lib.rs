//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod api;
pub mod guild;
pub mod model;
pub mod store;
