//! Lets users chat while the agents of their guilds alternate between two components, over REST.

use std::time::Duration;

use guildhall_tests::{Rest, blueprint, component};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::chat::Crowd;
use crate::process::Server;
use crate::report::Report;
use crate::{Arguments, micros, user};

/// The time between two swaps of an agent's component.
const EACH: Duration = Duration::from_millis(100);

/// Measures one round of chat with swaps. The answers come from the hostile guest, which repeats any text that is not an
/// order.
pub async fn under_load(arguments: &Arguments, rest: &Rest, server: Option<Server>) -> anyhow::Result<Report> {
    let hostile = component::hostile();
    let digests = [rest.upload(component::variant(&hostile, "swapped")).await, rest.upload(hostile).await];
    let mut spec = blueprint::hostile(&digests[1], &json!({}));
    spec["agents"][0]["id"] = "swapped".into();
    let blueprint = rest.blueprint(&spec).await;
    let mut crowd = Crowd::gather(rest, &blueprint, arguments.guilds, arguments.users, arguments.in_flight).await?;
    let stop = watch::Sender::new(());
    let mut swapping = JoinSet::new();
    for guild in &crowd.guilds {
        let path = format!("/api/guilds/{guild}/agents/swapped/component");
        swapping.spawn(swap(rest.clone(), path, digests.clone(), stop.subscribe()));
    }
    let round = crowd.round(arguments, server).await?;
    stop.send_replace(());
    let mut times = user::latencies();
    for seen in swapping.join_all().await {
        times.add(seen)?;
    }

    let mut report = Report::default();
    report.count("guilds", crowd.guilds.len() as u64);
    report.count("users", arguments.users as u64);
    report.count("swaps", times.len());
    report.percentiles("swap", &times);
    round.report(&mut report, arguments.seconds);
    Ok(report)
}

/// Swaps an agent's component repeatedly. Returns how long each swap took.
async fn swap(rest: Rest, path: String, digests: [String; 2], mut stop: watch::Receiver<()>) -> Histogram<u64> {
    let mut times = user::latencies();
    let mut clock = interval(EACH);
    for digest in digests.iter().cycle() {
        tokio::select! {
            _ = stop.changed() => break,
            _ = clock.tick() => {}
        }
        let start = Instant::now();
        rest.put(&path, &json!({"component": digest})).await.expect(&[200]);
        times.saturating_record(micros(start.elapsed()));
    }
    times
}
