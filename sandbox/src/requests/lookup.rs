//! Looks up the addresses of names. A lookup occupies a thread until it ends, even if its request was dropped. So the
//! host runs a bounded number of lookups at the same time, and a guild a part of them.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// How many lookups the agents of the host may run at the same time.
const MAX_LOOKUPS: usize = 32;
/// How many lookups the agents of one guild may run at the same time.
const MAX_LOOKUPS_PER_GUILD: usize = 4;

static ALL: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_LOOKUPS)));
/// The semaphores of guilds that run lookups. Unused ones are removed when a guild is added.
static GUILDS: LazyLock<Mutex<HashMap<String, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// Returns the semaphore of a guild.
fn room_of(guild: &str) -> Arc<Semaphore> {
    let mut guilds = GUILDS.lock();
    if let Some(room) = guilds.get(guild).and_then(Weak::upgrade) {
        return room;
    }
    guilds.retain(|_, room| room.strong_count() > 0);
    let room = Arc::new(Semaphore::new(MAX_LOOKUPS_PER_GUILD));
    guilds.insert(guild.to_owned(), Arc::downgrade(&room));
    room
}

/// Returns every address of a host, after a wait for room. Cancel safe; a lookup that has begun ends on its thread.
///
/// # Errors
/// The name has no address, or no name server answers.
pub(super) async fn look_up(guild: &str, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    #[cfg(test)]
    if let Some(addresses) = fixed::answers(host) {
        return Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect());
    }
    let host = host.to_owned();
    in_its_room(guild, move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect)).await?
}

/// Runs blocking work when the guild and the host have room for it.
async fn in_its_room<T: Send + 'static>(guild: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // The guild's room comes first: a guild that waits for its own room takes no room of the host.
    let guild_room = room_of(guild).acquire_owned().await.map_err(Error::other)?;
    let host_room = ALL.clone().acquire_owned().await.map_err(Error::other)?;
    let work = move || {
        let _rooms = (guild_room, host_room);
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::other)
}

/// Fixed addresses of names, for tests.
#[cfg(test)]
pub(super) mod fixed {
    use std::collections::{HashMap, VecDeque};
    use std::net::IpAddr;

    use parking_lot::Mutex;

    /// The addresses of names: the answers to the first lookup, the second, and so on. The last answer stays.
    static NAMES: Mutex<Option<HashMap<String, VecDeque<Vec<IpAddr>>>>> = Mutex::new(None);

    /// Returns the next answer for a name, if the name is fixed.
    pub(super) fn answers(host: &str) -> Option<Vec<IpAddr>> {
        let mut names = NAMES.lock();
        let answers = names.as_mut()?.get_mut(host)?;
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    }

    /// Fixes the answers for a name.
    pub(crate) fn name(host: &str, answers: &[&[&str]]) {
        let addresses = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = answers.iter().map(addresses).collect();
        NAMES.lock().get_or_insert_default().insert(host.to_owned(), answers);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_guild_with_many_lookups_leaves_room_for_other_guilds() {
        let mut ends = Vec::new();
        let mut lookups = tokio::task::JoinSet::new();
        for _ in 0..2 * MAX_LOOKUPS {
            let (end, ended) = mpsc::channel::<()>();
            ends.push(end);
            lookups.spawn(async move { in_its_room("greedy", move || ended.recv().is_err()).await.unwrap() });
        }
        while room_of("greedy").available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ALL.available_permits(), MAX_LOOKUPS - MAX_LOOKUPS_PER_GUILD);
        assert_eq!(in_its_room("modest", || 7).await.unwrap(), 7);
        drop(ends);
        assert!(lookups.join_all().await.into_iter().all(|is_ended| is_ended));
    }

    #[test]
    fn a_guild_without_lookups_is_forgotten() {
        drop(room_of("gone"));
        drop(room_of("next"));
        assert!(!GUILDS.lock().contains_key("gone"));
    }
}
