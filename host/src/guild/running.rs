//! The guilds that run on this host. A guild leaves the map when its manager's task ends, for whatever reason.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::watch;

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
    /// Its agents.
    pub(super) agents: Roster,
    /// Its log; set as soon as it is open.
    pub(super) log: Arc<OnceLock<GuildLog>>,
}

/// The guilds that run here. Clones share one map.
#[derive(Clone, Default)]
pub(super) struct RunningGuilds(Arc<Mutex<HashMap<GuildId, RunningGuild>>>);

impl RunningGuilds {
    /// Adds a guild; `None` if it runs already.
    pub(super) fn add(&self, id: &GuildId, guild: RunningGuild) -> Option<RunningGuard> {
        let mut running = self.0.lock();
        if running.contains_key(id) {
            return None;
        }
        running.insert(id.clone(), guild);
        Some(RunningGuard { running: self.clone(), id: id.clone() })
    }

    /// Lets the agents of a guild that have given up try again. Returns false if the guild does not run here.
    pub(super) fn revive(&self, id: &GuildId) -> bool {
        let running = self.0.lock();
        let Some(guild) = running.get(id) else { return false };
        guild.revive.send_replace(());
        true
    }

    /// The agents of a guild; `None` if it does not run here.
    pub(super) fn roster(&self, id: &GuildId) -> Option<Roster> {
        self.0.lock().get(id).map(|guild| guild.agents.clone())
    }

    /// The logs of all guilds that are open here.
    pub(super) fn logs(&self) -> Vec<GuildLog> {
        self.0.lock().values().filter_map(|guild| guild.log.get().cloned()).collect()
    }

    /// How many guilds run here.
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// Keeps a guild in the map of those that run; removes it when dropped.
pub(super) struct RunningGuard {
    running: RunningGuilds,
    /// The guild.
    pub(super) id: GuildId,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.id);
    }
}
