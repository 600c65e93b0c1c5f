//! Runs agents that are WebAssembly components. This crate is the only place that names wasmtime. It takes components
//! of untrusted authors and runs them so that they reach only what they are granted and cannot keep others from
//! running. It knows nothing of guilds, rules or storage: it checks what a turn emits, and the host commits it.
//!
//! A component is *prepared* once for each digest and *started* once for each agent. The [`Instance`] that results
//! takes one call at a time. A call that crosses a limit ends with a fault that names the limit, and ends the instance.
//!
//! | files | what they do |
//! |---|---|
//! | `sandbox`, `setup`, `error`, `runtime` | the handle of the sandbox and the types that it takes and returns |
//! | `check`, `imports`, `refusal` | check an upload before it is compiled |
//! | `compiler`, `compiler_process`, `cache` | start compilers, be one, keep compiled code |
//! | `registry`, `component`, `description`, `digest` | components that are ready to start |
//! | `instance`, `turn`, `control`, `classify`, `wasmtime_errors` | an instance, its calls, and why one failed |
//! | `low_priority`, `ticker`, `cpu`, `engine`, `allocator` | threads, time, the engine's configuration, memory |
//! | `guest`, `phase`, `staged`, `buckets`, `memory`, `stdio` | the data of one instance |
//! | `linker`, `contract`, `expressions`, `keyvalue`, `secrets`, `http`, `config_and_logging` | the imports of guests |
//! | `requests`, `addresses`, `tls`, `placeholders` | HTTP requests that leave the host |
//! | `limits`, `policy`, `grants` | what a guest may use and reach |
//! | `evaluator`, `evaluations`, `fair_queue`, `failed_expressions` | evaluate JSONata and CEL, and share the time |

mod addresses;
pub mod allocator;
mod bindings;
mod buckets;
mod cache;
mod check;
mod classify;
mod compiler;
mod compiler_process;
mod component;
mod config_and_logging;
mod contract;
mod control;
mod cpu;
mod description;
mod digest;
mod engine;
mod error;
mod evaluations;
mod evaluator;
mod expressions;
mod failed_expressions;
mod fair_queue;
mod grants;
mod guest;
mod http;
mod imports;
mod instance;
mod keyvalue;
mod limits;
mod linker;
mod low_priority;
mod memory;
mod phase;
mod placeholders;
mod policy;
mod refusal;
mod registry;
mod requests;
mod runtime;
mod sandbox;
mod secrets;
mod setup;
mod shortened;
mod staged;
mod stdio;
#[cfg(test)]
mod tests;
mod ticker;
mod tls;
mod turn;
mod wasmtime_errors;

pub use bindings::export::StopReason;
pub use bindings::types::{AgentTag as GuestTag, Message as GuestMessage};
pub use check::{CONTRACT, Outline};
pub use compiler::CompilerConfig;
pub use compiler_process::{Budget as CompileBudget, main as compile};
pub use component::Component;
pub use control::Canceller;
pub use description::{Description, Format};
pub use digest::digest_of;
pub use error::{SandboxError, StartFault};
pub use evaluator::evaluator;
pub use imports::{Capability, IMPORTS, Import, Provision, grants};
pub use instance::Instance;
pub use limits::{Limit, Limits, OverCeiling, Row, TABLE};
pub use memory::MemoryBudget;
pub use policy::{Policy, SecretGrant};
pub use refusal::{MissingGrant, Refusal};
pub use sandbox::{DEFAULT_MAX_AGENTS, Sandbox, SandboxConfig};
pub use setup::{Identity, Progress, Setup};
pub use staged::LimitMet;
pub use stdio::{LogLevel, LogLine, LogSink};
pub use turn::{Failure, Health, TurnEnd, TurnInput, TurnOutcome, Usage};
