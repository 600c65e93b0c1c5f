//! Floods of hostile clients: a user of another guild is answered all the time, the server's memory stays bounded, and what
//! is refused is refused with a known code. `FLOOD_SECONDS` makes them longer. The load generator measures the latencies.

use std::time::Duration;

use guildhall_tests::flood::{Client, Flood, Tally};
use guildhall_tests::{Host, blueprint, chat};
use tokio::sync::watch;
use tokio::time::Instant;

/// How much more memory the server may have during a flood.
const MORE_BYTES: u64 = 64 << 20;

/// What a flood did to a server.
struct Seen {
    tally: Tally,
    before: u64,
    most: u64,
}

/// Floods a server with some clients, while a user of another guild chats.
async fn flooded(host: &Host, flood: Flood, clients: usize) -> Seen {
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut victim = chat::join(host, &guild, "ann").await;
    victim.echo("before").await;
    let (go, running) = watch::channel(true);
    let mut tasks = Vec::new();
    for number in 0..clients {
        let mut client = Client::new(flood, host.rest(), &format!("{flood:?}{number}")).await;
        let running = running.clone();
        tasks.push(tokio::spawn(async move { client.run(running).await }));
    }
    let before = super::hostile::resident(host);
    let mut most = before;
    let seconds = super::times("FLOOD_SECONDS", 2);
    let end = Instant::now() + Duration::from_secs(seconds as u64);
    let mut number = 0;
    while Instant::now() < end {
        victim.echo(&format!("during {number}")).await;
        number += 1;
        most = most.max(super::hostile::resident(host));
    }
    go.send_replace(false);
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(&task.await.expect("a client does not panic"));
    }
    victim.echo("after").await;
    assert_eq!(host.rest().get("/readyz").await.status, 200);
    Seen { tally, before, most }
}

impl Seen {
    fn is_bounded(&self) -> &Self {
        let (before, most) = (self.before >> 20, self.most >> 20);
        assert!(self.most <= self.before + MORE_BYTES, "{before} MiB before, {most} MiB during: {:?}", self.tally);
        self
    }

    fn is_refused_with(&self, codes: &[u16]) {
        let unknown: Vec<_> = self.tally.refused.keys().filter(|code| !codes.contains(code)).collect();
        assert!(unknown.is_empty(), "refused with {unknown:?} instead of {codes:?}: {:?}", self.tally);
    }
}

#[tokio::test]
async fn slips_without_end_keep_nobody_waiting() {
    let host = super::host().await;
    flooded(&host, Flood::Slips, 4).await.is_bounded().is_refused_with(&[1008, 1013]);
}

#[tokio::test]
async fn forms_with_large_fields_are_not_kept_in_memory() {
    let host = super::host().await;
    // 0: the server closes the connection while the body is sent.
    flooded(&host, Flood::Forms, 1).await.is_bounded().is_refused_with(&[0, 400, 413, 422, 503]);
}

#[tokio::test]
async fn pings_whose_pongs_nobody_reads_are_not_kept_in_memory() {
    let host = super::host().await;
    flooded(&host, Flood::Pings, 1).await.is_bounded().is_refused_with(&[1008, 1013]);
}

#[tokio::test]
async fn messages_that_are_never_finished_are_bounded() {
    let host = super::host().await;
    flooded(&host, Flood::Fragments, 1).await.is_bounded().is_refused_with(&[0, 503, 1009, 1013]);
}

#[tokio::test]
async fn slow_heads_and_silent_connections_leave_room_for_others() {
    let host = super::host().await;
    flooded(&host, Flood::Heads, 2).await.is_bounded();
    flooded(&host, Flood::Silent, 2).await.is_bounded().is_refused_with(&[0, 429, 503]);
}

#[tokio::test]
async fn joins_and_histories_keep_nobody_waiting() {
    let host = super::host().await;
    flooded(&host, Flood::Joins, 1).await.is_bounded();
    flooded(&host, Flood::Histories, 2).await.is_bounded();
}

#[tokio::test]
async fn documents_of_many_values_and_answers_that_nobody_reads_are_bounded() {
    let host = super::host().await;
    flooded(&host, Flood::Values, 1).await.is_bounded().is_refused_with(&[413, 503]);
    flooded(&host, Flood::Answers, 1).await.is_bounded();
}
