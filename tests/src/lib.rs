//! The test harness: it starts a server in a process of its own and uses its REST API and its sockets as clients do. It
//! depends on the protocol and not on the server's code.
//!
//! Every wait has a deadline. When it passes, the harness panics with a text that says what was awaited and what came
//! instead. Nothing sleeps for a fixed time in the hope that it is enough.

pub mod blueprint;
pub mod bucket;
pub mod chat;
pub mod component;
pub mod document;
pub mod flood;
pub mod frame;
pub mod golden;
pub mod host;
pub mod known;
pub mod pgbouncer;
pub mod postgres;
pub mod programs;
pub mod proxy;
pub mod redis;
pub mod registry;
pub mod rest;
pub mod small_disk;
pub mod socket;
pub mod trouble;
mod wait;

pub use bucket::Bucket;
pub use chat::Chat;
pub use host::{Host, Options, Stopped};
pub use rest::Rest;
pub use socket::Socket;
pub use wait::{DEADLINE, eventually, within};
