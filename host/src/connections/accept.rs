//! Accepts connections and serves HTTP/1 on them until they end, are silent for too long, or have to give their place up.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::listener::{Io, Listener};
use super::stream::Stream;
use super::table::{Connection, Connections, Full, Place};

/// The buffer for the head and for a part of the body of a request, in bytes. A longer head is answered with 431.
const BUFFER_BYTES: usize = 64 << 10;
/// The pause after the system has refused a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// A refused connection is logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(10);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Serves HTTP/1 on a listener until `stop` is cancelled. Then it stops accepting, and returns when every connection has
/// finished its request. Each request has its [`Connection`] as an extension. Sockets are not waited for.
///
/// Dropping the future ends all connections that are not sockets.
pub async fn serve<S, B>(listener: Listener, service: S, connections: Connections, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Error>,
{
    let mut serving = JoinSet::new();
    let mut log = OccasionalLog::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = serving.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, address)) => {
                match connections.admit(address) {
                    Ok(place) => {
                        let stop = stop.clone();
                        serving.spawn(serve_one(io, place, service.clone(), connections.clone(), stop));
                    }
                    Err(full) => {
                        log.warn(|| tracing::warn!(%full, %address, refused = connections.refused(), "a connection is refused"));
                        refuse(io, full);
                    }
                }
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                log.warn(|| tracing::error!(%error, "no connection can be accepted"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while serving.join_next().await.is_some() {}
}

/// Whether the client has gone before its connection was accepted.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers with 503, if the system takes it at once, and closes the connection.
fn refuse(io: Io, Full { limit, setting }: Full) {
    let body = format!(
        r#"{{"detail":"All {limit} connections are in use","code":"busy","hint":"try again later; the operator sets the limit with {setting}","trace_id":""}}"#
    );
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    io.write_last(answer.as_bytes());
}

/// Serves one connection. Dropping the future ends it.
async fn serve_one<S, B>(io: Io, place: Place, service: S, connections: Connections, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Error>,
{
    let limits = connections.limits();
    let connection = place.connection.clone();
    let answering = connection.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        answering.begin();
        request.extensions_mut().insert(answering.clone());
        let (service, connection) = (service.clone(), answering.clone());
        async move {
            let response = service.oneshot(request).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.become_socket();
            }
            Ok::<_, Infallible>(response.map(|body| Answer { body, connection }))
        }
    });
    let io = TokioIo::new(Stream::new(io, place, limits.keep_alive));
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(BUFFER_BYTES);
    let mut serving = pin!(http.serve_connection(io, service).with_upgrades());
    let mut is_stopping = false;
    loop {
        // What the connection does may change before this deadline, so it is looked at again.
        let again = Instant::now() + limits.head.min(limits.keep_alive);
        let wake = connection.deadline(&limits).map_or(again, |deadline| deadline.min(again));
        tokio::select! {
            done = serving.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
            }
            () = connection.evicted() => return,
            () = tokio::time::sleep_until(wake.into()) => {
                if connection.deadline(&limits).is_some_and(|deadline| deadline <= Instant::now()) {
                    connections.note_dropped(&connection);
                    return;
                }
            }
        }
    }
}

/// The body of an answer. When it is dropped, the answer is complete and the connection waits for a request.
struct Answer<B> {
    body: B,
    connection: Connection,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        if !self.connection.is_socket() {
            self.connection.finish();
        }
    }
}

/// Writes lines to the log at most every [`LOG_EVERY`].
#[derive(Default)]
struct OccasionalLog {
    last: Option<Instant>,
}

impl OccasionalLog {
    fn warn(&mut self, write: impl FnOnce()) {
        if self.last.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
            self.last = Some(Instant::now());
            write();
        }
    }
}
