//! Removes what retention does not keep, and gives the free space of the databases back. The host does not run.

use std::path::Path;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use super::Done;
use super::data::Data;
use crate::cli::assignment;
use crate::journal::{Journal, shrink_file};
use crate::server::DataLock;
use crate::store::{self, Store};
use guildhall_model::clock::Clock;

/// The arguments of `guildhall db prune`.
#[derive(Debug, Args)]
pub struct Prune {
    #[command(flatten)]
    data: Data,
    /// Change a setting, as with `serve`: `retention.age_s`, `retention.guild_bytes`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
}

impl Prune {
    /// Prunes the data, and returns what is said of it: `removed_messages`, `bytes_before` and `bytes`.
    ///
    /// Dropping the future leaves the rest for the next time.
    ///
    /// # Errors
    /// The host runs, or a database cannot be read or written.
    pub(super) async fn run(&self) -> anyhow::Result<Done> {
        let config = self.data.read(&self.settings)?;
        let data_dir = &config.data_dir;
        let file = data_dir.join("journal.db");
        ensure!(file.is_file(), "{} is not there: {} is no data directory", file.display(), data_dir.display());
        let _lock = DataLock::take(data_dir)?;
        let in_data_dir = || format!("sqlite://{}", data_dir.join("guildhall.db").display());
        let store_file = store::file_of(&config.database_url.clone().unwrap_or_else(in_data_dir));
        let files: Vec<&Path> = [Some(file.as_path()), store_file.as_deref()].into_iter().flatten().collect();
        let size = || files.iter().map(|file| bytes_of(file)).sum::<u64>();
        let before = size();

        let journal =
            Journal::open(&file, config.durability, config.journal_limits(), config.retention, Clock::system()).await?;
        let removed = journal.trim(config.retention).await;
        journal.close().await;
        let removed = removed.context("the journal cannot be trimmed")?;
        shrink_file(&file).await.context("the journal cannot be made smaller")?;
        if let Some(store_file) = store_file.as_deref().filter(|file| file.is_file()) {
            let store = Store::open(&format!("sqlite://{}", store_file.display())).await?;
            let lock = store.lock().await?;
            let shrunk = shrink_file(store_file).await.context("the store cannot be made smaller");
            drop(lock);
            store.close().await;
            shrunk?;
        }
        let now = size();
        Ok(Done {
            text: format!("{removed} messages were removed; {} MiB before, {} MiB now", before >> 20, now >> 20),
            value: json!({"removed_messages": removed, "bytes_before": before, "bytes": now}),
        })
    }
}

/// The bytes of a database with its write-ahead log.
fn bytes_of(file: &Path) -> u64 {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    size(file) + size(Path::new(&wal))
}
