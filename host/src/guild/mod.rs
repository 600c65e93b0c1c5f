//! Guilds: launched, resumed after a restart of the host, stopped. Each guild has a manager task and one task for each
//! agent; everybody else reaches it over its log.
//!
//! | file | what it does |
//! |---|---|
//! | `guilds` | the handle on all guilds of this host, and what they are set up with |
//! | `launch` | launch, resume, relaunch: opens a guild and starts its manager |
//! | `manager` | the manager's task; its folder has the requests, the states, the reports |
//! | `lifecycle` | the decisions of the manager, as a pure function |
//! | `serving` | which component serves an agent |
//! | `user_ingress` | routes the messages of users |
//! | `awake`, `ended` | guilds that sleep are woken and kept awake; what follows the end of a guild's task |
//! | `agents`, `dead_letters`, `history`, `shown_state`, `usage` | what REST asks about one guild |
//! | `components` | uploads, names, bindings |
//! | `not_started`, `start_again` | the guilds that could not be started, and their next tries |
//! | `sharing` | guilds of hosts that share the journal: taken over, and taken over by others |
//! | `outage`, `outage_watch` | which of the store and the journal is away, and the task that finds out |
//! | `stopping`, `stop_requests` | stops over REST, and the start of a guild that was stopped |
//! | `running`, `error` | small types that the others share |

mod agents;
mod awake;
mod components;
mod dead_letters;
mod deletion;
mod ended;
mod error;
mod guilds;
mod history;
mod launch;
mod lifecycle;
mod manager;
mod not_started;
mod outage;
mod outage_watch;
mod running;
mod serving;
mod sharing;
mod shown_state;
mod start_again;
mod stop_requests;
mod stopping;
#[cfg(test)]
mod tests;
mod usage;
mod user_ingress;

pub use crate::agent::{Line, LogReader, SwapError};
pub use crate::oci::OciError;
pub use agents::AgentError;
pub use awake::Awake;
pub use components::{Binds, ComponentError, ComponentEvent, Lacking, TooLittleMemory, grants_of};
pub use dead_letters::{DeadLetterError, Page};
pub use error::GuildError;
pub use guildhall_sandbox::LogLevel;
pub use guildhall_sandbox::Refusal as ComponentRefusal;
pub use guilds::{Guilds, Setup};
pub use history::History;
pub use launch::{Launch, LaunchError};
pub use outage::{Away, Part, PartState};
pub use sharing::{HostEntry, Place};
pub use usage::{AgentUsage, GuildUsage};
