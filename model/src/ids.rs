//! Ids are types. A message's id fits in 53 bits, because the document's clients
//! are JavaScript; every other id is a text, short, random and URL-safe when the
//! host makes it.

use std::fmt::{self, Write};

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_id! {
    /// A running or stopped guild.
    GuildId
    /// A member of a guild.
    AgentId
    /// What users of a guild pin messages up on.
    BoardId
    /// What a user said of a blueprint.
    ReviewId
    /// A person or program that talks to guilds; taken from the request as it is.
    UserId
    /// An organisation; taken from the request as it is.
    OrgId
    BlueprintId
    CategoryId
    /// `sha256:` and 64 hex digits: the name of a component's bytes.
    Digest
}

impl AgentId {
    /// The id of the guild's manager: `{guild}#manager_agent`.
    #[must_use]
    pub fn manager_of(guild: &GuildId) -> Self {
        Self(format!("{guild}#manager_agent"))
    }

    /// The id of a user's proxy: `upa-{user}`.
    #[must_use]
    pub fn proxy_of(user: &UserId) -> Self {
        Self(format!("upa-{user}"))
    }

    /// A new id that begins with the agent's name in lower case, as far as it is
    /// URL-safe: `echoagent-` and 22 random characters.
    #[must_use]
    pub fn for_name(name: &str, random: u128) -> Self {
        let stem: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let stem = if stem.is_empty() { "agent" } else { &stem };
        Self(format!("{stem}-{}", short_uuid(random)))
    }
}

const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// A version 4 UUID of these random bits, in base 57 and 22 characters: what the reference's `shortuuid` makes.
#[must_use]
pub fn short_uuid(random: u128) -> String {
    let uuid = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    short_id(uuid)
}

/// A 128-bit number in base 57, padded on the left to 22 characters.
#[must_use]
pub fn short_id(mut number: u128) -> String {
    let mut digits = [ALPHABET[0]; 22];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 57).unwrap_or(0)];
        number /= 57;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// Writes bytes in hexadecimal, in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// The id of a message: 41 bits of milliseconds since 2023-01-01, 5 bits of host
/// number, 7 bits of sequence. At most 2^53 - 1, so it survives `JSON.parse`.
/// Ids grow in the order of the log.
///
/// It is written as a number. It is read from a number or from decimal text, because some clients and expressions turn
/// large integers into text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MessageId(u64);

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// Reads a message's id.
struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = MessageId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: an unsigned integer of 64 bits, or its decimal digits as text")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<MessageId, E> {
        Ok(MessageId(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<MessageId, E> {
        let number = u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
        Ok(MessageId(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MessageId, E> {
        let digits = text.trim();
        let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_decimal);
        number.map(MessageId).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// 2023-01-01T00:00:00Z in milliseconds since 1970.
pub const ID_EPOCH_MS: u64 = 1_672_531_200_000;
const HOST_BITS: u32 = 5;
const SEQUENCE_BITS: u32 = 7;
const TIME_SHIFT: u32 = HOST_BITS + SEQUENCE_BITS;
/// 2^53 - 1.
pub const MAX_MESSAGE_ID: u64 = (1 << 53) - 1;

impl MessageId {
    /// The largest that a client in JavaScript can hold.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Takes a number as an id; whether such a message exists is another question.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The smallest id that could have been made at this time.
    #[must_use]
    pub fn first_at(now_ms: u64) -> Self {
        Self(now_ms.saturating_sub(ID_EPOCH_MS) << TIME_SHIFT)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as SQLite and PostgreSQL keep it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    #[must_use]
    pub fn from_i64(number: i64) -> Self {
        Self(u64::try_from(number).unwrap_or(0))
    }

    /// The `number`th of the ids that are smaller than this one and no message's:
    /// they have the last host number, in the milliseconds before.
    #[must_use]
    pub const fn before(self, number: u64) -> Self {
        let (back, sequence) = (number >> SEQUENCE_BITS, number & ((1 << SEQUENCE_BITS) - 1));
        let time = (self.0 >> TIME_SHIFT).saturating_sub(1 + back % 1_000);
        Self((time << TIME_SHIFT) | (31 << SEQUENCE_BITS) | sequence)
    }

    /// When the message was made, in milliseconds since 1970.
    #[must_use]
    pub const fn timestamp_ms(self) -> u64 {
        (self.0 >> TIME_SHIFT) + ID_EPOCH_MS
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes message ids: never the same twice, never a smaller one after a larger
/// one. When more are asked for than a millisecond holds, or the clock is set
/// back, it runs ahead of the clock.
#[derive(Debug)]
pub struct IdGenerator {
    host: u64,
    /// Time and sequence of the last id, without the host's bits.
    last: u64,
}

impl IdGenerator {
    /// A generator for host number `host` (0..=31) that goes on after `last`.
    #[must_use]
    pub fn after(host: u8, last: MessageId) -> Self {
        let time = last.0 >> TIME_SHIFT;
        let sequence = last.0 & ((1 << SEQUENCE_BITS) - 1);
        Self { host: u64::from(host & 31), last: (time << SEQUENCE_BITS) | sequence }
    }

    pub fn next(&mut self, now_ms: u64) -> MessageId {
        let now = now_ms.saturating_sub(ID_EPOCH_MS) << SEQUENCE_BITS;
        self.last = now.max(self.last + 1);
        let (time, sequence) = (self.last >> SEQUENCE_BITS, self.last & ((1 << SEQUENCE_BITS) - 1));
        MessageId((time << TIME_SHIFT) | (self.host << SEQUENCE_BITS) | sequence)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_ids_are_those_of_the_reference() {
        assert_eq!(short_id(0), "2".repeat(22));
        let id = short_uuid(u128::MAX / 3);
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|b| ALPHABET.contains(&b)));
    }

    #[test]
    fn an_agent_id_begins_with_its_name() {
        assert!(AgentId::for_name("Echo Agent", 7).as_str().starts_with("echoagent-"));
        assert!(AgentId::for_name("é!", 7).as_str().starts_with("agent-"));
    }

    #[test]
    fn an_id_is_read_from_a_number_or_from_digits() {
        let read = |text: &str| serde_json::from_str::<MessageId>(text).ok().map(MessageId::get);
        assert_eq!(read("9338584534570004483"), Some(9_338_584_534_570_004_483));
        assert_eq!(read("\" 9338584534570004483 \""), Some(9_338_584_534_570_004_483));
        for refused in ["-1", "1.5", "null", "\"\"", "\"+5\"", "\"0x5\"", "\"18446744073709551616\""] {
            assert_eq!(read(refused), None, "{refused}");
        }
        assert_eq!(serde_json::to_string(&MessageId::new(u64::MAX)).ok(), Some(u64::MAX.to_string()));
    }

    #[test]
    fn an_id_tells_its_time_and_fits_in_53_bits() {
        let mut ids = IdGenerator::after(31, MessageId::default());
        let id = ids.next(1_900_000_000_123);
        assert_eq!(id.timestamp_ms(), 1_900_000_000_123);
        assert!(id.get() <= MAX_MESSAGE_ID);
    }

    proptest! {
        #[test]
        fn ids_grow_whatever_the_clock_does(times in proptest::collection::vec(0u64..4_000_000_000_000, 1..200)) {
            let mut ids = IdGenerator::after(3, MessageId::default());
            let mut last = MessageId::default();
            for now in times {
                for _ in 0..3 {
                    let id = ids.next(now);
                    prop_assert!(id > last);
                    last = id;
                }
            }
        }
    }
}
