//! The linker: every import that a component can be linked to.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{context, keyvalue, messaging, secrets, types};
use crate::guest::Guest;
use crate::{config_and_logging, expressions, http};

/// Links the imports of the contract, a WASI without arguments, files and sockets, and the interfaces that agents may
/// be granted. Each of the latter checks the grants of the agent that calls it.
///
/// # Errors
/// Wasmtime refuses a name or a type: an error of this crate.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    messaging::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    context::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    expressions::add_to_linker(&mut linker)?;
    secrets::Granted::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    keyvalue::Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    config_and_logging::add_to_linker(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}
