//! Starts compiler processes and reads how they ended. At most half of the cores compile at the same time. A compiler
//! that runs out of time or memory ends without harm to the host.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

use crate::cache::{Cache, Unfinished};
use crate::compiler_process::{FAILED, NO_MEMORY, REFUSED};
use crate::limits::{Limit, Limits};
use crate::refusal::Refusal;

/// How much of a compiler's standard error is read, in bytes.
const MAX_STDERR_BYTES: u64 = 16 << 10;

/// How to compile in a process of its own.
#[derive(Clone, Debug)]
pub struct CompilerConfig {
    /// The program that is started with the hidden subcommand `compile`: this program.
    pub program: PathBuf,
    /// The directory of compiled code.
    pub cache_dir: PathBuf,
}

/// Compiles components, in processes or in this one.
pub(crate) struct Compiler {
    /// `None`: this process compiles, and compiled code is not kept.
    pub(crate) process: Option<CompilerProcess>,
    room: Arc<Semaphore>,
}

/// The program that compiles, and the cache for its code.
pub(crate) struct CompilerProcess {
    program: PathBuf,
    /// Keeps the compiled code.
    pub(crate) cache: Cache,
}

impl Compiler {
    /// Opens the cache. `engine` decides which code fits.
    ///
    /// # Errors
    /// The cache cannot be opened.
    pub(crate) fn new(config: Option<CompilerConfig>, engine: &Engine) -> std::io::Result<Self> {
        let open = |config: CompilerConfig| {
            Cache::open(&config.cache_dir, engine).map(|cache| CompilerProcess { program: config.program, cache })
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { process: config.map(open).transpose()?, room: Arc::new(Semaphore::new((cores / 2).max(1))) })
    }

    /// Waits until one more compilation may run. Cancel safe.
    ///
    /// # Errors
    /// Never while the compiler exists.
    pub(crate) async fn room(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.room.clone().acquire_owned().await.map_err(|error| Refusal::Host(error.to_string()))
    }

    /// Returns the cache of compiled code; `None` when this process compiles.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.process.as_ref().map(|process| &process.cache)
    }
}

impl CompilerProcess {
    /// Compiles a component in a process. The caller adds the result to the cache. Dropping the future ends the
    /// process.
    ///
    /// # Errors
    /// The component does not compile, or not within the limits.
    pub(crate) async fn compile(&self, bytes: &[u8], limits: &Limits) -> Result<Unfinished, Refusal> {
        let not_kept = |error: std::io::Error| Refusal::Host(format!("compiled code cannot be kept: {error}"));
        let code = self.cache.begin().map_err(not_kept)?;
        compile(&self.program, bytes, code.writer().map_err(not_kept)?, limits).await.map(|()| code)
    }
}

async fn compile(program: &Path, bytes: &[u8], code: File, limits: &Limits) -> Result<(), Refusal> {
    let host = |what: &str, error: std::io::Error| Refusal::Host(format!("{what}: {error}"));
    let mut compiler = Command::new(program)
        .arg("compile")
        .args(["--cpu-s", &limits.get(Limit::CompileCpu).to_string()])
        .args(["--memory-mib", &limits.get(Limit::CompileMemory).to_string()])
        .args(["--output-mib", &limits.get(Limit::CompiledSize).to_string()])
        // The operator's environment may hold secrets.
        .env_clear()
        // By default the allocator reserves a GiB at a time, which would count against the limit on the address space.
        .env("MIMALLOC_ARENA_RESERVE", "32M")
        .stdin(Stdio::piped())
        .stdout(code)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Signals of a terminal to the host's group should not reach the compiler.
        .process_group(0)
        .spawn()
        .map_err(|error| host("no compiler can be started", error))?;
    let input = compiler.stdin.take();
    let stderr = compiler.stderr.take();
    let feed = async {
        if let Some(mut input) = input {
            // A compiler that ends early does not read all of it.
            let _ = input.write_all(bytes).await;
        }
    };
    let read = async {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(MAX_STDERR_BYTES).read_to_end(&mut text).await;
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    let time = Duration::from_secs(limits.get(Limit::CompileTime));
    let ended = tokio::time::timeout(time, async { tokio::join!(feed, read, compiler.wait()) }).await;
    match ended {
        Ok(((), text, status)) => {
            outcome(status.map_err(|error| host("the compiler cannot be waited for", error))?, &text, limits)
        }
        Err(_) => {
            if let Err(error) = compiler.kill().await {
                tracing::error!(%error, "a compiler that takes too long cannot be stopped");
            }
            Err(Refusal::compile(Limit::CompileTime, "seconds", limits))
        }
    }
}

/// Reads how a compiler ended from its status and its standard error.
fn outcome(status: ExitStatus, stderr: &str, limits: &Limits) -> Result<(), Refusal> {
    let stderr = stderr.trim();
    let no_memory = || Err(Refusal::compile(Limit::CompileMemory, "MiB of memory", limits));
    match (status.code().map(u8::try_from), status.signal()) {
        (Some(Ok(0)), _) => Ok(()),
        (Some(Ok(REFUSED)), _) if stderr.starts_with(NO_MEMORY) => no_memory(),
        (Some(Ok(REFUSED)), _) => Err(Refusal::invalid(&format!("the component does not compile: {stderr}"))),
        (Some(Ok(FAILED)), _) => Err(Refusal::Host(format!("the compiler failed: {stderr}"))),
        (_, Some(libc::SIGXCPU)) => Err(Refusal::compile(Limit::CompileCpu, "seconds of CPU time", limits)),
        (_, Some(libc::SIGXFSZ)) => Err(Refusal::compile(Limit::CompiledSize, "MiB for the code", limits)),
        (_, Some(libc::SIGINT | libc::SIGTERM | libc::SIGHUP)) => {
            Err(Refusal::Host("the compiler was stopped by a signal".to_owned()))
        }
        // The kernel kills a compiler when the machine has no memory left, whatever the component is.
        (_, Some(libc::SIGKILL)) => {
            Err(Refusal::Host("the system killed the compiler, perhaps because memory is short".to_owned()))
        }
        // The allocator aborts at the limit.
        (_, Some(libc::SIGABRT)) if stderr.contains("memory allocation of") => no_memory(),
        _ => Err(Refusal::invalid(&format!("the component breaks the compiler ({status}): {stderr}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_compiler_has_its_refusal() {
        let limits = Limits::default();
        let refusal =
            |raw: i32, stderr: &str| outcome(ExitStatus::from_raw(raw), stderr, &limits).err().map(|r| r.to_string());
        assert_eq!(refusal(0, ""), None);
        let refused = i32::from(REFUSED) << 8;
        assert_eq!(refusal(refused, "bad type\n").unwrap(), "the component does not compile: bad type");
        for (raw, stderr, setting) in [
            (libc::SIGXCPU, "", "120 (`host.compile_cpu_s`)"),
            (libc::SIGXFSZ, "", "512 (`host.compiled_mib`)"),
            (libc::SIGABRT, "memory allocation of 8 bytes failed", "2048 (`host.compile_memory_mib`)"),
            (refused, "out of memory: mmap", "2048 (`host.compile_memory_mib`)"),
        ] {
            assert!(refusal(raw, stderr).unwrap().ends_with(setting), "{raw}");
        }
        assert!(refusal(i32::from(FAILED) << 8, "no stdin").unwrap().contains("no stdin"));
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGKILL] {
            let ended = outcome(ExitStatus::from_raw(signal), "", &limits);
            assert!(matches!(ended, Err(Refusal::Host(_))), "{ended:?}");
        }
        assert!(refusal(libc::SIGSEGV, "").unwrap().contains("breaks the compiler"));
    }
}
