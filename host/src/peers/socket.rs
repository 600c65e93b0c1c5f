//! Carries a socket to the host that has its guild. When that host ends or loses the guild, the client's socket stays open:
//! it is connected to the next host, resumes after the last message that the client has got, and sends again what was not
//! confirmed.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::resume::Resume;
use super::{CONNECT_WITHIN, Carried, Carrying, LOOK_EVERY, MOVED_WITHIN, Peers, SECRET, moving};
use crate::connections::Connection;
use crate::guild::Place;
use crate::ws::{Accepted, Ending, HAS_ALL_TO, Incoming, SOCKET_NUMBER, Session, bounded, check_origin};
use guildhall_model::close::CloseCode;
use guildhall_model::dialect::Dialect;
use guildhall_model::ids::GuildId;

/// How long a client waits for its guild to come back before its socket is closed.
const BACK_WITHIN: Duration = Duration::from_secs(60);

type Owner = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where a socket goes, on whichever host.
struct Target {
    peers: Peers,
    guild: GuildId,
    uri: Uri,
    protocol: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
    /// The number of the socket; `None`: it is a system socket, which has nothing to resume.
    number: Option<u64>,
}

/// Why the host of a guild did not take a socket.
enum Refused {
    /// It says so.
    Answer(Box<Response>),
    /// It cannot be reached, or does not serve at present.
    Away,
}

/// Carries a socket. Dropping the future before the answer drops it.
pub async fn carry(carrying: &Carrying, guild: GuildId, request: Request, next: Next) -> Response {
    let state = carrying.sockets.clone();
    let (mut parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Connection>().cloned();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        // It is refused here as it would be there.
        return next.run(Request::from_parts(parts, body)).await;
    };
    if let Err(refusal) = check_origin(&parts.headers, &state) {
        return refusal;
    }
    let is_user = parts.uri.path().contains("/usercomms/");
    let mut target = Target {
        peers: carrying.peers.clone(),
        guild,
        protocol: parts.headers.get(header::SEC_WEBSOCKET_PROTOCOL).cloned(),
        traceparent: parts.headers.get("traceparent").cloned(),
        number: is_user.then(|| rand::random::<u64>() | 1),
        uri: parts.uri,
    };
    let mut resume = Resume::new(target.asks("ack"), format!("via-{:016x}", rand::random::<u64>()));
    let (owner, headers, host) = match target.connect(&resume, MOVED_WITHIN).await {
        Ok(connected) => connected,
        Err(Refused::Answer(answer)) => return *answer,
        Err(Refused::Away) => return moving(),
    };
    let id = headers.get(HAS_ALL_TO).and_then(|id| id.to_str().ok()?.parse().ok());
    id.into_iter().for_each(|id| resume.has_all_to(id));
    let mut upgrade = bounded(upgrade, state.limits.frame_bytes);
    if let Some(protocol) = headers.get(header::SEC_WEBSOCKET_PROTOCOL) {
        upgrade.set_selected_protocol(protocol.clone());
    }
    target.protocol = headers.get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
    let tracker = state.tracker.clone();
    upgrade.on_upgrade(move |socket| {
        let accepted = Accepted { socket, connection, awake: Box::new(()) };
        let session = Session::new(accepted, &state, Dialect::default());
        let (shutdown, frame_bytes) = (state.shutdown.clone(), state.limits.frame_bytes);
        tracker.track_future(async move {
            let mut socket = Socket { session, owner, host, target, resume, frame_bytes };
            let ending = shutdown.run_until_cancelled(socket.run()).await;
            let Socket { session, mut owner, .. } = socket;
            match ending.unwrap_or(End::Client(Ending::HostShutdown)) {
                End::Client(ending) => {
                    let _ = tokio::time::timeout(CONNECT_WITHIN, owner.close(None)).await;
                    session.close(ending).await;
                }
                End::Owner(frame) => session.close_with(frame).await,
            }
        })
    })
}

impl Target {
    /// The value of an option of the socket.
    fn option(&self, name: &str) -> Option<String> {
        let pairs = self.uri.query().into_iter().flat_map(|query| query.split('&'));
        let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    /// Whether a switch is on.
    fn asks(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "1" | "true" | "yes" | "on"))
    }

    /// The path with the options of the next connection: confirmations in any case, and what the client has got.
    fn path(&self, resume: &Resume) -> String {
        let path = self.uri.path();
        let query = self.uri.query().unwrap_or_default();
        if self.number.is_none() {
            return format!("{path}?{query}");
        }
        let is_ours =
            |pair: &&str| !(pair.starts_with("ack=") || resume.after().is_some() && pair.starts_with("after="));
        let mut pairs: Vec<String> =
            query.split('&').filter(|pair| !pair.is_empty()).filter(is_ours).map(str::to_owned).collect();
        // A value that is none is refused by the owner, with its words.
        let is_wrong = self.option("ack").filter(|value| !self.asks("ack") && !is_off(value));
        pairs.push(format!("ack={}", is_wrong.as_deref().unwrap_or("true")));
        pairs.extend(resume.after().map(|after| format!("after={after}")));
        format!("{path}?{}", pairs.join("&"))
    }

    /// Connects to whichever host has the guild, as soon as one has it.
    async fn connect(&self, resume: &Resume, within: Duration) -> Result<(Owner, HeaderMap, String), Refused> {
        let deadline = Instant::now() + within;
        loop {
            let host = match self.peers.place(&self.guild).await {
                Place::There(host) => Some(host),
                // It has come to this one, which serves it as it serves another host.
                Place::Here => self.peers.0.guilds.hosts().and_then(|hosts| hosts.find(&hosts.own).cloned()),
            };
            let connected = match host {
                Some(host) => tokio::select! {
                    connected = self.connect_to(&host.url, resume) => connected.map(|(owner, head)| (owner, head, host.id)),
                    () = self.peers.0.guilds.host_gone(host.id.clone()) => Err(Refused::Away),
                },
                None => Err(Refused::Away),
            };
            match connected {
                Err(Refused::Away) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                connected => return connected,
            }
        }
    }

    async fn connect_to(&self, url: &str, resume: &Resume) -> Result<(Owner, HeaderMap), Refused> {
        let url = format!("{}{}", url.trim_end_matches('/').replacen("http", "ws", 1), self.path(resume));
        let Ok(mut request) = url.into_client_request() else { return Err(Refused::Away) };
        let number = self.number.map(HeaderValue::from);
        let headers: [(HeaderName, Option<HeaderValue>); 4] = [
            (SECRET, self.peers.0.secret.parse().ok()),
            (SOCKET_NUMBER, number),
            (header::SEC_WEBSOCKET_PROTOCOL, self.protocol.clone()),
            (HeaderName::from_static("traceparent"), self.traceparent.clone()),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request.headers_mut().insert(name, value);
            }
        }
        // The owner bounds what it sends.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let connector = Connector::Rustls(self.peers.0.tls.clone());
        let connecting = connect_async_tls_with_config(request, Some(config), true, Some(connector));
        match tokio::time::timeout(MOVED_WITHIN, connecting).await {
            Ok(Ok((owner, answer))) => Ok((owner, answer.headers().clone())),
            Ok(Err(Error::Http(refusal))) if refusal.status() == StatusCode::SERVICE_UNAVAILABLE => Err(Refused::Away),
            Ok(Err(Error::Http(refusal))) => Err(Refused::Answer(Box::new(refused(*refusal)))),
            Ok(Err(_)) | Err(_) => Err(Refused::Away),
        }
    }
}

fn is_off(value: &str) -> bool {
    matches!(&*value.to_ascii_lowercase(), "0" | "false" | "no" | "off")
}

/// The answer of the owner that refuses an upgrade.
fn refused(refusal: axum::http::Response<Option<Vec<u8>>>) -> Response {
    let (parts, body) = refusal.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
    let mut answer = (parts.status, Bytes::from(body.unwrap_or_default())).into_response();
    if let Some(kind) = kind {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer.extensions_mut().insert(Carried);
    answer
}

/// Why a carried socket ends.
enum End {
    /// For a reason of the client or of this host.
    Client(Ending),
    /// The owner has closed it.
    Owner(CloseFrame),
}

struct Socket {
    session: Session,
    owner: Owner,
    /// The id of the host that has the guild.
    host: String,
    target: Target,
    resume: Resume,
    frame_bytes: usize,
}

impl Socket {
    async fn run(&mut self) -> End {
        let guilds = self.target.peers.0.guilds.clone();
        loop {
            let is_user = self.target.number.is_some();
            let ping_due = self.session.ping_due();
            let done = tokio::select! {
                received = self.session.socket.recv(), if !is_user || self.resume.has_room() => {
                    self.client_sent(received).await
                }
                frame = self.owner.next() => self.owner_sent(frame).await,
                // It may be frozen, or cut off: its connection is open and silent then.
                () = guilds.host_gone(self.host.clone()) => self.come_back().await,
                () = tokio::time::sleep_until(ping_due) => self.session.keep_alive().await.map_err(End::Client),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn client_sent(
        &mut self,
        received: Option<Result<axum::extract::ws::Message, axum::Error>>,
    ) -> Result<(), End> {
        let frame = match self.session.sort(received, self.frame_bytes) {
            Incoming::End(ending) => return Err(End::Client(ending)),
            Incoming::Ping => return self.session.answer_ping().await.map_err(End::Client),
            Incoming::Pong => return Ok(()),
            // The owner says what is wrong with it.
            Incoming::FrameError(_) => Message::binary(Vec::new()),
            Incoming::Text(text) if self.target.number.is_some() => Message::text(self.resume.sent(text.to_string())),
            Incoming::Text(text) => Message::text(text.to_string()),
        };
        match self.owner.send(frame).await {
            Ok(()) => Ok(()),
            Err(_) => self.come_back().await,
        }
    }

    async fn owner_sent(&mut self, frame: Option<Result<Message, Error>>) -> Result<(), End> {
        match frame {
            Some(Ok(Message::Text(text))) => {
                if self.target.number.is_some() && !self.resume.got(&text) {
                    return Ok(());
                }
                self.session.send([text.to_string()]).await.map_err(End::Client)
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.as_ref().map_or(1000, |frame| u16::from(frame.code));
                if [CloseCode::ShuttingDown, CloseCode::Moved].iter().any(|one| one.number() == code) {
                    return self.come_back().await;
                }
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                Err(End::Owner(CloseFrame { code, reason: reason.into() }))
            }
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => self.come_back().await,
        }
    }

    /// Connects to the host that has the guild now.
    async fn come_back(&mut self) -> Result<(), End> {
        let guild = self.target.guild.clone();
        tracing::info!(%guild, "a socket is carried to the next host of its guild");
        // An owner that takes sockets and ends them at once is not asked without a pause.
        tokio::time::sleep(LOOK_EVERY).await;
        let (owner, host) = match self.target.connect(&self.resume, BACK_WITHIN).await {
            Ok((owner, _, host)) => (owner, host),
            Err(Refused::Answer(answer)) => {
                let is_stopped = matches!(answer.status(), StatusCode::CONFLICT | StatusCode::NOT_FOUND);
                return Err(End::Client(if is_stopped { Ending::GuildEnded } else { Ending::HostError }));
            }
            Err(Refused::Away) => return Err(End::Client(Ending::Moved)),
        };
        self.session.restart_pings();
        (self.owner, self.host) = (owner, host);
        let again: Vec<Message> = self.resume.unconfirmed().map(|text| Message::text(text.to_owned())).collect();
        for frame in again {
            if self.owner.send(frame).await.is_err() {
                // The next read finds out.
                return Ok(());
            }
        }
        Ok(())
    }
}
