//! `wasi:http/outgoing-handler`: requests that leave. Each is looked at here, and
//! nowhere else: where it may go, to which address, how much of it there is and for
//! how long. Nothing is followed, retried or kept open.

mod lookup;
pub(super) mod tls;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, uri};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostOutgoingRequest as _, Method as GuestMethod};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use self::lookup::look_up;
use super::addresses::not_public;
use super::grants::Grants;
use super::guest::{Guest, Phase};
use super::limits::{Limit, Limits};
use super::secrets;
use guildhall_model::origin::{Origin, Scheme};

/// How long a name, a connection and its handshake may take together.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a response may pause.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// What the head of a response may have.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 128;
/// What the library holds for each set of fields, as it counts.
const MAX_FIELD_BYTES: usize = 16 << 10;
/// What the library holds of a body that is being written, for each.
const MAX_CHUNK_BYTES: usize = 16 << 10;
/// The longest method and authority.
const MAX_NAME_BYTES: usize = 300;
/// The longest path with its query.
const MAX_PATH_BYTES: usize = 8 << 10;

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The requests of one call of an export.
pub(super) struct Http {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    /// Whose agent asks.
    guild: String,
    grants: Arc<Grants>,
    is_sealed: bool,
    calls: u64,
    max_calls: u64,
    sent: Arc<Meter>,
    received: Arc<Meter>,
    deadline: Instant,
}

/// What is left of the bytes of one call.
struct Meter {
    limit: Limit,
    most: u64,
    used: AtomicU64,
    grants: Arc<Grants>,
}

impl Meter {
    fn new(limit: Limit, limits: &Limits, grants: &Arc<Grants>) -> Arc<Self> {
        let most = limits.get(limit) << 10;
        Arc::new(Self { limit, most, used: AtomicU64::new(0), grants: grants.clone() })
    }

    fn take(&self, bytes: usize) -> Result<(), Error> {
        let used = self.used.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if used <= self.most {
            return Ok(());
        }
        self.limit.count();
        let setting = self.limit.row().setting;
        let most = self.most;
        Err(if self.limit == Limit::HttpRequest {
            self.grants.tell(format!("a turn may send {most} bytes over HTTP (`{setting}`)"));
            Error::HttpRequestBodySize(Some(most))
        } else {
            self.grants.tell(format!("a turn may read {most} bytes over HTTP (`{setting}`)"));
            Error::HttpResponseBodySize(Some(most))
        })
    }
}

impl Http {
    pub(super) fn new(guild: &str, grants: Arc<Grants>, limits: &Limits, phase: Phase, deadline: Instant) -> Self {
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
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (http, table) = self.http_and_table();
        WasiHttpCtxView { hooks: &mut http.hooks, table, ctx: &mut http.ctx }
    }
}

/// Links `wasi:http`. The library takes methods, authorities and paths of any length
/// and keeps them; here they are short.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
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

/// The version that the library links; others of WASI 0.2 fit it.
const TYPES: &str = "wasi:http/types@0.2.12";

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
            let stream = connect(&guild, &origin, &grants, wait).await?;
            match origin.scheme() {
                Scheme::Http => exchange(stream, request, received, wait).await,
                Scheme::Https => {
                    let stream = timeout_at(wait.connected.into(), encrypted(stream, &origin, &grants)).await;
                    exchange(stream.map_err(|_| Error::ConnectionTimeout)??, request, received, wait).await
                }
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_CHUNK_BYTES
    }

    // By default these warn in the host's log, as often as a guest likes.

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
    /// Decides whether a request may leave, and makes it what leaves.
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
            self.grants.tell(format!("a turn may send {} requests (`{setting}`)", self.max_calls));
            return Err(Error::ConnectionLimitReached);
        }
        self.calls += 1;
        let (mut head, body) = request.into_parts();
        fill_in(&mut head.headers, &self.grants, &origin)?;
        let size = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        self.sent.take(head.headers.iter().map(size).sum::<usize>() + head.uri.to_string().len())?;
        // The rest of the address is for proxies.
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
    Origin::of(scheme, authority.host(), authority.port_u16()).map_err(|_| Error::HttpRequestUriInvalid)
}

/// Puts secrets where their placeholders stand. The agent never has them.
fn fill_in(headers: &mut HeaderMap, grants: &Grants, to: &Origin) -> Result<(), Error> {
    for value in headers.values_mut() {
        let filled = secrets::filled(value.as_bytes(), |name| {
            if !grants.secret(name) {
                return None;
            }
            if !grants.policy.carries(name, to) {
                grants.refused(&format!("the secret `{name}` in a request to {to}"), "policy.secrets");
                return None;
            }
            let secret = grants.policy.secret(name);
            if secret.is_none() {
                grants.tell(format!("the secret `{name}` has no value on this host (`policy.secrets_dir`)"));
            }
            secret
        });
        match filled {
            Ok(None) => {}
            Ok(Some(filled)) => {
                *value = HeaderValue::from_bytes(&filled).map_err(|_| Error::HttpRequestDenied)?;
                value.set_sensitive(true);
            }
            Err(secrets::Withheld) => return Err(Error::HttpRequestDenied),
        }
    }
    Ok(())
}

/// Until when one request may wait for what.
#[derive(Clone, Copy)]
struct Wait {
    connected: Instant,
    answered: Instant,
    between: Duration,
    deadline: Instant,
}

impl Wait {
    fn new(options: RequestOptions, deadline: Instant) -> Self {
        let now = Instant::now();
        let until = |wait: Duration| now.checked_add(wait).map_or(deadline, |at| at.min(deadline));
        Self {
            connected: until(options.connect_timeout.map_or(CONNECT, |asked| asked.min(CONNECT))),
            answered: options.first_byte_timeout.map_or(deadline, until),
            between: options.between_bytes_timeout.map_or(BETWEEN_BYTES, |asked| asked.min(BETWEEN_BYTES)),
            deadline,
        }
    }
}

/// Looks a host up, judges every address it has, and connects to one of those and to
/// nothing else.
async fn connect(guild: &str, origin: &Origin, grants: &Grants, wait: Wait) -> Result<TcpStream, Error> {
    let host = origin.host();
    let looked_up = timeout_at(wait.connected.into(), look_up(guild, &host, origin.port()));
    let addresses = looked_up.await.map_err(|_| Error::DnsTimeout)?.map_err(|error| {
        grants.tell(format!("`{host}` cannot be looked up: {error}"));
        Error::DnsError { rcode: None, info_code: None }
    })?;
    for address in &addresses {
        judge(address.ip(), origin, grants)?;
    }
    let mut failed = Error::DestinationNotFound;
    for address in addresses {
        match timeout_at(wait.connected.into(), TcpStream::connect(address)).await {
            Err(_) => return Err(Error::ConnectionTimeout),
            Ok(Err(error)) => failed = Error::Connect(error),
            Ok(Ok(stream)) => {
                refuse_this_machine(&stream, origin, grants)?;
                stream.set_nodelay(true).map_err(Error::Connect)?;
                return Ok(stream);
            }
        }
    }
    Err(failed)
}

fn judge(address: IpAddr, origin: &Origin, grants: &Grants) -> Result<(), Error> {
    match not_public(address) {
        Some(what) if !grants.policy.names(address, origin) => {
            grants.refused(&format!("a request to {origin}, whose address {address} is {what}"), "policy.addresses");
            Err(Error::DestinationIpProhibited)
        }
        _ => Ok(()),
    }
}

/// A public address may be one of this machine's own: then both ends are the same.
fn refuse_this_machine(stream: &TcpStream, origin: &Origin, grants: &Grants) -> Result<(), Error> {
    let (here, there) = (stream.local_addr().map_err(Error::Connect)?, stream.peer_addr().map_err(Error::Connect)?);
    if here.ip() == there.ip() && !grants.policy.names(there.ip(), origin) {
        grants.refused(&format!("a request to {origin}, which is this machine"), "policy.addresses");
        return Err(Error::DestinationIpProhibited);
    }
    Ok(())
}

async fn encrypted(stream: TcpStream, origin: &Origin, grants: &Grants) -> Result<impl Stream, Error> {
    let config = grants.policy.tls().map_err(|error| Error::InternalError(Some(error)))?;
    let name = match origin.address() {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(origin.host()).map_err(|_| Error::HttpRequestUriInvalid)?,
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
            _ => Error::Tls(error),
        }
    })
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// Sends the request and waits for the head of its response.
async fn exchange(stream: impl Stream, request: Request<WasiBody>, received: Arc<Meter>, wait: Wait) -> Sent {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    let shaken = timeout_at(wait.connected.into(), builder.handshake(TokioIo::new(stream))).await;
    let (mut sender, connection) = shaken.map_err(|_| Error::ConnectionTimeout)??;
    // No connection outlives its turn, whatever the guest keeps of it.
    let connection = AbortOnDropHandle::new(tokio::spawn(timeout_at(wait.deadline.into(), connection)));
    let answered = timeout_at(wait.answered.into(), sender.send_request(request)).await;
    let response = answered.map_err(|_| Error::ConnectionReadTimeout)?.map_err(|error| {
        // A body that was too long ends the request; its error is ours.
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            if let Some(Error::HttpRequestBodySize(most)) = cause.downcast_ref() {
                return Error::HttpRequestBodySize(*most);
            }
            source = cause.source();
        }
        Error::Hyper(error)
    })?;
    let response = response.map(|body| {
        let pause = Some(Pause { between: wait.between, deadline: wait.deadline, timer: None });
        Metered { body: body.map_err(Error::from), meter: received, pause }.boxed_unsync()
    });
    // How it ends is told by the body.
    let driven = async move {
        drop(connection.await);
        Ok(())
    };
    Ok((response, Box::new(driven)))
}

/// A body whose bytes are counted, and which may not pause for long.
struct Metered<B> {
    body: B,
    meter: Arc<Meter>,
    pause: Option<Pause>,
}

struct Pause {
    between: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    /// Ready when the body has paused for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = Instant::now().checked_add(self.between).map_or(self.deadline, |at| at.min(self.deadline));
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(until.into()))).as_mut().poll(cx)
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(pause) = &mut this.pause {
                    pause.timer = None;
                }
                let size = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(this.meter.take(size).map(|()| frame)))
            }
            Poll::Pending => match &mut this.pause {
                Some(pause) => pause.poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout))),
                None => Poll::Pending,
            },
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
pub(super) mod tests;
