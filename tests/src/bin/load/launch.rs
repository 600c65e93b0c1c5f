//! Measures how long a launch takes and how much memory a guild uses.

use std::time::Duration;

use guildhall_tests::{Rest, blueprint};
use tokio::time::Instant;

use crate::chat::join_all;
use crate::process::Server;
use crate::report::Report;
use crate::{Arguments, micros, session, user};

/// Launches guilds one after another.
pub async fn one_by_one(arguments: &Arguments, rest: &Rest) -> anyhow::Result<Report> {
    let blueprint = rest.blueprint(&blueprint::echo()).await;
    // With a system socket alone, the report that is `ok` also waits for a user who does not join.
    let names = ["answer", "running", "first_report", "ok_report"];
    let mut histograms = names.map(|name| (name, user::latencies()));
    for _ in 0..arguments.guilds {
        let start = Instant::now();
        let guild = rest.launch(&blueprint).await;
        let answered = start.elapsed();
        let running = async {
            while rest.guild(&guild).await["status"] != "running" {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            start.elapsed()
        };
        let reports = session::watch(rest.authority(), &guild, start);
        let (running, reports) = tokio::join!(running, reports);
        let (first_report, ok_report) = reports?;
        for ((_, histogram), time) in histograms.iter_mut().zip([answered, running, first_report, ok_report]) {
            histogram.saturating_record(micros(time));
        }
    }
    let mut report = Report::default();
    report.count("guilds", arguments.guilds as u64);
    for (name, histogram) in &histograms {
        report.percentiles(&format!("launch_to_{name}"), histogram);
    }
    Ok(report)
}

/// Launches guilds with one user each and measures the server's memory.
pub async fn weigh(arguments: &Arguments, rest: &Rest, server: Server) -> anyhow::Result<Report> {
    let blueprint = rest.blueprint(&blueprint::echo()).await;
    let before = server.rss();
    let mut guilds = Vec::new();
    for number in 0..arguments.guilds {
        guilds.push((rest.launch(&blueprint).await, number));
    }
    let launched = server.rss();
    let sessions = join_all(&rest.authority().into(), guilds).await?;
    let joined = server.rss();
    let mut chatted = Vec::new();
    for session in sessions {
        chatted.push(user::echo_once(session).await?.0);
    }
    let after = server.rss();

    let per_guild = |bytes: u64| bytes.saturating_sub(before) as f64 / 1024.0 / arguments.guilds as f64;
    let mut report = Report::default();
    report.count("guilds", arguments.guilds as u64);
    report.number("rss_before", before as f64 / 1024.0, "KiB");
    report.number("rss_launched", launched as f64 / 1024.0, "KiB");
    report.number("rss_joined", joined as f64 / 1024.0, "KiB");
    report.number("rss_after_an_echo", after as f64 / 1024.0, "KiB");
    report.number("per_guild_launched", per_guild(launched), "KiB");
    report.number("per_guild_joined", per_guild(joined), "KiB");
    report.number("per_guild_after_an_echo", per_guild(after), "KiB");
    server.report_memory(&mut report);
    Ok(report)
}
