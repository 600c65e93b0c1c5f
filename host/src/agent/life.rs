//! How an agent's instance comes and goes: start, restart, idle unload and return,
//! hot swap, end. The agent's inbox is not touched by any of it.
//!
//! What an agent saves (the `snapshot` export of its component) is kept in the
//! journal when its instance ends in order, and given to every new instance. After
//! a trap or the end of the host's process that is what was saved last.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::journal::Snapshot;
use guildhall_model::event;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_sandbox::{Component, Instance, LogLevel, StartFault, StopReason};

use super::budget::RestartBudget;
use super::gauges::AgentHealth;
use super::handle::SwapAnswer;
use super::retry;
use super::runner::{Backoff, Confirm, ControlFlow, Life, ReportKind, Runner};
use super::serve::HOST_FULL_WAIT;

/// A new instance is begun so much before its pause ends: when it was said to be back, it is.
const START_AHEAD: Duration = Duration::from_millis(1);

/// Why an instance was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartReason {
    /// The agent is new here.
    Launch,
    /// The last one is gone.
    Restart,
    /// A message came for an agent that was unloaded.
    Message,
    /// With another component.
    Swap,
}

impl StartReason {
    const fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Restart => "restart",
            Self::Message => "message",
            Self::Swap => "swap",
        }
    }
}

impl Runner {
    /// Starts an instance; waits for room, gives up on an agent that refuses.
    pub(super) async fn start(&mut self, reason: StartReason) -> ControlFlow {
        // What is asked from here on is asked of the next failure.
        self.agent.revive.mark_unchanged();
        let found = match &self.component {
            Some(component) => Ok(component.clone()),
            None => (self.agent.find)(&self.agent.spec).await,
        };
        let component = match found {
            Ok(component) => self.component.insert(component).clone(),
            Err(missing) => {
                self.fail(missing);
                return ControlFlow::On;
            }
        };
        match self.agent.sandbox.start(&component, self.setup()).await {
            Ok(body) => self.begin(body, &component, reason).await,
            Err(StartFault::Refused(words)) => {
                tracing::warn!(agent = %self.agent.spec.id, reason = words, "an agent refuses its properties");
                self.fail(format!("configuration: {words}"));
            }
            Err(StartFault::Missing(refusal)) => {
                tracing::warn!(agent = %self.agent.spec.id, code = refusal.code(), %refusal, "an agent lacks a grant");
                self.fail(format!("{}: {refusal}", refusal.code()));
            }
            Err(StartFault::Broken(fault)) if retry::is_hosts(&fault) => self.no_room(&fault),
            Err(StartFault::Broken(fault)) => {
                self.fault(&fault, None);
                self.restart_after(&fault);
            }
        }
        ControlFlow::On
    }

    /// Makes a new instance what its predecessor was, as far as that was saved.
    async fn begin(&mut self, body: Instance, component: &Component, reason: StartReason) {
        let body = match self.restored(body, component).await {
            Ok(body) => body,
            // The next one starts without what cannot be restored.
            Err(()) => return self.life = Life::Due(reason),
        };
        self.live_with(body, component, reason);
        // The first heartbeat of one that comes back was asked long ago.
        if reason != StartReason::Message {
            self.heartbeat().await;
        }
    }

    fn live_with(&mut self, body: Instance, component: &Component, reason: StartReason) {
        self.life = Life::Live(body);
        self.idle_since = Instant::now();
        // One that comes back from being idle was healthy all the while.
        if reason != StartReason::Message {
            self.budget.healthy_from(self.agent.clock.now_ms());
        }
        self.agent.metrics.started(reason.name());
        self.tell(event::AGENT_STARTED, json!({"reason": reason.name(), "component": component.digest}));
    }

    async fn restored(&mut self, body: Instance, component: &Component) -> Result<Instance, ()> {
        if !component.keeps_snapshots() {
            return Ok(body);
        }
        let snapshot = match self.agent.log.snapshot(&self.agent.spec.id).await {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return Ok(body),
            Err(error) => {
                tracing::error!(%error, agent = %self.agent.spec.id, "what an agent saved cannot be read");
                return Ok(body);
            }
        };
        match body.restore(snapshot.version, snapshot.data).await {
            (Some(body), Ok(())) => Ok(body),
            (_, restored) => {
                let fault = restored.err().unwrap_or_else(|| Fault::new(FaultKind::HostError, "the instance is gone"));
                self.fault(&fault, None);
                if !matches!(fault.kind, FaultKind::Rejected | FaultKind::Trap | FaultKind::Panic) {
                    // It may be the host's doing: what was saved is tried again.
                    self.note(LogLevel::Error, &format!("what it saved cannot be restored now: {fault}"));
                    self.restart_after(&fault);
                    return Err(());
                }
                self.note(LogLevel::Error, &format!("what it saved cannot be restored and is forgotten: {fault}"));
                if let Err(error) = self.agent.log.forget_snapshot(&self.agent.spec.id).await {
                    tracing::error!(%error, agent = %self.agent.spec.id, "what an agent saved cannot be forgotten");
                    self.restart_after(&fault);
                }
                Err(())
            }
        }
    }

    /// The host is full or failed: tries again, and asks idle agents for room if it is full.
    pub(super) fn no_room(&mut self, fault: &Fault) {
        tracing::error!(%fault, agent = %self.agent.spec.id, "an agent cannot be started now");
        if fault.kind == FaultKind::HostFull {
            self.agent.sandbox.ask_for_room();
        }
        self.show(AgentHealth { status: HealthStatus::Warning, detail: Some(fault.to_string()) });
        self.rest_for(HOST_FULL_WAIT);
    }

    /// The agent rests, with its inbox kept, until somebody does something about it.
    fn fail(&mut self, reason: String) {
        self.note(LogLevel::Error, &reason);
        self.tell(event::AGENT_FAILED, json!({"reason": reason}));
        self.show(AgentHealth { status: HealthStatus::Error, detail: Some(reason) });
        self.rest = Backoff::UntilRevived;
    }

    /// Charges the restart budget and waits as long as it says.
    pub(super) fn restart_after(&mut self, fault: &Fault) {
        self.life = Life::Due(StartReason::Restart);
        let Some(wait) = self.budget.charge(self.agent.clock.now_ms(), rand::random()) else {
            return self
                .fail(format!("restarted too often, the last time for {fault}; relaunch the guild to try again"));
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.tell(event::AGENT_RESTARTING, json!({"after_ms": wait_ms, "kind": fault.kind}));
        let detail = format!("{fault}; restarts in {wait_ms} ms");
        self.show(AgentHealth { status: HealthStatus::Warning, detail: Some(detail) });
        self.rest_for(wait.saturating_sub(START_AHEAD));
    }

    /// Asks the guest, whose answer can lower its status and never raise it.
    pub(super) async fn heartbeat(&mut self) {
        let Some(body) = self.take_body() else { return };
        let (body, health) = body.heartbeat().await;
        if let Some(body) = body {
            self.life = Life::Live(body);
        }
        match health {
            Ok(health) => self.show(AgentHealth { status: health.status, detail: health.detail }),
            Err(fault) => {
                self.fault(&fault, None);
                self.restart_after(&fault);
            }
        }
    }

    /// The instance, if there is one; until it is put back, one is due.
    fn take_body(&mut self) -> Option<Instance> {
        match std::mem::replace(&mut self.life, Life::Due(StartReason::Restart)) {
            Life::Live(body) => Some(body),
            other => {
                self.life = other;
                None
            }
        }
    }

    /// Drops the instance of an idle agent. One that cannot be saved stays, and is
    /// tried again after as long.
    pub(super) async fn unload(&mut self) -> ControlFlow {
        let idle = self.idle_since.elapsed();
        self.idle_since = Instant::now();
        let Some(body) = self.take_body() else { return ControlFlow::On };
        match self.saved(body).await {
            (Some(body), Ok(())) => {
                body.stop(StopReason::Idle).await;
                self.life = Life::Unloaded;
                self.agent.metrics.unloaded();
                let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                self.tell(event::AGENT_UNLOADED, json!({"idle_ms": idle_ms}));
            }
            (Some(body), Err(fault)) => {
                self.note(LogLevel::Warn, &format!("it is not unloaded, because it is not saved: {fault}"));
                self.life = Life::Live(body);
            }
            (None, saved) => {
                let fault = saved.err().unwrap_or_else(|| Fault::new(FaultKind::HostError, "the instance is gone"));
                self.fault(&fault, None);
                self.restart_after(&fault);
            }
        }
        ControlFlow::On
    }

    /// Has the guest save itself, and keeps it. When this returns it is durable.
    async fn saved(&mut self, body: Instance) -> (Option<Instance>, Result<(), Fault>) {
        let (body, saved) = body.save().await;
        let data = match saved {
            Ok(Some(data)) => data,
            Ok(None) => return (body, Ok(())),
            Err(fault) => return (body, Err(fault)),
        };
        let version = self.component.as_ref().map_or_else(String::new, |it| it.description.version.clone());
        let kept = self.agent.log.keep_snapshot(&self.agent.spec.id, Snapshot { version, data }).await;
        (body, kept.map_err(|error| Fault::new(FaultKind::HostError, error.to_string())))
    }

    /// Goes on with another component. On failure the old one goes on as if nothing
    /// had been asked.
    pub(super) async fn swap(&mut self, component: Arc<Component>, answer: SwapAnswer) {
        if answer.is_closed() {
            return;
        }
        let old = match self.take_body() {
            Some(body) => match self.saved(body).await {
                (Some(body), Ok(())) => Some(body),
                (Some(body), Err(fault)) => {
                    self.life = Life::Live(body);
                    return self.swap_failed(&component, answer, fault);
                }
                (None, saved) => {
                    let fault = saved.err().unwrap_or_else(|| Fault::new(FaultKind::HostError, "the instance is gone"));
                    self.note(LogLevel::Error, &format!("it could not be saved for its successor: {fault}"));
                    None
                }
            },
            None => None,
        };
        match self.successor(&component).await {
            // Who asked has been told that it did not happen.
            Ok(new) if answer.is_closed() => {
                new.stop(StopReason::Requested).await;
                if let Some(old) = old {
                    self.life = Life::Live(old);
                }
            }
            Ok(new) => {
                if let Some(old) = old {
                    old.stop(StopReason::Upgrade).await;
                }
                self.component = Some(component.clone());
                self.budget = RestartBudget::default();
                self.rest = Backoff::No;
                self.live_with(new, &component, StartReason::Swap);
                self.heartbeat().await;
                self.note(LogLevel::Info, &format!("runs the component {} now", component.digest));
                self.tell(event::AGENT_SWAPPED, json!({"component": component.digest}));
                let component = component.digest.clone();
                self.report(ReportKind::Swapped { component, confirm: Confirm(answer) });
            }
            Err(fault) => {
                if let Some(old) = old {
                    self.life = Life::Live(old);
                }
                self.swap_failed(&component, answer, fault);
            }
        }
    }

    /// An instance of another component, with what was saved last.
    async fn successor(&mut self, component: &Arc<Component>) -> Result<Instance, Fault> {
        let body = match self.agent.sandbox.start(component, self.setup()).await {
            Ok(body) => body,
            Err(StartFault::Refused(words)) => return Err(Fault::new(FaultKind::Rejected, words)),
            Err(StartFault::Missing(refusal)) => {
                return Err(Fault::new(FaultKind::Denied, format!("{}: {refusal}", refusal.code())));
            }
            Err(StartFault::Broken(fault)) => return Err(fault),
        };
        let snapshot = match self.agent.log.snapshot(&self.agent.spec.id).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(Fault::new(FaultKind::HostError, error.to_string())),
        };
        let (body, restored) = match snapshot {
            Some(snapshot) => body.restore(snapshot.version, snapshot.data).await,
            None => (Some(body), Ok(())),
        };
        restored?;
        // The first heartbeat: one that breaks at once is no successor.
        let body = body.ok_or_else(|| Fault::new(FaultKind::HostError, "the instance is gone"))?;
        let (body, health) = body.heartbeat().await;
        health?;
        body.ok_or_else(|| Fault::new(FaultKind::HostError, "the instance is gone"))
    }

    fn swap_failed(&mut self, component: &Component, answer: SwapAnswer, fault: Fault) {
        self.note(LogLevel::Error, &format!("it keeps its component; {} does not start: {fault}", component.digest));
        self.tell(event::AGENT_SWAP_FAILED, json!({"component": component.digest, "fault": fault}));
        // Who asked may have gone.
        let _ = answer.send(Err(fault));
    }

    /// Ends the instance in order: saved, told, dropped.
    pub(super) async fn end_instance(&mut self, reason: StopReason) {
        let Some(body) = self.take_body() else { return };
        let (body, saved) = self.saved(body).await;
        if let Err(fault) = saved {
            tracing::warn!(%fault, agent = %self.agent.spec.id, "an agent could not be saved at its end");
        }
        if let Some(body) = body {
            body.stop(reason).await;
        }
    }
}
