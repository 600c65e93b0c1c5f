//! The guilds that run on this host, and who keeps them awake. A guild leaves the map when its manager's task ends, for
//! whatever reason. One lock decides whether a guild may fall asleep: it may not while somebody holds it, and who holds it
//! from then on waits until it sleeps and wakes it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stop_requests::StopRequests;
use crate::agent::Handle;
use crate::journal::GuildLog;
use guildhall_model::ids::{AgentId, GuildId};

/// The agents of one guild that have a task here.
pub(super) type Roster = Arc<Mutex<BTreeMap<AgentId, Handle>>>;

/// A guild that runs here.
#[derive(Clone, Default)]
pub(super) struct RunningGuild {
    /// Lets agents that have given up try again.
    pub(super) revive: watch::Sender<()>,
    /// Who wants the guild to stop.
    pub(super) stops: Arc<StopRequests>,
    /// Its agents.
    pub(super) agents: Roster,
    /// Its log; set as soon as it is open.
    pub(super) log: Arc<OnceLock<GuildLog>>,
    /// Ends it here without stopping it; set as soon as it is open.
    pub(super) ends: Arc<OnceLock<CancellationToken>>,
}

/// How far a guild has got here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is being read, and its agents are about to get their tasks.
    Opening,
    /// Its agents have their tasks.
    Open,
    /// Its agents end, because nobody needs it. Nobody may use it until it is gone from the map.
    FallingAsleep,
}

struct Place {
    guild: RunningGuild,
    stage: watch::Sender<Stage>,
    /// When it was opened, or let go by the last one that held it.
    used: Instant,
}

#[derive(Default)]
struct All {
    places: HashMap<GuildId, Place>,
    /// How often each guild is held, also one that does not run.
    holds: HashMap<GuildId, usize>,
}

/// The guilds that run here. Clones share one map.
#[derive(Clone, Default)]
pub(super) struct RunningGuilds(Arc<Mutex<All>>);

impl RunningGuilds {
    /// Adds a guild, which is opening; `None` if it is in the map.
    pub(super) fn add(&self, id: &GuildId) -> Option<RunningGuard> {
        let mut all = self.0.lock();
        if all.places.contains_key(id) {
            return None;
        }
        let guild = RunningGuild::default();
        let place = Place { guild: guild.clone(), stage: watch::Sender::new(Stage::Opening), used: Instant::now() };
        all.places.insert(id.clone(), place);
        Some(RunningGuard { running: self.clone(), id: id.clone(), guild })
    }

    /// Notes that the agents of a guild have their tasks.
    pub(super) fn opened(&self, id: &GuildId) {
        if let Some(place) = self.0.lock().places.get(id) {
            place.stage.send_replace(Stage::Open);
        }
    }

    /// How far a guild has got; `None` if it does not run here. The receiver's sender is dropped when it ends.
    pub(super) fn stage(&self, id: &GuildId) -> Option<watch::Receiver<Stage>> {
        self.0.lock().places.get(id).map(|place| place.stage.subscribe())
    }

    /// Keeps a guild from falling asleep until what is returned is dropped. It wakes nobody.
    pub(super) fn hold(&self, id: &GuildId) -> Hold {
        *self.0.lock().holds.entry(id.clone()).or_default() += 1;
        Hold { running: self.clone(), id: id.clone() }
    }

    /// Lets a guild fall asleep if nobody has held it for a time and it is quiet.
    ///
    /// # Errors
    /// When to ask again.
    pub(super) fn fall_asleep(
        &self,
        id: &GuildId,
        after: Duration,
        is_quiet: impl FnOnce() -> bool,
    ) -> Result<(), Duration> {
        let mut all = self.0.lock();
        if all.holds.contains_key(id) {
            return Err(after);
        }
        let Some(place) = all.places.get_mut(id) else { return Err(after) };
        let unused = place.used.elapsed();
        if unused < after {
            return Err(after - unused);
        }
        if !is_quiet() {
            place.used = Instant::now();
            return Err(after);
        }
        place.stage.send_replace(Stage::FallingAsleep);
        Ok(())
    }

    /// Lets the agents of a guild that have given up try again.
    pub(super) fn revive(&self, id: &GuildId) {
        if let Some(place) = self.0.lock().places.get(id) {
            place.guild.revive.send_replace(());
        }
    }

    /// Where a guild is asked to stop; `None` if it does not run here.
    pub(super) fn stops(&self, id: &GuildId) -> Option<Arc<StopRequests>> {
        self.0.lock().places.get(id).map(|place| place.guild.stops.clone())
    }

    /// The agents of a guild; `None` if it does not run here.
    pub(super) fn roster(&self, id: &GuildId) -> Option<Roster> {
        self.0.lock().places.get(id).map(|place| place.guild.agents.clone())
    }

    /// The logs of all guilds that are open here.
    pub(super) fn logs(&self) -> Vec<GuildLog> {
        self.0.lock().places.values().filter_map(|place| place.guild.log.get().cloned()).collect()
    }

    /// Ends a guild here without stopping it. Returns false if it does not run here.
    pub(super) fn end(&self, id: &GuildId) -> bool {
        let ends = self.0.lock().places.get(id).and_then(|place| place.guild.ends.get().cloned());
        ends.inspect(CancellationToken::cancel).is_some()
    }

    /// The guilds that run here.
    pub(super) fn ids(&self) -> Vec<GuildId> {
        self.0.lock().places.keys().cloned().collect()
    }

    /// How many guilds run here.
    pub(super) fn count(&self) -> usize {
        self.0.lock().places.len()
    }
}

/// Keeps a guild from falling asleep; lets it go when dropped.
pub(super) struct Hold {
    running: RunningGuilds,
    id: GuildId,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.running.0.lock();
        let Some(count) = all.holds.get_mut(&self.id) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        all.holds.remove(&self.id);
        shrink(&mut all.holds);
        if let Some(place) = all.places.get_mut(&self.id) {
            place.used = Instant::now();
        }
    }
}

/// Keeps a guild in the map of those that run; removes it when dropped.
pub(super) struct RunningGuard {
    running: RunningGuilds,
    /// The guild.
    pub(super) id: GuildId,
    /// What others find in the map.
    pub(super) guild: RunningGuild,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        let mut all = self.running.0.lock();
        all.places.remove(&self.id);
        shrink(&mut all.places);
    }
}

/// Gives the memory of a map back that was much larger once.
fn shrink<T>(map: &mut HashMap<GuildId, T>) {
    if map.capacity() > 1_024 && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    /// Lets the guild look as if it was let go earlier.
    fn age(running: &RunningGuilds, id: &GuildId, by: Duration) {
        running.0.lock().places.get_mut(id).unwrap().used -= by;
    }

    #[tokio::test]
    async fn a_guild_falls_asleep_once_nobody_has_held_it_for_a_time() {
        let (running, id) = (RunningGuilds::default(), GuildId::from("g"));
        let guard = running.add(&id).unwrap();
        assert!(running.add(&id).is_none());
        running.opened(&id);
        let (one, two) = (running.hold(&id), running.hold(&id));
        age(&running, &id, SOON * 2);
        assert_eq!(running.fall_asleep(&id, SOON, || true), Err(SOON));
        drop(one);
        assert_eq!(running.fall_asleep(&id, SOON, || true), Err(SOON), "it is still held");
        drop(two);
        age(&running, &id, SOON / 4);
        let later = running.fall_asleep(&id, SOON, || true).unwrap_err();
        assert!(later <= SOON / 4 * 3 && later > SOON / 2, "{later:?}");
        age(&running, &id, SOON);
        assert_eq!(running.fall_asleep(&id, SOON, || false), Err(SOON), "it is not quiet");
        age(&running, &id, SOON);
        let mut stage = running.stage(&id).unwrap();
        assert_eq!(running.fall_asleep(&id, SOON, || true), Ok(()));
        assert_eq!(*stage.borrow(), Stage::FallingAsleep);
        // Who holds it now waits until it is gone.
        let _late = running.hold(&id);
        drop(guard);
        assert!(stage.wait_for(|stage| *stage == Stage::Open).await.is_err());
        assert!(running.stage(&id).is_none() && running.add(&id).is_some());
    }
}
