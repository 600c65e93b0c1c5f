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
        with: { "guildhall:agent/secrets.secret": crate::secrets::Secret },
    });

    pub(crate) use guildhall::agent::{reveal, secrets as store};
}

/// Values under keys.
pub(super) mod keyvalue {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue",
        world: "wasi:keyvalue/imports",
        imports: { default: trappable },
        with: { "wasi:keyvalue/store.bucket": crate::keyvalue::Bucket },
    });

    pub(crate) use wasi::keyvalue::{atomics, batch, store};
}

/// The optional export with which an agent outlives its instance.
mod stateful {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package guildhall:host; world stateful { export guildhall:agent/snapshot@0.1.0; }",
        world: "guildhall:host/stateful",
        exports: { default: async },
    });
}
pub(super) use stateful::{Stateful, StatefulIndices};

impl<T: Send + 'static> BasePre<T> {
    /// Makes an instance, with the optional export if it is known to be there.
    pub(super) async fn begin(
        &self,
        mut store: impl wasmtime::AsContextMut<Data = T>,
        stateful: Option<&StatefulIndices>,
    ) -> wasmtime::Result<(Base, Option<Stateful>)> {
        let instance = self.instance_pre.instantiate_async(&mut store).await?;
        let stateful = stateful.map(|indices| indices.load(&mut store, &instance)).transpose()?;
        Ok((self.indices.load(&mut store, &instance)?, stateful))
    }
}
