//! One WebSocket of a client. A task reads it all the time, because a client that does not read does not answer pings, and
//! the server waits for the pong before it reports `ok`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wait::{DEADLINE, within};

type Stream = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// The code of a connection that ended without a close frame.
pub const ABNORMAL: u16 = 1006;
/// The code of a close frame without a code.
pub const NO_STATUS: u16 = 1005;

/// The number of other frames that are shown when a wait fails.
const SHOWN: usize = 20;

enum Event {
    Text(String),
    Pong(Vec<u8>),
    /// The last one.
    Closed(u16),
}

/// A connected socket.
pub struct Socket {
    name: String,
    outgoing: mpsc::UnboundedSender<Message>,
    /// The frames that were read and not yet returned. A test bounds their number.
    events: mpsc::UnboundedReceiver<Event>,
    seen: Vec<String>,
    closed: Option<u16>,
}

impl Socket {
    /// Connects.
    ///
    /// # Panics
    /// If the server refuses the handshake.
    pub async fn connect(url: &str) -> Self {
        match Self::try_connect(url).await {
            Ok(socket) => socket,
            Err(status) => panic!("{url}: the handshake is answered {status}"),
        }
    }

    /// Connects; `None`: the server cannot be reached, or refuses the handshake.
    pub async fn reach(url: &str) -> Option<Self> {
        let connecting = tokio::time::timeout(DEADLINE, tokio_tungstenite::connect_async(url));
        let (stream, _) = connecting.await.ok()?.ok()?;
        Some(Self::of(url, stream))
    }

    /// Connects.
    ///
    /// # Errors
    /// The HTTP status with which the server refuses the handshake.
    pub async fn try_connect(url: &str) -> Result<Self, u16> {
        let stream = match within(DEADLINE, url, tokio_tungstenite::connect_async(url)).await {
            Ok((stream, _)) => stream,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(error) => panic!("{url}: no handshake: {error}"),
        };
        Ok(Self::of(url, stream))
    }

    fn of(url: &str, stream: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>) -> Self {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (sender, events) = mpsc::unbounded_channel();
        // Ends when the socket closes or this value is dropped.
        tokio::spawn(serve(stream, to_send, sender));
        let name = url.split_once("/ws/").map_or(url, |(_, name)| name).to_owned();
        Self { name, outgoing, events, seen: Vec::new(), closed: None }
    }

    pub fn send(&self, message: &Value) {
        self.send_text(message.to_string());
    }

    pub fn send_text(&self, text: impl Into<String>) {
        self.send_message(Message::text(text.into()));
    }

    pub fn send_binary(&self, bytes: impl Into<Vec<u8>>) {
        self.send_message(Message::binary(bytes.into()));
    }

    /// Sends a frame. On a closed socket it is lost, as it is for every client.
    fn send_message(&self, message: Message) {
        let _ = self.outgoing.send(message);
    }

    /// Returns the next frame as JSON.
    pub async fn next(&mut self) -> Value {
        self.wait_for("any frame", |_| true).await
    }

    /// Returns the next frame that satisfies `wanted`. Frames before it are dropped.
    pub async fn wait_for(&mut self, what: &str, wanted: impl FnMut(&Value) -> bool) -> Value {
        self.wait_within(DEADLINE, what, wanted).await
    }

    /// Does the same as [`Socket::wait_for`], with another deadline.
    pub async fn wait_within(
        &mut self,
        deadline: Duration,
        what: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + deadline;
        loop {
            match timeout_at(end, self.frame()).await {
                Ok(Some(frame)) if wanted(&frame) => return frame,
                Ok(Some(_)) => {}
                Ok(None) => panic!("{}: closed with {:?} before {what}{}", self.name, self.closed, self.instead()),
                Err(_) => panic!("{}: waited {deadline:?} for {what}{}", self.name, self.instead()),
            }
        }
    }

    /// Returns all frames up to and including the first that satisfies `wanted`.
    pub async fn collect_until(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        let last = self.wait_for(what, |frame| {
            let found = wanted(frame);
            if !found {
                frames.push(frame.clone());
            }
            found
        });
        let last = last.await;
        frames.push(last);
        frames
    }

    /// Returns the frames that arrive until none has arrived for `idle` or the socket is closed.
    pub async fn collect_until_idle(&mut self, idle: Duration) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = tokio::time::timeout(idle, self.frame()).await {
            frames.push(frame);
        }
        frames
    }

    /// Returns the next frame, without a deadline; `None` if the socket is closed. Cancel safe.
    pub async fn frame(&mut self) -> Option<Value> {
        loop {
            match self.event().await? {
                Event::Text(text) => {
                    let frame = serde_json::from_str(&text);
                    self.seen.push(text);
                    return Some(frame.unwrap_or_else(|_| panic!("{}: no JSON{}", self.name, self.instead())));
                }
                Event::Pong(_) | Event::Closed(_) => {}
            }
        }
    }

    async fn event(&mut self) -> Option<Event> {
        let event = self.events.recv().await?;
        if let Event::Closed(code) = event {
            self.closed = Some(code);
        }
        Some(event)
    }

    /// Sends a ping and waits for its pong.
    pub async fn ping(&mut self) {
        self.send_message(Message::Ping(b"are you there".as_slice().into()));
        let pong = async {
            while let Some(event) = self.event().await {
                match event {
                    Event::Pong(echoed) if echoed == b"are you there" => return true,
                    Event::Text(text) => self.seen.push(text),
                    Event::Pong(_) | Event::Closed(_) => {}
                }
            }
            false
        };
        assert!(within(DEADLINE, "a pong", pong).await, "{}: closed with {:?} before a pong", self.name, self.closed);
    }

    /// Waits until the server closes the socket. Returns its code, [`NO_STATUS`] or [`ABNORMAL`].
    pub async fn close_code(&mut self) -> u16 {
        let code = self.close_code_within(DEADLINE).await;
        code.unwrap_or_else(|| panic!("{}: waited {DEADLINE:?} for the close{}", self.name, self.instead()))
    }

    /// Returns the code, or `None` if the server has not closed the socket in that time.
    pub async fn close_code_within(&mut self, deadline: Duration) -> Option<u16> {
        let closed = async { while self.frame().await.is_some() {} };
        let _ = tokio::time::timeout(deadline, closed).await;
        self.closed
    }

    /// Closes the socket and waits until it is closed.
    pub async fn close(mut self) {
        self.send_message(Message::Close(None));
        self.close_code().await;
    }

    /// Returns whether a frame that was read and not returned contains a text.
    #[must_use]
    pub fn has_seen(&self, part: &str) -> bool {
        self.seen.iter().any(|text| text.contains(part))
    }

    fn instead(&self) -> String {
        let shown = &self.seen[self.seen.len().saturating_sub(SHOWN)..];
        if shown.is_empty() {
            return "; nothing came".to_owned();
        }
        let frames: Vec<_> = shown.iter().map(|text| text.chars().take(600).collect::<String>()).collect();
        format!("; {} frames came, the last of them:\n  {}", self.seen.len(), frames.join("\n  "))
    }
}

/// Passes frames in both directions until one side ends. When sending fails it still reads, because a close frame with the
/// reason may have arrived.
async fn serve(
    mut stream: Stream,
    mut to_send: mpsc::UnboundedReceiver<Message>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut sending = true;
    let code = loop {
        tokio::select! {
            message = to_send.recv(), if sending => match message {
                Some(message) => sending = stream.send(message).await.is_ok(),
                None => return,
            },
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => drop(events.send(Event::Text(text.as_str().to_owned()))),
                Some(Ok(Message::Pong(bytes))) => drop(events.send(Event::Pong(bytes.to_vec()))),
                Some(Ok(Message::Close(close))) => break close.map_or(NO_STATUS, |close| close.code.into()),
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => break ABNORMAL,
            },
        }
    };
    drop(events.send(Event::Closed(code)));
    // Answers the close frame and waits until the server disconnects.
    while let Some(Ok(_)) = stream.next().await {}
}
