//! The life of an agent's instance: start, restart after a fault, idle unload and return, swap of the component, end.
//! The agent's inbox is not touched by any of it. A [`Life`] owns the instance, the component and the restart budget;
//! a pause that it asks for goes to the task's [`Backoff`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use guildhall_model::event;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_sandbox::{Component, Instance, LogLevel, StartFault, StopReason};

use super::backoff::Backoff;
use super::budget::RestartBudget;
use super::context::Context;
use super::gauges::AgentHealth;
use super::handle::{SwapAnswer, SwapError};
use super::report::{Confirm, ReportKind};
use super::retry;
use super::setup::instance_setup;
use super::snapshots::{self, NotRestored, instance_is_gone};

/// A new instance is started this long before its pause ends, so that the agent is back when the pause is over.
const START_AHEAD: Duration = Duration::from_millis(1);
/// How long an agent waits when the host is full or failed before it attempts again.
pub(super) const HOST_FULL_WAIT: Duration = Duration::from_millis(500);
/// An agent that has been idle for this long gives up its instance when the host is full.
const MAKES_ROOM_AFTER: Duration = Duration::from_secs(1);

/// Why an instance is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartReason {
    /// The agent is new on this host.
    Launch,
    /// The last instance broke.
    Restart,
    /// A message arrived for an agent without an instance.
    Message,
    /// The agent changes to another component.
    Swap,
}

impl StartReason {
    /// The name in events and metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Restart => "restart",
            Self::Message => "message",
            Self::Swap => "swap",
        }
    }
}

/// Whether there is an instance.
pub(super) enum Stage {
    /// An instance is to be started now.
    Due(StartReason),
    /// An instance runs.
    Live(Instance),
    /// The next message starts an instance.
    Unloaded,
}

/// The life of one agent's instances.
pub(super) struct Life {
    context: Arc<Context>,
    /// The component that the agent runs; `None` until it was found.
    pub(super) component: Option<Arc<Component>>,
    pub(super) stage: Stage,
    pub(super) restarts: RestartBudget,
    /// When the instance started or last committed a message.
    idle_since: Instant,
}

impl Life {
    /// The life of an agent that is launched.
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            component: None,
            stage: Stage::Due(StartReason::Launch),
            restarts: RestartBudget::default(),
            idle_since: Instant::now(),
        }
    }

    /// Starts an instance. If the component is not found or refuses to start, the agent fails; if the host is full, the
    /// agent waits; if the instance breaks, the agent restarts later.
    ///
    /// Dropping the future leaves an agent without an instance.
    pub(super) async fn start(&mut self, reason: StartReason, backoff: &mut Backoff) {
        let found = match &self.component {
            Some(component) => Ok(component.clone()),
            None => (self.context.find)(&self.context.spec).await,
        };
        let component = match found {
            Ok(component) => self.component.insert(component).clone(),
            Err(missing) => return self.fail(missing, backoff),
        };
        match self.context.sandbox.start(&component, instance_setup(&self.context)).await {
            Ok(instance) => self.restore_and_go_live(instance, &component, reason, backoff).await,
            Err(StartFault::Refused(text)) => {
                tracing::warn!(agent = %self.context.spec.id, reason = text, "an agent refuses its properties");
                self.fail(format!("configuration: {text}"), backoff);
            }
            Err(StartFault::Missing(refusal)) => {
                let agent = &self.context.spec.id;
                tracing::warn!(%agent, code = refusal.code(), %refusal, "an agent lacks a grant");
                self.fail(format!("{}: {refusal}", refusal.code()), backoff);
            }
            Err(StartFault::Broken(fault)) if retry::is_host_fault(&fault) => self.wait_for_host(&fault, backoff),
            Err(StartFault::Broken(fault)) => {
                self.context.report_fault(&fault, None);
                self.restart_after(&fault, backoff);
            }
        }
    }

    async fn restore_and_go_live(
        &mut self,
        instance: Instance,
        component: &Component,
        reason: StartReason,
        backoff: &mut Backoff,
    ) {
        let instance = match snapshots::restore(&self.context, component, instance).await {
            Ok(instance) => instance,
            Err(not_restored) => {
                if let NotRestored::Kept(fault) = not_restored {
                    self.restart_after(&fault, backoff);
                }
                self.stage = Stage::Due(reason);
                return;
            }
        };
        self.go_live(instance, component, reason);
        // An agent that returns from being idle answered its first heartbeat long ago.
        if reason != StartReason::Message {
            self.heartbeat(backoff).await;
        }
    }

    fn go_live(&mut self, instance: Instance, component: &Component, reason: StartReason) {
        self.stage = Stage::Live(instance);
        self.touch();
        // An agent that returns from being idle was healthy in the meantime.
        if reason != StartReason::Message {
            self.restarts.healthy_from(self.context.clock.now_ms());
        }
        self.context.metrics.started(reason.name());
        let details = json!({"reason": reason.name(), "component": component.digest});
        self.context.send_event(event::AGENT_STARTED, details);
    }

    /// Waits because the host is full or failed. A full host asks idle agents for room.
    pub(super) fn wait_for_host(&self, fault: &Fault, backoff: &mut Backoff) {
        tracing::error!(%fault, agent = %self.context.spec.id, "an agent cannot be started now");
        if fault.kind == FaultKind::HostFull {
            self.context.sandbox.ask_for_room();
        }
        self.context.set_health(AgentHealth { status: HealthStatus::Warning, detail: Some(fault.to_string()) });
        backoff.pause_for(HOST_FULL_WAIT);
    }

    /// Puts the agent into `error` until the guild is relaunched or the component is swapped. Its inbox is kept.
    pub(super) fn fail(&self, reason: String, backoff: &mut Backoff) {
        self.context.write_log(LogLevel::Error, &reason);
        self.context.send_event(event::AGENT_FAILED, json!({"reason": reason}));
        self.context.set_health(AgentHealth { status: HealthStatus::Error, detail: Some(reason) });
        backoff.pause_until_revived();
    }

    /// Charges the restart budget and pauses as long as it says. An agent whose budget is used up fails.
    pub(super) fn restart_after(&mut self, fault: &Fault, backoff: &mut Backoff) {
        self.stage = Stage::Due(StartReason::Restart);
        let Some(wait) = self.restarts.charge(self.context.clock.now_ms(), rand::random()) else {
            let reason = format!("restarted too often, the last time for {fault}; relaunch the guild to try again");
            return self.fail(reason, backoff);
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.context.send_event(event::AGENT_RESTARTING, json!({"after_ms": wait_ms, "kind": fault.kind}));
        let detail = format!("{fault}; restarts in {wait_ms} ms");
        self.context.set_health(AgentHealth { status: HealthStatus::Warning, detail: Some(detail) });
        backoff.pause_for(wait.saturating_sub(START_AHEAD));
    }

    /// Gives the restart budget back what a message cost that is given up: the message was at fault, not the agent.
    pub(super) fn refund_restarts(&mut self, restarts: u32) {
        self.restarts.refund(restarts);
    }

    /// Refills the restart budget.
    pub(super) fn refill_restarts(&mut self) {
        self.restarts = RestartBudget::default();
    }

    /// Asks the guest for its health. The guest can lower its status and never raise it.
    ///
    /// Dropping the future drops the instance.
    pub(super) async fn heartbeat(&mut self, backoff: &mut Backoff) {
        let Some(instance) = self.take_instance() else { return };
        let (instance, health) = instance.heartbeat().await;
        if let Some(instance) = instance {
            self.put_back(instance);
        }
        match health {
            Ok(health) => self.context.set_health(AgentHealth { status: health.status, detail: health.detail }),
            Err(fault) => {
                self.context.report_fault(&fault, None);
                self.restart_after(&fault, backoff);
            }
        }
    }

    /// Takes the instance, if there is one. Until it is put back, a restart is due.
    pub(super) fn take_instance(&mut self) -> Option<Instance> {
        match std::mem::replace(&mut self.stage, Stage::Due(StartReason::Restart)) {
            Stage::Live(instance) => Some(instance),
            other => {
                self.stage = other;
                None
            }
        }
    }

    /// Puts back an instance that was taken and lives on.
    pub(super) fn put_back(&mut self, instance: Instance) {
        self.stage = Stage::Live(instance);
    }

    /// Notes that the agent was in use until now.
    pub(super) fn touch(&mut self) {
        self.idle_since = Instant::now();
    }

    /// When an idle instance is unloaded; `None`: never, or there is no instance.
    pub(super) fn unload_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Live(_) => self.context.idle_unload.and_then(|after| self.idle_since.checked_add(after)),
            Stage::Due(_) | Stage::Unloaded => None,
        }
    }

    /// When an idle instance may be unloaded because the host is full; `None` as for [`Self::unload_at`].
    pub(super) fn makes_room_at(&self) -> Option<Instant> {
        self.unload_at().map(|at| at.min(self.idle_since + MAKES_ROOM_AFTER))
    }

    /// Saves and drops the instance of an idle agent. An instance that cannot be saved stays; the next attempt follows
    /// after the same time.
    ///
    /// Dropping the future drops the instance without a word to the guest.
    pub(super) async fn unload(&mut self, backoff: &mut Backoff) {
        let idle = self.idle_since.elapsed();
        self.touch();
        let Some(instance) = self.take_instance() else { return };
        match self.save(instance).await {
            (Some(instance), Ok(())) => {
                instance.stop(StopReason::Idle).await;
                self.stage = Stage::Unloaded;
                self.context.metrics.unloaded();
                let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                self.context.send_event(event::AGENT_UNLOADED, json!({"idle_ms": idle_ms}));
            }
            (Some(instance), Err(fault)) => {
                self.context
                    .write_log(LogLevel::Warn, &format!("it is not unloaded, because it is not saved: {fault}"));
                self.put_back(instance);
            }
            (None, saved) => {
                let fault = saved.err().unwrap_or_else(instance_is_gone);
                self.context.report_fault(&fault, None);
                self.restart_after(&fault, backoff);
            }
        }
    }

    /// Saves an instance that was taken. Borrows mutably, since a shared borrow of a [`Life`] is not `Send`.
    async fn save(&mut self, instance: Instance) -> (Option<Instance>, Result<(), Fault>) {
        snapshots::save(&self.context, self.component.as_deref(), instance).await
    }

    /// Changes the agent to another component. Both instances are alive until the new one has answered a heartbeat; if
    /// it does not start, the old one goes on as before. A request whose caller no longer waits does nothing.
    ///
    /// Dropping the future drops both instances.
    pub(super) async fn swap(&mut self, component: Arc<Component>, answer: SwapAnswer, backoff: &mut Backoff) {
        if answer.is_closed() {
            return;
        }
        let old = match self.take_saved().await {
            Ok(old) => old,
            Err(fault) => return self.swap_failed(&component, answer, fault),
        };
        match successor(&self.context, &component).await {
            // The caller has an error by now: the swap did not happen.
            Ok(new) if answer.is_closed() => {
                new.stop(StopReason::Requested).await;
                self.stay_with(old);
            }
            Ok(new) => {
                if let Some(old) = old {
                    old.stop(StopReason::Upgrade).await;
                }
                self.component = Some(component.clone());
                self.refill_restarts();
                backoff.clear();
                self.go_live(new, &component, StartReason::Swap);
                self.heartbeat(backoff).await;
                let component = component.digest.clone();
                self.context.write_log(LogLevel::Info, &format!("runs the component {component} now"));
                self.context.send_event(event::AGENT_SWAPPED, json!({"component": component}));
                self.context.report(ReportKind::Swapped { component, confirm: Confirm(answer) });
            }
            Err(fault) => {
                self.stay_with(old);
                self.swap_failed(&component, answer, fault);
            }
        }
    }

    /// Takes the instance after it was saved for its successor; `None` if there is none, or if it broke. If it lives on
    /// and was not saved it stays, and the fault is returned.
    async fn take_saved(&mut self) -> Result<Option<Instance>, Fault> {
        let Some(instance) = self.take_instance() else { return Ok(None) };
        match self.save(instance).await {
            (Some(instance), Ok(())) => Ok(Some(instance)),
            (Some(instance), Err(fault)) => {
                self.put_back(instance);
                Err(fault)
            }
            (None, saved) => {
                let fault = saved.err().unwrap_or_else(instance_is_gone);
                let text = format!("it could not be saved for its successor: {fault}");
                self.context.write_log(LogLevel::Error, &text);
                Ok(None)
            }
        }
    }

    fn stay_with(&mut self, old: Option<Instance>) {
        if let Some(old) = old {
            self.put_back(old);
        }
    }

    fn swap_failed(&self, component: &Component, answer: SwapAnswer, fault: Fault) {
        let text = format!("it keeps its component; {} does not start: {fault}", component.digest);
        self.context.write_log(LogLevel::Error, &text);
        let details = json!({"component": component.digest, "fault": fault});
        self.context.send_event(event::AGENT_SWAP_FAILED, details);
        // The caller may have stopped waiting.
        let _ = answer.send(Err(SwapError::Failed(fault)));
    }

    /// Ends the instance in order: it is saved, gets the reason of its end, and is dropped.
    ///
    /// Dropping the future drops the instance.
    pub(super) async fn end(&mut self, reason: StopReason) {
        let Some(instance) = self.take_instance() else { return };
        let (instance, saved) = self.save(instance).await;
        if let Err(fault) = saved {
            tracing::warn!(%fault, agent = %self.context.spec.id, "an agent could not be saved at its end");
        }
        if let Some(instance) = instance {
            instance.stop(reason).await;
        }
    }
}

/// Starts an instance of another component with the last snapshot. It has answered its first heartbeat: an instance
/// that breaks at once does not become the successor.
async fn successor(context: &Context, component: &Arc<Component>) -> Result<Instance, Fault> {
    let instance = match context.sandbox.start(component, instance_setup(context)).await {
        Ok(instance) => instance,
        Err(StartFault::Refused(text)) => return Err(Fault::new(FaultKind::Rejected, text)),
        Err(StartFault::Missing(refusal)) => {
            return Err(Fault::new(FaultKind::Denied, format!("{}: {refusal}", refusal.code())));
        }
        Err(StartFault::Broken(fault)) => return Err(fault),
    };
    let instance = snapshots::restore_successor(context, instance).await?;
    let (instance, health) = instance.heartbeat().await;
    health?;
    instance.ok_or_else(instance_is_gone)
}
