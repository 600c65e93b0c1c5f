//! What others hold of an agent's task: its gauges, its log, and the commands that it takes. A handle never waits for
//! the task, except for a swap.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use guildhall_model::fault::Fault;
use guildhall_model::ids::MessageId;
use guildhall_sandbox::Component;

use super::gauges::AgentGauges;
use super::logs::LogReader;

/// The most commands that wait for an agent.
const COMMANDS: usize = 4;
/// How long a swap may take, including the wait for the running turn.
const SWAP_WITHIN: Duration = Duration::from_secs(60);

/// A command to an agent's task.
pub(super) enum Command {
    /// Ask the guest for its health when it is idle.
    Heartbeat,
    /// Change to another component, unless the caller no longer waits for the answer.
    Swap { component: Arc<Component>, answer: SwapAnswer },
}

/// Takes the outcome of a swap.
pub(super) type SwapAnswer = oneshot::Sender<Result<(), SwapError>>;

/// Why a swap was not confirmed. Unless it says otherwise, the agent goes on with its present component.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The running turn did not end in time.
    #[error("the turn that runs did not end within {} s: cancel it, or try again later", SWAP_WITHIN.as_secs())]
    Busy,
    /// The new component did not start.
    #[error("the new component does not start: {0}")]
    Failed(Fault),
    /// The agent runs the new component, but that could not be stored. The host stores it as soon as it can; if it ends
    /// before, the agent runs the old one again.
    #[error("the agent runs the new component, but the store could not keep that: {0}; the host tries it again")]
    NotStored(String),
    /// The agent's task has ended.
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
    /// Creates a handle and the receiver of its commands.
    pub(super) fn new(logs: LogReader) -> (Self, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(COMMANDS);
        (Self { gauges: Arc::default(), commands, logs }, received)
    }

    /// What the host measures of the agent.
    #[must_use]
    pub fn gauges(&self) -> &AgentGauges {
        &self.gauges
    }

    /// Asks the guest for its health, unless commands wait already. The answer changes the agent's health.
    pub fn ask_heartbeat(&self) {
        if self.commands.capacity() == COMMANDS {
            // If the channel is full by now, the commands in it show the health.
            let _ = self.commands.try_send(Command::Heartbeat);
        }
    }

    /// Changes the agent to another component once the running turn has ended, within 60 s. Its inbox and its snapshot
    /// stay.
    ///
    /// Dropping the future withdraws the swap, unless the new component runs by then.
    ///
    /// # Errors
    /// [`SwapError`]; the agent goes on with its present component, unless it is `NotStored`.
    pub async fn swap(&self, component: Arc<Component>) -> Result<(), SwapError> {
        let (answer, answered) = oneshot::channel();
        let swapping = async {
            let command = Command::Swap { component, answer };
            self.commands.send(command).await.map_err(|_| SwapError::Ended)?;
            answered.await.map_err(|_| SwapError::Ended)?
        };
        tokio::time::timeout(SWAP_WITHIN, swapping).await.unwrap_or(Err(SwapError::Busy))
    }

    /// Cancels the running turn and returns the id of its message; `None` if no turn runs.
    #[must_use]
    pub fn cancel(&self) -> Option<MessageId> {
        self.gauges.cancel_turn()
    }

    /// The lines that the agent printed, from the first one that is still kept.
    #[must_use]
    pub fn logs(&self) -> LogReader {
        self.logs.clone()
    }
}
