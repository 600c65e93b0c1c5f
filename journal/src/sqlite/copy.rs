//! Copies of SQLite files that others write meanwhile, all as they were at one moment.
//!
//! A copy begins while nobody may write to any of the files, for about a millisecond. After that each is read in one
//! transaction, which does not see what is written later. So the copies are what a crash at that moment would have left.
//! The files may be the journal's and those of others.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::error::JournalError;

/// How long a copy waits for the turn to write, before anything is copied.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Copies files of SQLite, each to a new file, as they all are at one moment. The copies are on the disk when this returns,
/// without a write-ahead log. Dropping the future leaves incomplete copies.
///
/// # Errors
/// A file cannot be read or written, or its tables change meanwhile.
pub async fn copy_at_one_moment(files: &[(&Path, &Path)]) -> Result<(), JournalError> {
    let mut copies = Vec::new();
    for (from, to) in files {
        copies.push(Copy::prepare(from, to).await?);
    }
    let mut turns = Vec::new();
    for (from, _) in files {
        turns.push(turn_to_write(from).await?);
    }
    for copy in &mut copies {
        copy.begin().await?;
    }
    for mut turn in turns {
        sqlx::query("ROLLBACK").execute(&mut turn).await?;
        turn.close().await?;
    }
    for copy in copies {
        copy.fill().await?;
    }
    for (_, to) in files {
        let file = std::fs::File::open(to).and_then(|file| file.sync_all());
        file.map_err(|error| JournalError::Storage(std::sync::Arc::new(error)))?;
    }
    Ok(())
}

/// Gives the free space of a SQLite file back, which nobody else has open. Dropping the future leaves the file as it was.
///
/// # Errors
/// The file cannot be read or written, or others use it.
pub async fn shrink_file(file: &Path) -> Result<(), JournalError> {
    let options = SqliteConnectOptions::new().filename(file).disable_statement_logging();
    let mut db = options.connect().await?;
    sqlx::query("VACUUM").execute(&mut db).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut db).await?;
    Ok(db.close().await?)
}

/// Keeps others from writing to a file until the connection is closed.
async fn turn_to_write(file: &Path) -> Result<SqliteConnection, JournalError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(TURN_WITHIN).disable_statement_logging();
    let mut turn = options.connect().await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut turn).await?;
    Ok(turn)
}

/// The copy of one file: a connection to the new file, which has the old one attached as `source`.
struct Copy {
    db: SqliteConnection,
    schema_version: i64,
    tables: Vec<String>,
    /// The statements that create the indexes and triggers.
    others: Vec<String>,
}

impl Copy {
    /// Creates the new file with the tables of the old one.
    async fn prepare(from: &Path, to: &Path) -> Result<Self, JournalError> {
        // So that no empty file is made of a missing one.
        let old = SqliteConnectOptions::new().filename(from).read_only(true).disable_statement_logging();
        let mut old = old.connect().await?;
        let vacuum: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut old).await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut old).await?;
        let schema_version: i64 = sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut old).await?;
        let made: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
             ORDER BY rowid",
        )
        .fetch_all(&mut old)
        .await?;
        old.close().await?;

        let new = SqliteConnectOptions::new()
            .filename(to)
            .create_if_missing(true)
            // Before there is a table.
            .pragma("auto_vacuum", vacuum.to_string())
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(false)
            .busy_timeout(TURN_WITHIN)
            .disable_statement_logging();
        let mut db = new.connect().await?;
        run(&mut db, format!("PRAGMA user_version = {version}")).await?;
        let (mut tables, mut others) = (Vec::new(), Vec::new());
        for (kind, name, sql) in made {
            if kind == "table" {
                run(&mut db, sql).await?;
                tables.push(name);
            } else {
                others.push(sql);
            }
        }
        let path = from.to_str().ok_or_else(|| JournalError::Migration(format!("{} is no text", from.display())))?;
        sqlx::query("ATTACH DATABASE ? AS source").bind(path).execute(&mut db).await?;
        Ok(Self { db, schema_version, tables, others })
    }

    /// Begins to read: what is written to the old file from now on is not seen.
    async fn begin(&mut self) -> Result<(), JournalError> {
        sqlx::query("BEGIN").execute(&mut self.db).await?;
        let _: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM source.sqlite_master").fetch_one(&mut self.db).await?;
        let now: i64 = sqlx::query_scalar("PRAGMA source.schema_version").fetch_one(&mut self.db).await?;
        if now == self.schema_version {
            return Ok(());
        }
        Err(JournalError::Migration("its tables have changed meanwhile; try again".to_owned()))
    }

    /// Copies the rows, then makes the indexes.
    async fn fill(mut self) -> Result<(), JournalError> {
        for table in &self.tables {
            let name = table.replace('"', "\"\"");
            run(&mut self.db, format!("INSERT INTO main.\"{name}\" SELECT * FROM source.\"{name}\"")).await?;
        }
        for sql in self.others {
            run(&mut self.db, sql).await?;
        }
        sqlx::query("COMMIT").execute(&mut self.db).await?;
        Ok(self.db.close().await?)
    }
}

async fn run(db: &mut SqliteConnection, sql: String) -> Result<(), JournalError> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(file: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        options.journal_mode(SqliteJournalMode::Wal).busy_timeout(TURN_WITHIN).connect().await.unwrap()
    }

    async fn count(file: &Path) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut open(file).await).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn files_that_are_written_in_turn_are_copied_as_they_are_at_one_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let (one, two) = (path("one.db"), path("two.db"));
        for file in [&one, &two] {
            let tables = "CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
                CREATE TABLE \"a \"\"b\" (x TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO \"a \"\"b\" VALUES ('y');
                CREATE INDEX by_text ON t (text); PRAGMA user_version = 7;";
            sqlx::raw_sql(tables).execute(&mut open(file).await).await.unwrap();
        }
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (first, second) = (one.clone(), two.clone());
        // A row is in the second file only once it is in the first one.
        let writing = tokio::spawn(async move {
            let (mut first, mut second, mut stopped) = (open(&first).await, open(&second).await, stopped);
            let mut written = 0_i64;
            while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                for db in [&mut first, &mut second] {
                    sqlx::query("INSERT INTO t VALUES (?, 'text')").bind(written).execute(db).await.unwrap();
                }
                written += 1;
            }
            written
        });
        let mut last = 0;
        for round in 0..20 {
            let (a, b) = (path(&format!("a{round}")), path(&format!("b{round}")));
            copy_at_one_moment(&[(&one, &a), (&two, &b)]).await.unwrap();
            let (in_one, in_two) = (count(&a).await, count(&b).await);
            assert!(in_one == in_two || in_one == in_two + 1, "{in_one} and {in_two}");
            assert!(in_two >= last);
            last = in_two;
        }
        stop.send(()).unwrap();
        assert!(writing.await.unwrap() >= last && last > 0);
        let mut copy = open(&path("a19")).await;
        let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut copy).await.unwrap();
        assert_eq!(lines, ["ok"]);
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut copy).await.unwrap();
        let indexes: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'by_text'")
            .fetch_one(&mut copy)
            .await
            .unwrap();
        assert_eq!((version, indexes), (7, 1));
        let missing = copy_at_one_moment(&[(&path("nowhere"), &path("c"))]).await;
        assert!(missing.is_err() && !path("nowhere").exists());
    }
}
