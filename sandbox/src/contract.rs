//! The imports `messaging` and `context` of the contract. They stage what a turn emits and changes; the host commits it
//! after the turn.

use crate::bindings::context::Identity as GuestIdentity;
use crate::bindings::messaging::{EmitError, Outgoing as GuestOutgoing};
use crate::bindings::{context, messaging, types};
use crate::guest::Guest;
use crate::setup::Progress;
use crate::staged::State;

impl Guest {
    fn update(&mut self, import: &'static str, state: State, patch: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.in_turn(import)?.and_then(|()| self.staged.patch(state, patch, &self.limits)))
    }
}

impl types::Host for Guest {}

impl messaging::Host for Guest {
    fn emit(&mut self, message: GuestOutgoing) -> wasmtime::Result<Result<(), EmitError>> {
        let allowed = self.in_turn("messaging.emit")?.map_err(EmitError::Other);
        let emitted = allowed.and_then(|()| self.staged.emit(message, &self.own_inbox, &self.limits));
        // A guest that ignores the answer has lost a message. Its log says why.
        if let (Err(EmitError::TooMany(_) | EmitError::PayloadTooLarge(_)), Some(met)) = (&emitted, self.staged.met) {
            self.grants.warn_once(format!("a message was not emitted: `{}` is {}", met.setting, met.limit));
        }
        Ok(emitted)
    }

    fn progress(&mut self, format: String, payload: String) -> wasmtime::Result<Result<(), EmitError>> {
        if let Err(refused) = self.in_turn("messaging.progress")? {
            return Ok(Err(EmitError::Other(refused)));
        }
        let checked = self.staged.progress(&format, &payload, &self.limits);
        if let (Ok(()), Some(send)) = (&checked, &self.progress) {
            send(Progress { format, payload });
        }
        Ok(checked)
    }
}

impl context::Host for Guest {
    fn whoami(&mut self) -> wasmtime::Result<GuestIdentity> {
        self.unsealed("context.whoami")?;
        Ok(self.identity.clone())
    }

    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        self.unsealed("context.is-cancelled")?;
        Ok(self.control.is_cancelled())
    }

    fn agent_state(&mut self) -> wasmtime::Result<String> {
        self.unsealed("context.agent-state")?;
        Ok(self.agent_state.as_ref().to_owned())
    }

    fn guild_state(&mut self) -> wasmtime::Result<String> {
        self.unsealed("context.guild-state")?;
        Ok(self.guild_state.as_ref().to_owned())
    }

    fn update_agent_state(&mut self, patch: String) -> wasmtime::Result<Result<(), String>> {
        self.update("context.update-agent-state", State::Agent, patch)
    }

    fn update_guild_state(&mut self, patch: String) -> wasmtime::Result<Result<(), String>> {
        self.update("context.update-guild-state", State::Guild, patch)
    }
}
