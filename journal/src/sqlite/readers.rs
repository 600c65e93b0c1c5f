//! The connections that read, in pools by their purpose. A read waits only for reads of its own kind: histories of
//! clients never delay the lookup that a message waits for, or the inbox of an agent.

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

/// Connections for lookups of single rows.
const LOOKUPS: u32 = 2;
/// Connections for the inboxes of agents, and for logs that are opened.
const INBOXES: u32 = 4;
/// Connections for histories. The journal allows fewer reads at a time (`limits.histories`).
const HISTORIES: u32 = 64;
/// Connections for retention.
const RETENTION: u32 = 1;

/// The read-only connections of a storage. Each pool opens a connection when it is first needed.
#[derive(Debug)]
pub struct Readers {
    /// Client ids, snapshots and messages by their ids.
    pub lookups: SqlitePool,
    /// The messages that wait for agents, and what a log needs when it is opened.
    pub inboxes: SqlitePool,
    /// Histories, and sockets that resume.
    pub histories: SqlitePool,
    /// What retention counts.
    pub retention: SqlitePool,
}

impl Readers {
    /// Returns pools for a file. No connection is opened.
    pub fn new(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).read_only(true).disable_statement_logging();
        let pool =
            |most| SqlitePoolOptions::new().min_connections(0).max_connections(most).connect_lazy_with(options.clone());
        Self { lookups: pool(LOOKUPS), inboxes: pool(INBOXES), histories: pool(HISTORIES), retention: pool(RETENTION) }
    }

    /// Closes all connections. Reads that wait fail. Cancel safe.
    pub async fn close(&self) {
        for pool in [&self.lookups, &self.inboxes, &self.histories, &self.retention] {
            pool.close().await;
        }
    }
}
