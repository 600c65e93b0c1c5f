//! The task that manages one guild. It receives what sockets request on the system topic and what the agents report,
//! lets [`GuildLifecycle`] decide, and carries the effects out.
//!
//! `active` starts and removes agents and carries effects out, `end` ends them, `requests` and `states` answer the requests of the log,
//! `sleep` lets the guild fall asleep, `report` publishes health and changes, `pace` says how often, `unsaved` and `save` store later what could not be stored.

mod active;
mod answer;
mod broken;
mod end;
mod member;
mod pace;
mod removal;
mod report;
pub(super) mod requests;
mod save;
mod sleep;
mod sleeper;
mod states;
mod unsaved;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lifecycle::{Event, GuildLifecycle};
use super::running::Roster;
use super::serving::Serving;
use super::stop_requests::StopRequests;
use crate::agent::Notices;
use crate::journal::{Consumer, GuildLog, Tail};
use crate::metrics::Metrics;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::routing::GuildView;
use guildhall_model::spec::{AgentSpec, GuildSpec};
use guildhall_model::tag::AgentTag;
use guildhall_sandbox::MemoryBudget;

use active::{ActiveManager, Due};
pub use end::Ended;
use pace::Pace;
pub(in crate::guild) use sleeper::STORES_AT_ONCE;
pub use sleeper::{Failed, Sleeper};

/// How often agents are checked when nothing happens.
const CHECK_EVERY: Duration = Duration::from_secs(15);

/// Everything that a manager is started with.
pub struct Manager {
    /// The guild's log.
    pub log: GuildLog,
    /// Where the guild and its agents are stored.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Finds the agents' components.
    pub serving: Arc<Serving>,
    /// The members and rules of the guild, for agents and the ingress.
    pub view: watch::Sender<Arc<GuildView>>,
    /// Decides what the manager does.
    pub lifecycle: GuildLifecycle,
    /// The ephemeral requests of sockets.
    pub tail: Tail,
    /// The requests that are messages of the log.
    pub requests: Consumer,
    /// The guild as it is now.
    pub spec: GuildSpec,
    /// The agents' subscriptions. They exist before the launch is answered with the guild's id.
    pub consumers: Vec<(AgentSpec, Consumer)>,
    /// The memory that the agents share.
    pub guild_memory: Arc<MemoryBudget>,
    /// Lets agents that have given up try again.
    pub revive: watch::Sender<()>,
    /// Who wants the guild to stop.
    pub stops: Arc<StopRequests>,
    /// Where others find the agents.
    pub roster: Roster,
    /// How long an agent may be idle, unless its spec sets it; `None`: without bound.
    pub idle_unload: Option<Duration>,
    /// Who is told that a message goes nowhere.
    pub notices: Arc<Notices>,
    /// Where everything is counted.
    pub metrics: Metrics,
    /// Ends the guild's tasks when the host shuts down. The statuses in the store stay.
    pub shutdown: CancellationToken,
    /// The agents that do not start until the guild is relaunched, each with the reason.
    pub failed: Failed,
    /// Decides when the guild may sleep.
    pub sleeper: Sleeper,
}

impl Manager {
    /// Manages the guild until it is stopped or the host shuts down. Dropping the future ends the guild's agents.
    pub async fn run(self) -> Ended {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let guild = self.log.guild().clone();
        let (mut tail, mut requests, shutdown, stops) = (self.tail, self.requests, self.shutdown, self.stops);
        let agents_stop = shutdown.child_token();
        // The agents end with this task, for whatever reason it ends.
        let _ends_agents = agents_stop.clone().drop_guard();
        let mut active = ActiveManager {
            tag: AgentTag::manager_of(&guild),
            log: self.log,
            store: self.store,
            clock: self.clock,
            spec: self.spec,
            view: self.view,
            lifecycle: self.lifecycle,
            members: BTreeMap::new(),
            serving: self.serving,
            guild_memory: self.guild_memory,
            revive: self.revive,
            stops: stops.clone(),
            roster: self.roster,
            idle_unload: self.idle_unload,
            notices: self.notices,
            metrics: self.metrics,
            shutdown: shutdown.clone(),
            reports,
            known_participants: Vec::new(),
            agents_stop,
            asleep: CancellationToken::new(),
            sleeper: self.sleeper,
            pace: Pace::new(Instant::now()),
            due: Due::default(),
            unsaved: Default::default(),
            ending: Default::default(),
            ends: TaskTracker::new(),
        };
        active.known_participants = active.participants();
        let effects = active.lifecycle.on(Event::Started);
        active.carry_out(effects).await;
        let mut failed = self.failed;
        for (spec, consumer) in self.consumers {
            let failed = failed.remove(&spec.id);
            active.start_agent(spec, consumer, failed);
        }
        active.sleeper.running.opened(&guild);
        let mut sleep_at = active.sleeper.after.and_then(|after| Instant::now().checked_add(after));
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = active.publish_due();
            let save_at = active.unsaved.due;
            let save_due = tokio::time::sleep_until(save_at.unwrap_or_else(Instant::now));
            let event = tokio::select! {
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
                () = shutdown.cancelled() => return active.shut_down(&requests).await,
                () = tokio::time::sleep_until(sleep_at.unwrap_or_else(Instant::now)), if sleep_at.is_some() => {
                    match active.begin_to_sleep(&requests).await {
                        Ok(quiet) => return active.fall_asleep(quiet).await,
                        Err(wait) => sleep_at = Instant::now().checked_add(wait),
                    }
                    None
                }
                Some(report) = reported.recv() => {
                    let mut next = Some(report);
                    while let Some(report) = next {
                        active.handle_report(report).await;
                        next = reported.try_recv().ok();
                    }
                    Some(active.measure())
                }
                () = stops.asked() => Some(Event::StopRequested { user: None, guild: None }),
                next = tail.next() => active.read_socket_request(next, &mut tail),
                request = requests.next() => match request {
                    Ok(delivery) => active.serve_once(&mut requests, &delivery).await,
                    Err(error) => {
                        tracing::error!(%error, %guild, "the requests to a manager cannot be read");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        None
                    }
                },
                () = save_due, if save_at.is_some() => {
                    active.save_again().await;
                    None
                }
                _ = check.tick() => {
                    active.ask_agents();
                    Some(active.measure())
                }
            };
            let Some(event) = event else { continue };
            if matches!(event, Event::CheckRequested(_)) {
                let measured = active.measure();
                let effects = active.lifecycle.on(measured);
                active.carry_out(effects).await;
            }
            let effects = active.lifecycle.on(event);
            if active.carry_out(effects).await {
                // Dropped before its cursor is removed, so that nothing writes the cursor again.
                drop(requests);
                return active.stop().await;
            }
        }
    }
}
