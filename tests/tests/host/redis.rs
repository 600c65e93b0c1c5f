//! A host whose journal is in Redis: outages, a server that cannot promise enough, and one that has lost its data.

use std::time::{Duration, Instant};

use guildhall_tests::redis::Redis;
use guildhall_tests::{DEADLINE, Host, Options, blueprint, chat, eventually, frame};
use reqwest::Method;

fn options(redis: &Redis) -> Options {
    super::options().argument("--redis-url").argument(redis.url())
}

#[tokio::test]
async fn a_guild_in_redis_goes_on_after_a_restart() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let mut host = Host::spawn(options(&redis)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    for n in 0..20 {
        chat.echo(&format!("before {n}")).await;
    }
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    assert!(!host.data_dir().join("journal.db").exists(), "the journal is in Redis alone");
    host.start_again().await;
    let heard = host.rest().history(&guild, "ann").await;
    assert_eq!(heard.iter().filter(|message| frame::text(message) == "before 7").count(), 1);
    chat::join(&host, &guild, "ann").await.echo("after").await;
}

#[tokio::test]
async fn while_redis_is_away_the_host_says_so_and_goes_on_when_it_is_back() {
    if !Redis::is_installed() {
        return;
    }
    let mut redis = Redis::durable();
    let host = Host::spawn(options(&redis)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    chat.echo("before").await;
    redis.kill();

    chat.say_as("away", "while it is away");
    let busy = chat.socket.wait_for("a BUSY error", frame::is_error).await;
    assert_eq!(busy["payload"]["error_type"], "BUSY", "{busy}");
    let ready = eventually(DEADLINE, "that the host is not ready", async || {
        let answer = host.rest().get("/readyz").await;
        if answer.status == 503 { Ok(answer.body) } else { Err(answer.body) }
    });
    let ready = ready.await;
    assert_eq!(ready["context"]["part"], "journal", "{ready}");
    let began = Instant::now();
    let path = format!("/api/guilds/{guild}/ann/messages");
    let answer = host.rest().request(Method::GET, &path).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());

    redis.start_again();
    let back = Instant::now();
    let is_ack = |frame: &serde_json::Value| frame["format"] == "Ack" && frame["payload"]["client_id"] == "away";
    chat.socket.wait_for("the ack of what was said meanwhile", is_ack).await;
    assert!(back.elapsed() < Duration::from_secs(4), "it takes up to two seconds: {:?}", back.elapsed());
    eventually(DEADLINE, "readiness", async || {
        let answer = host.rest().request(Method::GET, "/readyz").send().await.expect("an answer");
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    chat.echo("after").await;
    let history = host.rest().history(&guild, "ann").await;
    assert_eq!(history.iter().filter(|message| frame::text(message) == "while it is away").count(), 1);
}

#[tokio::test]
async fn a_redis_that_cannot_promise_the_durability_is_refused_with_its_directive() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let errors = Host::refused(&options(&redis).argument("--durability").argument("disk")).await;
    let last = errors.lines().last().unwrap_or_default();
    assert!(last.contains("`--durability disk`") && last.contains("`appendfsync no`"), "{errors}");
    let errors = Host::refused(&super::options().argument("--redis-url").argument("redis://127.0.0.1:1")).await;
    assert!(errors.lines().last().unwrap_or_default().contains("--redis-url"), "{errors}");
}

#[tokio::test]
async fn a_redis_that_was_flushed_is_refused_until_it_is_accepted() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let mut host = Host::spawn(options(&redis)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("before").await;
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    assert_eq!(redis.command(&["FLUSHALL"]), "OK");
    let errors = host.refused_again(&[]).await;
    let last = errors.lines().last().unwrap_or_default();
    assert!(last.contains("is not the journal that the store knows") && last.contains("redis://"), "{errors}");
}
