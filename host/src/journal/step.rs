//! What waits to be written: a step of one guild, whole or in parts. How it is written
//! is the writer's.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::values::{WrittenValue, weight};

use super::JournalError;
use super::subscription::{Subscriber, Tries};

/// One indivisible step: what one publish or one turn adds to the log.
#[derive(Debug, Default)]
pub struct Step {
    pub guild: i64,
    pub rows: Vec<Arc<Message>>,
    pub cursor: Option<CursorWrite>,
    pub rare: Vec<SideWrite>,
    /// Who gets which row as soon as it is durable.
    pub settle: Vec<(Arc<Subscriber>, Arc<Message>)>,
    pub done: Option<oneshot::Sender<Result<(), JournalError>>>,
    /// Of a step that is written in parts.
    pub whole: Option<Arc<MultipartStep>>,
}

/// A step that is written in parts, each in a transaction of its own: nobody is shown
/// any of it before the last one is there, and when that never comes, the others are
/// removed.
#[derive(Debug)]
pub struct MultipartStep {
    pub first: MessageId,
    pub last: MessageId,
    /// Why a part could not be written; then none that follows is.
    pub failed: OnceLock<JournalError>,
}

impl Step {
    /// What it costs to write, about: that of its messages and values, and one for each of
    /// what else there is.
    pub fn weight(&self) -> usize {
        let rows: usize = self.rows.iter().map(|row| row.weight()).sum();
        (rows + self.rare.iter().map(SideWrite::weight).sum::<usize>()).max(1)
    }

    /// The first id of its step.
    pub fn first_id(&self) -> Option<MessageId> {
        self.whole.as_ref().map(|whole| whole.first).or_else(|| Some(self.rows.first()?.id))
    }

    /// Why an earlier part of its step could not be written.
    pub fn failure(&self) -> Option<&JournalError> {
        self.whole.as_ref()?.failed.get()
    }

    /// The parts in which it is written, each with rows of about this weight or one.
    pub fn into_parts(mut self, weight: usize) -> Vec<Self> {
        let mut parts = portions(&self.rows, weight);
        let (Some(rows), Some(first), Some(last)) = (parts.pop(), self.rows.first(), self.rows.last()) else {
            return vec![self];
        };
        if parts.is_empty() {
            return vec![self];
        }
        let whole = Arc::new(MultipartStep { first: first.id, last: last.id, failed: OnceLock::new() });
        let part = |rows| Self { guild: self.guild, rows, whole: Some(whole.clone()), ..Self::default() };
        let mut parts: Vec<Self> = parts.into_iter().map(part).collect();
        parts[0].rare.push(SideWrite::Begin { first: whole.first, last: whole.last });
        self.rare.push(SideWrite::Complete { first: whole.first });
        self.rows = rows;
        self.whole = Some(whole);
        parts.push(self);
        parts
    }
}

fn portions(rows: &[Arc<Message>], most: usize) -> Vec<Vec<Arc<Message>>> {
    let (mut portions, mut of_last) = (Vec::new(), usize::MAX);
    for row in rows {
        if of_last >= most {
            portions.push(Vec::new());
            of_last = 0;
        }
        of_last += row.weight();
        portions.last_mut().expect("one was just made").push(row.clone());
    }
    portions
}

#[derive(Clone, Debug)]
pub struct CursorWrite {
    pub consumer: Arc<str>,
    pub lanes: String,
    /// The message that was tried without success and how often, or zeros.
    pub tried: (MessageId, Tries),
}

/// What few steps need.
#[derive(Debug)]
pub enum SideWrite {
    NewGuild {
        name: String,
    },
    State {
        owner: String,
        version: i64,
        updated_ms: i64,
        state: Arc<str>,
    },
    /// All that a turn writes, each key once.
    Values(Vec<WrittenValue>),
    ClientId {
        user: String,
        client_id: String,
        id: MessageId,
    },
    /// With its state and values, which are under `owner`.
    ForgetConsumer {
        consumer: Arc<str>,
        owner: String,
    },
    /// Without data: forgotten.
    Snapshot {
        consumer: Arc<str>,
        version: String,
        data: Option<Vec<u8>>,
    },
    Erase {
        id: MessageId,
    },
    /// The first part of a step with these messages is written.
    Begin {
        first: MessageId,
        last: MessageId,
    },
    /// The last part is.
    Complete {
        first: MessageId,
    },
}

impl SideWrite {
    fn weight(&self) -> usize {
        match self {
            Self::Values(values) => weight(values.iter().map(WrittenValue::bytes)),
            _ => 1,
        }
    }
}
