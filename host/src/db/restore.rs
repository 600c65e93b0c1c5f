//! Puts a backup into place.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::Done;
use super::check::Check;
use super::data::Data;
use super::list::List;
use super::partial::Partial;
use super::tree;
use crate::server::RESTORED;

/// The arguments of `guildhall db restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The folder of the backup.
    folder: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl Restore {
    /// Checks the backup and puts it into place. Returns what is said of it: `data_dir`, `bytes`, and when
    /// the backup `began`.
    ///
    /// Dropping the future leaves no data directory.
    ///
    /// # Errors
    /// The backup is not whole, or damaged, or newer than this program; there is data at the place; the disk fails.
    pub(super) async fn run(&self) -> anyhow::Result<Done> {
        let list = List::read(&self.folder)?;
        let defects = Check::defects_of_backup(&self.folder, list.has_store).await;
        if let Some(first) = defects.first() {
            bail!("{} cannot be restored: {first}", self.folder.display());
        }
        let data_dir = self.data.read(&[])?.data_dir;
        let partial = Partial::begin(&data_dir)?;
        for name in list.names() {
            if !tree::copy(&self.folder.join(name), &partial.folder().join(name))? {
                bail!("{} has gone meanwhile", self.folder.join(name).display());
            }
        }
        if !list.has_store {
            std::fs::File::create(partial.folder().join(RESTORED))?.sync_all()?;
        }
        partial.finish()?;
        let data = data_dir.display();
        let (began, bytes) = (&list.began, list.bytes());
        Ok(Done {
            text: format!("{data}: the data of {began}, {} MiB; start the host with --data-dir {data}", bytes >> 20),
            value: json!({"data_dir": data.to_string(), "began": began, "bytes": bytes}),
        })
    }
}
