//! The reading end of a subscription: it takes messages from the queue in memory and fills the queue from the storage
//! when a lane is behind.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::GuildLog;
use crate::error::JournalError;
use crate::queue::Next;
use crate::storage::Page;
use crate::subscriber::{Kind, Subscriber};

/// The most messages that one read of the storage returns.
const PAGE: usize = 256;

/// The reading end of a subscription.
#[derive(Debug)]
pub struct Window {
    subscriber: Arc<Subscriber>,
    /// A read of the storage. It continues when the reader stops waiting for it, and ends when the window is dropped.
    loading: Option<AbortOnDropHandle<Result<LanePage, JournalError>>>,
}

/// What a read of one lane found.
#[derive(Debug)]
struct LanePage {
    lane: usize,
    messages: Vec<Arc<Message>>,
    /// The page has every message of the lane up to this id.
    read_to: MessageId,
    /// Whether more messages may follow in the log.
    more: bool,
    /// Whether retention has removed messages after the id where the read began.
    is_after_gap: bool,
}

impl Window {
    /// Returns the reading end of a subscription.
    pub fn new(subscriber: Arc<Subscriber>) -> Self {
        Self { subscriber, loading: None }
    }

    /// Returns the shared part of the subscription.
    pub fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    /// Returns the next message. Cancel safe: a read that has begun is used by the next call.
    pub async fn next(&mut self, log: &GuildLog) -> Result<Arc<Message>, JournalError> {
        loop {
            if let Some(message) = self.step(log).await? {
                return Ok(message);
            }
        }
    }

    /// Returns the next message, or `None` after a page was read or something was pushed. Cancel safe: a read that has
    /// begun is used by the next call.
    pub async fn step(&mut self, log: &GuildLog) -> Result<Option<Arc<Message>>, JournalError> {
        loop {
            if let Some(loading) = &mut self.loading {
                let page = loading.await;
                self.loading = None;
                let page = page.map_err(|_| JournalError::Closed)??;
                if page.is_after_gap && matches!(self.subscriber.kind, Kind::Tail) {
                    self.subscriber.mark_lost();
                }
                self.subscriber.loaded(page.lane, page.messages, page.read_to, page.more);
                return Ok(None);
            }
            match self.subscriber.next() {
                Next::Message(message) => return Ok(Some(message)),
                Next::Load { lane, after } => {
                    let load = load(log.clone(), self.subscriber.clone(), lane, after);
                    self.loading = Some(AbortOnDropHandle::new(tokio::spawn(load)));
                }
                Next::Nothing => {
                    self.subscriber.pushed().await;
                    return Ok(None);
                }
            }
        }
    }
}

/// Reads a page of one lane. What was published before the read began is durable when it is read, so a page after which
/// no message follows is complete up to then. Cancel safe.
async fn load(
    log: GuildLog,
    subscriber: Arc<Subscriber>,
    lane: usize,
    after: MessageId,
) -> Result<LanePage, JournalError> {
    let limit = log.0.shared.limits.window.min(PAGE);
    let (end, Page { messages, more }) = match subscriber.kind {
        Kind::Consumer { .. } => log.read_lane(&subscriber.topics, after, lane, limit).await?,
        Kind::Tail => log.read_history(&subscriber.topics, after, limit).await?,
    };
    let last = messages.last().map_or(after, |message| message.id);
    Ok(LanePage {
        lane,
        messages: messages.into_iter().filter(|message| !subscriber.ignores(message)).map(Arc::new).collect(),
        read_to: if more { last } else { end.max(last) },
        more,
        is_after_gap: after > MessageId::default() && subscriber.has_read() && log.has_gap_after(after),
    })
}
