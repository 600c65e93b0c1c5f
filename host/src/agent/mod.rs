//! Agents that run: one task for each agent takes messages from the journal, has an instance serve them, and commits
//! the results. This module does not know how a guild is managed: it reports, and the guild's manager decides.
//!
//! | file | what it owns or does |
//! |---|---|
//! | `task` | starts an agent's task and reports its end |
//! | `runner` | decides what the task does next |
//! | `worker` | the walk of one message: taken, attempted, committed or given up |
//! | `current`, `uncommitted` | the message that is being attempted; the turns that are not durable yet |
//! | `life`, `snapshots` | the instance: start, restart, unload, swap, end; what it saves |
//! | `backoff` | the pause before the task goes on |
//! | `budget`, `pace`, `retry`, `turn_io` | rules, as pure functions |
//! | `context`, `setup`, `report` | what the parts share; the setup of instances; the reports to the manager |
//! | `watch` | the inbox of an agent that does not run |
//! | `notices` | who is told that a message goes nowhere |
//! | `handle`, `gauges`, `totals`, `logs` | what others hold of an agent |
//! | `components` | the components of this host |

mod backoff;
mod budget;
mod components;
mod context;
mod current;
mod gauges;
mod handle;
mod life;
mod logs;
mod notices;
mod pace;
mod report;
mod retry;
mod routed;
mod runner;
mod setup;
mod snapshots;
mod task;
#[cfg(test)]
mod tests;
mod totals;
pub mod turn_io;
mod uncommitted;
mod watch;
mod worker;

pub use components::{Components, ResolveError, SharedBytes, damaged_components};
pub use context::{Agent, FindComponent};
pub use gauges::{AgentGauges, AgentHealth, Rest};
pub use handle::{Handle, SwapError};
pub use logs::{Line, LogReader, Read};
pub use notices::Notices;
pub use report::{Confirm, Report, ReportKind};
pub use task::spawn;
pub use totals::TurnTotals;
