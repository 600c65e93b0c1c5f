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

/// The optional imports of the contract.
pub(super) mod secrets {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package guildhall:host;
            world granted { import guildhall:agent/secrets@0.1.0; import guildhall:agent/reveal@0.1.0; }
        ",
        world: "guildhall:host/granted",
        imports: { default: trappable },
        with: { "guildhall:agent/secrets.secret": crate::sandbox::secrets::Secret },
    });

    pub(in crate::sandbox) use guildhall::agent::{reveal, secrets as store};
}

/// Values under keys.
pub(super) mod keyvalue {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue",
        world: "wasi:keyvalue/imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": crate::sandbox::keyvalue::Bucket },
    });

    pub(in crate::sandbox) use wasi::keyvalue::{atomics, batch, store};
}
