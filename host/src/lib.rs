//! Guildhall hosts agents that were compiled to WebAssembly components.

pub mod agent;
pub mod api;
mod blueprint;
mod chat;
pub mod cli;
mod client;
pub mod component;
pub mod config;
pub mod connections;
mod db;
mod demo;
pub mod files;
pub mod guild;
mod likeness;
pub mod metrics;
pub mod oci;
#[cfg(test)]
mod order;
pub mod peers;
mod random;
pub mod server;
mod terminal;
pub mod ws;
pub mod yaml;

pub use guildhall_journal as journal;
pub use guildhall_journal::room;
pub use guildhall_store as store;
