//! Opens the journal and the files of a host as its configuration says, and compares the journal with what the store knows.

use anyhow::Context;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::RESTORED;
use crate::agent::SharedBytes;
use crate::config::{ACCEPT_JOURNAL, Config};
use crate::files::Files;
use crate::journal::Journal;
use crate::oci::provide_tls;
use crate::store::{JournalMark, Store};
use guildhall_model::clock::Clock;
use guildhall_model::ids::MessageId;

/// Opens the journal: in Redis if the configuration names a server, else in a file.
pub(super) async fn open_journal(config: &Config, clock: Clock) -> anyhow::Result<Journal> {
    let (durability, limits, retention) = (config.durability, config.journal_limits(), config.retention);
    if config.redis.url.is_empty() {
        let file = config.data_dir.join("journal.db");
        let opened = Journal::open(&file, durability, limits, retention, clock).await;
        return opened.context("the journal cannot be opened");
    }
    provide_tls();
    let opened = Journal::open_redis(config.redis(), durability, limits, retention, clock).await;
    opened.context("the journal (--redis-url) cannot be opened")
}

/// The fewest characters of the secret of hosts.
const LEAST_SECRET: usize = 16;

/// Returns the secret of hosts that share guilds; `None`: this host is alone.
///
/// # Errors
/// What such a host lacks, with the setting.
pub(super) fn secret_of_hosts(config: &Config) -> anyhow::Result<Option<String>> {
    let hosts = &config.hosts;
    if hosts.url.is_empty() {
        return Ok(None);
    }
    let is_postgres = config.database_url.as_deref().is_some_and(|url| url.starts_with("postgres"));
    for (is_there, what) in [
        (!config.redis.url.is_empty(), "a journal in Redis (--redis-url)"),
        (is_postgres, "a store in PostgreSQL (--database-url)"),
        (config.files_url.is_some(), "files in a bucket (--files-url)"),
        (hosts.secret_file.is_some(), "a secret (hosts.secret_file)"),
    ] {
        anyhow::ensure!(is_there, "hosts that share guilds (hosts.url) need {what}");
    }
    let file = hosts.secret_file.clone().unwrap_or_default();
    let secret = std::fs::read_to_string(&file).with_context(|| format!("{} (hosts.secret_file)", file.display()))?;
    let secret = secret.trim().to_owned();
    let is_fine = secret.len() >= LEAST_SECRET && secret.bytes().all(|byte| byte.is_ascii_graphic());
    anyhow::ensure!(
        is_fine,
        "the secret in {} (hosts.secret_file) has to be {LEAST_SECRET} or more letters, digits and signs without blanks",
        file.display()
    );
    Ok(Some(secret))
}

/// Keeps the bytes of components beside the files of guilds.
pub(super) struct InFiles(pub(super) Files);

impl SharedBytes for InFiles {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), String>> {
        async move { self.0.put_component(name, bytes).await.map_err(|error| error.to_string()) }.boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, String>> {
        async move { self.0.component(name).await.map_err(|error| error.to_string()) }.boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move { self.0.remove_component(name).await.map_err(|error| error.to_string()) }.boxed()
    }
}

/// Where the journal is, for people.
fn journal_place(config: &Config) -> String {
    if config.redis.url.is_empty() {
        config.data_dir.join("journal.db").display().to_string()
    } else {
        config.redis.place()
    }
}

pub(super) async fn open_files(config: &Config) -> anyhow::Result<Files> {
    match config.files_url.as_deref() {
        None => Ok(Files::in_folder(&config.data_dir.join("files"), config.file_bytes)?),
        Some(url) if url.starts_with("s3://") => {
            provide_tls();
            Files::in_bucket(url, config.file_bytes)
                .await
                .with_context(|| format!("{url} of --files-url cannot be used"))
        }
        Some(url) => anyhow::bail!("{url} is not s3://BUCKET"),
    }
}

/// Compares the journal with what the store knows of it: a journal that is missing or another one is refused, one that
/// has lost messages is reported.
pub(super) async fn compare_journal(store: &Store, journal: &Journal, config: &Config) -> anyhow::Result<()> {
    let place = journal_place(config);
    let mark = store.journal_mark().await?;
    let is_known = match &mark {
        Some(mark) => mark.identity == journal.identity(),
        None => journal.has_guilds() || !store.has_guilds().await?,
    };
    if !is_known && !config.accept_journal {
        anyhow::bail!(
            "{place} is not the journal that the store knows: it is missing, empty or another one. Restore the right one; \
             or start once with --set {ACCEPT_JOURNAL}=true, and the guilds go on without their history"
        );
    }
    let last = mark.map_or(0, |mark| mark.last);
    let restored = config.data_dir.join(RESTORED);
    if !is_known || journal.durable().get() < last || restored.exists() {
        // Messages may wait in it for guilds that the store takes to sleep.
        store.wake_all().await?;
        let _ = std::fs::remove_file(restored);
    }
    if !is_known {
        tracing::warn!(place, "another journal is accepted; the history of before is not in it");
    } else if journal.durable().get() < last {
        tracing::error!(
            place,
            ends_at = journal.durable().get(),
            stored_before = last,
            "the journal has lost messages that were confirmed: it is an older copy, or its end is missing; stop the host \
             and restore a newer one if there is one"
        );
    }
    journal.continue_after(MessageId::new(last));
    let mark = JournalMark { identity: journal.identity().to_owned(), last: journal.durable().get() };
    Ok(store.set_journal_mark(&mark).await?)
}
