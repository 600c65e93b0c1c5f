//! How long one request may wait for each of its steps.

use std::time::{Duration, Instant};

use wasmtime_wasi_http::RequestOptions;

/// How long the lookup of a name, the connection and its handshake may take together.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a response may pause.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);

/// The deadlines of one request.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    /// When the connection must be there.
    pub(super) connected: Instant,
    /// When the head of the response must be there.
    pub(super) answered: Instant,
    /// How long the body of the response may pause.
    pub(super) between: Duration,
    /// When the turn must have ended.
    pub(super) deadline: Instant,
}

impl Wait {
    /// Returns the deadlines that a guest asks for, each at most the host's and the turn's.
    pub(super) fn new(options: RequestOptions, deadline: Instant) -> Self {
        let now = Instant::now();
        let until = |wait: Duration| now.checked_add(wait).map_or(deadline, |at| at.min(deadline));
        Self {
            connected: until(options.connect_timeout.map_or(CONNECT, |asked| asked.min(CONNECT))),
            answered: options.first_byte_timeout.map_or(deadline, until),
            between: options.between_bytes_timeout.map_or(BETWEEN_BYTES, |asked| asked.min(BETWEEN_BYTES)),
            deadline,
        }
    }
}
