//! What others need is not removed.

use sqlx::{Any, Transaction};

use super::error::StoreError;

/// Fails if a query finds rows that need what is about to be removed. The query returns kinds and ids, at most 20, and has
/// `argument` as $1.
///
/// # Errors
/// `Needed` with what was found, or the database fails.
pub(super) async fn refuse_if_needed(
    transaction: &mut Transaction<'static, Any>,
    users: &'static str,
    what: &'static str,
    id: &str,
    argument: &str,
) -> Result<(), StoreError> {
    let found: Vec<(String, String)> =
        sqlx::query_as(users).bind(argument.to_owned()).fetch_all(&mut **transaction).await?;
    if found.is_empty() {
        return Ok(());
    }
    let by = found.into_iter().map(|(kind, id)| format!("{kind} {id}")).collect();
    Err(StoreError::Needed { what, id: id.to_owned(), by })
}

/// Whether a row was removed.
///
/// # Errors
/// `NotFound` if there was none.
pub(super) fn removed(rows: u64, what: &'static str, id: &str) -> Result<(), StoreError> {
    if rows > 0 { Ok(()) } else { Err(StoreError::not_found(what, id)) }
}

/// Returns a pattern of LIKE, with `\\` as its escape character, that finds a text anywhere.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::containing;

    #[test]
    fn a_pattern_finds_the_text_itself() {
        assert_eq!(containing("a_b%c\\"), "%a\\_b\\%c\\\\%");
    }
}
