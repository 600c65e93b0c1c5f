//! HTTP requests that leave the host. Each request is checked here and nowhere else: where it may go, to which address,
//! how many bytes it has and how long it takes. Redirects are not followed, nothing is retried, and no connection
//! outlives its turn.

mod connect;
mod exchange;
mod lookup;
#[cfg(test)]
pub(crate) mod tests;
mod wait;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use guildhall_model::origin::{Origin, Scheme, split_port};
use http::{HeaderMap, HeaderValue, Method, Request, uri};
use http_body_util::BodyExt;
use tokio::time::timeout_at;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use crate::grants::Grants;
use crate::limits::{Limit, Limits};
use crate::phase::Phase;
use crate::placeholders;
use exchange::{Meter, Metered, Sent};
use wait::Wait;

/// The most that the library keeps of one set of fields, in bytes as it counts them.
const MAX_FIELD_BYTES: usize = 16 << 10;
/// The most that the library buffers of a body that is being written, in bytes.
const MAX_CHUNK_BYTES: usize = 16 << 10;

/// The requests of one call of an export.
pub(crate) struct Requests {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

impl Requests {
    /// Counts the requests of a call that must end at `deadline`. An agent in `describe` may send none.
    pub(crate) fn new(guild: &str, grants: Arc<Grants>, limits: &Limits, phase: Phase, deadline: Instant) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(MAX_FIELD_BYTES);
        let hooks = Hooks {
            guild: guild.to_owned(),
            is_sealed: phase == Phase::Sealed,
            calls: 0,
            max_calls: limits.get(Limit::HttpCalls),
            sent: Meter::new(Limit::HttpRequest, limits, &grants),
            received: Meter::new(Limit::HttpResponse, limits, &grants),
            deadline,
            grants,
        };
        Self { ctx, hooks }
    }

    /// Returns what the library works on.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.ctx }
    }
}

struct Hooks {
    /// The guild of the agent.
    guild: String,
    grants: Arc<Grants>,
    /// Whether the call is `describe`.
    is_sealed: bool,
    calls: u64,
    max_calls: u64,
    sent: Arc<Meter>,
    received: Arc<Meter>,
    deadline: Instant,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let admitted = self.admit(request);
        let (grants, received, deadline) = (self.grants.clone(), self.received.clone(), self.deadline);
        let guild = self.guild.clone();
        Box::new(async move {
            let (request, origin) = admitted?;
            let wait = Wait::new(options.unwrap_or_default(), deadline);
            let stream = connect::connect(&guild, &origin, &grants, wait).await?;
            match origin.scheme() {
                Scheme::Http => exchange::exchange(stream, request, received, wait).await,
                Scheme::Https => {
                    let stream = timeout_at(wait.connected.into(), connect::encrypted(stream, &origin, &grants)).await;
                    let stream = stream.map_err(|_| Error::ConnectionTimeout)??;
                    exchange::exchange(stream, request, received, wait).await
                }
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_CHUNK_BYTES
    }

    // The default implementations write a warning to the host's log, and a guest could repeat that without end.

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

impl Hooks {
    /// Decides whether a request may leave, counts it, and fills in its secrets.
    fn admit(&mut self, request: Request<WasiBody>) -> Result<(Request<WasiBody>, Origin), Error> {
        if self.is_sealed || request.method() == Method::CONNECT {
            return Err(Error::HttpRequestDenied);
        }
        let origin = origin_of(request.uri())?;
        if !self.grants.http(&origin) {
            return Err(Error::HttpRequestDenied);
        }
        if self.calls >= self.max_calls {
            Limit::HttpCalls.count();
            let setting = Limit::HttpCalls.row().setting;
            self.grants.warn_once(format!("a turn may send {} requests (`{setting}`)", self.max_calls));
            return Err(Error::ConnectionLimitReached);
        }
        self.calls += 1;
        let (mut head, body) = request.into_parts();
        fill_in(&mut head.headers, &self.grants, &origin)?;
        let size = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        self.sent.take(head.headers.iter().map(size).sum::<usize>() + head.uri.to_string().len())?;
        // Only a proxy needs the rest of the address.
        let path = head.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        head.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        let body = Metered { body, meter: self.sent.clone(), pause: None };
        Ok((Request::from_parts(head, body.boxed_unsync()), origin))
    }
}

fn origin_of(uri: &http::Uri) -> Result<Origin, Error> {
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(Error::HttpProtocolError),
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or(Error::HttpRequestUriInvalid)?;
    // The library reads a port above 65,535 as none.
    let (_, port) = split_port(authority.as_str()).ok_or(Error::HttpRequestUriInvalid)?;
    Origin::of(scheme, authority.host(), port).map_err(|_| Error::HttpRequestUriInvalid)
}

/// Replaces the placeholders in headers by the secrets. The guest never sees the result.
fn fill_in(headers: &mut HeaderMap, grants: &Grants, to: &Origin) -> Result<(), Error> {
    for value in headers.values_mut() {
        let filled = placeholders::filled(value.as_bytes(), |name| {
            if !grants.secret(name) {
                return None;
            }
            if !grants.policy.carries(name, to) {
                grants.log_refusal(&format!("the secret `{name}` in a request to {to}"), "policy.secrets");
                return None;
            }
            let secret = grants.policy.secret(name);
            if secret.is_none() {
                grants.warn_once(format!("the secret `{name}` has no value on this host (`policy.secrets_dir`)"));
            }
            secret
        });
        match filled {
            Ok(None) => {}
            Ok(Some(filled)) => {
                *value = HeaderValue::from_bytes(&filled).map_err(|_| Error::HttpRequestDenied)?;
                value.set_sensitive(true);
            }
            Err(placeholders::Withheld) => return Err(Error::HttpRequestDenied),
        }
    }
    Ok(())
}
