//! The task of one agent: it decides what is next. How a message is served is in `worker`, how the instance comes and
//! goes in `life`. A panic in a step is caught here, so that it ends neither the task nor the inbox.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::journal::{JournalError, Tail, TailEvent};
use guildhall_sandbox::StopReason;

use super::backoff::{Pause, PauseEnd};
use super::context::Agent;
use super::gauges::{AgentGauges, Rest};
use super::handle::Command;
use super::life::{Stage, StartReason};
use super::logs::LogWriter;
use super::report::ReportKind;
use super::worker::Worker;

/// The state of an agent's task: its worker, and the commands that others send.
pub(super) struct Runner {
    pub(super) worker: Worker,
    commands: mpsc::Receiver<Command>,
    /// The inbox of an agent that does not run until it is revived.
    watched: Option<Box<Tail>>,
}

impl Runner {
    /// A runner for an agent that was launched.
    pub(super) fn new(
        agent: Agent,
        commands: mpsc::Receiver<Command>,
        gauges: Arc<AgentGauges>,
        logs: LogWriter,
    ) -> Self {
        Self { worker: Worker::new(agent, gauges, logs), commands, watched: None }
    }

    /// Runs until the task is stopped, then ends the instance and waits for the turns that are not durable yet.
    ///
    /// Dropping the future drops the instance and leaves the inbox where it was.
    pub(super) async fn run(mut self) {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(panic) => {
                    let text = panic_text(panic);
                    Box::pin(self.worker.panicked(text)).await;
                }
            }
        }
        // Boxed, as everything that happens seldom: a task is as large as the largest future that it ever awaits.
        Box::pin(self.finish()).await;
    }

    async fn finish(&mut self) {
        let context = &self.worker.context;
        let reason = match (context.shutdown.is_cancelled(), context.asleep.is_cancelled()) {
            (true, _) => StopReason::HostShutdown,
            (false, true) => StopReason::Idle,
            (false, false) => StopReason::Requested,
        };
        self.worker.life.end(reason).await;
        self.worker.settle_all_commits().await;
    }

    /// Does one thing: pauses, starts an instance, attempts a message, or waits.
    async fn step(&mut self) -> ControlFlow<()> {
        if self.worker.context.stop.is_cancelled() {
            return ControlFlow::Break(());
        }
        self.worker.context.gauges.set_rest(Rest::No);
        self.worker.settle_commits().await;
        let is_waiting = self.worker.current.is_waiting();
        if self.worker.backoff.pause() != Pause::UntilRevived {
            self.watched = None;
        }
        match (self.worker.backoff.pause(), &self.worker.life.stage) {
            (Pause::Until(_) | Pause::UntilRevived, _) => self.pause().await,
            (Pause::No, Stage::Due(reason)) => {
                let (reason, stop) = (*reason, self.worker.context.stop.clone());
                let started = stop.run_until_cancelled(Box::pin(self.worker.start(reason))).await;
                if started.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            (Pause::No, Stage::Live(_)) if is_waiting => self.worker.attempt().await,
            (Pause::No, Stage::Unloaded) if is_waiting => {
                self.worker.life.stage = Stage::Due(StartReason::Message);
                ControlFlow::Continue(())
            }
            (Pause::No, Stage::Live(_) | Stage::Unloaded) => self.wait().await,
        }
    }

    /// Waits until the pause is over; commands are carried out meanwhile.
    async fn pause(&mut self) -> ControlFlow<()> {
        let has_failed = self.worker.backoff.pause() == Pause::UntilRevived;
        if has_failed && self.watched.is_none() {
            self.watched = Some(self.worker.watch_inbox());
        }
        if has_failed {
            let gauges = &self.worker.context.gauges;
            gauges.set_rest(Rest::Failed(gauges.health().detail.unwrap_or_default()));
        }
        tokio::select! {
            biased;
            () = self.worker.context.stop.cancelled() => ControlFlow::Break(()),
            Some(command) = self.commands.recv() => Box::pin(self.carry_out(command)).await,
            event = next_watched(&mut self.watched) => {
                if let Some(tail) = &mut self.watched {
                    self.worker.watched(event, tail);
                }
                ControlFlow::Continue(())
            }
            end = self.worker.backoff.over() => {
                if end == PauseEnd::Revived {
                    self.worker.life.refill_restarts();
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Waits for a message or a command, and unloads an instance that was idle for long.
    async fn wait(&mut self) -> ControlFlow<()> {
        let (unload_at, makes_room_at) = (self.worker.life.unload_at(), self.worker.life.makes_room_at());
        let is_fresh = makes_room_at.is_some_and(|at| at > Instant::now());
        let sandbox = self.worker.context.sandbox.clone();
        self.worker.context.gauges.set_rest(Rest::From(self.worker.life.restarts.full_from_ms()));
        tokio::select! {
            biased;
            () = self.worker.context.stop.cancelled() => return ControlFlow::Break(()),
            Some(command) = self.commands.recv() => return Box::pin(self.carry_out(command)).await,
            next = self.worker.inbox.next() => match next {
                Ok(delivery) => self.worker.take(delivery).await,
                Err(error) => self.worker.inbox_failed(&error),
            },
            () = until(makes_room_at), if is_fresh => {}
            () = sandbox.wants_room(), if unload_at.is_some() && !is_fresh => Box::pin(self.worker.unload()).await,
            () = until(unload_at), if !is_fresh => Box::pin(self.worker.unload()).await,
        }
        ControlFlow::Continue(())
    }

    async fn carry_out(&mut self, command: Command) -> ControlFlow<()> {
        match command {
            Command::Heartbeat => {
                self.worker.heartbeat().await;
                self.worker.context.report(ReportKind::Answered);
            }
            Command::Swap { component, answer } => {
                let stop = self.worker.context.stop.clone();
                if stop.run_until_cancelled(self.worker.swap(component, answer)).await.is_none() {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Waits for the next message of a watched inbox; permanently if none is watched. Cancel safe.
async fn next_watched(watched: &mut Option<Box<Tail>>) -> Result<TailEvent, JournalError> {
    match watched {
        Some(tail) => tail.next().await,
        None => std::future::pending().await,
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast::<String>().ok().map(|text| *text)).unwrap_or_default()
}

/// Waits until a moment; permanently if there is none. Cancel safe.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<T, F: Future>(_: impl FnOnce(T) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_an_idle_agent_is_small() {
        let bytes = size_of_future(Runner::run);
        assert!(bytes < 12 << 10, "{bytes} bytes");
    }
}
