//! One guild's log: who subscribes to it, the last value of what is retained,
//! the states that are committed with turns, and the way in for users.
//!
//! Its lock is held while messages get their place in the log and are handed to
//! the agents, so every subscription sees them in the order of the log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::routing::Routed;
use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState};
use guildhall_model::topic;
use guildhall_model::values::{ValueWrite, Values};

use super::embedded::{Restored, Shared};
use super::queue::{Behind, Cursors, write_cursors};
use super::states::{States, owner_column, owner_of_column};
use super::step::{CursorWrite, SideWrite, Step};
use super::subscription::{Consumer, Gauge, Kind, Subscriber, Tail, Tries};
use super::{JournalError, Receipt};

/// A handle on one guild's log; cheap to clone.
#[derive(Clone, Debug)]
pub struct GuildLog(Arc<Log>);

#[derive(Debug)]
struct Log {
    id: GuildId,
    key: i64,
    shared: Arc<Shared>,
    values: Values,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_topic: HashMap<String, Vec<Arc<Subscriber>>>,
    retained: HashMap<String, Arc<Message>>,
    states: States,
    /// Positions of consumers that were known when the log was opened or have
    /// unsubscribed since.
    cursors: HashMap<Arc<str>, (Cursors, (MessageId, Tries))>,
    recent: Recent,
    ingress: Option<Arc<dyn Ingress>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("topics", &self.by_topic.len()).finish_non_exhaustive()
    }
}

/// The way from a user into the guild: decides, without waiting, which messages
/// a user's words become. The guild that runs in this process offers it.
pub trait Ingress: Send + Sync {
    /// The messages, the user's own first: those that follow it belong to its
    /// thread. `guild_state` is a JSON object. Called without the log's lock.
    ///
    /// # Errors
    /// A fault for the user when the words lead nowhere.
    fn route(&self, draft: UserDraft, guild_state: &str) -> Result<Routed, Fault>;

    /// Called when messages that were routed are refused because an agent lags.
    fn refused(&self, fault: &Fault);
}

/// Why a user's words were not taken.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The guild does not run here (yet).
    #[error("the guild is not running here")]
    Absent,
    #[error("{0}")]
    Refused(Box<Fault>),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A user's words with their place in the log.
#[derive(Debug)]
pub struct Published {
    pub id: MessageId,
    /// `None` when the same `client_id` was said before: `id` is that of then.
    pub receipt: Option<Receipt>,
}

/// What a turn does besides consuming its message.
#[derive(Debug, Default)]
pub struct Commit {
    pub emits: Vec<Message>,
    /// Applied in order. One that does not apply when the turn is committed is left
    /// out: whoever makes it has tried it on the state that was then.
    pub changes: Vec<(StateOwner, StateChange)>,
    /// What becomes of values under keys.
    pub values: Vec<ValueWrite>,
    /// Whether the guild is told of the states that have changed.
    pub announces: bool,
}

/// Client ids of the last messages, known before the database can tell.
#[derive(Debug, Default)]
struct Recent {
    ids: HashMap<(UserId, String), MessageId>,
    order: VecDeque<(UserId, String)>,
}

/// How many client ids are remembered in memory for each guild.
const RECENT: usize = 4_096;

impl Recent {
    fn insert(&mut self, key: (UserId, String), id: MessageId) {
        self.ids.insert(key.clone(), id);
        self.order.push_back(key);
        if self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

impl GuildLog {
    pub(super) fn new(id: GuildId, key: i64, shared: Arc<Shared>) -> Self {
        Self(Arc::new(Log { id, key, shared, values: Values::default(), inner: Mutex::default() }))
    }

    /// Takes what the database knows of the guild.
    pub(super) fn restore(&self, restored: Restored) -> Result<(), JournalError> {
        let mut inner = self.inner();
        for (consumer, cursors, tried) in restored.cursors {
            inner.cursors.insert(consumer.into(), (cursors, tried));
        }
        for (owner, version, updated_ms, text) in restored.states {
            inner.states.restore(&owner, version, updated_ms, text)?;
        }
        for (owner, key, value) in restored.values {
            self.0.values.restore(owner_of_column(&owner), key, value.into());
        }
        Ok(())
    }

    /// Whether anybody but the journal holds this log.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    #[must_use]
    pub fn guild(&self) -> &GuildId {
        &self.0.id
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends messages to the log in one step. They are written whether or not
    /// somebody waits for the receipt.
    pub fn publish(&self, messages: Vec<Message>) -> Receipt {
        self.append(&mut self.inner(), messages, None, Vec::new()).1
    }

    /// Publishes what a user said.
    ///
    /// # Errors
    /// [`IngressError::Absent`] while the guild does not run here,
    /// [`IngressError::Refused`] with a fault for the user: nowhere to go, or an
    /// agent lags by more than its limit (`busy`).
    pub async fn publish_from_user(&self, draft: UserDraft) -> Result<Published, IngressError> {
        let key = draft.client_id.clone().map(|client_id| (draft.user.clone(), client_id));
        if let Some(key) = &key {
            let known = self.inner().recent.ids.get(key).copied();
            let known = match known {
                Some(id) => Some(id),
                None => self.0.shared.find_client_id(self.0.key, &key.0, &key.1).await?,
            };
            if let Some(id) = known {
                self.wait_for_all().await;
                return Ok(Published { id, receipt: None });
            }
        }
        match self.take_from_user(draft, key)? {
            Published { id, receipt: None } => {
                self.wait_for_all().await;
                Ok(Published { id, receipt: None })
            }
            published => Ok(published),
        }
    }

    /// The part of publishing that waits for nobody. The guild's rules run outside its
    /// lock: an expression may take its time.
    fn take_from_user(&self, draft: UserDraft, key: Option<(UserId, String)>) -> Result<Published, IngressError> {
        let (ingress, guild_state) = {
            let inner = self.inner();
            (inner.ingress.clone().ok_or(IngressError::Absent)?, inner.states.get(&StateOwner::Guild).text)
        };
        let routed = ingress.route(draft, &guild_state).map_err(|fault| IngressError::Refused(Box::new(fault)))?;
        let mut inner = self.inner();
        if let Some(id) = key.as_ref().and_then(|key| inner.recent.ids.get(key)) {
            return Ok(Published { id: *id, receipt: None });
        }
        let mut messages = vec![routed.first];
        messages.extend(routed.others);
        if let Err(fault) = inner.refuse_if_busy(&messages) {
            ingress.refused(&fault);
            return Err(IngressError::Refused(Box::new(fault)));
        }
        let rare = key.clone().into_iter().map(|(user, client_id)| SideWrite::ClientId {
            user: user.into_string(),
            client_id,
            id: MessageId::default(),
        });
        let mut rare: Vec<SideWrite> = rare.collect();
        let (owners, written) = inner.states.change_all(&routed.changes, self.0.shared.now_ms());
        rare.extend(written);
        messages.extend(inner.announcements(&self.0.id, &owners).map(|mut news| {
            // That is the user's own, which has no id yet.
            news.in_response_to = Some(MessageId::default());
            news
        }));
        let (id, receipt) = self.append(&mut inner, messages, None, rare);
        if let Some(key) = key {
            inner.recent.insert(key, id);
        }
        Ok(Published { id, receipt: Some(receipt) })
    }

    /// An id for something that goes to one client alone and is not stored.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        self.0.shared.next_id()
    }

    /// Sends what is never stored to whoever listens now.
    pub fn signal(&self, message: Message) -> MessageId {
        self.signal_and(message, |_, _| ())
    }

    /// Sends what is never stored, and keeps it for whoever subscribes next.
    pub fn retain(&self, message: Message) -> MessageId {
        self.signal_and(message, |inner, message| {
            for topic in message.topics.as_slice() {
                inner.retained.insert(topic.clone(), message.clone());
            }
        })
    }

    fn signal_and(&self, mut message: Message, then: impl FnOnce(&mut Inner, &Arc<Message>)) -> MessageId {
        let mut inner = self.inner();
        message.id = self.0.shared.next_id();
        let message = Arc::new(message);
        for subscriber in inner.listeners(&message) {
            if matches!(subscriber.kind, Kind::Tail) {
                subscriber.push_ephemeral(&message);
            }
        }
        then(&mut inner, &message);
        message.id
    }

    /// Forgets the retained value of a topic.
    pub fn forget(&self, topic: &str) {
        self.inner().retained.remove(topic);
    }

    /// The retained value of a topic.
    #[must_use]
    pub fn retained(&self, topic: &str) -> Option<Arc<Message>> {
        self.inner().retained.get(topic).cloned()
    }

    /// Subscribes an agent. It goes on where it stopped; a new consumer starts
    /// with what is published from now on.
    pub async fn consume(&self, agent: &AgentId, topics: Vec<String>) -> Result<Consumer, JournalError> {
        let name: Arc<str> = agent.as_str().into();
        let (consumer, resumed) = {
            let mut inner = self.inner();
            let known = inner.cursors.get(&name).cloned();
            let resumed = known.is_some();
            let (cursors, tried) = known.unwrap_or_else(|| ([self.0.shared.last_logged(); 8], Default::default()));
            let kind = Kind::Consumer { name: name.clone() };
            let behind = if resumed { Behind::AllLanes } else { Behind::No };
            let subscriber = Arc::new(Subscriber::new(topics, kind, self.0.shared.limits, cursors, behind));
            inner.subscribe(&subscriber);
            if !resumed {
                let cursor = CursorWrite { consumer: name.clone(), lanes: write_cursors(&cursors), tried };
                self.enqueue(Step { guild: self.0.key, cursor: Some(cursor), ..Step::default() });
                inner.cursors.insert(name, (cursors, tried));
            }
            (
                Consumer { log: self.clone(), subscriber, tried, loading: None },
                resumed.then_some((cursors, self.0.shared.last_logged())),
            )
        };
        if let Some((cursors, cut)) = resumed {
            self.wait_for_all().await;
            let from = cursors.iter().min().copied().unwrap_or_default();
            let waiting = self.0.shared.count(self.0.key, &consumer.subscriber.topics, from, cut).await?;
            consumer.subscriber.resumed(waiting, cut);
        }
        Ok(consumer)
    }

    /// Subscribes an onlooker: from `after` on (durable messages of the log
    /// first), or from now on. Retained values come first of all.
    #[must_use]
    pub fn tail(&self, topics: Vec<String>, after: Option<MessageId>) -> Tail {
        let mut inner = self.inner();
        let from = after.unwrap_or_default().min(self.0.shared.last_logged());
        let behind = if after.is_some() { Behind::FirstLane } else { Behind::No };
        let subscriber = Arc::new(Subscriber::new(topics, Kind::Tail, self.0.shared.limits, [from; 8], behind));
        for topic in &subscriber.topics {
            if let Some(message) = inner.retained.get(topic) {
                subscriber.push_ephemeral(message);
            }
        }
        inner.subscribe(&subscriber);
        Tail { log: self.clone(), subscriber, loading: None }
    }

    pub(super) fn unsubscribe(&self, subscriber: &Arc<Subscriber>, tried: (MessageId, Tries)) {
        let mut inner = self.inner();
        for topic in &subscriber.topics {
            if let Some(subscribers) = inner.by_topic.get_mut(topic) {
                subscribers.retain(|other| !Arc::ptr_eq(other, subscriber));
                if subscribers.is_empty() {
                    inner.by_topic.remove(topic);
                }
            }
        }
        if let Kind::Consumer { name } = &subscriber.kind
            && let Some(known) = inner.cursors.get_mut(name)
        {
            *known = (subscriber.cursors(), tried);
        }
    }

    /// Forgets a consumer: its position, what it saved, its state and its values, in
    /// one step.
    pub fn forget_consumer(&self, agent: &AgentId) {
        let owner = StateOwner::Agent(agent.clone());
        let rare = vec![SideWrite::ForgetConsumer { consumer: agent.as_str().into(), owner: owner_column(&owner) }];
        let mut inner = self.inner();
        inner.cursors.remove(agent.as_str());
        inner.states.forget(&owner);
        self.0.values.clear(&owner);
        self.enqueue(Step { guild: self.0.key, rare, ..Step::default() });
    }

    /// Opens the way in for users, or replaces it.
    pub fn open_ingress(&self, ingress: Arc<dyn Ingress>) {
        self.inner().ingress = Some(ingress);
    }

    /// Whether users can get in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner().ingress.is_some()
    }

    /// Closes the way in: users are told that the guild does not run here.
    pub fn close_ingress(&self) {
        self.inner().ingress = None;
    }

    /// The last committed state, a JSON object; `{}` when there is none.
    #[must_use]
    pub fn state(&self, owner: &StateOwner) -> Arc<str> {
        self.inner().states.get(owner).text
    }

    /// The committed values of the guild's agents.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.0.values
    }

    /// The last committed state with its version.
    #[must_use]
    pub fn stated(&self, owner: &StateOwner) -> VersionedState {
        self.inner().states.get(owner)
    }

    /// Moves the stored positions of consumers that have nothing waiting up to the
    /// end of the log, so that they do not keep retention from trimming it.
    pub(super) fn settle_idle(&self) {
        let inner = self.inner();
        let end = self.0.shared.last_logged();
        let mut seen: Vec<&Arc<Subscriber>> = Vec::new();
        for subscriber in inner.by_topic.values().flatten() {
            if seen.iter().any(|other| Arc::ptr_eq(other, subscriber)) {
                continue;
            }
            seen.push(subscriber);
            if let Some(cursors) = subscriber.settle_idle(end) {
                let cursor = Self::cursor_of(subscriber, &cursors, Default::default());
                self.enqueue(Step { guild: self.0.key, cursor, ..Step::default() });
            }
        }
    }

    pub(super) fn commit(
        &self,
        subscriber: &Arc<Subscriber>,
        tried: (MessageId, Tries),
        consumed: &Message,
        turn: Commit,
        advance: impl FnOnce() -> Cursors,
    ) -> Receipt {
        let mut inner = self.inner();
        let (owners, mut rare) = inner.states.change_all(&turn.changes, self.0.shared.now_ms());
        // Under the guild's lock, so that the database has the same last word.
        let written = self.0.values.apply(turn.values);
        if !written.is_empty() {
            rare.push(SideWrite::Values(written));
        }
        let cursor = Self::cursor_of(subscriber, &advance(), tried);
        let mut messages = turn.emits;
        if turn.announces {
            messages.extend(inner.announcements(&self.0.id, &owners).map(|mut news| {
                news.in_response_to = Some(consumed.id);
                news.thread = consumed.full_thread();
                news.traceparent.clone_from(&consumed.traceparent);
                news.hops = consumed.hops.saturating_add(1);
                news
            }));
        }
        self.append(&mut inner, messages, cursor, rare).1
    }

    /// Commits a turn of one change, which may not apply: `answer` says what is
    /// published then, and what if it does.
    pub(super) fn commit_change(
        &self,
        subscriber: &Arc<Subscriber>,
        tried: (MessageId, Tries),
        (owner, change): (&StateOwner, &StateChange),
        answer: impl FnOnce(Result<VersionedState, StateError>) -> Vec<Message>,
        advance: impl FnOnce() -> Cursors,
    ) -> Receipt {
        let mut inner = self.inner();
        let (outcome, rare) = match inner.states.change(owner, change, self.0.shared.now_ms()) {
            Ok((stated, rare)) => (Ok(stated), vec![rare]),
            Err(error) => (Err(error), Vec::new()),
        };
        let cursor = Self::cursor_of(subscriber, &advance(), tried);
        self.append(&mut inner, answer(outcome), cursor, rare).1
    }

    pub(super) fn record_tries(&self, subscriber: &Arc<Subscriber>, tried: (MessageId, Tries)) {
        // The guild's lock before the queue's, as everywhere.
        let _inner = self.inner();
        let cursor = Self::cursor_of(subscriber, &subscriber.cursors(), tried);
        self.enqueue(Step { guild: self.0.key, cursor, ..Step::default() });
    }

    fn cursor_of(subscriber: &Subscriber, cursors: &Cursors, tried: (MessageId, Tries)) -> Option<CursorWrite> {
        let Kind::Consumer { name } = &subscriber.kind else { return None };
        Some(CursorWrite { consumer: name.clone(), lanes: write_cursors(cursors), tried })
    }

    /// Takes a message out of the log and puts others in, in one step; gives the first
    /// one's id. That the message is there is for the caller to know.
    pub fn replace(&self, erased: MessageId, messages: Vec<Message>) -> (MessageId, Receipt) {
        self.append(&mut self.inner(), messages, None, vec![SideWrite::Erase { id: erased }])
    }

    /// Writes something that few steps need.
    pub(super) fn write(&self, rare: SideWrite) -> Receipt {
        let (done, receipt) = oneshot::channel();
        self.enqueue(Step { guild: self.0.key, rare: vec![rare], done: Some(done), ..Step::default() });
        Receipt(receipt)
    }

    pub(super) fn place(&self) -> (&Shared, i64) {
        (&self.0.shared, self.0.key)
    }

    /// Gives messages their place in the log and hands them to the agents; the
    /// first one's id comes back.
    fn append(
        &self,
        inner: &mut Inner,
        messages: Vec<Message>,
        cursor: Option<CursorWrite>,
        mut rare: Vec<SideWrite>,
    ) -> (MessageId, Receipt) {
        let (done, receipt) = oneshot::channel();
        let mut first = MessageId::default();
        let mut entry = Step { guild: self.0.key, cursor, done: Some(done), ..Step::default() };
        let mut eager = Vec::new();
        {
            let mut sequence = self.0.shared.sequence();
            for (number, mut message) in messages.into_iter().enumerate() {
                message.id = sequence.next_logged(self.0.shared.now_ms());
                if number == 0 {
                    first = message.id;
                } else if message.in_response_to == Some(MessageId::default()) {
                    message.in_response_to = Some(first);
                    message.thread = vec![first];
                }
                entry.rows.push(Arc::new(message));
            }
            for rare in &mut rare {
                if let SideWrite::ClientId { id, .. } = rare {
                    *id = first;
                }
            }
            entry.rare = rare;
            for message in &entry.rows {
                for subscriber in inner.listeners(message) {
                    match subscriber.kind {
                        Kind::Consumer { .. } => eager.push((subscriber, message.clone())),
                        Kind::Tail => entry.settle.push((subscriber, message.clone())),
                    }
                }
            }
            sequence.pending.push(entry);
        }
        self.0.shared.work.notify_one();
        for (subscriber, message) in eager {
            subscriber.push(&message);
        }
        (first, Receipt(receipt))
    }

    fn enqueue(&self, entry: Step) {
        self.0.shared.sequence().pending.push(entry);
        self.0.shared.work.notify_one();
    }

    /// The first messages of some topics after an id and up to another that fit in a
    /// window, and whether more may follow.
    pub(super) async fn read_window(
        &self,
        topics: &[String],
        (after, until): (MessageId, MessageId),
        lane: Option<usize>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), JournalError> {
        self.0.shared.read(self.0.key, topics, (after, until), lane, limit).await
    }

    pub(super) fn limits(&self) -> super::JournalLimits {
        self.0.shared.limits
    }

    /// The first messages of some topics after an id, in the order of the log, at
    /// most `limit` and about a window's bytes, and whether more may follow.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn history(
        &self,
        topics: &[String],
        after: MessageId,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), JournalError> {
        let until = self.wait_for_all().await;
        self.0.shared.read(self.0.key, topics, (after, until), None, limit).await
    }

    /// Messages by their ids, in the order of the log; what is not there is passed
    /// over.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn by_ids(&self, ids: &[MessageId]) -> Result<Vec<Message>, JournalError> {
        self.wait_for_all().await;
        self.0.shared.by_ids(self.0.key, ids).await
    }

    /// Whether retention has removed something after this id.
    #[must_use]
    pub fn has_gap_after(&self, id: MessageId) -> bool {
        self.0.shared.trimmed_to(self.0.key) > id
    }

    /// Waits until all that was published here so far is durable; gives the id up to
    /// which that is so.
    pub(super) async fn wait_for_all(&self) -> MessageId {
        let shared = &self.0.shared;
        let last = shared.last_logged();
        if !shared.is_settled() {
            // A guild's steps are written in their order.
            let (done, receipt) = oneshot::channel();
            self.enqueue(Step { guild: self.0.key, done: Some(done), ..Step::default() });
            tokio::select! {
                _ = receipt => {}
                () = shared.closed.cancelled() => {}
            }
        }
        last
    }
}

impl Inner {
    fn subscribe(&mut self, subscriber: &Arc<Subscriber>) {
        for topic in &subscriber.topics {
            self.by_topic.entry(topic.clone()).or_default().push(subscriber.clone());
        }
    }

    /// Who gets this message, each once.
    fn listeners(&self, message: &Message) -> Vec<Arc<Subscriber>> {
        let mut listeners: Vec<Arc<Subscriber>> = Vec::new();
        for topic in message.topics.as_slice().iter().chain(&message.also) {
            for subscriber in self.by_topic.get(topic).into_iter().flatten() {
                if !subscriber.is_deaf_to(message) && !listeners.iter().any(|other| Arc::ptr_eq(other, subscriber)) {
                    listeners.push(subscriber.clone());
                }
            }
        }
        listeners
    }

    fn refuse_if_busy(&self, messages: &[Message]) -> Result<(), Fault> {
        for subscriber in messages.iter().flat_map(|message| self.listeners(message)) {
            let Kind::Consumer { name } = &subscriber.kind else { continue };
            let (lag, limit) = Gauge::of(&subscriber).lag();
            if lag >= limit {
                let text = format!("agent {name} has {lag} messages waiting, the limit is {limit}; try again later");
                let fault = Fault::new(FaultKind::Busy, text).over(limit as u64, Some(lag as u64), "limits.agent_lag");
                return Err(fault);
            }
        }
        Ok(())
    }

    /// What is said of changed states, if anybody but the manager listens.
    fn announcements<'a>(
        &'a self,
        guild: &'a GuildId,
        owners: &'a [StateOwner],
    ) -> impl Iterator<Item = Message> + use<'a> {
        let manager = AgentId::manager_of(guild);
        let mut listeners = self.by_topic.get(topic::STATE).into_iter().flatten();
        let is_heard = !owners.is_empty()
            && listeners.any(|listener| match &listener.kind {
                Kind::Consumer { name } => **name != *manager.as_str(),
                Kind::Tail => true,
            });
        let owners = if is_heard { owners } else { &[] };
        owners.iter().map(move |owner| self.states.get(owner).announcement(guild, owner))
    }
}
