//! Floods: what a hostile client does to a server over and over. The load generator runs them beside users and compares
//! latencies and memory; tests run each for a moment and look at the server afterwards.

mod raw;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::blueprint;
use crate::rest::Rest;
use raw::{Connection, Opcode};

/// What one hostile client does until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// Frames whose routing slip has an expression without end, on one socket.
    Slips,
    /// Eight forms at once, each with a field of 60 MB that is no file.
    Forms,
    /// Pings on one socket whose pongs nobody reads.
    Pings,
    /// A hundred sockets, each with a message of 15 MB that is never finished.
    Fragments,
    /// Two hundred connections that send a request's head a byte at a time.
    Heads,
    /// Two hundred connections that send nothing, and as many sockets that read nothing.
    Silent,
    /// New users who join and leave.
    Joins,
    /// Sockets that ask for the whole history and leave at once, and histories over REST that nobody reads.
    Histories,
    /// Sixteen bodies at once, each a list of two million numbers.
    Values,
    /// Two hundred connections that ask for a long list and read nothing of it.
    Answers,
}

/// All floods with the names that the load generator takes.
pub const FLOODS: [(&str, Flood); 10] = [
    ("slips", Flood::Slips),
    ("forms", Flood::Forms),
    ("pings", Flood::Pings),
    ("fragments", Flood::Fragments),
    ("heads", Flood::Heads),
    ("silent", Flood::Silent),
    ("joins", Flood::Joins),
    ("histories", Flood::Histories),
    ("values", Flood::Values),
    ("answers", Flood::Answers),
];

impl Flood {
    /// The body of each request.
    fn body(self) -> Bytes {
        let body = match self {
            Self::Forms => format!(
                "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n{}\r\n--b--\r\n",
                "x".repeat(FIELD_BYTES)
            ),
            Self::Values => format!("{{\"spec\": [0{}]}}", ",0".repeat(VALUES)),
            _ => String::new(),
        };
        Bytes::from(body)
    }
}

impl FromStr for Flood {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = FLOODS.iter().find(|(name, _)| *name == text);
        found.map(|(_, flood)| *flood).ok_or_else(|| format!("no flood is called {text}"))
    }
}

/// What came of a flood.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often the client did its harm.
    pub done: u64,
    /// How often the server refused it, by its answer: an HTTP status or the code of a close frame.
    pub refused: BTreeMap<u16, u64>,
}

impl Tally {
    fn refuse(&mut self, code: u16) {
        *self.refused.entry(code).or_default() += 1;
    }

    /// Adds what came of another client.
    pub fn add(&mut self, other: &Self) {
        self.done += other.done;
        for (code, count) in &other.refused {
            *self.refused.entry(*code).or_default() += count;
        }
    }
}

/// How long a hostile client rests after a refusal or a round, so that it does not become the load itself.
const REST: Duration = Duration::from_millis(20);
/// How many connections a flood of connections opens.
const CONNECTIONS: usize = 200;
const UNFINISHED: usize = 100;
const UNFINISHED_BYTES: usize = 15 << 20;
const FIELD_BYTES: usize = 60 << 20;
/// The numbers of a list that fits into `limits.body_bytes`.
const VALUES: usize = 2_000_000;
/// The blueprints of a long list.
const LISTED: usize = 100;
/// An expression that computes for very long, as a client puts it into a routing slip.
const ENDLESS: &str = "$sum([1..1000000].($ * $))";

/// A hostile client of one guild.
pub struct Client {
    flood: Flood,
    rest: Rest,
    guild: String,
    user: String,
    /// What each request of the flood sends. It is made once and shared, so that the flood costs its sender little.
    body: Bytes,
    tally: Tally,
}

impl Client {
    /// Prepares a client. Its guild exists for it alone.
    pub async fn new(flood: Flood, rest: &Rest, user: &str) -> Self {
        let mut spec = blueprint::echo();
        spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
        let guild = rest.launch_spec(&spec).await;
        let (rest, user, body, tally) = (rest.clone(), user.to_owned(), flood.body(), Tally::default());
        let client = Self { flood, rest, guild, user, body, tally };
        match flood {
            Flood::Histories => client.write_history().await,
            Flood::Answers => client.write_list().await,
            _ => {}
        }
        client
    }

    /// Does its harm until `go` is false. Returns what came of it.
    pub async fn run(&mut self, mut go: watch::Receiver<bool>) -> Tally {
        while *go.borrow() {
            tokio::select! {
                _ = go.wait_for(|go| !go) => break,
                () = self.once() => self.tally.done += 1,
            }
        }
        std::mem::take(&mut self.tally)
    }

    async fn once(&mut self) {
        match self.flood {
            Flood::Slips => self.slips().await,
            Flood::Forms => self.forms().await,
            Flood::Pings => self.pings().await,
            Flood::Fragments => self.fragments().await,
            Flood::Heads => self.heads().await,
            Flood::Silent => self.silent().await,
            Flood::Joins => self.joins().await,
            Flood::Histories => self.histories().await,
            Flood::Values => self.values().await,
            Flood::Answers => self.answers().await,
        }
        tokio::time::sleep(REST).await;
    }

    fn path(&self, user: &str, query: &str) -> String {
        format!("/ws/guilds/{}/usercomms/{user}/{user}{query}", self.guild)
    }

    async fn socket(&mut self, user: &str, query: &str) -> Option<Connection> {
        match Connection::socket(self.rest.authority(), &self.path(user, query)).await {
            Ok(connection) => Some(connection),
            Err(status) => {
                self.tally.refuse(status);
                None
            }
        }
    }

    async fn slips(&mut self) {
        let user = self.user.clone();
        let Some(mut socket) = self.socket(&user, "").await else { return };
        let step = json!({
            "agent": {"name": "EchoAgent"}, "route_times": -1,
            "transformer": {"expression_type": "jsonata", "expression": ENDLESS},
        });
        let frame = json!({
            "format": "text", "payload": {"text": "x"}, "topics": "echo_topic", "routing_slip": {"steps": [step]},
        });
        for _ in 0..50 {
            if !socket.frame(Opcode::Text, true, frame.to_string().as_bytes()).await {
                break;
            }
            socket.read_some(REST).await;
        }
        self.note_close(&mut socket).await;
    }

    async fn forms(&mut self) {
        let forms = (0..8).map(|_| {
            let request = self.rest.request(reqwest::Method::POST, &format!("/api/guilds/{}/files/", self.guild));
            request.header("content-type", "multipart/form-data; boundary=b").body(self.body.clone()).send()
        });
        for answer in futures_util::future::join_all(forms).await {
            match answer {
                Ok(answer) => self.tally.refuse(answer.status().as_u16()),
                // The server closed the connection while the body was sent.
                Err(_) => self.tally.refuse(0),
            }
        }
    }

    async fn pings(&mut self) {
        let user = self.user.clone();
        let Some(mut socket) = self.socket(&user, "").await else { return };
        for _ in 0..2_000_000 {
            if !socket.frame(Opcode::Ping, true, &[b'x'; 125]).await {
                break;
            }
        }
        self.note_close(&mut socket).await;
    }

    async fn fragments(&mut self) {
        let mut open = Vec::new();
        let piece = vec![b'x'; 256 << 10];
        for number in 0..UNFINISHED {
            let user = format!("{}-{number}", self.user);
            let Some(mut socket) = self.socket(&user, "").await else { continue };
            let mut sent = 0;
            while sent < UNFINISHED_BYTES {
                let opcode = if sent == 0 { Opcode::Text } else { Opcode::Continuation };
                if !socket.frame(opcode, false, &piece).await {
                    break;
                }
                sent += piece.len();
            }
            open.push(socket);
        }
        for mut socket in open {
            self.note_close(&mut socket).await;
        }
    }

    async fn heads(&mut self) {
        let mut open = self.connections().await;
        for byte in b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nx-slow: ".iter().chain([b'x'; 64].iter()) {
            for connection in &mut open {
                connection.write(&[*byte]).await;
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn silent(&mut self) {
        let open = self.connections().await;
        let mut sockets = Vec::new();
        for number in 0..CONNECTIONS {
            let user = format!("{}-{number}", self.user);
            sockets.extend(self.socket(&user, "").await);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop((open, sockets));
    }

    async fn connections(&mut self) -> Vec<Connection> {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            match Connection::open(self.rest.authority()).await {
                Some(connection) => open.push(connection),
                None => self.tally.refuse(0),
            }
        }
        open
    }

    async fn joins(&mut self) {
        let mut open = Vec::new();
        for number in 0..50 {
            let user = format!("{}-{}-{number}", self.user, self.tally.done);
            open.extend(self.socket(&user, "").await);
        }
        for socket in &mut open {
            socket.read_some(REST).await;
        }
    }

    async fn histories(&mut self) {
        let user = self.user.clone();
        let mut open = Vec::new();
        for _ in 0..50 {
            open.extend(self.socket(&user, "?after=1").await);
        }
        let path = format!("/api/guilds/{}/{user}/messages", self.guild);
        let answers = (0..4).map(|_| self.rest.request(reqwest::Method::GET, &path).send());
        // The answers are dropped unread.
        for answer in futures_util::future::join_all(answers).await.into_iter().flatten() {
            if !answer.status().is_success() {
                self.tally.refuse(answer.status().as_u16());
            }
        }
    }

    async fn values(&mut self) {
        let requests = (0..16).map(|_| {
            let request = self.rest.request(reqwest::Method::POST, "/catalog/blueprints");
            request.header("content-type", "application/json").body(self.body.clone()).send()
        });
        for answer in futures_util::future::join_all(requests).await {
            self.tally.refuse(answer.map_or(0, |answer| answer.status().as_u16()));
        }
    }

    async fn answers(&mut self) {
        let mut open = self.connections().await;
        let authority = self.rest.authority();
        let head = format!("GET {} HTTP/1.1\r\nhost: {authority}\r\n\r\n", self.list());
        for connection in &mut open {
            connection.write(head.as_bytes()).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// The path of the list that [`Self::write_list`] makes long.
    fn list(&self) -> String {
        format!("/catalog/users/{}/blueprints/owned", self.user)
    }

    /// Stores blueprints with long descriptions, so that their list has some megabytes.
    async fn write_list(&self) {
        let mut blueprint = blueprint::of(&blueprint::echo(), &self.rest.category().await);
        blueprint["author_id"] = json!(self.user);
        blueprint["description"] = json!("x".repeat(40_000));
        for _ in 0..LISTED {
            self.rest.post("/catalog/blueprints", &blueprint).await.expect(&[201]);
        }
    }

    /// Writes some messages, so that there is a history to read.
    async fn write_history(&self) {
        let path = self.path(&self.user, "");
        let Ok(mut socket) = Connection::socket(self.rest.authority(), &path).await else { return };
        let frame = json!({"format": "text", "payload": {"text": "x".repeat(1_000)}, "topics": "echo_topic"});
        for number in 0..2_000 {
            socket.frame(Opcode::Text, true, frame.to_string().as_bytes()).await;
            if number % 50 == 0 {
                socket.read_some(REST).await;
            }
        }
        let path = format!("/api/guilds/{}/{}/messages", self.guild, self.user);
        crate::eventually(Duration::from_secs(60), "a history", async || {
            let messages = self.rest.get(&path).await.body;
            if messages.as_array().is_some_and(|found| found.len() > 100) { Ok(()) } else { Err(Value::Null) }
        })
        .await;
    }

    async fn note_close(&mut self, socket: &mut Connection) {
        if let Some(code) = socket.close_code().await {
            self.tally.refuse(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_by_its_name() {
        for (name, flood) in FLOODS {
            assert_eq!(name.parse(), Ok(flood));
        }
        assert!("rain".parse::<Flood>().is_err());
    }

    #[test]
    fn tallies_add_up() {
        let mut tally = Tally::default();
        tally.refuse(503);
        let other = Tally { done: 2, refused: [(503, 1), (1009, 3)].into() };
        tally.add(&other);
        assert_eq!((tally.done, tally.refused), (2, [(503, 2), (1009, 3)].into()));
    }
}
