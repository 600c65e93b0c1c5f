//! Connections of clients that are slow, silent, hostile or many: each ends with a reason, and others are served.

use std::time::Duration;

use guildhall_tests::{DEADLINE, Host, Socket, blueprint, chat, eventually, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{host, options};

/// A bare connection, for what libraries do not send.
struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    async fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.rest().authority()).await.expect("the host accepts");
        Self { stream, read: Vec::new() }
    }

    /// Opens a socket.
    async fn socket(host: &Host, path: &str, headers: &str) -> Self {
        let mut raw = Self::connect(host).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        raw.send(head.as_bytes()).await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw.read = head.into_bytes();
        raw
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the host reads");
    }

    /// Reads the head of an answer, byte by byte.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().await);
        }
        String::from_utf8(head).expect("a head is text")
    }

    async fn byte(&mut self) -> u8 {
        within(DEADLINE, "a byte", self.stream.read_u8()).await.expect("the host answers")
    }

    /// Reads frames up to a close frame. Returns its code and reason.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            let opcode = self.byte().await & 0x0f;
            let length = match self.byte().await {
                126 => u16::from_be_bytes([self.byte().await, self.byte().await]).into(),
                127 => self.stream.read_u64().await.expect("a length"),
                short => short.into(),
            };
            let mut payload = vec![0; usize::try_from(length).expect("it is small")];
            within(DEADLINE, "a frame", self.stream.read_exact(&mut payload)).await.expect("a payload");
            if opcode == 8 {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                return (code, String::from_utf8_lossy(&payload[2..]).into_owned());
            }
        }
    }

    /// Waits until the host has closed the connection.
    async fn gone(&mut self) {
        let mut rest = Vec::new();
        let _ = within(DEADLINE, "the end", self.stream.read_to_end(&mut rest)).await;
    }
}

/// A masked frame of a client; the mask is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | u8::try_from(length).expect("it is short")),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn user_socket(host: &Host, guild: &str, user: &str) -> Raw {
    Raw::socket(host, &format!("/ws/guilds/{guild}/usercomms/{user}/{user}"), "").await
}

/// The answer to a request on a connection of its own.
async fn get(host: &Host, path: &str) -> String {
    let mut raw = Raw::connect(host).await;
    raw.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await;
    let mut answer = String::new();
    within(DEADLINE, path, raw.stream.read_to_string(&mut answer)).await.expect("the host answers");
    answer
}

/// A metric without labels.
async fn metric(host: &Host, name: &str) -> f64 {
    let text = get(host, "/metrics").await;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).expect("the metric is there");
    line.rsplit(' ').next().expect("a value").parse().expect("a number")
}

#[tokio::test]
async fn a_broken_frame_is_answered_with_the_code_of_its_fault() {
    let host = host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut bystander = chat::join(&host, &guild, "bob").await;
    let unmasked = vec![0x81, 2, b'{', b'}'];
    let faults: [(&str, u16, Vec<u8>); 8] = [
        ("not UTF-8", 1007, frame(0x81, b"{\"\xff\xfe")),
        ("a close frame of one byte", 1002, frame(0x88, &[3])),
        ("a close frame with 1005", 1002, frame(0x88, &[3, 0xed])),
        ("not masked", 1002, unmasked),
        ("a reserved bit", 1002, frame(0xc1, b"{}")),
        ("a long ping", 1002, frame(0x89, &[0; 126])),
        ("fragments that never begin", 1002, frame(0x80, b"{}")),
        ("too large", 1009, frame(0x81, &vec![b' '; 2 << 20])[..1 << 20].to_vec()),
    ];
    for (number, (fault, wanted, bytes)) in faults.into_iter().enumerate() {
        let mut socket = user_socket(&host, &guild, &format!("ann{number}")).await;
        socket.send(&bytes).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, wanted, "{fault}: {reason}");
        assert!(code == 1002 || !reason.is_empty(), "{fault}: no reason");
    }
    let mut fragments = user_socket(&host, &guild, "cut").await;
    let _ = fragments.stream.write_all(&frame(0x01, &[b' '; 1 << 20])).await;
    let _ = fragments.stream.write_all(&frame(0x00, &[b' '; 1 << 20])).await;
    let (code, reason) = fragments.closed().await;
    assert!(code == 1009 && reason.contains("limits.frame_bytes"), "{code} {reason}");
    bystander.say("still here");
    bystander.socket.wait_for("the echo", |frame| frame["payload"]["text"] == "Echo: still here").await;
}

#[tokio::test]
async fn a_subprotocol_that_the_client_offers_is_selected() {
    let host = host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let path = format!("/ws/guilds/{guild}/syscomms/ann");
    let selected = |raw: &Raw| {
        let head = String::from_utf8_lossy(&raw.read).to_ascii_lowercase();
        head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: ").map(str::to_owned))
    };
    assert_eq!(selected(&Raw::socket(&host, &path, "").await), None);
    let offered = Raw::socket(&host, &path, "Sec-WebSocket-Protocol: chat.v1, bearer.QUJD\r\n").await;
    assert_eq!(selected(&offered).as_deref(), Some("chat.v1"));
}

#[tokio::test]
async fn a_name_with_a_slash_and_the_spellings_of_switches_are_read() {
    let host = host().await;
    let guild = host.rest().launch_spec(&blueprint::echo_to_everybody()).await;
    let mut bob = chat::join(&host, &guild, "bob").await;
    let url = |query: &str| host.ws(&format!("/ws/guilds/{guild}/usercomms/ann/Ann%20(she%2Fher){query}"));
    let mut ann = Socket::connect(&url("?ack=yes")).await;
    ann.send(&json!({"format": "text", "payload": {"text": "hello"}, "client_id": "1"}));
    ann.wait_for("an Ack", |frame| frame["format"].as_str().is_some_and(|format| format.ends_with("Ack"))).await;
    let named = |frame: &Value| frame.to_string().contains("Ann (she/her)");
    bob.socket.wait_for("the name", named).await;
    for (query, status) in [("?ack=maybe", 400), ("?events=2", 400)] {
        assert_eq!(Socket::try_connect(&url(query)).await.err(), Some(status), "{query}");
    }
    let slash_in_id = host.ws(&format!("/ws/guilds/{guild}/syscomms/a%2Fb"));
    assert_eq!(Socket::try_connect(&slash_in_id).await.err(), Some(404));
}

#[tokio::test]
async fn a_client_that_takes_no_pongs_does_not_fill_the_memory() {
    let host = host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut flood = user_socket(&host, &guild, "ann").await;
    let pings: Vec<u8> = std::iter::repeat_n(frame(0x89, &[b'x'; 125]), 1_000).flatten().collect();
    // The host stops reading once its answers are not taken, so writing stops too.
    let mut sent = 0;
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(1), flood.stream.write_all(&pings)).await {
        sent += pings.len();
        assert!(sent < 128 << 20, "the host reads pings without an end");
    }
    chat::join(&host, &guild, "bob").await;
}

#[tokio::test]
async fn silent_clients_are_disconnected() {
    let host =
        Host::spawn(options().set("limits.head_s", 1).set("limits.keep_alive_s", 1).set("limits.ping_s", 1)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut mute = Raw::connect(&host).await;
    let mut half = Raw::connect(&host).await;
    half.send(b"GET /healthz HTTP/1.1\r\nHost: local").await;
    let mut idle = Raw::connect(&host).await;
    idle.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(idle.head().await.starts_with("HTTP/1.1 200 "));
    let mut socket = user_socket(&host, &guild, "ann").await;
    for connection in [&mut mute, &mut half, &mut idle] {
        connection.gone().await;
    }
    let (code, reason) = socket.closed().await;
    assert!(code == 1008 && reason.contains("limits.ping_s"), "{code} {reason}");
    let mut http2 = Raw::connect(&host).await;
    http2.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let mut answer = Vec::new();
    let _ = within(DEADLINE, "the end", http2.stream.read_to_end(&mut answer)).await;
    assert!(answer.first() != Some(&0), "HTTP/2 is not served");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered() {
    let host = Host::spawn(options().set("limits.body_s", 1)).await;
    for length in [20, 200_000] {
        let mut slow = Raw::connect(&host).await;
        let head = format!(
            "POST /catalog/categories/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{{"
        );
        slow.send(head.as_bytes()).await;
        let head = slow.head().await;
        assert!(head.starts_with("HTTP/1.1 408 "), "{length}: {head}");
    }
}

#[tokio::test]
async fn connections_without_requests_do_not_shut_others_out() {
    let host = Host::spawn(options().set("limits.connections", 20)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        let mut connection = Raw::connect(&host).await;
        let _ = connection.stream.write_all(b"GET /healthz HTTP/1.1\r\n").await;
        silent.push(connection);
    }
    assert!(get(&host, "/healthz").await.starts_with("HTTP/1.1 200 "));
    chat::join(&host, &guild, "ann").await;
    assert!(metric(&host, "guildhall_connections").await <= 20.0);
    assert!(metric(&host, "guildhall_connections_dropped").await >= 40.0);
    let mut sockets = Vec::new();
    let full = loop {
        let mut raw = Raw::connect(&host).await;
        let path = format!("/ws/guilds/{guild}/syscomms/u{}", sockets.len());
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        if raw.stream.write_all(head.as_bytes()).await.is_err() {
            break None;
        }
        let mut first = [0; 12];
        match raw.stream.read_exact(&mut first).await {
            Ok(_) if &first == b"HTTP/1.1 101" => sockets.push(raw),
            Ok(_) => break Some(String::from_utf8_lossy(&first).into_owned()),
            Err(_) => break None,
        }
        assert!(sockets.len() <= 20, "more sockets than limits.connections");
    };
    assert!(full.is_none_or(|answer| answer == "HTTP/1.1 503"), "all places are taken by sockets");
}

#[tokio::test]
async fn what_clients_send_is_bounded_together() {
    let host = Host::spawn(options().set("limits.bodies_bytes", 600 << 10)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut bystander = chat::join(&host, &guild, "bob").await;
    let (mut refused, mut sockets) = (0, Vec::new());
    for number in 0..4 {
        let mut socket = user_socket(&host, &guild, &format!("ann{number}")).await;
        let _ = socket.stream.write_all(&frame(0x01, &[b' '; 300 << 10])).await;
        sockets.push(socket);
    }
    for socket in &mut sockets {
        if let Ok((code, reason)) = tokio::time::timeout(Duration::from_secs(1), socket.closed()).await {
            assert!(code == 1013 && reason.contains("limits.bodies_bytes"), "{code} {reason}");
            refused += 1;
        }
    }
    assert!((1..4).contains(&refused), "{refused} of 4 sockets were closed");
    assert!(metric(&host, "guildhall_client_bytes").await > 0.0);
    bystander.say("small frames have room");
    bystander.socket.wait_for("the echo", |frame| frame["payload"]["text"] == "Echo: small frames have room").await;
    drop(sockets);
    eventually(DEADLINE, "the room to be returned", async || match metric(&host, "guildhall_client_bytes").await {
        0.0 => Ok(()),
        bytes => Err(format!("{bytes} bytes are taken")),
    })
    .await;
    bystander.socket.send_text("x".repeat(700 << 10));
    assert_eq!(bystander.socket.close_code().await, 1013, "one frame is larger than all room");
}
