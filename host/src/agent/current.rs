//! The message that an agent's task is attempting. There is one value for it: a message is never attempted twice at a
//! time, and a panic in the middle of an attempt finds it here.

use crate::journal::Delivery;

/// The message that was taken from the inbox and is not committed yet.
#[derive(Debug, Default)]
pub(super) enum CurrentAttempt {
    /// No message was taken.
    #[default]
    Idle,
    /// The next attempt of this message is due.
    Waiting(Delivery),
    /// An attempt of this message runs.
    Running(Delivery),
}

impl CurrentAttempt {
    /// Notes that an attempt of a message is due: the first one, or a repeated one.
    pub(super) fn wait(&mut self, delivery: Delivery) {
        *self = Self::Waiting(delivery);
    }

    /// Whether an attempt is due.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// The message whose attempt is due.
    pub(super) const fn waiting(&self) -> Option<&Delivery> {
        match self {
            Self::Waiting(delivery) => Some(delivery),
            Self::Idle | Self::Running(_) => None,
        }
    }

    /// Begins the attempt that is due and returns its message; `None` if none is due.
    pub(super) fn begin(&mut self) -> Option<Delivery> {
        match std::mem::take(self) {
            Self::Waiting(delivery) => {
                *self = Self::Running(delivery.clone());
                Some(delivery)
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Ends the attempt that runs. A message that waits for another attempt stays.
    pub(super) fn end(&mut self) {
        if matches!(self, Self::Running(_)) {
            *self = Self::Idle;
        }
    }

    /// Removes and returns the message whose attempt was cut short by a panic.
    pub(super) fn interrupted(&mut self) -> Option<Delivery> {
        match std::mem::take(self) {
            Self::Running(delivery) => Some(delivery),
            other => {
                *self = other;
                None
            }
        }
    }
}
