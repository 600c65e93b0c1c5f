//! Lets users chat with echo guilds, in one round or several.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_tests::{Rest, blueprint};
use tokio::time::{Instant, sleep_until};

use crate::process::Server;
use crate::report::Report;
use crate::session::{self, Session};
use crate::user::{self, Outcome, Plan};
use crate::{Arguments, micros};

/// The users of a measurement and their guilds.
pub struct Crowd {
    pub guilds: Vec<String>,
    sessions: Vec<Session>,
    in_flight: usize,
}

/// The results of one round.
pub struct Round {
    pub outcome: Outcome,
    /// The CPU time that the server used during the measurement.
    pub cpu: Option<Duration>,
}

impl Crowd {
    /// Launches guilds of a blueprint and joins users to them.
    pub async fn gather(
        rest: &Rest,
        blueprint: &str,
        guilds: usize,
        users: usize,
        in_flight: usize,
    ) -> anyhow::Result<Self> {
        let count = guilds.clamp(1, users.max(1));
        let mut guilds = Vec::new();
        for _ in 0..count {
            guilds.push(rest.launch(blueprint).await);
        }
        let places = (0..users).map(|user| (guilds[user % count].clone(), user));
        let sessions = join_all(&rest.authority().into(), places).await?;
        Ok(Self { guilds, sessions, in_flight })
    }

    /// Lets all users chat for a while.
    pub async fn round(&mut self, arguments: &Arguments, server: Option<Server>) -> anyhow::Result<Round> {
        let start = Instant::now();
        let measure_from = start + Duration::from_secs_f64(arguments.warm_up);
        let until = measure_from + Duration::from_secs_f64(arguments.seconds);
        let pause = Duration::from_millis(arguments.pause_ms);
        let plan = Plan { start, measure_from, until, in_flight: self.in_flight, bytes: arguments.bytes, pause };
        let chatting = self.sessions.drain(..).map(|session| tokio::spawn(user::chat(session, plan)));
        let chatting: Vec<_> = chatting.collect();
        sleep_until(measure_from).await;
        let before = server.map(Server::cpu);
        sleep_until(until).await;
        let after = server.map(Server::cpu);
        let mut outcome = Outcome::default();
        for task in chatting {
            let (session, seen) = task.await??;
            outcome.add(&seen);
            self.sessions.push(session);
        }
        Ok(Round { outcome, cpu: after.zip(before).map(|(after, before)| after.saturating_sub(before)) })
    }
}

/// Measures one round of echoes.
pub async fn echo(
    arguments: &Arguments,
    rest: &Rest,
    server: Option<Server>,
    users: usize,
    in_flight: usize,
) -> anyhow::Result<Report> {
    let blueprint = rest.blueprint(&blueprint::echo()).await;
    let mut crowd = Crowd::gather(rest, &blueprint, arguments.guilds, users, in_flight).await?;
    let mut joins = user::latencies();
    for session in &crowd.sessions {
        joins.saturating_record(micros(session.joined_after));
    }
    let round = crowd.round(arguments, server).await?;

    let mut report = Report::default();
    report.count("guilds", crowd.guilds.len() as u64);
    report.count("users", users as u64);
    report.count("in_flight", in_flight as u64);
    report.count("frame_bytes", arguments.bytes as u64);
    report.number("seconds", arguments.seconds, "s");
    round.report(&mut report, arguments.seconds);
    report.percentiles("join", &joins);
    if let Some(server) = server {
        server.report_memory(&mut report);
    }
    Ok(report)
}

impl Round {
    pub fn report(&self, report: &mut Report, seconds: f64) {
        let total = &self.outcome;
        report.number("echoes_per_s", total.echoes as f64 / seconds, "/s");
        report.percentiles("echo", &total.latencies);
        total.report(report);
        if let Some(cpu) = self.cpu {
            report.number("server_cpu", cpu.as_secs_f64(), "s");
            report.number("server_cpu_per_echo", cpu.as_secs_f64() * 1e6 / total.echoes.max(1) as f64, "µs");
        }
    }
}

/// Joins users, a few at the same time.
pub async fn join_all(
    authority: &Arc<str>,
    users: impl IntoIterator<Item = (String, usize)>,
) -> anyhow::Result<Vec<Session>> {
    let joins = users.into_iter().map(|(guild, user)| {
        let authority = authority.clone();
        async move { session::join(&authority, &guild, &format!("user{user}")).await }
    });
    stream::iter(joins).buffered(8).try_collect().await
}
