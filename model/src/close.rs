//! The codes with which the host closes sockets (RFC 6455, section 7.4), and what each of them means for a client.

/// Why the host closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The guild was stopped.
    GuildStopped,
    /// The host shuts down.
    ShuttingDown,
    /// The client broke a rule of the WebSocket protocol.
    BrokenProtocol,
    /// A text frame is not UTF-8.
    NotUtf8,
    /// The client has not answered a ping.
    Silent,
    /// A frame is larger than its limit.
    FrameTooLarge,
    /// The host failed.
    HostError,
    /// Another host has the guild now.
    Moved,
    /// The client is too slow, or the host has no room for what clients send.
    TryAgainLater,
}

impl CloseCode {
    /// All codes, by number.
    pub const ALL: [Self; 9] = [
        Self::GuildStopped,
        Self::ShuttingDown,
        Self::BrokenProtocol,
        Self::NotUtf8,
        Self::Silent,
        Self::FrameTooLarge,
        Self::HostError,
        Self::Moved,
        Self::TryAgainLater,
    ];

    /// Returns the number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::GuildStopped => 1000,
            Self::ShuttingDown => 1001,
            Self::BrokenProtocol => 1002,
            Self::NotUtf8 => 1007,
            Self::Silent => 1008,
            Self::FrameTooLarge => 1009,
            Self::HostError => 1011,
            Self::Moved => 1012,
            Self::TryAgainLater => 1013,
        }
    }

    /// Returns why the host closes with this code, as a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::GuildStopped => "The guild was stopped.",
            Self::ShuttingDown => "The host shuts down.",
            Self::BrokenProtocol => "The client broke a rule of the WebSocket protocol.",
            Self::NotUtf8 => "A text frame is not UTF-8.",
            Self::Silent => "The client has not answered a ping within `limits.ping_s`.",
            Self::FrameTooLarge => "A frame is larger than `limits.frame_bytes`.",
            Self::HostError => "The host cannot read the guild's log.",
            Self::Moved => "Another host has the guild now.",
            Self::TryAgainLater => "The client reads too slowly, or clients use all of `limits.bodies_bytes`.",
        }
    }

    /// Returns whether a client reaches the guild again if it connects again and resumes with `after`.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        match self {
            Self::ShuttingDown | Self::Silent | Self::HostError | Self::Moved | Self::TryAgainLater => true,
            Self::GuildStopped | Self::BrokenProtocol | Self::NotUtf8 | Self::FrameTooLarge => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_number_of_its_own() {
        let numbers = CloseCode::ALL.map(CloseCode::number);
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
