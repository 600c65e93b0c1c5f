//! Structs that are read from rows by the names of their columns.
//!
//! They replace the derive macro of sqlx. With its macros sqlx compiles the drivers of all databases a second time, for
//! the compiler.

/// Implements [`sqlx::FromRow`] for a struct: each field is the column of the same name. A field after `@flatten` is a
/// struct that is read from the same row.
macro_rules! from_row {
    ($name:ident { $(@flatten $inner:ident,)? $($field:ident),* $(,)? }) => {
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $name {
            fn from_row(row: &'r sqlx::any::AnyRow) -> Result<Self, sqlx::Error> {
                Ok(Self {
                    $($inner: sqlx::FromRow::from_row(row)?,)?
                    $($field: sqlx::Row::try_get(row, stringify!($field))?,)*
                })
            }
        }
    };
}

pub(super) use from_row;
