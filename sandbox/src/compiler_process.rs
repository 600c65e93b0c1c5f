//! The compiler process: this program with the hidden subcommand `compile`. It reads a component from its standard
//! input and writes the code to its standard output. It limits its own time, memory and output, so that an untrusted
//! upload cannot exhaust the host.

use std::io::{self, Read, Write};
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::time::Duration;

use wasmtime::Engine;

use crate::engine::engine_config;

/// The limits of one compilation. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Budget {
    /// Seconds of CPU time.
    #[arg(long)]
    pub cpu_s: u64,
    /// Address space, in MiB.
    #[arg(long)]
    pub memory_mib: u64,
    /// The compiled code, in MiB.
    #[arg(long)]
    pub output_mib: u64,
}

/// The exit code when the component does not compile. Standard error has the reason.
pub(crate) const REFUSED: u8 = 3;
/// The exit code when the host is the cause. Standard error has the reason.
pub(crate) const FAILED: u8 = 4;
/// The beginning of standard error when the memory was not enough. Most often the allocator aborts the process before
/// it can write this.
pub(crate) const NO_MEMORY: &str = "out of memory: ";

/// The longest text on standard error, in bytes.
const MAX_REASON: usize = 4 << 10;

/// Runs the compiler process and returns its exit code.
#[must_use]
pub fn main(budget: Budget) -> ExitCode {
    let (code, text) = match run(budget) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failed::Refused(text)) => (REFUSED, text),
        Err(Failed::Host(error)) => (FAILED, error.to_string()),
    };
    let text = &text[..text.floor_char_boundary(MAX_REASON)];
    // The host may have ended.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}

enum Failed {
    Refused(String),
    Host(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

fn run(budget: Budget) -> Result<(), Failed> {
    // This comes first, while there is memory for a thread.
    end_with_the_host()?;
    confine(budget)?;
    let mut config = engine_config();
    // The host starts as many compilers as may use a core each.
    config.parallel_compilation(false);
    let engine = Engine::new(&config).map_err(|error| Failed::Host(io::Error::other(format!("{error:#}"))))?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let code = engine.precompile_component(&bytes).map_err(|error| {
        let text = format!("{error:#}");
        let is_memory = error.root_cause().downcast_ref::<io::Error>().is_some_and(is_out_of_memory);
        Failed::Refused(if is_memory { format!("{NO_MEMORY}{text}") } else { text })
    })?;
    drop(bytes);
    Ok(io::stdout().lock().write_all(&code)?)
}

fn is_out_of_memory(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

/// The nice value of a compiler (0 normal, 19 the lowest priority).
const NICE: i32 = 10;

/// Sets the limits of this process. The kernel enforces them: it ends the process with SIGXCPU after the time and with
/// SIGXFSZ after the output.
#[expect(unsafe_code, reason = "libc's calls that limit the calling process")]
fn confine(budget: Budget) -> io::Result<()> {
    let checked = |code: libc::c_int| if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    for (resource, limit) in [
        (libc::RLIMIT_CPU, budget.cpu_s),
        (libc::RLIMIT_AS, budget.memory_mib << 20),
        (libc::RLIMIT_FSIZE, budget.output_mib << 20),
    ] {
        if limit > 0 {
            let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit.saturating_add(1) };
            // SAFETY: the structure lives until the call returns.
            checked(unsafe { libc::setrlimit(resource, &raw const limit) })?;
        }
    }
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // A core dump would hold the upload.
    // SAFETY: as above.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    // SAFETY: no memory is passed; 0 means this process.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) })?;
    // When the machine's memory runs out, the kernel kills this process first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Ends this process soon after the host ends, for whatever reason the host ends.
fn end_with_the_host() -> io::Result<()> {
    let host = parent_id();
    let watch = move || {
        while parent_id() == host {
            std::thread::sleep(WATCH_EVERY);
        }
        std::process::exit(i32::from(FAILED));
    };
    std::thread::Builder::new().name("watch".to_owned()).spawn(watch).map(|_| ())
}

/// How often this process checks that the host lives.
const WATCH_EVERY: Duration = Duration::from_millis(500);
