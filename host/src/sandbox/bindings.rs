//! Rust for the contract in `wit/agent.wit`, made by wasmtime's macro. The imports
//! do not wait, so they are plain functions; they may trap, because a sealed
//! instance may call none of them.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "base",
    imports: { default: trappable },
    exports: { default: async },
});

pub(super) use exports::guildhall::agent::agent as export;
pub(super) use guildhall::agent::{context, expressions, messaging, types};
