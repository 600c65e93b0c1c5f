//! The guarantees of [`Storage`] as tests. [`conformance_tests`] runs all of them on one storage.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::state::{StateOwner, VersionedState};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use guildhall_model::values::WrittenValue;

use super::{PageSize, Range, Storage, Trim};
use crate::cursors::{Attempts, FailedAttempts, Position};
use crate::error::JournalError;
use crate::step::{CursorWrite, GuildKey, SideWrite, Snapshot, Step};

/// Opens one kind of storage.
pub trait Bench: Default {
    /// Opens the same data each time. The caller has closed the storage that it opened before.
    async fn open(&self) -> Arc<dyn Storage>;

    /// Whether the storage can be tested on this machine.
    fn is_there() -> bool {
        true
    }
}

/// Runs every test of this file on a [`Bench`].
macro_rules! conformance_tests {
    ($bench:ty) => {
        $crate::storage::conformance::conformance_tests!(
            $bench:
            the_steps_of_a_guild_are_stored_completely_or_not_at_all
            a_guild_that_is_refused_goes_on_with_other_steps
            a_committed_step_is_there_after_reopening
            an_incomplete_multipart_step_is_removed_when_the_storage_is_recovered
            a_complete_multipart_step_stays
            a_discarded_multipart_step_leaves_nothing
            messages_are_read_in_the_order_of_their_ids_and_by_topic
            a_page_ends_at_its_limits
            messages_are_read_from_the_last_to_the_first
            messages_are_read_by_their_ids
            only_the_last_position_and_value_of_a_batch_stay
            a_forgotten_consumer_leaves_nothing
            a_consumer_that_is_forgotten_and_returns_in_one_batch_has_the_new_position
            an_erased_message_is_not_read
            a_client_id_is_found_until_it_is_too_old
            old_client_ids_are_removed_however_many_there_are
            a_snapshot_replaces_the_one_before
            a_trim_keeps_what_is_not_consumed
            a_trim_reports_the_bytes_that_are_left
            a_trim_is_reported_before_the_messages_are_gone
            ids_are_not_given_again_after_everything_was_removed
            guilds_are_found_by_their_ids_and_listed_by_their_keys
            a_guild_that_is_read_again_tells_its_last_id
            a_removed_guild_leaves_nothing_and_its_numbers_are_not_given_again
            a_closed_storage_refuses_everything
        );
    };
    ($bench:ty: $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            if <$bench as $crate::storage::conformance::Bench>::is_there() {
                $crate::storage::conformance::$name::<$bench>().await;
            }
        }
    )*};
}
pub(crate) use conformance_tests;

const G: GuildKey = GuildKey(1);
const H: GuildKey = GuildKey(2);
const ALL: PageSize = PageSize { messages: 1_000, bytes: usize::MAX };

/// Opens a storage with the guilds `g` and `h`.
async fn opened<B: Bench>() -> (B, Arc<dyn Storage>) {
    let bench = B::default();
    let storage = reopened(&bench).await;
    let new = |guild, id: &str| side(guild, vec![SideWrite::NewGuild { id: id.into() }]);
    assert!(storage.commit(&[new(G, "g"), new(H, "h")]).await.unwrap().is_empty());
    (bench, storage)
}

async fn reopened<B: Bench>(bench: &B) -> Arc<dyn Storage> {
    let storage = bench.open().await;
    storage.recover().await.unwrap();
    storage
}

/// Commits a batch of which nothing is refused.
async fn commit(storage: &dyn Storage, batch: &[Step]) {
    let refused = storage.commit(batch).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

fn message(id: u64, topic: &str) -> Message {
    let payload = raw_json(&json!({"n": id}));
    let mut message = Message::draft(AgentTag::default(), Topics::One(topic.into()), "test", payload);
    message.id = MessageId::new(id);
    message
}

fn rows(guild: GuildKey, ids: impl IntoIterator<Item = u64>) -> Step {
    let rows = ids.into_iter().map(|id| Arc::new(message(id, "t"))).collect();
    Step { guild, rows, ..Step::default() }
}

fn side(guild: GuildKey, side_writes: Vec<SideWrite>) -> Step {
    Step { guild, side_writes, ..Step::default() }
}

fn position(id: u64) -> Position {
    Position { cursors: [MessageId::new(id); 8], failed: FailedAttempts::default() }
}

fn cursor(guild: GuildKey, id: u64) -> Step {
    let cursor = Some(CursorWrite { consumer: "a".into(), position: position(id) });
    Step { guild, cursor, ..Step::default() }
}

fn begin(first: u64, last: u64) -> SideWrite {
    SideWrite::Begin { first: MessageId::new(first), last: MessageId::new(last) }
}

fn agent() -> AgentId {
    "a".into()
}

fn value(owner: StateOwner, key: &str, value: Option<&[u8]>) -> WrittenValue {
    WrittenValue { owner, key: key.into(), value: value.map(Into::into) }
}

fn range<'a>(guild: GuildKey, topics: &'a [String], after: u64, until: u64) -> Range<'a> {
    Range { guild, topics, after: MessageId::new(after), until: MessageId::new(until) }
}

fn ids(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.id.get()).collect()
}

/// Returns the ids of the messages of a guild with topic `t`.
async fn stored(storage: &dyn Storage, guild: GuildKey) -> Vec<u64> {
    let topics = ["t".to_owned()];
    let range = range(guild, &topics, 0, u64::from(u32::MAX));
    let page = storage.read(range, None, ALL).await.unwrap();
    assert_eq!(storage.count(range).await.unwrap(), page.messages.len());
    ids(&page.messages)
}

pub async fn the_steps_of_a_guild_are_stored_completely_or_not_at_all<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1])]).await;
    let batch = [rows(G, [2]), cursor(G, 2), rows(H, [3]), rows(G, [1])];
    let refused = match storage.commit(&batch).await {
        Ok(refused) => refused,
        Err(error) => vec![(G, error.clone()), (H, error)],
    };
    let of = |guild| refused.iter().find(|(of, _)| *of == guild).map(|(_, error)| error);
    assert!(matches!(of(G), Some(JournalError::Storage(_))), "{refused:?}");
    assert_eq!(stored(&*storage, G).await, [1]);
    assert!(storage.restore(G).await.unwrap().consumers.is_empty());
    assert_eq!(stored(&*storage, H).await.is_empty(), of(H).is_some(), "{refused:?}");
    commit(&*storage, &batch[..2]).await;
    assert_eq!((stored(&*storage, G).await, storage.restore(G).await.unwrap().consumers.len()), (vec![1, 2], 1));
}

pub async fn a_guild_that_is_refused_goes_on_with_other_steps<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1]), rows(H, [2])]).await;
    assert!(storage.commit(&[rows(G, [1])]).await.map_or(true, |refused| refused.len() == 1));
    for id in [3, 5, 7] {
        commit(&*storage, &[rows(G, [id]), rows(H, [id + 1])]).await;
    }
    storage.close().await;
    let storage = reopened(&bench).await;
    commit(&*storage, &[rows(G, [9])]).await;
    assert_eq!((stored(&*storage, G).await, stored(&*storage, H).await), (vec![1, 3, 5, 7, 9], vec![2, 4, 6, 8]));
}

pub async fn a_committed_step_is_there_after_reopening<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    let mut lanes = position(7);
    lanes.cursors[3] = MessageId::new(9);
    lanes.failed = FailedAttempts { message: MessageId::new(8), attempts: Attempts { broken: 1, declined: 2 } };
    let state = VersionedState { version: 4, updated_ms: 5, text: r#"{"x":1}"#.into() };
    let owner = StateOwner::Agent(agent());
    let snapshot = Snapshot { version: "1".into(), data: vec![0, 255] };
    let step = Step {
        cursor: Some(CursorWrite { consumer: "a".into(), position: lanes }),
        side_writes: vec![
            SideWrite::State { owner: owner.clone(), state: state.clone() },
            SideWrite::Values(vec![value(StateOwner::Guild, "k", Some(b"v"))]),
            SideWrite::Snapshot { agent: agent(), snapshot: snapshot.clone() },
        ],
        ..rows(G, [1, 2])
    };
    commit(&*storage, &[step]).await;
    storage.close().await;
    let storage = bench.open().await;
    let recovered = storage.recover().await.unwrap();
    assert!(recovered.has_guilds && recovered.last_key >= H && recovered.last >= MessageId::new(2));
    assert_eq!(storage.find(&GuildId::from("g")).await.unwrap(), Some(G));
    let restored = storage.restore(G).await.unwrap();
    assert_eq!(restored.trimmed, MessageId::default());
    assert_eq!(restored.consumers, [("a".to_owned(), lanes)]);
    let (stored_owner, stored_state) = &restored.states[0];
    assert_eq!((stored_owner, restored.states.len()), (&owner, 1));
    assert_eq!((stored_state.version, stored_state.updated_ms, &*stored_state.text), (4, 5, r#"{"x":1}"#));
    assert_eq!(restored.values, [(StateOwner::Guild, "k".to_owned(), b"v".to_vec())]);
    assert_eq!(storage.snapshot(G, &agent()).await.unwrap(), Some(snapshot));
    assert_eq!(stored(&*storage, G).await, [1, 2]);
    let other = storage.restore(H).await.unwrap();
    assert!(other.consumers.is_empty() && other.states.is_empty() && other.values.is_empty());
}

pub async fn an_incomplete_multipart_step_is_removed_when_the_storage_is_recovered<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1]), rows(H, [2])]).await;
    let first = Step { side_writes: vec![begin(3, 9)], ..rows(G, [3, 4]) };
    commit(&*storage, &[first, rows(H, [5])]).await;
    commit(&*storage, &[rows(G, [6])]).await;
    storage.close().await;
    let storage = bench.open().await;
    assert!(storage.recover().await.unwrap().last >= MessageId::new(6), "ids are not given again");
    assert_eq!((stored(&*storage, G).await, stored(&*storage, H).await), (vec![1], vec![2, 5]));
}

pub async fn a_complete_multipart_step_stays<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[Step { side_writes: vec![begin(1, 4)], ..rows(G, [1, 2]) }]).await;
    let complete = SideWrite::Complete { first: MessageId::new(1) };
    commit(&*storage, &[Step { side_writes: vec![complete], ..rows(G, [3, 4]) }]).await;
    storage.close().await;
    assert_eq!(stored(&*reopened(&bench).await, G).await, [1, 2, 3, 4]);
}

pub async fn a_discarded_multipart_step_leaves_nothing<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1]), Step { side_writes: vec![begin(2, 5)], ..rows(G, [2]) }]).await;
    storage.discard(G, MessageId::new(2), MessageId::new(5)).await.unwrap();
    commit(&*storage, &[rows(G, [4])]).await;
    storage.close().await;
    assert_eq!(stored(&*reopened(&bench).await, G).await, [1, 4]);
}

pub async fn messages_are_read_in_the_order_of_their_ids_and_by_topic<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let mut several = message(3, "a\nb");
    several.also = vec!["t".into()];
    let urgent = Message { priority: Priority::URGENT, ..message(4, "t") };
    let messages = [message(1, "t"), message(2, "tt"), several, urgent, message(5, "t")];
    let step = Step { guild: G, rows: messages.into_iter().rev().map(Arc::new).collect(), ..Step::default() };
    commit(&*storage, &[step, rows(H, [6])]).await;
    assert_eq!(stored(&*storage, G).await, [1, 3, 4, 5]);
    let read = async |topics: &[&str], after, until, lane| {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        ids(&storage.read(range(G, &topics, after, until), lane, ALL).await.unwrap().messages)
    };
    assert_eq!(read(&["t"], 1, 4, None).await, [3, 4]);
    assert_eq!(read(&["tt", "t"], 0, 9, None).await, [1, 2, 3, 4, 5]);
    assert_eq!(read(&["t"], 0, 9, Some(Priority::URGENT.lane())).await, [4]);
    assert_eq!(read(&["a", "b"], 0, 9, None).await, Vec::<u64>::new(), "a topic with a line break is one topic");
    assert_eq!(read(&["a\nb"], 0, 9, None).await, [3]);
}

pub async fn a_page_ends_at_its_limits<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, 1..=5)]).await;
    let topics = ["t".to_owned()];
    let page = async |messages, bytes| {
        let page = storage.read(range(G, &topics, 0, 9), None, PageSize { messages, bytes }).await.unwrap();
        (ids(&page.messages), page.more)
    };
    assert_eq!(page(2, usize::MAX).await, (vec![1, 2], true));
    assert_eq!(page(6, usize::MAX).await, (vec![1, 2, 3, 4, 5], false));
    assert_eq!(page(6, 1).await, (vec![1], true), "a page has at least one message");
}

pub async fn messages_are_read_from_the_last_to_the_first<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let topic = |id: u64| if id.is_multiple_of(100) { "u" } else { "t" };
    for first in [1, 700, 1_400] {
        let of_batch = (first..first + 699).map(|id| Arc::new(message(id, topic(id)))).collect();
        commit(&*storage, &[Step { guild: G, rows: of_batch, ..Step::default() }]).await;
    }
    let (t, u, none) = (["t".to_owned()], ["u".to_owned()], ["v".to_owned()]);
    let page = async |topics, after, until, messages, bytes| {
        let page = storage.read_back(range(G, topics, after, until), PageSize { messages, bytes }).await.unwrap();
        (ids(&page.messages), page.more)
    };
    let all = usize::MAX;
    assert_eq!(page(&t, 0, 9_999, 2, all).await, (vec![2_098, 2_097], true));
    assert_eq!(page(&t, 0, 1_001, 2, all).await, (vec![1_001, 999], true));
    assert_eq!(page(&u, 200, 1_000, 99, all).await, (vec![1_000, 900, 800, 700, 600, 500, 400, 300], false));
    assert_eq!(page(&u, 0, 1_950, 3, all).await, (vec![1_900, 1_800, 1_700], true));
    assert_eq!(page(&t, 0, 9_999, 9, 1).await, (vec![2_098], true), "a page has at least one message");
    assert_eq!(page(&none, 0, 9_999, 9, all).await, (vec![], false));
    assert_eq!(page(&t, 5, 5, 9, all).await, (vec![], false));
}

pub async fn messages_are_read_by_their_ids<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1, 2, 3]), rows(H, [4])]).await;
    let wanted = [9, 4, 3, 1].map(MessageId::new);
    assert_eq!(ids(&storage.by_ids(G, &wanted).await.unwrap()), [1, 3]);
    assert!(storage.by_ids(G, &[]).await.unwrap().is_empty());
}

pub async fn only_the_last_position_and_value_of_a_batch_stay<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let values =
        |written: Option<&[u8]>| side(G, vec![SideWrite::Values(vec![value(StateOwner::Guild, "k", written)])]);
    commit(&*storage, &[cursor(G, 1), values(Some(b"1")), cursor(G, 2), values(Some(b"2"))]).await;
    let restored = storage.restore(G).await.unwrap();
    assert_eq!(restored.consumers, [("a".to_owned(), position(2))]);
    assert_eq!(restored.values, [(StateOwner::Guild, "k".to_owned(), b"2".to_vec())]);
    commit(&*storage, &[values(Some(b"3")), values(None)]).await;
    assert!(storage.restore(G).await.unwrap().values.is_empty());
}

pub async fn a_forgotten_consumer_leaves_nothing<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let state = |owner| SideWrite::State { owner, state: VersionedState { version: 1, ..VersionedState::default() } };
    let own = || StateOwner::Agent(agent());
    let written = vec![value(own(), "k", Some(b"1")), value(StateOwner::Guild, "k", Some(b"2"))];
    let snapshot = Snapshot { version: "1".into(), data: vec![1] };
    let side_writes = vec![
        state(own()),
        state(StateOwner::Guild),
        SideWrite::Values(written),
        SideWrite::Snapshot { agent: agent(), snapshot },
    ];
    commit(&*storage, &[Step { side_writes, ..cursor(G, 1) }, cursor(H, 1)]).await;
    commit(&*storage, &[side(G, vec![SideWrite::ForgetConsumer { agent: agent() }])]).await;
    let restored = storage.restore(G).await.unwrap();
    assert!(restored.consumers.is_empty());
    assert_eq!(restored.states.iter().map(|(owner, _)| owner).collect::<Vec<_>>(), [&StateOwner::Guild]);
    assert_eq!(restored.values, [(StateOwner::Guild, "k".to_owned(), b"2".to_vec())]);
    assert_eq!(storage.snapshot(G, &agent()).await.unwrap(), None);
    assert_eq!(storage.restore(H).await.unwrap().consumers.len(), 1);
}

pub async fn a_consumer_that_is_forgotten_and_returns_in_one_batch_has_the_new_position<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let forget = || side(G, vec![SideWrite::ForgetConsumer { agent: agent() }]);
    commit(&*storage, &[cursor(G, 1), forget(), cursor(G, 2)]).await;
    assert_eq!(storage.restore(G).await.unwrap().consumers, [("a".to_owned(), position(2))]);
    commit(&*storage, &[cursor(G, 3), forget()]).await;
    assert!(storage.restore(G).await.unwrap().consumers.is_empty());
}

pub async fn an_erased_message_is_not_read<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [1, 2])]).await;
    let erase = SideWrite::Erase { id: MessageId::new(1) };
    commit(&*storage, &[Step { side_writes: vec![erase], ..rows(G, [3]) }]).await;
    assert_eq!(stored(&*storage, G).await, [2, 3]);
}

pub async fn a_client_id_is_found_until_it_is_too_old<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let user = UserId::from("u");
    let known = |id| SideWrite::ClientId { user: user.clone(), client_id: "c".into(), id: MessageId::new(id) };
    let find = async |guild, user: &str, client_id, since| {
        let found = storage.find_client_id(guild, &user.into(), client_id, MessageId::new(since)).await.unwrap();
        found.map(MessageId::get)
    };
    commit(&*storage, &[side(G, vec![known(5)])]).await;
    assert_eq!((find(G, "u", "c", 5).await, find(G, "u", "c", 6).await), (Some(5), None));
    assert_eq!(
        (find(H, "u", "c", 0).await, find(G, "v", "c", 0).await, find(G, "u", "d", 0).await),
        (None, None, None)
    );
    commit(&*storage, &[side(G, vec![known(8)])]).await;
    assert_eq!(find(G, "u", "c", 0).await, Some(8));
    storage.trim(Trim { client_ids_before: MessageId::new(9), ..trim_all(&[G]) }).await.unwrap();
    assert_eq!(find(G, "u", "c", 0).await, None);
}

pub async fn old_client_ids_are_removed_however_many_there_are<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    let user = UserId::from("u");
    // The ids are not in the order of the texts.
    let text = |id: u64| format!("{}", (id * 7) % 1_301);
    let known = |id| SideWrite::ClientId { user: user.clone(), client_id: text(id), id: MessageId::new(id) };
    commit(&*storage, &[side(G, (1..=1_300).map(known).collect())]).await;
    storage.trim(Trim { client_ids_before: MessageId::new(700), ..trim_all(&[G]) }).await.unwrap();
    for id in [1, 350, 699, 700, 1_000, 1_300] {
        let found = storage.find_client_id(G, &user, &text(id), MessageId::default()).await.unwrap();
        assert_eq!(found.is_some(), id >= 700, "{id}");
    }
}

pub async fn a_snapshot_replaces_the_one_before<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    for data in [b"old", b"new"] {
        let snapshot = Snapshot { version: "1".into(), data: data.to_vec() };
        commit(&*storage, &[side(G, vec![SideWrite::Snapshot { agent: agent(), snapshot }])]).await;
    }
    assert_eq!(storage.snapshot(G, &agent()).await.unwrap().unwrap().data, b"new");
    commit(&*storage, &[side(G, vec![SideWrite::ForgetSnapshot { agent: agent() }])]).await;
    assert_eq!(storage.snapshot(G, &agent()).await.unwrap(), None);
}

/// Removes every consumed message of some guilds.
fn trim_all(guilds: &[GuildKey]) -> Trim<'_> {
    let zero = MessageId::default();
    Trim { guilds, too_old: zero, guild_bytes: 0, client_ids_before: zero, on_trim: &|_, _| (), on_sized: &|_, _| () }
}

pub async fn a_trim_keeps_what_is_not_consumed<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, 1..=9), rows(H, [10, 11]), cursor(G, 4)]).await;
    let nothing = Trim { guild_bytes: u64::MAX >> 1, ..trim_all(&[G, H]) };
    assert_eq!(storage.trim(nothing).await.unwrap(), 0);
    let old = Trim { too_old: MessageId::new(3), ..nothing };
    assert_eq!(storage.trim(old).await.unwrap(), 2);
    assert_eq!(storage.trim(trim_all(&[G])).await.unwrap(), 1);
    assert_eq!((stored(&*storage, G).await, stored(&*storage, H).await), ((4..=9).collect(), vec![10, 11]));
    assert_eq!(storage.trim(trim_all(&[G, H])).await.unwrap(), 2, "a guild without consumers keeps nothing");
}

pub async fn a_trim_reports_the_bytes_that_are_left<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, 1..=9)]).await;
    let bytes = || async { storage.restore(G).await.unwrap().bytes };
    let reported = Mutex::new(Vec::new());
    let on_sized = |_, bytes: u64| reported.lock().push(bytes);
    let all = bytes().await;
    assert!(all > 9 * 50, "{all}");
    let nothing = Trim { guild_bytes: all, on_sized: &on_sized, ..trim_all(&[G]) };
    assert_eq!(storage.trim(nothing).await.unwrap(), 0);
    commit(&*storage, &[rows(G, 10..=18)]).await;
    let both = bytes().await;
    assert!(both > all * 19 / 10, "{both} after {all}");
    assert_eq!(storage.trim(Trim { too_old: MessageId::new(10), guild_bytes: both, ..nothing }).await.unwrap(), 9);
    assert_eq!(*reported.lock(), [all, both - all]);
    assert_eq!(bytes().await, both - all);
    let erase = SideWrite::Erase { id: MessageId::new(10) };
    commit(&*storage, &[side(G, vec![erase])]).await;
    assert!(bytes().await < both - all);
    assert_eq!(storage.trim(trim_all(&[G])).await.unwrap(), 8);
    assert_eq!(bytes().await, 0);
}

pub async fn a_trim_is_reported_before_the_messages_are_gone<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, 1..=9)]).await;
    let reported = Mutex::new(Vec::new());
    let on_trim = |guild, id: MessageId| reported.lock().push((guild, id.get()));
    storage
        .trim(Trim { too_old: MessageId::new(4), guild_bytes: 1 << 40, on_trim: &on_trim, ..trim_all(&[G, H]) })
        .await
        .unwrap();
    assert_eq!(*reported.lock(), [(G, 4)]);
    storage.close().await;
    let storage = bench.open().await;
    assert!(storage.recover().await.unwrap().last >= MessageId::new(9));
    assert_eq!(storage.restore(G).await.unwrap().trimmed, MessageId::new(4));
}

pub async fn ids_are_not_given_again_after_everything_was_removed<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, 1..=9)]).await;
    assert_eq!(storage.trim(trim_all(&[G])).await.unwrap(), 9);
    storage.close().await;
    assert!(bench.open().await.recover().await.unwrap().last >= MessageId::new(9));
}

pub async fn guilds_are_found_by_their_ids_and_listed_by_their_keys<B: Bench>() {
    let bench = B::default();
    let storage = reopened(&bench).await;
    let new = |key, id: &str| side(GuildKey(key), vec![SideWrite::NewGuild { id: id.into() }]);
    assert_eq!(storage.find(&"g".into()).await.unwrap(), None);
    assert!(storage.guilds_after(GuildKey(0), 9).await.unwrap().is_empty());
    commit(&*storage, &[new(3, "g"), new(1, "h"), new(2, "i")]).await;
    storage.close().await;
    let storage = bench.open().await;
    let recovered = storage.recover().await.unwrap();
    assert!(recovered.has_guilds && recovered.last_key >= GuildKey(3));
    assert_eq!(storage.find(&"g".into()).await.unwrap(), Some(GuildKey(3)));
    assert_eq!(storage.find(&"G".into()).await.unwrap(), None);
    assert_eq!(storage.guilds_after(GuildKey(0), 2).await.unwrap(), [1, 2].map(GuildKey));
    assert_eq!(storage.guilds_after(GuildKey(2), 2).await.unwrap(), [GuildKey(3)]);
}

pub async fn a_guild_that_is_read_again_tells_its_last_id<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    commit(&*storage, &[rows(G, [5]), rows(H, [7])]).await;
    storage.close().await;
    let storage = bench.open().await;
    let recovered = storage.recover().await.unwrap().last;
    let restored = storage.restore(G).await.unwrap().last;
    assert!(recovered.max(restored) >= MessageId::new(5), "{recovered} {restored}");
    assert!(recovered.max(storage.restore(H).await.unwrap().last) >= MessageId::new(7));
}

pub async fn a_removed_guild_leaves_nothing_and_its_numbers_are_not_given_again<B: Bench>() {
    let (bench, storage) = opened::<B>().await;
    let state = VersionedState { version: 1, updated_ms: 1, text: "{}".into() };
    let snapshot = Snapshot { version: "1".to_owned(), data: vec![1] };
    let side_writes = vec![
        SideWrite::State { owner: StateOwner::Guild, state },
        SideWrite::Values(vec![value(StateOwner::Agent(agent()), "k", Some(b"1"))]),
        SideWrite::ClientId { user: "u".into(), client_id: "c".to_owned(), id: MessageId::new(1) },
        SideWrite::Snapshot { agent: agent(), snapshot },
        begin(1_300, 1_400),
    ];
    // The guild with the largest key and the largest id.
    commit(&*storage, &[rows(G, 1..=3), rows(H, 4..=1_204), side(H, side_writes), cursor(H, 9)]).await;
    storage.remove(H).await.unwrap();
    assert_eq!(storage.find(&"h".into()).await.unwrap(), None);
    let listed = storage.guilds_after(GuildKey(0), 9).await.unwrap();
    assert_eq!(listed, [G]);
    let topics = ["t".to_owned()];
    assert_eq!(storage.count(range(G, &topics, 0, 9)).await.unwrap(), 3, "another guild keeps its log");
    // It begins again, with another key.
    let again = GuildKey(3);
    commit(&*storage, &[side(again, vec![SideWrite::NewGuild { id: "h".into() }])]).await;
    let restored = storage.restore(again).await.unwrap();
    assert!(restored.states.is_empty() && restored.values.is_empty() && restored.consumers.is_empty());
    assert!(restored.client_ids.is_empty() && restored.bytes == 0);
    assert!(storage.snapshot(again, &agent()).await.unwrap().is_none());
    assert_eq!(storage.count(range(again, &topics, 0, 9_999)).await.unwrap(), 0);
    storage.remove(again).await.unwrap();
    storage.close().await;
    let recovered = bench.open().await.recover().await.unwrap();
    assert!(recovered.last >= MessageId::new(1_204) && recovered.last_key >= again, "{recovered:?}");
}

pub async fn a_closed_storage_refuses_everything<B: Bench>() {
    let (_bench, storage) = opened::<B>().await;
    storage.close().await;
    storage.close().await;
    assert!(matches!(storage.commit(&[rows(G, [1])]).await, Err(JournalError::Closed)));
    assert!(matches!(storage.restore(G).await, Err(JournalError::Closed)));
    assert!(matches!(storage.by_ids(G, &[MessageId::new(1)]).await, Err(JournalError::Closed)));
    assert!(matches!(storage.trim(trim_all(&[G])).await, Err(JournalError::Closed)));
}
