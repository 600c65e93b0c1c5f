//! Requests and sockets for guilds of other hosts. Hosts that share the journal serve every client: what is for a guild that
//! another host has is carried there over HTTP, and the answer is carried back. A host knows a request of another host by a
//! secret that all of them have, and never carries it further.

mod request;
mod resume;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rustls::ClientConfig;

use crate::guild::{Guilds, Place};
use crate::ws::{SOCKET_NUMBER, WsState};
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::GuildId;

/// The header with the secret of the hosts.
pub const SECRET: HeaderName = HeaderName::from_static("x-guildhall-host");

/// How long a connection to another host may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long a request waits for a guild that is being taken over.
const MOVED_WITHIN: Duration = Duration::from_secs(15);
/// How often it looks where the guild is.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// An answer of another host, which is complete as it is.
#[derive(Clone, Copy, Debug)]
pub struct Carried;

/// The other hosts. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    guilds: Guilds,
    secret: String,
    client: reqwest::Client,
    tls: Arc<ClientConfig>,
}

/// What the middleware needs.
#[derive(Clone)]
pub struct Carrying {
    /// The other hosts.
    pub peers: Peers,
    /// What sockets work with.
    pub sockets: WsState,
}

impl Peers {
    /// The hosts that share the journal of `guilds` and have the same secret. Their addresses come with their leases.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(guilds: Guilds, secret: String, tls: ClientConfig) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .connect_timeout(CONNECT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self(Arc::new(Inner { guilds, secret, client, tls: Arc::new(tls) })))
    }

    /// Whether a request comes from another host.
    fn is_of_host(&self, headers: &HeaderMap) -> bool {
        headers.get(SECRET).is_some_and(|given| is_same(given.as_bytes(), self.0.secret.as_bytes()))
    }

    /// Where a guild is. A journal that is away is no reason to ask another host.
    async fn place(&self, guild: &GuildId) -> Place {
        self.0.guilds.place(guild).await.unwrap_or(Place::Here)
    }
}

/// Compares in a time that does not tell how much is the same.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Middleware that carries what is for a guild of another host there.
///
/// Dropping the future drops the request; the other host may have begun with it.
pub async fn carry(State(carrying): State<Option<Carrying>>, mut request: Request, next: Next) -> Response {
    let Some(carrying) = carrying else {
        request.headers_mut().remove(SOCKET_NUMBER);
        return next.run(request).await;
    };
    let peers = &carrying.peers;
    if peers.is_of_host(request.headers()) {
        return next.run(request).await;
    }
    // Nobody else may say so.
    for name in [SECRET, SOCKET_NUMBER] {
        request.headers_mut().remove(name);
    }
    let Some(guild) = guild_of(request.uri().path()) else { return next.run(request).await };
    if peers.place(&guild).await == Place::Here {
        return next.run(request).await;
    }
    let is_socket =
        request.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if is_socket {
        socket::carry(&carrying, guild, request, next).await
    } else {
        request::carry(peers, &guild, request, next).await
    }
}

/// The guild that a path is about.
fn guild_of(path: &str) -> Option<GuildId> {
    let rest = path.strip_prefix("/api/guilds/").or_else(|| path.strip_prefix("/ws/guilds/"))?;
    let id = rest.split('/').next().filter(|id| !id.is_empty())?;
    let id = percent_encoding::percent_decode_str(id).decode_utf8().ok()?;
    Some(GuildId::from(&*id))
}

/// The answer when the guild of a request does not come to rest.
fn moving() -> Response {
    refuse("guild_moving", "The guild moves to another host").hint("try again in some seconds").into_answer()
}

struct Refusal(ErrorBody);

impl Refusal {
    fn hint(self, hint: &'static str) -> Self {
        Self(self.0.hint(hint))
    }

    fn into_answer(self) -> Response {
        let mut answer = (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")]).into_response();
        answer.extensions_mut().insert(self.0);
        answer
    }
}

fn refuse(code: &'static str, detail: &str) -> Refusal {
    Refusal(ErrorBody::new(detail, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guild_of_a_path_is_found() {
        for (path, guild) in [
            ("/api/guilds/g", Some("g")),
            ("/api/guilds/a%20b/agents/c", Some("a b")),
            ("/ws/guilds/g/usercomms/u/n", Some("g")),
            ("/api/guilds", None),
            ("/api/guilds/", None),
            ("/catalog/guilds/g", None),
            ("/api/guilds/%ff", None),
        ] {
            assert_eq!(guild_of(path), guild.map(GuildId::from), "{path}");
        }
    }

    #[test]
    fn a_secret_is_compared_as_a_whole() {
        assert!(is_same(b"secret", b"secret"));
        for other in [&b"secre"[..], b"secrets", b"Secret", b""] {
            assert!(!is_same(b"secret", other));
        }
    }
}
