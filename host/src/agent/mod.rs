//! Agents that run: one task each, which takes messages from the journal, has a
//! body serve them, and commits what came of it. Knows nothing of how a guild is
//! managed; it reports, and others decide.

mod budget;
mod components;
mod pulse;
mod runner;
pub mod turn;

pub use components::{Components, Resolve};
pub use pulse::{Pulse, Sign};
pub use runner::{Agent, Command, Report, ReportKind, spawn};
