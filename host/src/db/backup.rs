//! Copies the data of a host, which may run meanwhile.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::Done;
use super::data::Data;
use super::list::List;
use super::partial::Partial;
use super::tree;
use crate::config::Config;
use crate::journal::copy_at_one_moment;
use crate::store;
use guildhall_model::clock::{Clock, rfc3339_ms};

/// The arguments of `guildhall db backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder of the backup. It must not exist, or be empty.
    folder: PathBuf,
    #[command(flatten)]
    data: Data,
}

/// As much of a file's entry as is needed to find its bytes.
#[derive(Deserialize)]
struct Entry {
    id: String,
}

impl Backup {
    /// Makes the backup, and returns what is said of it: `folder`, `bytes`, and whether it `has_store`.
    ///
    /// Dropping the future leaves no backup.
    ///
    /// # Errors
    /// What cannot be read or written.
    pub(super) async fn run(&self) -> anyhow::Result<Done> {
        let Config { data_dir, database_url, .. } = self.data.read(&[])?;
        let journal = data_dir.join("journal.db");
        ensure!(
            journal.is_file(),
            "{} is not there: {} is no data directory, or the host keeps its journal in Redis: then copy the store first, \
             and Redis after it, with their own tools",
            journal.display(),
            data_dir.display()
        );
        let store = match &database_url {
            None => Some(data_dir.join("guildhall.db")),
            Some(url) => store::file_of(url),
        };
        let began = rfc3339_ms(Clock::system().now_ms());
        let partial = Partial::begin(&self.folder)?;
        let folder = partial.folder();
        // Before and after the databases: a component that they name is in one of both, also if it comes or goes meanwhile.
        copy_components(&data_dir, folder)?;
        let (to_journal, to_store) = (folder.join("journal.db"), folder.join("guildhall.db"));
        let mut databases = vec![(journal.as_path(), to_journal.as_path())];
        if let Some(store) = &store {
            // The store's turn to write is short.
            databases.insert(0, (store, &to_store));
        }
        copy_at_one_moment(&databases).await.context("the databases cannot be copied")?;
        copy_components(&data_dir, folder)?;
        copy_files(&data_dir.join("files"), &folder.join("files"))?;
        let list = List::write(folder, began, store.is_some())?;
        let (bytes, has_store) = (list.bytes(), list.has_store);
        partial.finish()?;
        let of_store =
            if has_store { "" } else { "; the database of PostgreSQL is not in it, and was to be dumped before" };
        let folder = self.folder.display();
        Ok(Done {
            text: format!("{folder}: {} MiB, as the data was at one moment{of_store}", bytes >> 20),
            value: json!({"folder": folder.to_string(), "bytes": bytes, "has_store": has_store}),
        })
    }
}

fn copy_components(data_dir: &Path, folder: &Path) -> anyhow::Result<()> {
    let (from, to) = (data_dir.join("components"), folder.join("components"));
    // A file that is being written has another ending.
    for name in tree::files(&from)?.iter().filter(|name| name.ends_with(".wasm")) {
        if !to.join(name).exists() {
            tree::copy(&from.join(name), &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies the files of guilds: the entries, then the bytes that they name. An entry whose bytes are gone by then is of a
/// file that was removed meanwhile.
fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    let is_entry = |name: &&String| Path::new(name.as_str()).parent().is_some_and(|folder| folder.ends_with("entries"));
    for name in tree::files(from)?.iter().filter(is_entry) {
        let copied = to.join(name);
        if !tree::copy(&from.join(name), &copied)? {
            continue;
        }
        let entry: Entry = serde_json::from_slice(&std::fs::read(&copied)?)
            .with_context(|| format!("the entry of a file, {name}, cannot be read"))?;
        let beside = Path::new(name).parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let content = beside.join("content").join(&entry.id);
        if !tree::copy(&from.join(&content), &to.join(&content))? {
            std::fs::remove_file(&copied)?;
        }
    }
    Ok(())
}
