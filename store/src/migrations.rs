//! The migrations of the store, in the order of their versions. Each is run once; a migration that was released never
//! changes, because its checksum is stored.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::Store;
use super::error::StoreError;

/// Version, description and SQL of each migration: a file of `store/migrations`.
const MIGRATIONS: [(i64, &str, &str); 5] = [
    (1, "catalog and guilds", include_str!("../migrations/0001_catalog_and_guilds.sql")),
    (2, "catalog", include_str!("../migrations/0002_catalog.sql")),
    (5, "components", include_str!("../migrations/0005_components.sql")),
    (8, "journal mark", include_str!("../migrations/0008_journal_mark.sql")),
    (9, "sleep", include_str!("../migrations/0009_sleep.sql")),
];

/// Lets hosts that start at the same time migrate a database of PostgreSQL one after another.
const LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(1735749741, hashtext(current_schema()))";

impl Store {
    /// Runs the migrations that the database lacks. On PostgreSQL all run in one transaction, which also has their lock.
    /// The migrator's own lock belongs to a session, and a pooler may give each transaction another session.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            return Ok(migrator().run(&self.writer).await.map_err(sqlx::Error::from)?);
        }
        let mut transaction = self.begin().await?;
        sqlx::query(LOCK).execute(&mut *transaction).await?;
        migrator().set_locking(false).run(&mut *transaction).await.map_err(sqlx::Error::from)?;
        Ok(transaction.commit().await?)
    }
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
}
