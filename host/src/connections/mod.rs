//! The connections of clients: accepting them, how many there may be, and how long one may be silent. A connection
//! speaks HTTP/1; it may become a socket, which then has deadlines of its own (`ws`).
//!
//! What always holds: a connection without a request in work has a deadline. When all places are taken, the connection
//! that has waited longest for a request gives its place up, so clients that send nothing shut nobody out.

mod accept;
mod descriptors;
mod listener;
mod stream;
mod table;

use std::time::Duration;

pub use accept::serve;
pub use descriptors::{allowed_by, raise_descriptors};
pub use listener::{Address, Listener};
pub use table::{Connection, Connections};

/// The setting of the most connections.
pub const MOST: &str = "limits.connections";
/// The setting of the most connections of one address.
pub const MOST_OF_ADDRESS: &str = "limits.connections_per_address";

/// The bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most connections, sockets included.
    pub most: usize,
    /// The most connections of one address; an IPv6 network of 64 bits counts as one. Addresses of this machine are not
    /// counted, because a proxy in front of the host uses them for all its clients.
    pub most_of_address: usize,
    /// How long the head of a request may take, the handshake of a socket included.
    pub head: Duration,
    /// How long a connection may wait for its next request, and how long a client may take nothing of an answer.
    pub keep_alive: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        let (head, keep_alive) = (Duration::from_secs(20), Duration::from_secs(75));
        Self { most: 16_384, most_of_address: 2_000, head, keep_alive }
    }
}
