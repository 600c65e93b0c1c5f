//! `guildhall db check`: looks for damage in the data of a host or in a backup, without changing it. The host may run
//! meanwhile.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::data::Data;
use super::list::List;
use crate::agent::damaged_components;
use crate::journal::{self, JournalCheck};
use crate::store::{self, StoreCheck};
use crate::terminal::{misuse, print, print_json};

/// The arguments of `guildhall db check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    data: Data,
}

/// The parts of a data directory or a backup.
struct Parts {
    folder: PathBuf,
    database_url: Option<String>,
}

impl Check {
    /// Prints one line for each defect, or an object with the list `defects`. The code is 1 if there is one.
    ///
    /// Dropping the future ends the check.
    ///
    /// # Errors
    /// There is no data to check.
    pub async fn run(&self, as_json: bool) -> anyhow::Result<ExitCode> {
        let config = self.data.read(&[])?;
        let parts = Parts { folder: config.data_dir, database_url: config.database_url };
        parts.check_there()?;
        let defects = parts.defects().await;
        // The code says it as well.
        let _ = match (as_json, defects.is_empty()) {
            (true, _) => print_json(&json!({"defects": defects})),
            (false, true) => print("no defect was found"),
            (false, false) => print(defects.join("\n")),
        };
        Ok(if defects.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Looks for defects in the parts of a backup whose files are whole. Cancel safe.
    pub async fn defects_of_backup(folder: &Path, has_store: bool) -> Vec<String> {
        Parts { folder: folder.to_owned(), database_url: None }.defects_of_parts(has_store).await
    }
}

impl Parts {
    /// Checks that the folder is one of a host, or a backup.
    fn check_there(&self) -> anyhow::Result<()> {
        let folder = self.folder.display();
        if !self.folder.is_dir() {
            return Err(misuse(format!("{folder} is no directory: name that of a host with --data-dir")));
        }
        let has = |name: &str| self.folder.join(name).exists();
        if !(has("guildhall.db") || has("journal.db") || has("lock") || List::is_in(&self.folder)) {
            return Err(misuse(format!("{folder} has no data of a host, and is no backup")));
        }
        Ok(())
    }

    /// Looks for defects. Cancel safe.
    async fn defects(&self) -> Vec<String> {
        if !List::is_in(&self.folder) {
            return self.defects_of_parts(true).await;
        }
        match tokio::task::block_in_place(|| List::read(&self.folder)) {
            Ok(list) => self.defects_of_parts(list.has_store).await,
            Err(error) => vec![format!("{error:#}")],
        }
    }

    async fn defects_of_parts(&self, has_store: bool) -> Vec<String> {
        let file = || format!("sqlite://{}", self.folder.join("guildhall.db").display());
        let store = match has_store {
            true => store::check(&self.database_url.clone().unwrap_or_else(file)).await,
            false => StoreCheck::default(),
        };
        let journal_file = self.folder.join("journal.db");
        let journal = journal::check(&journal_file).await;
        let components = self.folder.join("components");
        let damaged = tokio::task::spawn_blocking(move || damaged_components(&components)).await;
        let mut defects = store.defects.clone();
        defects.extend(journal.defects.iter().cloned());
        defects.extend(compare(&store, &journal).map(|defect| format!("{}: {defect}", journal_file.display())));
        defects.extend(damaged.unwrap_or_else(|error| vec![format!("the components cannot be checked: {error}")]));
        // An error of a database may have several lines.
        defects.iter().map(|defect| defect.replace('\n', " ")).collect()
    }
}

/// What the store knows of the journal and the journal does not confirm.
fn compare(store: &StoreCheck, journal: &JournalCheck) -> Option<String> {
    if !journal.defects.is_empty() {
        return None;
    }
    let mark = store.mark.as_ref()?;
    if journal.identity.as_deref().is_some_and(|identity| identity != mark.identity) {
        return Some("it is not the journal that the store knows".to_owned());
    }
    let lost = journal.last < mark.last;
    lost.then(|| format!("it ends at message {}, and the store knows of message {}", journal.last, mark.last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Durability, Journal, JournalLimits, Retention};
    use crate::store::{JournalMark, Store};
    use guildhall_model::clock::Clock;

    async fn journal(dir: &std::path::Path) -> String {
        let file = dir.join("journal.db");
        let (limits, retention) = (JournalLimits::default(), Retention::default());
        let journal = Journal::open(&file, Durability::Process, limits, retention, Clock::system()).await.unwrap();
        let identity = journal.identity().to_owned();
        journal.close().await;
        identity
    }

    #[tokio::test]
    async fn damage_and_another_journal_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let check = Parts { folder: dir.path().to_owned(), database_url: None };
        let store = Store::open(&format!("sqlite://{}/guildhall.db", dir.path().display())).await.unwrap();
        let identity = journal(dir.path()).await;
        store.set_journal_mark(&JournalMark { identity, last: 0 }).await.unwrap();
        assert!(check.defects().await.is_empty(), "{:?}", check.defects().await);

        std::fs::remove_file(dir.path().join("journal.db")).unwrap();
        assert!(check.defects().await[0].contains("journal.db"), "{:?}", check.defects().await);
        let identity = journal(dir.path()).await;
        assert!(check.defects().await[0].contains("not the journal"), "{:?}", check.defects().await);
        store.set_journal_mark(&JournalMark { identity, last: 9 }).await.unwrap();
        assert!(check.defects().await[0].contains("message 9"), "{:?}", check.defects().await);

        store.close().await;
        std::fs::write(dir.path().join("guildhall.db"), "x".repeat(9_000)).unwrap();
        std::fs::create_dir(dir.path().join("components")).unwrap();
        std::fs::write(dir.path().join("components/sha256aa.wasm"), "x").unwrap();
        let defects = check.defects().await;
        assert!(defects.iter().any(|defect| defect.contains("guildhall.db")), "{defects:?}");
        assert!(defects.iter().any(|defect| defect.contains("sha256aa.wasm is damaged")), "{defects:?}");
    }
}
