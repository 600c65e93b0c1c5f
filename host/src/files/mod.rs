//! The files of guilds and of their agents, in an object store: a folder or a bucket. This module does not know HTTP and does
//! not check whether a guild exists. It is the only place that names `object_store`.
//!
//! A file is two objects: its bytes under a random id, and its entry under its name. The entry is written last, and only
//! where there is none. So a file is complete or absent, and of two uploads with one name only one succeeds.

mod components;
mod error;
mod key;
mod name;
mod received;
mod storage;
mod sweep;

pub use error::FilesError;
pub use key::Folder;
pub use name::{BadName, FileName};
pub use received::{RECEIVE_BYTES, Received};
pub use storage::{About, Entry, Files};

#[cfg(test)]
mod tests;
