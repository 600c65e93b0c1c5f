//! The import `wasi:http` for guests: it links the library's interfaces and bounds the texts that the library would
//! keep at any length. `requests` decides what may leave and sends it.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method as GuestMethod};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::guest::Guest;

/// The longest method and authority, in bytes.
const MAX_NAME_BYTES: usize = 300;
/// The longest path with its query, in bytes.
const MAX_PATH_BYTES: usize = 8 << 10;
/// The version that the library links. Other versions of WASI 0.2 fit it.
const TYPES: &str = "wasi:http/types@0.2.12";

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (requests, table) = self.requests_and_table();
        requests.view(table)
    }
}

/// Links `wasi:http`. Long methods, authorities and paths are refused.
///
/// # Errors
/// Wasmtime refuses a name or a type: an error of this crate.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<HostOutgoingRequest>, GuestMethod)| {
            if matches!(&method, GuestMethod::Other(name) if name.len() > MAX_NAME_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Resource<HostOutgoingRequest>, Option<String>)| {
            if authority.as_ref().is_some_and(|authority| authority.len() > MAX_NAME_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store, (request, path): (Resource<HostOutgoingRequest>, Option<String>)| {
            if path.as_ref().is_some_and(|path| path.len() > MAX_PATH_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_path_with_query(request, path)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
