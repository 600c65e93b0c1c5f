//! A client of a running host, for the commands that need one: REST and sockets, over TCP, TLS or a Unix socket. It uses
//! the public API alone, as any other client does.

mod error;
mod http;
mod names;
mod options;
mod place;
mod profile;
mod report;
mod socket;
mod tls;

pub use error::HostError;
pub use http::{Client, encode};
pub use names::{AgentOf, Named, agent, agents, blueprint, category, component, guild};
pub use options::Remote;
pub use report::{Report, report};
pub use socket::{Frames, is_final};
pub use tls::config as tls_config;
