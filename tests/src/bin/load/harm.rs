//! Measures users who chat while other guilds misbehave: guilds of the hostile guest, and uploads that are costly to compile.
//! Quiet and hostile rounds alternate in one run, so that other load of the machine affects both.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures_util::{SinkExt, StreamExt};
use guildhall_tests::flood::{self, Flood};
use guildhall_tests::{Rest, blueprint, component};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::Arguments;
use crate::chat::{Crowd, Round};
use crate::process::Server;
use crate::report::Report;
use crate::session::{self, Session};
use crate::user;

/// What a hostile guild does repeatedly.
#[derive(Clone, Debug)]
pub enum Harm {
    /// Sends this order to the hostile guest.
    Order(String),
    /// Sends this order to the guest that uses capabilities. The server has to be started with `--set` of
    /// `policy.http=http://127.0.0.1:9`, `policy.secrets=KEY`, `policy.reveal=KEY` and
    /// `policy.secrets_dir`, a directory with a file `KEY`.
    Reach(String),
    /// Sends messages whose routing slips have an expression without end, each another one.
    Slip,
    /// Sends messages to a guild with a costly rule.
    Rule,
    /// Sends messages to an agent that evaluates a costly expression in each turn.
    Evaluate,
    /// Uploads an ordinary component.
    Upload,
    /// Uploads a component that takes long to compile.
    Bomb,
    /// Floods the server as a hostile client.
    Flood(Flood),
}

impl FromStr for Harm {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "slip" => Self::Slip,
            "rule" => Self::Rule,
            "evaluate" => Self::Evaluate,
            "upload" => Self::Upload,
            "bomb" => Self::Bomb,
            order => match order.strip_prefix("reach ") {
                Some(order) => Self::Reach(order.to_owned()),
                None => order.parse().map_or_else(|_| Self::Order(order.to_owned()), Self::Flood),
            },
        })
    }
}

/// Measures chats in alternating quiet and hostile rounds.
pub async fn alternate(arguments: &Arguments, rest: &Rest, server: Server) -> anyhow::Result<Report> {
    let echo = rest.blueprint(&blueprint::echo()).await;
    let mut crowd = Crowd::gather(rest, &echo, arguments.guilds, arguments.users, arguments.in_flight).await?;
    let mut hogs = Hogs::gather(arguments).await?;
    // Warms up code, pools and buffers of the database.
    crowd.round(arguments, Some(server)).await?;
    let (mut quiet, mut hostile, mut ratios) = (Side::new(), Side::new(), Vec::new());
    let during = Duration::from_secs_f64(arguments.warm_up + arguments.seconds);
    let (mut weights, mut most) = (Vec::new(), 0);
    for number in 1..=arguments.rounds {
        let alone = crowd.round(arguments, Some(server)).await?;
        weights.push(server.rss());
        hogs.begin();
        let (beside, peak) = tokio::join!(crowd.round(arguments, Some(server)), server.peak_within(during));
        let beside = beside?;
        most = most.max(peak);
        hogs.end().await?;
        let (before, after) = (p99(&alone), p99(&beside));
        ratios.push(after / before);
        eprintln!(
            "round {number}: p99 {before} and {after} ms, {} and {} echoes, {} MiB",
            alone.outcome.echoes,
            beside.outcome.echoes,
            server.rss() >> 20,
        );
        quiet.add(&alone);
        hostile.add(&beside);
    }
    let after = server.settled().await;

    let seconds = arguments.seconds * arguments.rounds as f64;
    let mut report = Report::default();
    report.count("guilds", crowd.guilds.len() as u64);
    report.count("users", arguments.users as u64);
    report.count("hogs", arguments.hogs as u64);
    report.count("rounds", arguments.rounds as u64);
    report.number("quiet_echoes_per_s", quiet.echoes as f64 / seconds, "/s");
    report.number("hostile_echoes_per_s", hostile.echoes as f64 / seconds, "/s");
    report.percentiles("quiet_echo", &quiet.latencies);
    report.percentiles("hostile_echo", &hostile.latencies);
    report.number("p99_ratio", quantile(&hostile.latencies) / quantile(&quiet.latencies), "");
    report.number("p99_ratio_median_of_rounds", median(&mut ratios), "");
    report.number("throughput_ratio", hostile.echoes as f64 / quiet.echoes.max(1) as f64, "");
    report.count("lost", quiet.lost + hostile.lost);
    report.count("harm_done", hogs.done());
    report.number("rss_before", weights.first().copied().unwrap_or_default() as f64 / f64::from(1 << 20), "MiB");
    report.number("rss_during", most as f64 / f64::from(1 << 20), "MiB");
    report.number("rss_after", after as f64 / f64::from(1 << 20), "MiB");
    Ok(report)
}

fn quantile(latencies: &Histogram<u64>) -> f64 {
    latencies.value_at_quantile(0.99).max(1) as f64 / 1e3
}

fn p99(round: &Round) -> f64 {
    quantile(&round.outcome.latencies)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The results of all rounds of one kind.
struct Side {
    latencies: Histogram<u64>,
    echoes: u64,
    lost: u64,
}

impl Side {
    fn new() -> Self {
        Self { latencies: user::latencies(), echoes: 0, lost: 0 }
    }

    fn add(&mut self, round: &Round) {
        self.latencies.add(&round.outcome.latencies).expect("all have the same bounds");
        self.echoes += round.outcome.echoes;
        self.lost += round.outcome.sent - round.outcome.received;
    }
}

/// The hostile guilds. They have a thread of their own: on the threads of the users, what they do would delay the users
/// here, which says nothing about the server.
struct Hogs {
    thread: Option<Runtime>,
    hogs: Vec<Hog>,
    rest: Rest,
    running: JoinSet<anyhow::Result<Hog>>,
    go: watch::Sender<bool>,
}

impl Drop for Hogs {
    fn drop(&mut self) {
        // A runtime that is dropped in another one would wait for its tasks.
        if let Some(thread) = self.thread.take() {
            thread.shutdown_background();
        }
    }
}

/// One hostile guild.
struct Hog {
    kind: Kind,
    done: u64,
}

enum Kind {
    Guest {
        order: String,
        guild: String,
        session: Box<Session>,
    },
    Uploader {
        component: Arc<Vec<u8>>,
        name: String,
    },
    /// A user whose messages make the host evaluate expressions.
    Evaluator {
        session: Box<Session>,
        frames: fn(u64) -> Vec<Value>,
        answers: fn(u64) -> Vec<String>,
    },
    Flooder(Box<flood::Client>),
}

/// A costly expression that has a result.
const COSTLY: &str = "{'text': 'costly ' & $string($count($map([1..20000], function($v) { $v * 2 })))}";

fn with_endless_slip(number: u64) -> Vec<Value> {
    let expression = format!("(/* {number} */ $f := function() {{ $f() }}; $f())");
    vec![blueprint::frame_with_slip("x", &expression), text_frame(&mark(number))]
}

fn plain(number: u64) -> Vec<Value> {
    vec![text_frame(&mark(number))]
}

fn mark(number: u64) -> String {
    format!("mark {number}")
}

/// The answers of `count` agents.
fn costly(count: usize) -> Vec<String> {
    vec!["costly 20000".to_owned(); count]
}

fn text_frame(text: &str) -> Value {
    json!({"format": "text", "payload": {"text": text}})
}

/// No hostile guild has joined.
const SERVER: &str = "http://127.0.0.1:9";

impl Kind {
    async fn guest(rest: &Rest, mut spec: Value, order: &str, user: &str) -> anyhow::Result<Self> {
        spec["agents"][0]["id"] = AGENT.into();
        let guild = rest.launch_spec(&spec).await;
        let session = Box::new(session::join(rest.authority(), &guild, user).await?);
        Ok(Self::Guest { order: order.to_owned(), guild, session })
    }
}

impl Kind {
    async fn evaluator(
        rest: &Rest,
        spec: &Value,
        user: &str,
        frames: fn(u64) -> Vec<Value>,
        answers: fn(u64) -> Vec<String>,
    ) -> anyhow::Result<Self> {
        let guild = rest.launch_spec(spec).await;
        let session = Box::new(session::join(rest.authority(), &guild, user).await?);
        Ok(Self::Evaluator { session, frames, answers })
    }
}

const AGENT: &str = "hog";

impl Hogs {
    async fn gather(arguments: &Arguments) -> anyhow::Result<Self> {
        let thread = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        // Its connections belong to the thread.
        let rest = Rest::new(&arguments.url);
        let harms = arguments.harm.iter().cycle().take(arguments.hogs).cloned().collect();
        let (handle, own) = (thread.handle().clone(), rest.clone());
        let hogs = tokio::task::spawn_blocking(move || handle.block_on(Hog::made(harms, own))).await??;
        Ok(Self { thread: Some(thread), hogs, rest, running: JoinSet::new(), go: watch::Sender::new(false) })
    }

    /// Starts the hostile orders.
    fn begin(&mut self) {
        self.go.send_replace(true);
        let thread = self.thread.as_ref().expect("it ends with the guilds").handle();
        for hog in self.hogs.drain(..) {
            self.running.spawn_on(hog.run(self.rest.clone(), self.go.subscribe()), thread);
        }
    }

    /// Stops, and returns when the last hostile order has ended.
    async fn end(&mut self) -> anyhow::Result<()> {
        self.go.send_replace(false);
        while let Some(ended) = self.running.join_next().await {
            self.hogs.push(ended??);
        }
        Ok(())
    }

    fn done(&self) -> u64 {
        self.hogs.iter().map(|hog| hog.done).sum()
    }
}

impl Hog {
    /// Makes one for each harm, with its guild.
    async fn made(harms: Vec<Harm>, rest: Rest) -> anyhow::Result<Vec<Self>> {
        let hostile = rest.upload(component::hostile()).await;
        let reaching = rest.upload(component::reaching()).await;
        let mut hogs = Vec::new();
        for (number, harm) in harms.iter().enumerate() {
            let name = format!("hog{number}");
            let kind = match harm {
                Harm::Slip => {
                    let answers = |number| vec![mark(number)];
                    Kind::evaluator(&rest, &blueprint::echo(), &name, with_endless_slip, answers).await?
                }
                Harm::Rule => {
                    let spec = blueprint::echoes_with_rule(COSTLY);
                    Kind::evaluator(&rest, &spec, &name, plain, |_| costly(2)).await?
                }
                Harm::Evaluate => {
                    Kind::evaluator(&rest, &blueprint::evaluating(COSTLY), &name, plain, |_| costly(1)).await?
                }
                Harm::Upload => Kind::Uploader { component: Arc::new(component::hostile()), name },
                Harm::Bomb => Kind::Uploader { component: Arc::new(component::bomb(1_000, 300)), name },
                Harm::Flood(flood) => Kind::Flooder(Box::new(flood::Client::new(*flood, &rest, &name).await)),
                Harm::Order(order) => {
                    // A loop is cancelled here; other orders end by the usual limits.
                    let sandbox = match order.as_str() {
                        "loop" => json!({"fuel": 1_000_000_000_000_u64, "timeout_ms": 600_000}),
                        _ => json!({}),
                    };
                    Kind::guest(&rest, blueprint::hostile(&hostile, &sandbox), order, &name).await?
                }
                Harm::Reach(order) => {
                    let sandbox = json!({
                        "http": [SERVER], "keyvalue": true, "config": {"key": "value"},
                        "secrets": ["KEY"], "reveal": ["KEY"],
                    });
                    Kind::guest(&rest, blueprint::reaching(&reaching, &sandbox), order, &name).await?
                }
            };
            hogs.push(Self { kind, done: 0 });
        }
        Ok(hogs)
    }

    async fn run(mut self, rest: Rest, go: watch::Receiver<bool>) -> anyhow::Result<Self> {
        while *go.borrow() {
            self.done += 1;
            match &mut self.kind {
                Kind::Guest { order, guild, session } => {
                    say(session, order).await?;
                    if order == "loop" {
                        go.clone().wait_for(|go| !go).await?;
                        rest.post(&format!("/api/guilds/{guild}/agents/{AGENT}/cancel"), &json!({})).await;
                    }
                    // Answered when everything that the order caused is over.
                    let mark = format!("done {}", self.done);
                    say(session, &mark).await?;
                    hear(session, &format!("ok: {mark}\"")).await?;
                }
                Kind::Evaluator { session, frames, answers } => {
                    for frame in frames(self.done) {
                        session.socket.send(Message::text(frame.to_string())).await?;
                    }
                    for answer in answers(self.done) {
                        hear(session, &answer).await?;
                    }
                }
                Kind::Uploader { component, name } => {
                    let bytes = component::variant(component, &format!("{name} {}", self.done));
                    let made = rest.upload_only("", bytes).await;
                    let Some(digest) = made.body["digest"].as_str() else { continue };
                    while *go.borrow() && rest.component(digest, 1).await["state"] == "compiling" {}
                    rest.delete(&format!("/catalog/components/{digest}")).await;
                }
                Kind::Flooder(client) => {
                    let tally = client.run(go.clone()).await;
                    eprintln!("{tally:?}");
                    self.done += tally.done;
                }
            }
        }
        Ok(self)
    }
}

async fn say(session: &mut Session, text: &str) -> anyhow::Result<()> {
    Ok(session.socket.send(Message::text(text_frame(text).to_string())).await?)
}

/// Reads until a frame has this text.
async fn hear(session: &mut Session, answer: &str) -> anyhow::Result<()> {
    while let Some(frame) = session.socket.next().await {
        if frame?.to_text().is_ok_and(|frame| frame.contains(answer)) {
            return Ok(());
        }
    }
    bail!("the host has closed the socket of a bad neighbour")
}
