//! What all cases share: one runtime, one sandbox with the evaluator of expressions, and
//! the built-in components prepared in it.

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
    sandbox.expect("a sandbox can be set up")
});

/// The folder of the built-in components, and they.
type BuiltIn = (TempDir, Components, Vec<(&'static str, Arc<Component>)>);

static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let components = Components::new(sandbox().clone(), dir.path().join("components"));
    let prepared = block(prepare_built_in(&components)).expect("the built-in components are sound");
    (dir, components, prepared)
});

/// Waits on a thread that is no worker of the runtime.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// The sandbox; with it expressions can be evaluated.
pub fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

pub fn components() -> &'static Components {
    &BUILT_IN.1
}

pub fn built_in() -> Vec<(&'static str, Arc<Component>)> {
    BUILT_IN.2.clone()
}
