//! A step that waits for the writer, together with what happens once it is stored. A step that is too large for one
//! transaction is split here into parts.

use std::sync::{Arc, OnceLock};

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::error::JournalError;
use super::receipt::Reply;
use super::step::{SideWrite, Step};
use super::subscriber::Subscriber;
use crate::room::Held;

/// A step and its follow-up.
#[derive(Debug, Default)]
pub struct QueuedStep {
    pub step: Step,
    pub follow_up: FollowUp,
}

/// What happens when a step is stored or refused.
#[derive(Debug, Default)]
pub struct FollowUp {
    /// The sockets that receive a message as soon as it is durable.
    pub deliveries: Vec<(Arc<Subscriber>, Arc<Message>)>,
    pub reply: Option<Reply>,
    /// The multipart step that this step is a part of.
    pub multipart: Option<Arc<MultipartStep>>,
    /// The room that a client's frame uses until it is stored or refused.
    #[expect(dead_code, reason = "holds the room until it is dropped")]
    pub held: Option<Held>,
}

/// A step that is written in parts, each in a transaction of its own. No message of it is shown before the last part is
/// stored. If a part is refused, the parts before it are removed and the parts after it are not written.
#[derive(Debug)]
pub struct MultipartStep {
    pub first: MessageId,
    pub last: MessageId,
    /// Why a part was refused.
    pub failure: OnceLock<JournalError>,
}

impl FollowUp {
    /// Returns why an earlier part of the same multipart step was refused.
    pub fn failure(&self) -> Option<&JournalError> {
        self.multipart.as_ref()?.failure.get()
    }

    /// Delivers the messages and reports success.
    pub fn stored(self) {
        for (subscriber, message) in self.deliveries {
            subscriber.push(&message);
        }
        if let Some(reply) = self.reply {
            let _ = reply.send(Ok(()));
        }
    }

    /// Reports that the step is not stored.
    pub fn refused(self, error: JournalError) {
        if let Some(reply) = self.reply {
            let _ = reply.send(Err(error));
        }
    }
}

impl QueuedStep {
    /// Returns the id of the first message of the step or of its multipart step.
    pub fn first_id(&self) -> Option<MessageId> {
        match &self.follow_up.multipart {
            Some(multipart) => Some(multipart.first),
            None => Some(self.step.rows.first()?.id),
        }
    }

    /// Splits the step into parts. Each part has rows of about this weight, and at least one row. The last part has the
    /// cursor, the side writes and the follow-up.
    pub fn into_parts(mut self, weight: usize) -> Vec<Self> {
        let mut parts = portions(&self.step.rows, weight);
        let (Some(rows), Some(first), Some(last)) = (parts.pop(), self.step.rows.first(), self.step.rows.last()) else {
            return vec![self];
        };
        if parts.is_empty() {
            return vec![self];
        }
        let multipart = Arc::new(MultipartStep { first: first.id, last: last.id, failure: OnceLock::new() });
        let part = |rows| Self {
            step: Step { guild: self.step.guild, rows, ..Step::default() },
            follow_up: FollowUp { multipart: Some(multipart.clone()), ..FollowUp::default() },
        };
        let mut parts: Vec<Self> = parts.into_iter().map(part).collect();
        parts[0].step.side_writes.push(SideWrite::Begin { first: multipart.first, last: multipart.last });
        self.step.side_writes.push(SideWrite::Complete { first: multipart.first });
        self.step.rows = rows;
        self.follow_up.multipart = Some(multipart);
        parts.push(self);
        parts
    }
}

fn portions(rows: &[Arc<Message>], most: usize) -> Vec<Vec<Arc<Message>>> {
    let (mut portions, mut weight_of_last) = (Vec::new(), usize::MAX);
    for row in rows {
        if weight_of_last >= most {
            portions.push(Vec::new());
            weight_of_last = 0;
        }
        weight_of_last += row.weight();
        portions.last_mut().expect("a portion was pushed before the first row").push(row.clone());
    }
    portions
}
