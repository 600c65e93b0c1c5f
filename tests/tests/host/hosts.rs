//! Hosts that share Redis, PostgreSQL and a bucket: any of them serves any client, and the guilds of one that has gone go on
//! elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_tests::bucket::Bucket;
use guildhall_tests::postgres::Postgres;
use guildhall_tests::redis::Redis;
use guildhall_tests::{Host, Options, Socket, blueprint, chat, component, eventually, frame};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// How long a guild may be away after its host has gone.
const PATIENCE: Duration = Duration::from_secs(40);

/// What the hosts share.
struct Shared {
    redis: Redis,
    /// Ends with this.
    _postgres: Postgres,
    database: String,
    bucket: Bucket,
    folder: TempDir,
}

impl Shared {
    async fn start() -> Option<Self> {
        if !Redis::is_installed() {
            return None;
        }
        let postgres = Postgres::start()?;
        let database = postgres.database("shared");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "a-secret-of-the-tests\n").expect("a file can be written");
        Some(Self { redis: Redis::durable(), _postgres: postgres, database, bucket: Bucket::start().await, folder })
    }

    fn options(&self) -> Options {
        let options = super::options()
            .argument("--redis-url")
            .argument(self.redis.url())
            .argument("--database-url")
            .argument(&self.database)
            .set("hosts.url", "http://127.0.0.1:0")
            .set("hosts.secret_file", self.folder.path().join("secret").display())
            .set("hosts.lease_s", 2);
        self.bucket.options(options, None)
    }

    async fn host(&self) -> Host {
        Host::spawn(self.options()).await
    }

    async fn hosts<const N: usize>(&self) -> [Host; N] {
        let hosts = join_all((0..N).map(|_| self.host())).await;
        for host in &hosts {
            knows(host, N).await;
        }
        hosts.try_into().unwrap_or_else(|_| panic!("there are {N}"))
    }
}

async fn listed(host: &Host) -> Vec<Value> {
    let answer = host.rest().get("/api/hosts").await.expect(&[200]);
    answer["hosts"].as_array().expect("a list").clone()
}

/// Waits until a host knows so many hosts.
async fn knows(host: &Host, count: usize) {
    eventually(PATIENCE, "that a host knows the others", async || {
        let hosts = listed(host).await;
        if hosts.len() == count { Ok(()) } else { Err(json!(hosts)) }
    })
    .await;
}

/// Where a guild runs: the number of guilds of each host.
async fn guilds_of(host: &Host) -> u64 {
    let hosts = listed(host).await;
    hosts.iter().find(|one| one["is_this"] == true).expect("it lists itself")["guilds"].as_u64().expect("a number")
}

async fn signal(host: &Host, name: &str) {
    let sent = Command::new("kill").args([name, &host.pid().to_string()]).status().await;
    assert!(sent.expect("`kill` runs").success());
}

/// Says numbered texts on a socket with `?ack=1` and waits for the answer to each. Returns how often an answer came more than
/// once.
async fn numbers(socket: &mut Socket, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let text = format!("number {number}");
        socket.send(&json!({"id": format!("n{number}"), "format": "text", "payload": {"text": text}}));
        let echo = format!("Echo: {text}");
        socket.wait_within(PATIENCE, &echo, |frame| frame::says(frame, &echo)).await;
    }
}

/// Checks that each number and each echo is in the history once, in order.
async fn has_numbers(host: &Host, guild: &str, count: u32) {
    let heard = host.rest().history(guild, "ann").await;
    for prefix in ["number ", "Echo: number "] {
        let found: Vec<&str> = heard.iter().map(frame::text).filter(|text| text.starts_with(prefix)).collect();
        let wanted: Vec<String> = (0..count).map(|number| format!("{prefix}{number}")).collect();
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn any_host_serves_every_guild_and_every_component() {
    let Some(shared) = Shared::start().await else { return };
    let [one, two] = shared.hosts().await;
    let mut spec = blueprint::echo();
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    let guild = one.rest().launch_spec(&spec).await;
    assert_eq!((guilds_of(&one).await, guilds_of(&two).await), (1, 0));

    let mut here = chat::join(&one, &guild, "ann").await;
    let mut there = chat::join_with(&two, &guild, "bob", "?dialect=guide").await;
    there.echo("from there").await;
    here.echo("from here").await;
    assert_eq!(two.rest().guild(&guild).await["id"], guild.as_str());
    let path = format!("/api/guilds/{guild}/ann/messages?limit=1");
    assert_eq!(two.rest().get(&path).await.expect(&[200]).as_array().map(Vec::len), Some(1));
    // What the owner refuses is refused with its words.
    let wrong = two.rest().get(&format!("/api/guilds/{guild}/agents/nobody/logs")).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (404, &json!("agent_not_found")), "{}", wrong.body);
    let refused = Socket::try_connect(&two.ws(&format!("/ws/guilds/{guild}/usercomms/ann/{}", "x".repeat(99)))).await;
    assert_eq!(refused.err(), Some(400));
    let mut form = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big.bin\"\r\n\r\n".to_vec();
    form.extend(vec![7; 3 << 20]);
    form.extend(b"\r\n--b--\r\n");
    let sent = two.rest().request(Method::POST, &format!("/api/guilds/{guild}/files/"));
    let sent = sent.header("content-type", "multipart/form-data; boundary=b").body(form).send().await;
    assert!(sent.as_ref().is_ok_and(|answer| answer.status().is_success()), "{sent:?}");
    let got =
        two.rest().request(Method::GET, &format!("/api/guilds/{guild}/files/big.bin")).send().await.expect("an answer");
    assert_eq!(got.bytes().await.expect("bytes").len(), 3 << 20);

    // A component that was uploaded to one host runs on the other.
    let digest = one.rest().upload(component::hostile()).await;
    let other = two.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let mut memory = chat::join(&one, &other, "ann").await;
    memory.say("remember tea");
    memory.hear("ok: remembered").await;
    assert_eq!((guilds_of(&one).await, guilds_of(&two).await), (1, 1));

    one.rest().post(&format!("/api/guilds/{other}/stop"), &json!({})).await.expect(&[200]);
    assert_eq!(memory.socket.close_code().await, 1000);
    one.rest().guild_is(&other, "stopped").await;
    one.rest().delete(&format!("/api/guilds/{other}")).await.expect(&[204]);
    two.rest().get(&format!("/api/guilds/{other}")).await.expect(&[404]);
}

#[tokio::test]
async fn who_does_not_know_the_secret_is_a_client() {
    let Some(shared) = Shared::start().await else { return };
    let [one, two] = shared.hosts().await;
    let guild = one.rest().launch_spec(&blueprint::echo()).await;
    let path = format!("/api/guilds/{guild}");
    let asked = async |secret: &str| {
        let request = two.rest().request(Method::GET, &path).header("x-guildhall-host", secret);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(asked("another secret of no use").await, 200, "it is carried");
    let moving = two
        .rest()
        .request(Method::POST, &format!("{path}/relaunch"))
        .header("x-guildhall-host", "a-secret-of-the-tests");
    let moving: Value = moving.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(moving["code"], "guild_moving", "what a host has carried is not carried further: {moving}");
}

#[tokio::test]
async fn a_socket_stays_open_while_the_host_of_its_guild_is_killed() {
    let Some(shared) = Shared::start().await else { return };
    let [mut one, two, three] = shared.hosts().await;
    let guild = one.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join_with(&two, &guild, "ann", "?ack=1").await;
    numbers(&mut chat.socket, 0..5).await;
    one.kill().await;
    numbers(&mut chat.socket, 5..10).await;
    knows(&three, 2).await;
    chat::join(&three, &guild, "bob").await.echo("the third host").await;
    assert_eq!(guilds_of(&two).await + guilds_of(&three).await, 1);
    chat.system.wait_within(PATIENCE, "a report after the move", frame::is_ok_report).await;

    // The host that comes back serves it as well, and the next one is killed.
    one.start_again().await;
    knows(&one, 3).await;
    let mut again = chat::join_with(&one, &guild, "ann", "?ack=1").await;
    let (mut owner, other) = if guilds_of(&two).await == 1 { (two, three) } else { (three, two) };
    owner.kill().await;
    numbers(&mut again.socket, 10..15).await;
    has_numbers(&one, &guild, 15).await;
    has_numbers(&other, &guild, 15).await;
}

#[tokio::test]
async fn a_host_that_stops_hands_its_guilds_over() {
    let Some(shared) = Shared::start().await else { return };
    let [mut one, two] = shared.hosts().await;
    let spec = blueprint::echo();
    let guilds = join_all((0..3).map(|_| one.rest().launch_spec(&spec))).await;
    let mut chats = join_all(guilds.iter().map(|guild| chat::join_with(&two, guild, "ann", "?ack=1"))).await;
    join_all(chats.iter_mut().map(|chat| numbers(&mut chat.socket, 0..2))).await;
    one.ask_to_stop().await;
    join_all(chats.iter_mut().map(|chat| numbers(&mut chat.socket, 2..6))).await;
    assert!(one.ended().await.success());
    knows(&two, 1).await;
    for guild in &guilds {
        has_numbers(&two, guild, 6).await;
    }
    assert_eq!(guilds_of(&two).await, 3);
}

#[tokio::test]
async fn a_host_that_was_frozen_lets_go_what_others_have_taken_over() {
    let Some(shared) = Shared::start().await else { return };
    let [one, two] = shared.hosts().await;
    let guild = one.rest().launch_spec(&blueprint::echo()).await;
    let mut direct = chat::join_with(&one, &guild, "bob", "?ack=1").await;
    let mut chat = chat::join_with(&two, &guild, "ann", "?ack=1").await;
    numbers(&mut chat.socket, 0..3).await;
    signal(&one, "-STOP").await;
    numbers(&mut chat.socket, 3..6).await;
    assert_eq!(guilds_of(&two).await, 1);
    signal(&one, "-CONT").await;
    assert_eq!(direct.socket.close_code_within(PATIENCE).await, Some(1012));
    knows(&one, 2).await;
    eventually(PATIENCE, "that the frozen host has no guild", async || {
        let count = guilds_of(&one).await;
        if count == 0 { Ok(()) } else { Err(json!(count)) }
    })
    .await;
    let mut back = chat::join_with(&one, &guild, "ann", "?ack=1").await;
    numbers(&mut back.socket, 6..9).await;
    has_numbers(&one, &guild, 9).await;
    has_numbers(&two, &guild, 9).await;
    drop(direct);
}

#[tokio::test]
async fn hosts_that_cannot_share_are_refused_with_what_they_lack() {
    let Some(shared) = Shared::start().await else { return };
    let sharing = super::options().set("hosts.url", "http://127.0.0.1:0");
    let errors = Host::refused(&sharing).await;
    assert!(errors.contains("need a journal in Redis (--redis-url)"), "{errors}");
    let short = shared.folder.path().join("short");
    std::fs::write(&short, "short").expect("a file can be written");
    let errors = Host::refused(&shared.options().set("hosts.secret_file", short.display())).await;
    assert!(errors.contains("16 or more"), "{errors}");

    let _one = shared.host().await;
    let alone = super::options().argument("--database-url").argument(&shared.database);
    let errors = Host::refused(&alone).await;
    assert!(errors.contains("another host uses the database"), "{errors}");
}

/// How many faults happen, one after the other: few in CI, many by hand (`GUILDHALL_TEST_FAULTS=200`).
fn faults() -> u32 {
    std::env::var("GUILDHALL_TEST_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(6)
}

/// A client that writes numbered messages, each until it is confirmed, at whichever host it reaches.
struct Writer {
    hosts: Vec<String>,
    guild: String,
    user: String,
    /// The host that it uses.
    home: usize,
    last: u64,
    /// The numbers that were confirmed.
    confirmed: Vec<u32>,
}

impl Writer {
    async fn connect(&mut self) -> Socket {
        loop {
            let host = &self.hosts[self.home % self.hosts.len()];
            let url =
                format!("ws://{host}/ws/guilds/{}/usercomms/{}/w?ack=1&after={}", self.guild, self.user, self.last);
            if let Some(socket) = Socket::reach(&url).await {
                return socket;
            }
            self.home += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Writes until it is told to stop.
    async fn run(mut self, stop: Arc<AtomicBool>) -> Self {
        let mut socket = self.connect().await;
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            let text = format!("{} {number}", self.user);
            socket.send(&json!({"id": text, "format": "text", "payload": {"text": text}}));
            match self.confirmation(&mut socket, &text).await {
                Some(true) => {
                    self.confirmed.push(number);
                    number += 1;
                }
                // It is refused for now, and sent again.
                Some(false) => tokio::time::sleep(Duration::from_millis(100)).await,
                None => socket = self.connect().await,
            }
        }
        self
    }

    /// Waits for the Ack of a message, or an error about it; `None`: the socket has ended, or is silent.
    async fn confirmation(&mut self, socket: &mut Socket, text: &str) -> Option<bool> {
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let frame = tokio::time::timeout_at(end, socket.frame()).await.ok()??;
            self.last = self.last.max(frame["id"].as_u64().unwrap_or(0));
            let about = |frame: &Value| frame["payload"]["client_id"] == text;
            if frame::format(&frame) == "Ack" && about(&frame) {
                return Some(true);
            }
            if frame::is_error(&frame) && about(&frame) {
                return Some(false);
            }
        }
    }
}

/// Reads a history page by page.
async fn whole_history(host: &Host, guild: &str, user: &str) -> Result<Vec<Value>, Value> {
    let path = format!("/api/guilds/{guild}/{user}/messages");
    let (mut all, mut query) = (Vec::new(), "?limit=500".to_owned());
    loop {
        let answer = host.rest().request(Method::GET, &format!("{path}{query}")).send().await;
        let answer = answer.map_err(|error| json!(error.to_string()))?;
        let next = answer.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let page: Value = answer.json().await.map_err(|error| json!(error.to_string()))?;
        let Value::Array(page) = page else { return Err(page) };
        all.extend(page);
        match next.as_deref().and_then(|link| link.split_once('<')?.1.split_once('>')) {
            Some((next, _)) => query = next.to_owned(),
            None => return Ok(all),
        }
    }
}

/// Checks a history: each number of a user at most once and in order, each confirmed one there, and one echo for each.
fn check(history: &[Value], writer: &Writer) -> Result<(), Value> {
    let texts = |prefix: &str| -> Vec<u32> {
        let found = history.iter().filter_map(|message| frame::text(message).strip_prefix(prefix)?.parse().ok());
        found.collect()
    };
    let (said, mut echoed) = (texts(&format!("{} ", writer.user)), texts(&format!("Echo: {} ", writer.user)));
    echoed.sort_unstable();
    let is_in_order = said.windows(2).all(|pair| pair[0] < pair[1]);
    let lost: Vec<&u32> = writer.confirmed.iter().filter(|number| said.binary_search(number).is_err()).collect();
    if is_in_order && lost.is_empty() && echoed == said {
        return Ok(());
    }
    Err(json!({"user": writer.user, "in order": is_in_order, "lost": lost, "said": said.len(), "echoed": echoed.len()}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_while_hosts_and_redis_fail() {
    let Some(mut shared) = Shared::start().await else { return };
    let mut hosts: Vec<Host> = shared.hosts::<3>().await.into();
    let addresses: Vec<String> = hosts.iter().map(|host| host.rest().authority().to_owned()).collect();
    let spec = blueprint::echo();
    let guilds = join_all(hosts.iter().map(|host| host.rest().launch_spec(&spec))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6)
        .map(|number| {
            let writer = Writer {
                hosts: addresses.clone(),
                guild: guilds[number % 3].clone(),
                user: format!("u{number}"),
                home: number / 2,
                last: 0,
                confirmed: Vec::new(),
            };
            tokio::spawn(writer.run(stop.clone()))
        })
        .collect();
    for round in 0..faults() {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let place = (round as usize * 2 + 1) % 3;
        let host = &mut hosts[place];
        match round % 4 {
            0 => {
                host.kill().await;
                host.start_again_in_place().await;
            }
            1 => {
                signal(host, "-STOP").await;
                tokio::time::sleep(Duration::from_millis(3_500)).await;
                signal(host, "-CONT").await;
            }
            2 => {
                host.ask_to_stop().await;
                assert!(host.ended().await.success(), "{}", host.stderr_tail());
                host.start_again_in_place().await;
            }
            _ => {
                shared.redis.kill();
                shared.redis.start_again();
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::SeqCst);
    let writers: Vec<Writer> = join_all(writers).await.into_iter().map(|writer| writer.expect("no panic")).collect();
    for writer in &writers {
        assert!(writer.confirmed.len() > 20, "{} has written {}", writer.user, writer.confirmed.len());
        for host in &hosts {
            eventually(PATIENCE, "a history without loss and repetition", async || {
                check(&whole_history(host, &writer.guild, &writer.user).await?, writer)
            })
            .await;
        }
    }
    let written: Vec<usize> = writers.iter().map(|writer| writer.confirmed.len()).collect();
    println!("{} faults; confirmed messages of each client: {written:?}", faults());
}
