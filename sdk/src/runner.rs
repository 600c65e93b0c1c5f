//! Runs an agent from `start` to `stop` over any [`Host`], and exports it as a component.

use crate::agent::{Agent, Stateful};
use crate::bindings::exports::guildhall::agent::agent::{Health, StopReason};
use crate::bindings::guildhall::agent::types::{Failure, Message};
use crate::ctx::Ctx;
use crate::handlers::Handlers;
use crate::host::Host;
use crate::json;

/// Runs one instance of an agent of class `A`, in a component and on the test bench alike.
pub struct Runner<A> {
    handlers: Handlers<A>,
    agent: Option<A>,
}

impl<A: Agent> Runner<A> {
    /// Returns a runner without an agent.
    pub fn new() -> Self {
        let mut handlers = Handlers::new();
        A::handlers(&mut handlers);
        Runner { handlers, agent: None }
    }

    /// Creates the agent from the text of its properties.
    ///
    /// # Errors
    /// The properties do not fit, or the agent refuses them.
    pub fn start(&mut self, properties: &str) -> Result<(), String> {
        let properties = json::parse("the `properties` object", properties)?;
        self.agent = Some(A::new(properties)?);
        Ok(())
    }

    /// Handles one message.
    ///
    /// # Errors
    /// The handler's failure, or the agent was not started.
    pub fn receive(&mut self, host: &mut dyn Host, message: &Message) -> Result<(), Failure> {
        match &mut self.agent {
            Some(agent) => self.handlers.handle(agent, &mut Ctx::new(message, host)),
            None => Err(Failure::other("the agent was not started")),
        }
    }

    /// Returns the agent's health.
    pub fn heartbeat(&mut self) -> Health {
        match &mut self.agent {
            Some(agent) => agent.heartbeat(),
            None => Health::error("the agent was not started"),
        }
    }

    /// Stops the agent.
    pub fn stop(&mut self, reason: StopReason) {
        if let Some(agent) = &mut self.agent {
            agent.stop(reason);
        }
    }
}

impl<A: Stateful> Runner<A> {
    /// Returns the agent's snapshot.
    ///
    /// # Errors
    /// The agent's own, or the agent was not started.
    pub fn save(&mut self) -> Result<Vec<u8>, String> {
        self.agent.as_mut().ok_or("the agent was not started")?.save()
    }

    /// Reads a snapshot that a component of this version made.
    ///
    /// # Errors
    /// The agent's own, or the agent was not started.
    pub fn restore(&mut self, version: &str, data: &[u8]) -> Result<(), String> {
        self.agent.as_mut().ok_or("the agent was not started")?.restore(version, data)
    }
}

impl<A: Agent> Default for Runner<A> {
    fn default() -> Self {
        Runner::new()
    }
}

/// Exports an [`Agent`] as the component that this crate builds. Use it once in a crate, at the top of its `lib.rs`.
///
/// An agent that is [`Stateful`] is exported with `export_agent!(Agent: Stateful)`.
///
/// The description has the crate's version. Built for another target, the crate stays an ordinary library.
#[macro_export]
macro_rules! export_agent {
    ($agent:ty) => {
        $crate::export_agent!(@ $agent, {});
    };

    ($agent:ty : Stateful) => {
        $crate::export_agent!(@ $agent, {
            impl $crate::stateful::exports::guildhall::agent::snapshot::Guest for Component {
                fn save() -> Result<Vec<u8>, String> {
                    RUNNER.with_borrow_mut(Runner::save)
                }

                fn restore(version: String, data: Vec<u8>) -> Result<(), String> {
                    RUNNER.with_borrow_mut(|runner| runner.restore(&version, &data))
                }
            }

            $crate::stateful::export_snapshot!(Component with_types_in $crate::stateful);
        });
    };

    (@ $agent:ty, { $($more:item)* }) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::__private::{Imports, Runner};
            use $crate::bindings::exports::guildhall::agent::agent as exported;

            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<Runner<$agent>> = ::std::default::Default::default();
            }

            struct Component;

            impl exported::Guest for Component {
                fn describe() -> $crate::Description {
                    $crate::__private::describe::<$agent>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn start(properties: String) -> Result<(), String> {
                    RUNNER.with_borrow_mut(|runner| runner.start(&properties))
                }

                fn receive(message: $crate::Message) -> Result<(), $crate::Failure> {
                    RUNNER.with_borrow_mut(|runner| runner.receive(&mut Imports, &message))
                }

                fn heartbeat() -> $crate::Health {
                    RUNNER.with_borrow_mut(Runner::heartbeat)
                }

                fn stop(reason: $crate::StopReason) {
                    RUNNER.with_borrow_mut(|runner| runner.stop(reason))
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);

            $($more)*
        };

        #[cfg(not(target_family = "wasm"))]
        const _: fn(&str) -> $crate::Description = $crate::__private::describe::<$agent>;
    };
}
