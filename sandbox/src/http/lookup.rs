//! Looks names up. Each question takes a thread, also of a request that waits no more,
//! so the host asks a bounded number at once, and a guild a part of it.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Names that are looked up at once, by all agents of the host.
const MAX_LOOKUPS: usize = 32;
/// Names that are looked up at once by the agents of one guild.
const MAX_LOOKUPS_PER_GUILD: usize = 4;

static ALL: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_LOOKUPS)));
/// The rooms of guilds that look something up, or did last.
static GUILDS: LazyLock<Mutex<HashMap<String, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// What the agents of a guild may look up at once.
fn room_of(guild: &str) -> Arc<Semaphore> {
    let mut guilds = GUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(room) = guilds.get(guild).and_then(Weak::upgrade) {
        return room;
    }
    guilds.retain(|_, room| room.strong_count() > 0);
    let room = Arc::new(Semaphore::new(MAX_LOOKUPS_PER_GUILD));
    guilds.insert(guild.to_owned(), Arc::downgrade(&room));
    room
}

/// Every address of a host. Waits for room; dropping the future leaves the question
/// to its thread.
///
/// # Errors
/// The name has no address, or nobody answers.
pub(super) async fn look_up(guild: &str, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    #[cfg(test)]
    if let Some(addresses) = super::tests::answers(host) {
        return Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect());
    }
    let host = host.to_owned();
    in_its_room(guild, move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect)).await?
}

/// Does what blocks once the guild and the host have room for it.
async fn in_its_room<T: Send + 'static>(guild: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // The guild's own room first: who waits for it takes nobody else's.
    let own = room_of(guild).acquire_owned().await.map_err(Error::other)?;
    let room = ALL.clone().acquire_owned().await.map_err(Error::other)?;
    let work = move || {
        let _rooms = (own, room);
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_guild_that_asks_without_end_leaves_room_for_others() {
        let mut ends = Vec::new();
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..2 * MAX_LOOKUPS {
            let (end, ended) = mpsc::channel::<()>();
            ends.push(end);
            asked.spawn(async move { in_its_room("greedy", move || ended.recv().is_err()).await.unwrap() });
        }
        while room_of("greedy").available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ALL.available_permits(), MAX_LOOKUPS - MAX_LOOKUPS_PER_GUILD);
        assert_eq!(in_its_room("modest", || 7).await.unwrap(), 7);
        drop(ends);
        assert!(asked.join_all().await.into_iter().all(|is_ended| is_ended));
    }

    #[test]
    fn a_guild_that_asks_no_more_is_forgotten() {
        drop(room_of("gone"));
        drop(room_of("next"));
        assert!(!GUILDS.lock().unwrap().contains_key("gone"));
    }
}
