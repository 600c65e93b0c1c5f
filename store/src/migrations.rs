//! The migrations of the store, in the order of their versions. Each is run once; a migration that was released never
//! changes, because its checksum is stored.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

use super::database::Store;
use super::error::StoreError;

/// Version, description and SQL of each migration: a file of `store/migrations`.
const MIGRATIONS: [(i64, &str, &str); 6] = [
    (1, "catalog and guilds", include_str!("../migrations/0001_catalog_and_guilds.sql")),
    (2, "catalog", include_str!("../migrations/0002_catalog.sql")),
    (5, "components", include_str!("../migrations/0005_components.sql")),
    (8, "journal mark", include_str!("../migrations/0008_journal_mark.sql")),
    (9, "sleep", include_str!("../migrations/0009_sleep.sql")),
    (10, "deletion", include_str!("../migrations/0010_deletion.sql")),
];

/// Lets hosts that start at the same time migrate a database of PostgreSQL one after another.
const LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(1735749741, hashtext(current_schema()))";

impl Store {
    /// Runs the migrations that the database lacks. On PostgreSQL all run in one transaction, which also has their lock.
    /// The migrator's own lock belongs to a session, and a pooler may give each transaction another session.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            self.keep_old().await?;
            return Ok(migrator().run(&self.writer).await.map_err(sqlx::Error::from)?);
        }
        let mut transaction = self.begin().await?;
        sqlx::query(LOCK).execute(&mut *transaction).await?;
        migrator().set_locking(false).run(&mut *transaction).await.map_err(sqlx::Error::from)?;
        Ok(transaction.commit().await?)
    }
}

impl Store {
    /// Keeps a copy of a file that is about to be brought up to date, under the name of its version. A copy that is there
    /// is of an earlier attempt.
    async fn keep_old(&self) -> Result<(), StoreError> {
        let Some(version) = applied(&mut *self.writer.acquire().await?).await? else { return Ok(()) };
        if version >= LATEST || self.place.contains(":memory:") {
            return Ok(());
        }
        let (kept, partial) = (format!("{}.v{version}", self.place), format!("{}.v{version}.partial", self.place));
        if std::path::Path::new(&kept).exists() {
            return Ok(());
        }
        let _ = std::fs::remove_file(&partial);
        sqlx::query("VACUUM INTO $1").bind(partial.as_str()).execute(&self.writer).await?;
        let synced = std::fs::File::open(&partial).and_then(|copy| copy.sync_all());
        synced.and_then(|()| std::fs::rename(&partial, &kept)).map_err(sqlx::Error::Io)?;
        tracing::info!(file = kept, "the store is brought up to date; the old one is kept");
        Ok(())
    }
}

/// The version of the newest migration.
const LATEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Returns the newest migration of a database of SQLite; `None` if it has none.
pub(super) async fn applied(db: &mut AnyConnection) -> Result<Option<i64>, sqlx::Error> {
    const TABLE: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    if sqlx::query(TABLE).fetch_optional(&mut *db).await?.is_none() {
        return Ok(None);
    }
    let (version,): (Option<i64>,) =
        sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut *db).await?;
    Ok(version)
}

/// Returns what is wrong if a newer host wrote a database of this version.
pub(super) fn newer(version: Option<i64>, place: &str) -> Option<String> {
    let version = version.filter(|version| *version > LATEST)?;
    Some(format!("{place} has version {version}, and this host reads versions up to {LATEST}"))
}

/// Returns the migrations of the store.
fn migrator() -> Migrator {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_file_is_a_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let listed =
            MIGRATIONS.map(|(version, description, _)| format!("{version:04}_{}.sql", description.replace(' ', "_")));
        assert_eq!(files, listed);
    }

    #[tokio::test]
    async fn an_older_store_is_kept_and_a_newer_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.db");
        let url = format!("sqlite://{}", file.display());
        let store = super::Store::open(&url).await.unwrap();
        assert!(!dir.path().join("store.db.v8").exists(), "a new store has no old one");
        let older = "DROP INDEX guilds_awake; DROP INDEX guilds_asleep; ALTER TABLE guilds DROP COLUMN sleep;
            DROP INDEX guilds_blueprint; ALTER TABLE guilds DROP COLUMN request;
            ALTER TABLE blueprints DROP COLUMN request;
            DELETE FROM _sqlx_migrations WHERE version > 8";
        sqlx::raw_sql(older).execute(&store.writer).await.unwrap();
        store.close().await;

        let store = super::Store::open(&url).await.unwrap();
        assert!(crate::check(&url).await.defects.is_empty());
        let kept = format!("sqlite://{}.v8", file.display());
        let defects = crate::check(&kept).await.defects;
        assert!(defects.is_empty(), "{defects:?}");
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (99, 'later', 1, x'00', 0)";
        sqlx::raw_sql(newer).execute(&store.writer).await.unwrap();
        store.close().await;
        assert!(crate::check(&url).await.defects[0].contains("version 99"));
        assert!(super::Store::open(&url).await.is_err());
    }
}
