//! Agents that run: one task each, which takes messages from the journal, has a
//! body serve them, and commits what came of it. Knows nothing of how a guild is
//! managed; it reports, and others decide.

mod budget;
mod components;
mod gauges;
mod handle;
mod life;
mod logs;
mod pace;
mod retry;
mod runner;
mod serve;
mod tell;
#[cfg(test)]
mod tests;
pub mod turn;

pub use components::{Components, Resolve};
pub use gauges::{AgentGauges, AgentHealth};
pub use handle::{Handle, SwapError};
pub use logs::{Line, LogReader, Read};
pub use runner::{Agent, Confirm, Find, Report, ReportKind, spawn};
