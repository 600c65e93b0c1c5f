//! Carries a request to the host that has its guild, and the answer back. Both are streams. A request that the other host has
//! surely not begun is sent again; one that only reads is too.

use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::Value;

use super::{Carried, LOOK_EVERY, MOVED_WITHIN, Peers, SECRET, moving, refuse};
use crate::guild::{HostEntry, Place};
use guildhall_model::ids::GuildId;

/// A body of at most this many bytes is kept, so that it can be sent again.
const KEPT_BYTES: u64 = 64 << 10;

/// Headers that are between two neighbours (RFC 9110, section 7.6.1), and those that this host writes itself.
const NOT_CARRIED: [HeaderName; 11] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::ORIGIN,
    header::ACCEPT_ENCODING,
    header::EXPECT,
];

/// The codes of answers of a host that has not begun with the request.
const NOT_BEGUN: [&str; 3] = ["not_ready", "guild_moving", "shutting_down"];

/// Carries a request. Dropping the future drops it; the other host may have begun with it.
pub async fn carry(peers: &Peers, guild: &GuildId, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let is_short = body.size_hint().upper().is_some_and(|bytes| bytes <= KEPT_BYTES);
    if !is_short {
        return match peers.place(guild).await {
            Place::Here => next.run(Request::from_parts(parts, body)).await,
            Place::There(host) => {
                match send(peers, &host, &parts, reqwest::Body::wrap_stream(body.into_data_stream())).await {
                    Ok(answer) => answered(peers, &host, answer),
                    Err(error) => lost(&error),
                }
            }
        };
    }
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let deadline = Instant::now() + MOVED_WITHIN;
    let only_reads = parts.method.is_safe();
    loop {
        let host = match peers.place(guild).await {
            Place::Here => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
            Place::There(host) => host,
        };
        let sent = send(peers, &host, &parts, bytes.clone()).await;
        let last = match sent {
            Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                let (answer, is_begun) = looked_at(answer).await;
                if is_begun {
                    return answer;
                }
                answer
            }
            Ok(answer) => return answered(peers, &host, answer),
            Err(error) if only_reads || error.is_not_begun() => moving(),
            Err(error) => return lost(&error),
        };
        if Instant::now() > deadline {
            return last;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Why a request was not answered.
enum Unanswered {
    /// The other host cannot be reached, or the connection broke.
    Failed(reqwest::Error),
    /// The lease of the other host is over.
    Gone,
}

impl Unanswered {
    /// Whether the other host has surely not begun with the request.
    fn is_not_begun(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_connect())
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Gone => f.write_str("its lease is over"),
        }
    }
}

async fn send(
    peers: &Peers,
    host: &HostEntry,
    parts: &Parts,
    body: impl Into<reqwest::Body>,
) -> Result<reqwest::Response, Unanswered> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", host.url.trim_end_matches('/'));
    let mut headers = carried(&parts.headers);
    if let Ok(secret) = peers.0.secret.parse() {
        headers.insert(SECRET, secret);
    }
    let sending = peers.0.client.request(parts.method.clone(), url).headers(headers).body(body).send();
    tokio::select! {
        sent = sending => sent.map_err(Unanswered::Failed),
        () = peers.0.guilds.host_gone(host.id.clone()) => Err(Unanswered::Gone),
    }
}

fn carried(headers: &HeaderMap) -> HeaderMap {
    let mut carried = headers.clone();
    // What the sender names in `Connection` is for the neighbour as well.
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&NOT_CARRIED) {
        carried.remove(name);
    }
    carried
}

/// The answer as a stream, which ends early when the other host has gone.
fn answered(peers: &Peers, host: &HostEntry, answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), carried(answer.headers()));
    let (guilds, id) = (peers.0.guilds.clone(), host.id.clone());
    let gone = Box::pin(async move { guilds.host_gone(id).await });
    let mut response = Response::new(Body::from_stream(answer.bytes_stream().take_until(gone)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(Carried);
    response
}

/// Reads an answer of 503. Returns it, and whether the other host had begun with the request.
async fn looked_at(answer: reqwest::Response) -> (Response, bool) {
    let headers = carried(answer.headers());
    let bytes: Bytes = answer.bytes().await.unwrap_or_default();
    let code = serde_json::from_slice::<Value>(&bytes).ok();
    let is_begun = !code.is_some_and(|body| NOT_BEGUN.iter().any(|code| body["code"] == *code));
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, headers, bytes).into_response();
    response.extensions_mut().insert(Carried);
    (response, is_begun)
}

/// The answer when the other host went away in the middle.
fn lost(error: &Unanswered) -> Response {
    tracing::warn!(%error, "a host went away with a request");
    refuse("host_lost", "The host of the guild went away before it answered; the request may be done or not")
        .hint("look whether it was done; a launch or an upload is repeated safely with an Idempotency-Key")
        .into_answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_the_neighbour_is_not_carried() {
        let given = [
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("host", "a"),
            ("origin", "http://a"),
            ("if-match", "\"t\""),
            ("traceparent", "00"),
        ];
        let headers =
            given.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
        let mut names: Vec<String> = carried(&headers).keys().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names, ["if-match", "traceparent"]);
    }
}
