//! A WebSocket of a host, over the same connections as requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use http::header;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::error::HostError;
use super::http::Client;
use super::place::Place;

/// How long the handshake may take.
const OPEN: Duration = Duration::from_secs(20);

/// A connection of bytes.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// An open socket: frames of JSON in both directions.
pub struct Frames(WebSocketStream<MaybeTlsStream<Box<dyn Bytes>>>);

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Ended {
    /// The code of the close frame; `None` when the connection broke.
    pub code: Option<u16>,
    /// The words of the host, or of the system.
    pub reason: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.reason.as_str()) {
            (Some(code), "") => write!(f, "the host closed the socket with {code}"),
            (Some(_), reason) => write!(f, "the host closed the socket: {reason}"),
            (None, reason) => write!(f, "the connection broke: {reason}"),
        }
    }
}

/// Returns whether there is nothing to come back to: the guild was stopped, or a frame breaks a rule of the protocol.
#[must_use]
pub fn is_final(error: &anyhow::Error) -> bool {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return matches!(ended.code, Some(1000 | 1002 | 1007 | 1009));
    }
    // 5xx: the host or a proxy before it may be back soon.
    error.downcast_ref::<HostError>().is_some_and(|refusal| refusal.status < 500)
}

impl Client {
    /// Opens a socket. `path` has its query. Cancel safe.
    ///
    /// # Errors
    /// The host cannot be reached, or its [`HostError`].
    pub async fn socket(&self, path: &str) -> anyhow::Result<Frames> {
        let opening = tokio::time::timeout(OPEN, self.open(path)).await;
        opening.with_context(|| format!("the host at {} does not answer", self.place))?
    }

    async fn open(&self, path: &str) -> anyhow::Result<Frames> {
        let url = format!("{}{path}", self.place.base()).replacen("http", "ws", 1);
        let mut request = url.as_str().into_client_request().with_context(|| format!("{url} is no address"))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        }
        let unreachable = || format!("the host at {} cannot be reached", self.place);
        let stream: Box<dyn Bytes> = match &self.place {
            Place::Unix(path) => Box::new(UnixStream::connect(path).await.with_context(unreachable)?),
            Place::Web(_) => {
                let name = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                let is_tls = request.uri().scheme_str() == Some("wss");
                let port = request.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
                let tcp = TcpStream::connect((name.as_str(), port)).await.with_context(unreachable)?;
                let _ = tcp.set_nodelay(true);
                Box::new(tcp)
            }
        };
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        match client_async_tls_with_config(request, stream, None, Some(connector)).await {
            Ok((socket, _)) => Ok(Frames(socket)),
            Err(Error::Http(refusal)) => {
                let body = refusal.body().as_deref().unwrap_or_default();
                let path = path.split('?').next().unwrap_or(path);
                Err(HostError::new(refusal.status().as_u16(), body, format!("the socket {path}")).into())
            }
            Err(error) => Err(error).with_context(unreachable),
        }
    }
}

impl Frames {
    /// Waits for the next frame of text. Cancel safe.
    ///
    /// # Errors
    /// [`Ended`], or a frame that is no JSON.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).context("the host sent a frame that is no JSON");
                }
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame
                        .map_or((CloseCode::Status, String::new()), |frame| (frame.code, frame.reason.to_string()));
                    bail!(Ended { code: Some(code.into()), reason })
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => bail!(Ended { code: None, reason: error.to_string() }),
                None => bail!(Ended { code: None, reason: "it was closed".to_owned() }),
            }
        }
    }

    /// Sends a frame. Dropping the future may leave it sent.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        let sent = self.0.send(Message::text(frame.to_string())).await;
        sent.map_err(|error| Ended { code: None, reason: error.to_string() }.into())
    }

    /// Closes the socket. Cancel safe.
    pub async fn close(mut self) {
        // It ends with the process in any case.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.0.close(None)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_opened_again_and_a_stopped_guild_is_not() {
        let ended = |code| anyhow::Error::from(Ended { code, reason: String::new() });
        assert!(is_final(&ended(Some(1000))) && is_final(&ended(Some(1007))));
        assert!(!is_final(&ended(Some(1001))) && !is_final(&ended(Some(1013))) && !is_final(&ended(None)));
        let refused = |status| anyhow::Error::from(HostError::new(status, b"", String::new()));
        assert!(is_final(&refused(404)) && is_final(&refused(409)) && !is_final(&refused(503)));
        assert!(!is_final(&anyhow::anyhow!("the host cannot be reached")));
    }
}
