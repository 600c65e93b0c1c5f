//! Ids that nobody can guess: the host's source of randomness.

use guildhall_model::ids::short_uuid;

/// A new id: 22 URL-safe characters of 122 random bits.
#[must_use]
pub fn random_id() -> String {
    short_uuid(rand::random())
}
