//! From wasmtime's errors to faults: what happened, which limit was met, and whose
//! fault it is. The arms follow what wasmtime reports, each has been provoked.

use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::control::Stopped;
use super::guest::Sealed;
use super::limits::{Limit, Limits};
use super::refusal::{MAX_WORDS_BYTES, shortened};
use super::secrets::NotRevealed;
use guildhall_model::fault::{Fault, FaultKind};

/// What is known about a call besides its error.
pub(super) struct Circumstances<'a> {
    pub(super) limits: &'a Limits,
    /// The limits which this call had of fuel and time.
    pub(super) fuel: Limit,
    pub(super) timeout: Limit,
    pub(super) fuel_used: u64,
    pub(super) peak_memory_bytes: u64,
    pub(super) denied_memory: Option<Fault>,
    pub(super) stderr: Option<String>,
    /// Whether an export was called: the instance was there.
    pub(super) entered: bool,
}

/// Why a call did not return.
#[derive(Debug)]
pub(super) enum Broken {
    Cancelled,
    Fault(Fault),
}

pub(super) fn classify(error: &wasmtime::Error, about: Circumstances<'_>) -> Broken {
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
        let said = if exit.0 == 0 { "success" } else { "failure" };
        return Fault::new(FaultKind::Exit, format!("the agent called exit and reported {said}"));
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

/// A failure without a trap: memory that was denied at instantiation, a type that
/// does not fit, or a mistake of the host.
fn outside_of_wasm(error: &wasmtime::Error, about: &Circumstances<'_>) -> Fault {
    match &about.denied_memory {
        Some(denied) => denied.clone(),
        // Only the guest's frames make an error carry a backtrace. In a call without one,
        // the guest's memory does not hold what is passed to it or what it returned.
        None if about.entered || error.is::<WasmBacktrace>() => {
            Fault::new(FaultKind::Trap, shortened(&error.root_cause().to_string(), MAX_WORDS_BYTES))
        }
        None => Fault::new(FaultKind::HostError, shortened(&format!("{error:#}"), MAX_WORDS_BYTES)),
    }
}

/// The host has no room for one more agent.
pub(super) fn host_full() -> Fault {
    Fault::new(FaultKind::HostFull, "this host has no room for one more agent at present")
}

fn over(about: &Circumstances<'_>, limit: Limit, value: Option<u64>, what: &str, unit: &str) -> Fault {
    let most = about.limits.get(limit);
    limit.fault(most, value, format!("{what} {most} {unit}"))
}

/// The table of the host is full, or that of the component, whose error has no type.
fn is_handle_limit(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || error.root_cause().to_string().contains("store handle limit exceeded")
}

/// Wasmtime keeps this error's type to itself, so its text decides.
fn is_copy_limit(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

/// What a panicking guest printed last, else what its trap means.
fn panic_message(stderr: Option<&str>) -> String {
    let said = stderr.and_then(|text| text.lines().find(|line| line.contains("panicked at")));
    match (said, stderr) {
        (Some(line), Some(text)) => {
            let after = text.lines().skip_while(|other| *other != line).nth(1).unwrap_or_default();
            format!("{line} {after}").trim_end().to_owned()
        }
        (None, Some(text)) => text.lines().last().unwrap_or("the agent aborted").to_owned(),
        (_, None) => "the agent aborted without a word".to_owned(),
    }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frames = trace.frames().iter();
    frames
        .map(|frame| match frame.func_name() {
            // A short name may still unfold to a long one.
            Some(name) if name.len() <= MAX_MANGLED_BYTES => cut(&format!("{:#}", rustc_demangle::demangle(name))),
            Some(name) => cut(name),
            None => format!("{}[{}]", cut(frame.module().name().unwrap_or("wasm")), frame.func_index()),
        })
        .collect()
}

/// The most of a name that stands in a backtrace: names may be as long as a component.
const MAX_FRAME_BYTES: usize = 256;
/// The longest name that is made readable.
const MAX_MANGLED_BYTES: usize = 1 << 10;

fn cut(name: &str) -> String {
    shortened(name, MAX_FRAME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_the_agents_own_words() {
        let rust = "thread 'main' panicked at src/lib.rs:3:5:\nno such user\nnote: run with `RUST_BACKTRACE=1`";
        assert_eq!(panic_message(Some(rust)), "thread 'main' panicked at src/lib.rs:3:5: no such user");
        assert_eq!(panic_message(Some("Traceback\nKeyError: 'x'")), "KeyError: 'x'");
        assert_eq!(panic_message(None), "the agent aborted without a word");
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
