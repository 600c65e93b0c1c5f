//! Why a frame of a client cannot be used. The kinds are a closed set with stable names, which clients read in
//! `ErrorMessage` frames.

use serde_json::Value;

/// The kind of an error about one frame or about the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameErrorKind {
    /// The text is not JSON.
    InvalidJson,
    /// The frame is not an object, or one of its members is not valid.
    InvalidFrame,
    /// The payload is missing, not an object, or empty.
    InvalidPayload,
    /// The payload is larger than its limit.
    PayloadTooLarge,
    /// The frame is a binary one.
    BinaryFrame,
    /// The system socket has no request of this format.
    UnknownFormat,
    /// The client may not do this.
    Denied,
    /// Nobody listens to the topics of the message.
    NoRecipient,
    /// The message is refused for another reason.
    Refused,
    /// The host cannot take the message now.
    Busy,
    /// The host failed.
    HostError,
    /// Messages after the id of `after` are no longer kept.
    Gap,
}

impl FrameErrorKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::InvalidJson,
        Self::InvalidFrame,
        Self::InvalidPayload,
        Self::PayloadTooLarge,
        Self::BinaryFrame,
        Self::UnknownFormat,
        Self::Denied,
        Self::NoRecipient,
        Self::Refused,
        Self::Busy,
        Self::HostError,
        Self::Gap,
    ];

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "INVALID_JSON",
            Self::InvalidFrame => "INVALID_FRAME",
            Self::InvalidPayload => "INVALID_PAYLOAD",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::BinaryFrame => "BINARY_FRAME",
            Self::UnknownFormat => "UNKNOWN_FORMAT",
            Self::Denied => "DENIED",
            Self::NoRecipient => "NO_RECIPIENT",
            Self::Refused => "REFUSED",
            Self::Busy => "BUSY",
            Self::HostError => "HOST_ERROR",
            Self::Gap => "GAP",
        }
    }

    /// Returns what the kind means for a client, as a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidJson => "The frame is not JSON.",
            Self::InvalidFrame => "The frame is not an object, or one of its members is not valid.",
            Self::InvalidPayload => "The payload is missing, is not an object, or has no member.",
            Self::PayloadTooLarge => "The payload is larger than a message may be.",
            Self::BinaryFrame => "The frame is binary: send JSON in a text frame.",
            Self::UnknownFormat => "The system socket has no request of this format.",
            Self::Denied => "The user may not do this, such as write to a topic of the host.",
            Self::NoRecipient => "No agent listens to the topics of the message.",
            Self::Refused => "The message is refused; the text says why.",
            Self::Busy => "The guild or the host cannot take the message now: send it again later with the same id.",
            Self::HostError => "The host failed; the message is not stored.",
            Self::Gap => "Messages after the id of `after` are no longer kept; what follows is all that is left.",
        }
    }
}

/// Why a frame cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The kind, `error_type` on the wire.
    pub kind: FrameErrorKind,
    /// A sentence for people, with the member and the limit.
    pub message: String,
    /// The client's id for the message, if it could be read.
    pub client_id: Option<Value>,
}

impl FrameError {
    /// Returns an error about a frame whose client id is not known.
    #[must_use]
    pub fn new(kind: FrameErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), client_id: None }
    }
}
