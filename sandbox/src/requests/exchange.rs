//! Sends a request over a connection and reads its response, with counts of bytes and deadlines.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Sleep, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{Error, WasiBody};

use super::connect::Stream;
use super::wait::Wait;
use crate::grants::Grants;
use crate::limits::{Limit, Limits};

/// A response, and the future that drives its connection.
pub(super) type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The longest head of a response, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 64 << 10;
/// The most fields in the head of a response.
const MAX_HEADERS: usize = 128;

/// Sends the request and waits for the head of its response. The body is read later, within the same deadline.
/// Dropping the future or the returned parts closes the connection.
///
/// # Errors
/// The server breaks the protocol or is too slow, or a limit of bytes is met.
pub(super) async fn exchange(
    stream: impl Stream,
    request: Request<WasiBody>,
    received: Arc<Meter>,
    wait: Wait,
) -> Sent {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    let handshake = timeout_at(wait.connected.into(), builder.handshake(TokioIo::new(stream))).await;
    let (mut sender, connection) = handshake.map_err(|_| Error::ConnectionTimeout)??;
    // No connection outlives its turn, even if the guest keeps the response.
    let connection = AbortOnDropHandle::new(tokio::spawn(timeout_at(wait.deadline.into(), connection)));
    let answered = timeout_at(wait.answered.into(), sender.send_request(request)).await;
    let response = answered.map_err(|_| Error::ConnectionReadTimeout)?.map_err(|error| {
        // A body that is too long ends the request. The guest gets the error of the limit, not of the connection.
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
    // Errors of the connection reach the guest through the body.
    let driven = async move {
        drop(connection.await);
        Ok(())
    };
    Ok((response, Box::new(driven)))
}

/// The count of bytes of one call, in one direction.
pub(super) struct Meter {
    limit: Limit,
    most: u64,
    used: AtomicU64,
    grants: Arc<Grants>,
}

impl Meter {
    /// Starts a count with the bound of `limit`, which is in KiB.
    pub(super) fn new(limit: Limit, limits: &Limits, grants: &Arc<Grants>) -> Arc<Self> {
        let most = limits.get(limit) << 10;
        Arc::new(Self { limit, most, used: AtomicU64::new(0), grants: grants.clone() })
    }

    /// Counts bytes.
    ///
    /// # Errors
    /// They are more than the limit allows.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Error> {
        let used = self.used.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if used <= self.most {
            return Ok(());
        }
        self.limit.count();
        let setting = self.limit.row().setting;
        let most = self.most;
        Err(if self.limit == Limit::HttpRequest {
            self.grants.warn_once(format!("a turn may send {most} bytes over HTTP (`{setting}`)"));
            Error::HttpRequestBodySize(Some(most))
        } else {
            self.grants.warn_once(format!("a turn may read {most} bytes over HTTP (`{setting}`)"));
            Error::HttpResponseBodySize(Some(most))
        })
    }
}

/// A body whose bytes are counted and whose pauses are bounded.
pub(super) struct Metered<B> {
    pub(super) body: B,
    pub(super) meter: Arc<Meter>,
    /// `None`: the body may pause.
    pub(super) pause: Option<Pause>,
}

/// How long a body may pause.
pub(super) struct Pause {
    between: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    /// Returns `Ready` when the body has paused for too long.
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
