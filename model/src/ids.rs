//! Typed ids. The id of a message is a number of 53 bits, because clients of the wire document are written in
//! JavaScript. Every other id is a text; one that the host creates is short, random and URL-safe.

use std::fmt::{self, Write};

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(String);

        impl $name {
            /// Returns the id as a text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the id as an owned text.
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
    /// The id of a guild.
    GuildId
    /// The id of an agent, unique in its guild.
    AgentId
    /// The id of a board of a guild.
    BoardId
    /// The id of a review of a blueprint.
    ReviewId
    /// The id of a user, a person or a program, as a request has it.
    UserId
    /// The id of an organisation, as a request has it.
    OrgId
    /// The id of a blueprint.
    BlueprintId
    /// The id of a category of blueprints.
    CategoryId
    /// The digest of a component: `sha256:` and 64 hex digits.
    Digest
}

impl AgentId {
    /// Returns the id of a guild's manager: `{guild}#manager_agent`.
    #[must_use]
    pub fn manager_of(guild: &GuildId) -> Self {
        Self(format!("{guild}#manager_agent"))
    }

    /// Returns the id of a user's proxy: `upa-{user}`.
    #[must_use]
    pub fn proxy_of(user: &UserId) -> Self {
        Self(format!("upa-{user}"))
    }

    /// Returns a new id: the ASCII letters and digits of the agent's name in lower case, and 22 characters that encode
    /// `random`, as in `echoagent-…`.
    #[must_use]
    pub fn for_name(name: &str, random: u128) -> Self {
        let stem: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let stem = if stem.is_empty() { "agent" } else { &stem };
        Self(format!("{stem}-{}", short_uuid(random)))
    }
}

/// The digits of base 57.
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Returns a version 4 UUID of these random bits as 22 characters in base 57, as the reference's `shortuuid` does.
#[must_use]
pub fn short_uuid(random: u128) -> String {
    let uuid = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    short_id(uuid)
}

/// Returns a number in base 57, padded on the left to 22 characters.
#[must_use]
pub fn short_id(mut number: u128) -> String {
    let mut digits = [ALPHABET[0]; 22];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 57).unwrap_or(0)];
        number /= 57;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// Returns bytes in hexadecimal, in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// The id of a message: 41 bits of milliseconds since 2023-01-01, 5 bits of host number, 7 bits of sequence. It is at
/// most 2^53 - 1, so `JSON.parse` keeps it exact. Ids grow in the order of the log.
///
/// It is written as a number. It is read from a number or from decimal text, because some clients and expressions turn
/// large integers into text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl MessageId {
    /// The largest id, 2^53 - 1: the largest number that JavaScript keeps exact.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Returns the id with this number, whether or not such a message exists.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the smallest id that can be created at this time, in milliseconds since 1970.
    #[must_use]
    pub fn first_at(now_ms: u64) -> Self {
        Self(now_ms.saturating_sub(ID_EPOCH_MS) << TIME_SHIFT)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number as SQLite and PostgreSQL store it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// Returns the id that a database stored; a negative number becomes 0.
    #[must_use]
    pub fn from_i64(number: i64) -> Self {
        Self(u64::try_from(number).unwrap_or(0))
    }

    /// Returns a smaller id that no message has. `number` selects one of many: they have the last host number and lie
    /// in the milliseconds before this id.
    #[must_use]
    pub const fn before(self, number: u64) -> Self {
        let (back, sequence) = (number >> SEQUENCE_BITS, number & ((1 << SEQUENCE_BITS) - 1));
        let time = (self.0 >> TIME_SHIFT).saturating_sub(1 + back % 1_000);
        Self((time << TIME_SHIFT) | (31 << SEQUENCE_BITS) | sequence)
    }

    /// Returns the time at which the id was created, in milliseconds since 1970.
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

/// The id that a client gives its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClientId {
    /// A number. The dialect `rustic` writes it in place of the message's id.
    Number(u64),
    /// A text. A message that is sent twice with the same text is stored once.
    Text(String),
}

impl ClientId {
    /// Returns the id as the client wrote it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
        }
    }

    /// Returns the id as the number of a message: a number, or a text of decimal digits. 0 is no number of a message.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Text(_) => None,
        };
        number.filter(|number| *number != 0)
    }

    /// Returns the id, if it is a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

/// Creates message ids. Each id is larger than the one before. The generator runs ahead of the clock when a millisecond
/// has no more ids, or when the clock is set back.
#[derive(Debug)]
pub struct IdGenerator {
    host: u64,
    /// The time and the sequence of the last id, without the host number.
    last: u64,
}

impl IdGenerator {
    /// Returns a generator for host number `host`, 0 to 31, whose ids are larger than `last`.
    #[must_use]
    pub fn after(host: u8, last: MessageId) -> Self {
        let time = last.0 >> TIME_SHIFT;
        let sequence = last.0 & ((1 << SEQUENCE_BITS) - 1);
        Self { host: u64::from(host & 31), last: (time << SEQUENCE_BITS) | sequence }
    }

    /// Returns a new id for this time, in milliseconds since 1970.
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
    fn a_client_id_of_digits_is_a_number_too() {
        let text = |text: &str| ClientId::Text(text.into());
        assert_eq!(ClientId::Number(u64::MAX).number(), Some(u64::MAX));
        assert_eq!(text("9738724237304139776").number(), Some(9_738_724_237_304_139_776));
        for other in [text("msg123"), text("-1"), text("18446744073709551616"), text("0"), ClientId::Number(0)] {
            assert_eq!(other.number(), None, "{other:?}");
        }
        for id in [ClientId::Number(7), text("7")] {
            assert_eq!(serde_json::from_str::<ClientId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
    }

    #[test]
    fn short_ids_have_22_characters_of_the_alphabet() {
        assert_eq!(short_id(0), "2".repeat(22));
        let id = short_uuid(u128::MAX / 3);
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|b| ALPHABET.contains(&b)));
    }

    #[test]
    fn an_agent_id_starts_with_the_name() {
        assert!(AgentId::for_name("Echo Agent", 7).as_str().starts_with("echoagent-"));
        assert!(AgentId::for_name("é!", 7).as_str().starts_with("agent-"));
    }

    #[test]
    fn an_id_holds_its_time_and_fits_in_53_bits() {
        let mut ids = IdGenerator::after(31, MessageId::default());
        let id = ids.next(1_900_000_000_123);
        assert_eq!(id.timestamp_ms(), 1_900_000_000_123);
        assert!(id.get() <= MessageId::MAX);
    }

    proptest! {
        #[test]
        fn ids_grow_even_if_the_clock_is_set_back(times in proptest::collection::vec(0u64..4_000_000_000_000, 1..200)) {
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
