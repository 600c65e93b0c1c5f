//! How values are spelled in Redis, besides what all storages share.

use std::str::FromStr;

use guildhall_model::ids::{MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::state::VersionedState;

use super::error::unexpected;
use crate::columns::{cursors_column, read_cursors, topics_column};
use crate::cursors::{Attempts, FailedAttempts, Position};
use crate::error::JournalError;
use crate::step::Snapshot;

/// Returns the lane of a message as one digit, and its topics.
pub fn header(message: &Message) -> String {
    format!("{}{}", message.priority.lane(), topics_column(message))
}

/// Returns a position: the cursors and the failed attempts, with spaces between them.
pub fn position_text(position: &Position) -> String {
    let FailedAttempts { message, attempts } = position.failed;
    format!("{} {message} {} {}", cursors_column(&position.cursors), attempts.broken, attempts.declined)
}

/// Reads a position.
///
/// # Errors
/// `Corrupt` if it is none.
pub fn read_position(text: &str) -> Result<Position, JournalError> {
    let mut parts = text.split(' ');
    let wrong = || unexpected("a position");
    let cursors = parts.next().and_then(read_cursors).ok_or_else(wrong)?;
    let message = MessageId::new(number(parts.next()).ok_or_else(wrong)?);
    let attempts =
        Attempts { broken: number(parts.next()).ok_or_else(wrong)?, declined: number(parts.next()).ok_or_else(wrong)? };
    Ok(Position { cursors, failed: FailedAttempts { message, attempts } })
}

/// Returns a state: version, time and JSON, with spaces between them.
pub fn state_text(state: &VersionedState) -> String {
    format!("{} {} {}", state.version, state.updated_ms, state.text)
}

/// Reads a state.
///
/// # Errors
/// `Corrupt` if it is none.
pub fn read_state(text: &str) -> Result<VersionedState, JournalError> {
    let mut parts = text.splitn(3, ' ');
    let wrong = || unexpected("a state");
    let version = number(parts.next()).ok_or_else(wrong)?;
    let updated_ms = number(parts.next()).ok_or_else(wrong)?;
    Ok(VersionedState { version, updated_ms, text: parts.next().ok_or_else(wrong)?.into() })
}

/// Returns a snapshot: the length of the version, the version and the data.
pub fn snapshot_bytes(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = format!("{} {}", snapshot.version.len(), snapshot.version).into_bytes();
    bytes.extend_from_slice(&snapshot.data);
    bytes
}

/// Reads a snapshot.
///
/// # Errors
/// `Corrupt` if it is none.
pub fn read_snapshot(bytes: &[u8]) -> Result<Snapshot, JournalError> {
    let read = || {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let (version, data) = bytes.get(space + 1..)?.split_at_checked(length)?;
        Some(Snapshot { version: String::from_utf8(version.to_vec()).ok()?, data: data.to_vec() })
    };
    read().ok_or_else(|| unexpected("a snapshot"))
}

/// Returns a user and a client id as one text: the length of the user's id keeps them apart.
pub fn user_key(user: &UserId, client_id: &str) -> String {
    format!("{} {user}{client_id}", user.as_str().len())
}

/// Reads a user and a client id.
pub fn read_user_key(text: &str) -> Option<(UserId, String)> {
    let (length, rest) = text.split_once(' ')?;
    let (user, client_id) = rest.split_at_checked(length.parse().ok()?)?;
    Some((user.into(), client_id.to_owned()))
}

/// Reads a score of a sorted set, which is a whole number of at most 53 bits. Redis may write it with an exponent.
pub fn read_score(text: &str) -> Result<u64, JournalError> {
    let score: f64 = text.parse().map_err(|_| unexpected("a score"))?;
    let is_whole = (0.0..=9_007_199_254_740_992.0).contains(&score) && score.fract() == 0.0;
    // It fits: checked just now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    if is_whole { Ok(score as u64) } else { Err(unexpected("a score")) }
}

fn number<N: FromStr>(text: Option<&str>) -> Option<N> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_their_stored_form() {
        let mut position = Position { cursors: [MessageId::new(5); 8], failed: FailedAttempts::default() };
        position.cursors[2] = MessageId::new(7);
        position.failed.attempts = Attempts { broken: 1, declined: 2 };
        assert_eq!(read_position(&position_text(&position)).unwrap(), position);
        let snapshot = Snapshot { version: "1 é".to_owned(), data: vec![0, b' ', 255] };
        assert_eq!(read_snapshot(&snapshot_bytes(&snapshot)).unwrap(), snapshot);
        assert_eq!(read_user_key(&user_key(&"a b".into(), "c d")), Some(("a b".into(), "c d".to_owned())));
        assert_eq!(read_score("9007199254740991").unwrap(), 9_007_199_254_740_991);
        assert_eq!(read_score("4.294967297e+9").unwrap(), 4_294_967_297);
        let state = VersionedState { version: 3, updated_ms: 4, text: r#"{"a": 1}"#.into() };
        assert_eq!(&*read_state(&state_text(&state)).unwrap().text, r#"{"a": 1}"#);
    }

    #[test]
    fn other_texts_are_corrupt() {
        for text in ["", "5", "5 x 0 0", "x 1 0 0"] {
            assert!(matches!(read_position(text), Err(JournalError::Corrupt(_))), "{text}");
        }
        for bytes in [&b""[..], b"x y", b"9 ab"] {
            assert!(read_snapshot(bytes).is_err());
        }
        assert!(read_score("x").is_err() && read_score("1.5").is_err() && read_score("-1").is_err());
        assert!(read_state("1").is_err() && read_user_key("9 a").is_none());
    }
}
