//! Starts compilers and judges how they end. At most half the cores compile at
//! once, and whatever a compiler uses up is its own.

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

use super::cache::{Cache, Unfinished};
use super::compile::{FAILED, NO_MEMORY, REFUSED};
use super::limits::{Limit, Limits};
use super::refusal::Refusal;

/// The most of a compiler's words that are read.
const MAX_WORDS: u64 = 16 << 10;

/// Compilation in a process of its own.
#[derive(Clone, Debug)]
pub struct CompilerConfig {
    /// What is started with the hidden subcommand `compile`: this program.
    pub program: PathBuf,
    /// Where compiled code is kept.
    pub cache_dir: PathBuf,
}

/// What turns components into code.
pub(super) struct Compiler {
    /// Without it this process compiles and keeps nothing.
    pub(super) outside: Option<Outside>,
    room: Arc<Semaphore>,
}

/// A program that compiles, and the directory for what it makes.
pub(super) struct Outside {
    program: PathBuf,
    pub(super) cache: Cache,
}

impl Compiler {
    pub(super) fn new(config: Option<CompilerConfig>, engine: &Engine) -> std::io::Result<Self> {
        let open = |config: CompilerConfig| {
            Cache::open(&config.cache_dir, engine).map(|cache| Outside { program: config.program, cache })
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { outside: config.map(open).transpose()?, room: Arc::new(Semaphore::new((cores / 2).max(1))) })
    }

    /// Waits until there is room for one more compilation.
    pub(super) async fn room(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.room.clone().acquire_owned().await.map_err(|error| Refusal::Host(error.to_string()))
    }

    pub(super) fn cache(&self) -> Option<&Cache> {
        self.outside.as_ref().map(|outside| &outside.cache)
    }
}

impl Outside {
    /// Has a process compile a component; what it makes is to be kept in the cache.
    /// Dropping the future ends the process.
    ///
    /// # Errors
    /// The component does not compile, or not within the limits.
    pub(super) async fn compile(&self, bytes: &[u8], limits: &Limits) -> Result<Unfinished, Refusal> {
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
        // What the operator has in the environment is not its business.
        .env_clear()
        // The allocator reserves a GiB at a time unless told, which the limit on the
        // address space would count.
        .env("MIMALLOC_ARENA_RESERVE", "32M")
        .stdin(Stdio::piped())
        .stdout(code)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // What a terminal sends to the host's group is not meant for it.
        .process_group(0)
        .spawn()
        .map_err(|error| host("no compiler can be started", error))?;
    let input = compiler.stdin.take();
    let words = compiler.stderr.take();
    let feed = async {
        if let Some(mut input) = input {
            // A compiler that ended early does not read to the end.
            let _ = input.write_all(bytes).await;
        }
    };
    let listen = async {
        let mut said = Vec::new();
        if let Some(words) = words {
            let _ = words.take(MAX_WORDS).read_to_end(&mut said).await;
        }
        String::from_utf8_lossy(&said).into_owned()
    };
    let time = Duration::from_secs(limits.get(Limit::CompileTime));
    let ended = tokio::time::timeout(time, async { tokio::join!(feed, listen, compiler.wait()) }).await;
    match ended {
        Ok(((), said, status)) => {
            judge(status.map_err(|error| host("the compiler cannot be waited for", error))?, &said, limits)
        }
        Err(_) => {
            if let Err(error) = compiler.kill().await {
                tracing::error!(%error, "a compiler that takes too long cannot be ended");
            }
            Err(Refusal::compile(Limit::CompileTime, "seconds", limits))
        }
    }
}

/// What the end of a compiler means.
fn judge(status: ExitStatus, said: &str, limits: &Limits) -> Result<(), Refusal> {
    let said = said.trim();
    let no_memory = || Err(Refusal::compile(Limit::CompileMemory, "MiB of memory", limits));
    match (status.code().map(u8::try_from), status.signal()) {
        (Some(Ok(0)), _) => Ok(()),
        (Some(Ok(REFUSED)), _) if said.starts_with(NO_MEMORY) => no_memory(),
        (Some(Ok(REFUSED)), _) => Err(Refusal::invalid(&format!("the component does not compile: {said}"))),
        (Some(Ok(FAILED)), _) => Err(Refusal::Host(format!("the compiler failed: {said}"))),
        (_, Some(libc::SIGXCPU)) => Err(Refusal::compile(Limit::CompileCpu, "seconds of CPU time", limits)),
        (_, Some(libc::SIGXFSZ)) => Err(Refusal::compile(Limit::CompiledSize, "MiB for the code", limits)),
        (_, Some(libc::SIGINT | libc::SIGTERM | libc::SIGHUP)) => {
            Err(Refusal::Host("the compiler was told to end".to_owned()))
        }
        // The allocator aborts; the kernel kills when the machine has no more.
        (_, Some(libc::SIGKILL)) => no_memory(),
        (_, Some(libc::SIGABRT)) if said.contains("memory allocation of") => no_memory(),
        _ => Err(Refusal::invalid(&format!("the component breaks the compiler ({status}): {said}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_compiler_has_its_name() {
        let limits = Limits::default();
        let judged =
            |raw: i32, said: &str| judge(ExitStatus::from_raw(raw), said, &limits).err().map(|r| r.to_string());
        assert_eq!(judged(0, ""), None);
        let refused = i32::from(REFUSED) << 8;
        assert_eq!(judged(refused, "bad type\n").unwrap(), "the component does not compile: bad type");
        for (raw, said, setting) in [
            (libc::SIGXCPU, "", "120 (`host.compile_cpu_s`)"),
            (libc::SIGXFSZ, "", "512 (`host.compiled_mib`)"),
            (libc::SIGKILL, "", "2048 (`host.compile_memory_mib`)"),
            (libc::SIGABRT, "memory allocation of 8 bytes failed", "2048 (`host.compile_memory_mib`)"),
            (refused, "out of memory: mmap", "2048 (`host.compile_memory_mib`)"),
        ] {
            assert!(judged(raw, said).unwrap().ends_with(setting), "{raw}");
        }
        assert!(judged(i32::from(FAILED) << 8, "no stdin").unwrap().contains("no stdin"));
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            let ended = judge(ExitStatus::from_raw(signal), "", &limits);
            assert!(matches!(ended, Err(Refusal::Host(_))), "{ended:?}");
        }
        assert!(judged(libc::SIGSEGV, "").unwrap().contains("breaks the compiler"));
    }
}
