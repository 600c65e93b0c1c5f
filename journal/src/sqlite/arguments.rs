//! Arguments of statements with many rows. The number of rows is padded to a power of two and the surplus rows are bound
//! to nulls, so that few prepared statements serve every batch.

use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;

/// Binds one value.
pub fn add<'q, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + 'q,
{
    arguments.add(value).map_err(sqlx::Error::Encode)
}

/// Binds the surplus rows of a statement that has `rows` rows of `columns` columns.
pub fn add_padding(arguments: &mut SqliteArguments, columns: usize, rows: usize) -> Result<(), sqlx::Error> {
    for _ in rows * columns..padded(rows) * columns {
        add(arguments, None::<i64>)?;
    }
    Ok(())
}

/// Returns the number of rows of the statement that takes `count` rows: the next power of two, or 0.
pub const fn padded(count: usize) -> usize {
    if count == 0 { 0 } else { count.next_power_of_two() }
}
