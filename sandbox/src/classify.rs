//! Turns wasmtime's errors into faults: what happened, which limit was met, and whether the agent or the host is the
//! cause. A test provokes each case.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::control::Stopped;
use crate::limits::{Limit, Limits};
use crate::phase::Sealed;
use crate::refusal::MAX_TEXT_BYTES;
use crate::secrets::NotRevealed;
use crate::shortened::shortened;
use crate::wasmtime_errors::{is_copy_limit, is_handle_limit};
use guildhall_model::fault::{Fault, FaultKind};

/// What is known about a failed call in addition to its error.
pub(crate) struct Circumstances<'a> {
    /// The limits of the agent.
    pub(crate) limits: &'a Limits,
    /// The limit of the call's fuel.
    pub(crate) fuel: Limit,
    /// The limit of the call's wall time.
    pub(crate) timeout: Limit,
    /// The fuel that the call used.
    pub(crate) fuel_used: u64,
    /// The most linear memory that the instance has held.
    pub(crate) peak_memory_bytes: u64,
    /// The memory limit that the call met last.
    pub(crate) denied_memory: Option<Fault>,
    /// The end of what the guest wrote to its standard error.
    pub(crate) stderr: Option<String>,
    /// Whether an export was called. Otherwise the instance was not created.
    pub(crate) entered: bool,
}

/// Why a call did not return a value.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The host cancelled it.
    Cancelled,
    /// It crossed a limit or trapped.
    Fault(Fault),
}

impl Broken {
    /// Returns the fault. A cancelled call counts as one that was too late.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Cancelled => Fault::new(FaultKind::Deadline, "the call was cancelled"),
        }
    }
}

/// Returns why a call failed with `error`, and counts the limit that it met.
pub(crate) fn classify(error: &wasmtime::Error, about: Circumstances<'_>) -> Broken {
    if let Some(Stopped::Cancelled) = error.downcast_ref() {
        return Broken::Cancelled;
    }
    let mut fault = fault_of(error, &about);
    fault.fuel_used = Some(about.fuel_used);
    fault.peak_memory_bytes = Some(about.peak_memory_bytes);
    fault.stderr = about.stderr;
    fault.backtrace = backtrace(error);
    Broken::Fault(fault)
}

fn fault_of(error: &wasmtime::Error, about: &Circumstances<'_>) -> Fault {
    if error.is::<Stopped>() {
        return over(about, about.timeout, None, "it did not end within", "ms");
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return host_full();
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        // WASI 0.2 passes on only whether it was a success.
        let status = if exit.0 == 0 { "success" } else { "failure" };
        return Fault::new(FaultKind::Exit, format!("the agent called exit and reported {status}"));
    }
    if let Some(sealed) = error.downcast_ref::<Sealed>() {
        return Fault::new(FaultKind::Denied, sealed.to_string());
    }
    if let Some(denied) = error.downcast_ref::<NotRevealed>() {
        return Fault::new(FaultKind::Denied, denied.to_string());
    }
    if is_handle_limit(error) {
        return over(about, Limit::Handles, None, "it holds more resources than", "at once");
    }
    if is_copy_limit(error) {
        return over(about, Limit::CopyBytes, None, "it passed more to the host in one call than", "bytes");
    }
    let Some(trap) = error.downcast_ref::<Trap>() else { return outside_of_wasm(error, about) };
    match trap {
        Trap::OutOfFuel => over(about, about.fuel, Some(about.fuel_used), "it used up its fuel of", "units"),
        Trap::Interrupt => over(about, about.timeout, None, "it did not end within", "ms"),
        Trap::StackOverflow => over(about, Limit::Stack, None, "its calls were nested deeper than the stack of", "KiB"),
        Trap::UnreachableCodeReached | Trap::AllocationTooLarge => match (&about.denied_memory, trap) {
            (Some(denied), _) => denied.clone(),
            (None, Trap::AllocationTooLarge) => Fault::new(FaultKind::Memory, "an allocation was too large"),
            (None, _) => Fault::new(FaultKind::Panic, panic_message(about.stderr.as_deref())),
        },
        Trap::CannotEnterComponent => Fault::new(FaultKind::HostError, "an instance was used again after it trapped"),
        trap => Fault::new(FaultKind::Trap, trap.to_string()),
    }
}

/// Returns the fault of a failure without a trap: memory that was denied at instantiation, a value that does not fit
/// its type, or an error of the host.
fn outside_of_wasm(error: &wasmtime::Error, about: &Circumstances<'_>) -> Fault {
    match &about.denied_memory {
        Some(denied) => denied.clone(),
        // The guest is the cause if its frames are in the backtrace. It is also the cause if an export was called: then
        // its memory does not hold what the host passes to it, or what it returns.
        None if about.entered || error.is::<WasmBacktrace>() => {
            Fault::new(FaultKind::Trap, shortened(&error.root_cause().to_string(), MAX_TEXT_BYTES))
        }
        None => Fault::new(FaultKind::HostError, shortened(&format!("{error:#}"), MAX_TEXT_BYTES)),
    }
}

/// Returns the fault of a start in a full host.
pub(crate) fn host_full() -> Fault {
    Fault::new(FaultKind::HostFull, "this host has no room for one more agent at present")
}

fn over(about: &Circumstances<'_>, limit: Limit, value: Option<u64>, what: &str, unit: &str) -> Fault {
    let most = about.limits.get(limit);
    limit.fault(most, value, format!("{what} {most} {unit}"))
}

/// Returns the message of a panic, of an uncaught exception or of an abort that the guest printed, as the languages
/// write them, else its first line, else what the trap means.
fn panic_message(stderr: Option<&str>) -> String {
    let Some(text) = stderr else { return "the agent aborted and printed nothing".to_owned() };
    let lines: Vec<&str> = text.lines().map(without_level).filter(|line| !line.trim().is_empty()).collect();
    let found = of_rust(&lines).or_else(|| of_python(&lines)).or_else(|| {
        let begins = |starts: &[&str]| {
            let line = lines.iter().find(|line| starts.iter().any(|start| line.trim_start().starts_with(start)));
            line.map(|line| line.trim().to_owned())
        };
        // Go, then C and C++, then what JavaScript engines print before the error.
        begins(&["panic: ", "fatal error: "])
            .or_else(|| begins(&["Assertion failed", "assertion failed", "terminate called", "libc++abi"]))
            .or_else(|| begins(&["Uncaught ", "Unhandled ", "Exception while", "Error: "]))
    });
    let first = || lines.iter().find(|line| !is_of_the_toolchain(line)).map(|line| line.trim().to_owned());
    found.or_else(first).unwrap_or_else(|| "the agent aborted".to_owned())
}

/// A line without the level that the guest's libraries write before it.
fn without_level(line: &str) -> &str {
    ["[error] ", "[warn] ", "[info] ", "[debug] "].iter().find_map(|level| line.strip_prefix(level)).unwrap_or(line)
}

/// The line of a panic of Rust, and its message on the next line.
fn of_rust(lines: &[&str]) -> Option<String> {
    let at = lines.iter().position(|line| line.contains("panicked at"))?;
    let message = lines.get(at + 1).copied().unwrap_or_default();
    Some(format!("{} {message}", lines[at]).trim_end().to_owned())
}

/// The exception at the end of the last traceback of Python: the first line behind its frames.
fn of_python(lines: &[&str]) -> Option<String> {
    let at = lines.iter().rposition(|line| line.trim_start().starts_with("Traceback"))?;
    let line = lines[at + 1..].iter().find(|line| !line.starts_with([' ', '\t']))?;
    Some(line.trim().to_owned())
}

/// Whether a toolchain prints this line at each abort, whatever the cause.
fn is_of_the_toolchain(line: &str) -> bool {
    line.contains("mozalloc_abort") || line.contains("<autogenerated>") || line.starts_with("goroutine ")
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frames = trace.frames().iter();
    frames
        .map(|frame| match frame.func_name() {
            // Even a short name may be long when it is demangled.
            Some(name) if name.len() <= MAX_MANGLED_BYTES => cut(&format!("{:#}", rustc_demangle::demangle(name))),
            Some(name) => cut(name),
            None => format!("{}[{}]", cut(frame.module().name().unwrap_or("wasm")), frame.func_index()),
        })
        .collect()
}

/// The longest name in a backtrace, in bytes. A component may hold names of any length.
const MAX_FRAME_BYTES: usize = 256;
/// The longest name that is demangled, in bytes.
const MAX_MANGLED_BYTES: usize = 1 << 10;

fn cut(name: &str) -> String {
    shortened(name, MAX_FRAME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_the_agents_own() {
        let rust = "thread 'main' panicked at src/lib.rs:3:5:\nno such user\nnote: run with `RUST_BACKTRACE=1`";
        assert_eq!(panic_message(Some(rust)), "thread 'main' panicked at src/lib.rs:3:5: no such user");
        assert_eq!(panic_message(Some("Traceback\nKeyError: 'x'")), "KeyError: 'x'");
        assert_eq!(panic_message(None), "the agent aborted and printed nothing");
        let chained = "warm up\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: a\n\n\
            During handling of the above exception, another exception occurred:\n\n\
            Traceback (most recent call last):\n  File \"a.py\", line 3, in g\n    raise KeyError\nKeyError: 'x'\n\
            unexpected exception";
        assert_eq!(panic_message(Some(chained)), "KeyError: 'x'");
        let go = "begin\npanic: no such user [recovered]\n\ngoroutine 1 [running]:\nmain.receive(0x1)\n\
            \t<autogenerated>:1 +0x1";
        assert_eq!(panic_message(Some(go)), "panic: no such user [recovered]");
        let starling = "Redirecting call to abort() to mozalloc_abort\nboom: no such user\n  receive@agent.js:3\n";
        assert_eq!(panic_message(Some(starling)), "boom: no such user");
        let uncaught = "start\nUncaught exception: Error: no such user\nStack:\n  receive@agent.js:3\n\
            Redirecting call to abort() to mozalloc_abort";
        assert_eq!(panic_message(Some(uncaught)), "Uncaught exception: Error: no such user");
        assert_eq!(panic_message(Some("[error] no such user\nbye")), "no such user");
        assert_eq!(
            panic_message(Some("begin\nAssertion failed: n > 0 (a.c: f: 3)")),
            "Assertion failed: n > 0 (a.c: f: 3)"
        );
    }

    #[test]
    fn a_fault_names_the_limit_and_its_setting() {
        let about = Circumstances {
            limits: &Limits::default(),
            fuel: Limit::StartFuel,
            timeout: Limit::StartTimeout,
            fuel_used: 7,
            peak_memory_bytes: 8,
            denied_memory: None,
            stderr: None,
            entered: true,
        };
        let Broken::Fault(fault) = classify(&Trap::OutOfFuel.into(), about) else { panic!("not a fault") };
        assert_eq!(fault.kind, FaultKind::Fuel);
        assert_eq!((fault.limit, fault.value), (Some(10_000_000_000), Some(7)));
        assert_eq!(fault.setting.as_deref(), Some("host.start_fuel"));
    }
}
