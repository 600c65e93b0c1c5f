//! `guildhall db`: the data of a host is copied while it runs, put into place again, checked, and made smaller.
//!
//! A backup is a folder with the parts of a data directory and a list of its files. The list is written last, and the folder
//! gets its name last, so a backup that was cut short never looks whole. `tar` makes one file of it.

mod backup;
mod check;
mod data;
mod list;
mod partial;
mod prune;
mod restore;
mod tree;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::terminal;

pub use check::Check;

/// What is done with the data of a host, and how it is told.
#[derive(Debug, Args)]
pub struct Db {
    #[command(subcommand)]
    command: Command,
    /// Write JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What is done with the data of a host.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the data of a host, which may run meanwhile, to a new folder
    #[command(after_help = "Example:\n  guildhall db backup /backups/today --data-dir data")]
    Backup(backup::Backup),
    /// Put a backup into a data directory that does not exist or is empty
    #[command(after_help = "Example:\n  guildhall db restore /backups/today --data-dir new-data")]
    Restore(restore::Restore),
    /// Look for damage in the data of a host or in a backup: one line for each defect, and exit code 1 if there is one
    #[command(after_help = "Example:\n  guildhall db check --data-dir data")]
    Check(Check),
    /// Remove what retention does not keep, and give the free space back. The host must not run
    #[command(after_help = "Example:\n  guildhall db prune --data-dir data --set retention.age_s=86400")]
    Prune(prune::Prune),
}

/// What a command has done.
struct Done {
    /// For people.
    text: String,
    /// For programs, an object.
    value: Value,
}

impl Db {
    /// Does it.
    ///
    /// Dropping the future leaves a backup or a data directory that does not look whole.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub async fn run(&self) -> anyhow::Result<ExitCode> {
        let done = match &self.command {
            Command::Backup(backup) => backup.run().await?,
            Command::Restore(restore) => restore.run().await?,
            Command::Prune(prune) => prune.run().await?,
            Command::Check(check) => return check.run(self.json).await,
        };
        // The work is done even if nobody reads that.
        let _ = if self.json { terminal::print_json(&done.value) } else { terminal::print(&done.text) };
        Ok(ExitCode::SUCCESS)
    }
}
