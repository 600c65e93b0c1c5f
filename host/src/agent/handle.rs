//! What others hold of an agent's task: how it is, what it printed, and the few
//! things that it can be told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use guildhall_model::fault::Fault;
use guildhall_model::ids::MessageId;
use guildhall_sandbox::Component;

use super::gauges::AgentGauges;
use super::logs::LogReader;

/// Commands that may wait for an agent at once.
const COMMANDS: usize = 4;
/// How long a swap waits for the turn that runs.
const SWAP_WITHIN: Duration = Duration::from_secs(60);

/// What an agent's task can be told.
pub(super) enum Command {
    /// Ask the guest how it is, when it is idle.
    Heartbeat,
    /// Go on with another component, unless nobody waits for the answer any more.
    Swap { component: Arc<Component>, answer: SwapAnswer },
}

pub(super) type SwapAnswer = oneshot::Sender<Result<(), Fault>>;

/// Why an agent does not run another component; it goes on with the one it has.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    #[error("the turn that runs did not end within {} s: cancel it, or try again later", SWAP_WITHIN.as_secs())]
    Busy,
    #[error("the new component does not start: {0}")]
    Failed(Fault),
    #[error("the agent has ended")]
    Ended,
}

/// A cheap handle on an agent's task.
#[derive(Clone)]
pub struct Handle {
    pub(super) gauges: Arc<AgentGauges>,
    commands: mpsc::Sender<Command>,
    logs: LogReader,
}

impl Handle {
    pub(super) fn new(logs: LogReader) -> (Self, mpsc::Receiver<Command>) {
        let (commands, commanded) = mpsc::channel(COMMANDS);
        (Self { gauges: Arc::default(), commands, logs }, commanded)
    }

    #[must_use]
    pub fn gauges(&self) -> &AgentGauges {
        &self.gauges
    }

    /// Has the guest asked how it is, unless the agent has something to do anyway.
    pub fn ask_heartbeat(&self) {
        if self.commands.capacity() == COMMANDS {
            // Full by now: what waits will show how it is.
            let _ = self.commands.try_send(Command::Heartbeat);
        }
    }

    /// Has the agent go on with another component, once the turn that runs has
    /// ended. Its inbox stays, and so does what it has saved.
    ///
    /// # Errors
    /// The agent goes on with the component it has.
    pub async fn swap(&self, component: Arc<Component>) -> Result<(), SwapError> {
        let (answer, answered) = oneshot::channel();
        let swapping = async {
            let command = Command::Swap { component, answer };
            self.commands.send(command).await.map_err(|_| SwapError::Ended)?;
            answered.await.map_err(|_| SwapError::Ended)?.map_err(SwapError::Failed)
        };
        tokio::time::timeout(SWAP_WITHIN, swapping).await.unwrap_or(Err(SwapError::Busy))
    }

    /// Ends the turn that runs; gives its message, or `None` when the agent is idle.
    #[must_use]
    pub fn cancel(&self) -> Option<MessageId> {
        self.gauges.cancel_turn()
    }

    /// The lines that the agent printed, from the first that is still there.
    #[must_use]
    pub fn logs(&self) -> LogReader {
        self.logs.clone()
    }
}
