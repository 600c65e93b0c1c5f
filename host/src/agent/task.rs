//! Starts the task of one agent. Every task sends a last report, also when it panics.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use guildhall_model::health::HealthStatus;
use guildhall_model::ids::AgentId;

use super::context::Agent;
use super::gauges::{AgentGauges, AgentHealth};
use super::handle::Handle;
use super::logs::LogWriter;
use super::report::{Report, ReportKind};
use super::runner::Runner;

/// Starts an agent's task on a tracker. The task ends when `agent.stop` is cancelled, and sends [`ReportKind::Ended`]
/// when it has ended for any reason.
pub fn spawn(agent: Agent, tracker: &TaskTracker) -> Handle {
    let (writer, reader) = LogWriter::new(agent.clock.clone());
    let (handle, commands) = Handle::new(reader);
    let gauges = handle.gauges.clone();
    let last_report =
        LastReport { reports: agent.reports.clone(), agent: agent.spec.id.clone(), gauges: gauges.clone() };
    tracker.spawn(async move {
        let _last_report = last_report;
        Runner::new(agent, commands, gauges, writer).run().await;
    });
    handle
}

/// Sends the task's last report when it is dropped.
struct LastReport {
    reports: mpsc::UnboundedSender<Report>,
    agent: AgentId,
    gauges: Arc<AgentGauges>,
}

impl Drop for LastReport {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(agent = %self.agent, "the task of an agent panicked");
            self.gauges.set_health(AgentHealth {
                status: HealthStatus::Error,
                detail: Some("host error: the agent's task ended".into()),
            });
        }
        // The manager may have ended before the agent.
        let _ = self.reports.send(Report { agent: self.agent.clone(), kind: ReportKind::Ended });
    }
}
