//! What all cases share: one runtime, one sandbox, and the built-in components compiled in it.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use guildhall::agent::Components;
use guildhall::server::prepare_built_in;
use guildhall_sandbox::{CompilerConfig, Component, Sandbox, SandboxConfig};
use tempfile::TempDir;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime starts"));

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let compiler = Some(CompilerConfig { program: env!("CARGO_BIN_EXE_guildhall").into(), cache_dir: cache });
    let sandbox = Sandbox::new(SandboxConfig { compiler, max_agents: 256, ..SandboxConfig::default() });
    sandbox.expect("the sandbox starts")
});

/// The folder of the components, their store, and the built-in ones by class.
type BuiltIn = (TempDir, Components, Vec<(&'static str, Arc<Component>)>);

static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary folder can be created");
    let components = Components::new(sandbox().clone(), dir.path().join("components"));
    let prepared = block(prepare_built_in(&components)).expect("the built-in components compile");
    (dir, components, prepared)
});

/// Waits for a future. The calling thread must not be a worker of the runtime.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

/// Returns the store of components.
pub fn components() -> &'static Components {
    &BUILT_IN.1
}

/// Returns the built-in components by class.
pub fn built_in() -> Vec<(&'static str, Arc<Component>)> {
    BUILT_IN.2.clone()
}
