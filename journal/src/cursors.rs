//! How far a consumer has got: its position in each lane and the failed attempts of the message that it works on.
//! Plain values, stored with every commit of the consumer.

use guildhall_model::ids::MessageId;
use guildhall_model::priority::Priority;

/// The position of a consumer in each of its eight lanes: the consumer has consumed all messages of the lane up to
/// this id.
pub type Cursors = [MessageId; Priority::LANES];

/// How many attempts of a message have failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts that ended the agent's instance.
    pub broken: u32,
    /// Attempts after which the agent asked for another one.
    pub declined: u32,
}

/// The message whose attempts have failed so far. By default no message is meant and both counts are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedAttempts {
    pub message: MessageId,
    pub attempts: Attempts,
}

/// What is stored of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub cursors: Cursors,
    pub failed: FailedAttempts,
}

const _: () = assert!(Priority::LANES == 8, "cursors are stored with eight lanes");
