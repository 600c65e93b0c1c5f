//! The sockets. They reach a guild over the journal alone, so a guild may run on
//! another host.

pub mod frame;
