//! A line in the log for each request: method, path, status, milliseconds, bytes of the answer, and the trace id. It is
//! written when the answer is complete. Queries and headers are not in it, because they may have secrets.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tracing::Level;

use super::error::TraceId;

/// The target of the lines, for filters.
const TARGET: &str = "guildhall::access";

/// The level of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Debug,
    Info,
}

/// Middleware that writes the line. Without a log that takes it, requests pass unchanged.
///
/// Dropping the future drops the request; its line is not written.
pub async fn log(State(access): State<Access>, request: Request, next: Next) -> Response {
    let is_taken = match access {
        Access::Debug => tracing::enabled!(target: TARGET, Level::DEBUG),
        Access::Info => tracing::enabled!(target: TARGET, Level::INFO),
    };
    if !is_taken {
        return next.run(request).await;
    }
    let (begun, method, path) = (Instant::now(), request.method().to_string(), request.uri().path().to_owned());
    let given = super::error::given_trace(request.headers());
    let response = next.run(request).await;
    let trace = response.extensions().get::<TraceId>().map(|TraceId(id)| id.clone()).or(given);
    let status = response.status().as_u16();
    let line = Line { access, begun, method, path, status, trace, bytes: 0 };
    response.map(|body| Body::new(Logged { body, line }))
}

/// What the line of one request says.
struct Line {
    access: Access,
    begun: Instant,
    method: String,
    path: String,
    status: u16,
    trace: Option<String>,
    bytes: u64,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { access, begun, method, path, status, trace, bytes } = self;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let trace_id = trace.as_deref().unwrap_or_default();
        match access {
            Access::Info => tracing::info!(target: TARGET, %method, %path, status, ms, bytes, trace_id, "request"),
            Access::Debug => tracing::debug!(target: TARGET, %method, %path, status, ms, bytes, trace_id, "request"),
        }
    }
}

/// The body of an answer. Its line is written when it is dropped: it is complete, or the client has gone.
struct Logged {
    body: Body,
    line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
