//! The catalog and the guilds in PostgreSQL: the whole flow, and a restart.

use std::time::{Duration, Instant};

use guildhall_tests::pgbouncer::{PgBouncer, Statements};
use guildhall_tests::postgres::Postgres;
use guildhall_tests::{DEADLINE, Host, blueprint, chat, eventually};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn the_whole_flow_runs_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let options = super::options().argument("--database-url").argument(postgres.database("flow"));
    let mut host = Host::spawn(options).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("before").await;

    host.kill().await;
    host.start_again().await;

    host.rest().guild_is(&guild, "running").await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("after").await;
    assert_eq!(host.rest().guild(&guild).await["id"], guild.as_str());
}

#[tokio::test]
async fn a_second_host_on_one_postgresql_is_refused() {
    let Some(postgres) = Postgres::start() else { return };
    let options = super::options().argument("--database-url").argument(postgres.database("fence"));
    let mut host = Host::spawn(options.clone()).await;
    let errors = Host::refused(&options).await;
    assert!(errors.contains("another host uses the database"), "{errors}");
    // The lock of a host that was killed ends with its connection.
    host.kill().await;
    host.start_again().await;
}

#[tokio::test]
async fn the_whole_flow_runs_behind_pgbouncer_in_transaction_mode() {
    let Some(postgres) = Postgres::start() else { return };
    let _ = postgres.database("pooled");
    let Some(pgbouncer) = PgBouncer::start(&postgres, Statements::Kept) else { return };
    let options = super::options().argument("--database-url").argument(pgbouncer.database("pooled"));
    let mut host = Host::spawn(options.clone()).await;
    let rest = host.rest();
    let spec = blueprint::echo();
    futures_util::future::join_all((0..32).map(|_| rest.launch_spec(&spec))).await;
    let guild = rest.launch_spec(&spec).await;
    chat::join(&host, &guild, "ann").await.echo("before").await;

    let errors = Host::refused(&options).await;
    assert!(errors.contains("another host uses the database"), "{errors}");
    host.kill().await;
    host.start_again().await;
    host.rest().guild_is(&guild, "running").await;
}

#[tokio::test]
async fn a_pooler_that_loses_prepared_statements_is_refused_with_the_setting_that_helps() {
    let Some(postgres) = Postgres::start() else { return };
    let _ = postgres.database("pooled");
    let Some(pgbouncer) = PgBouncer::start(&postgres, Statements::Lost) else { return };
    let options = super::options().argument("--database-url").argument(pgbouncer.database("pooled"));
    let errors = Host::refused(&options).await;
    assert!(errors.contains("max_prepared_statements") && errors.contains("pool_mode = session"), "{errors}");
}

#[tokio::test]
async fn while_postgresql_is_away_requests_are_answered_with_503_and_chats_go_on() {
    goes_on(Postgres::stop, Postgres::start_again).await;
}

#[tokio::test]
async fn while_postgresql_hangs_requests_are_answered_with_503_and_chats_go_on() {
    goes_on(|postgres| postgres.signal("STOP"), |postgres| postgres.signal("CONT")).await;
}

#[tokio::test]
async fn while_postgresql_has_no_connections_requests_are_answered_with_503_and_chats_go_on() {
    goes_on(|postgres| postgres.allow_connections("away", false), |postgres| postgres.allow_connections("away", true))
        .await;
}

/// Lets PostgreSQL go away and come back under a server.
async fn goes_on(leave: impl Fn(&mut Postgres), come_back: impl Fn(&mut Postgres)) {
    let Some(mut postgres) = Postgres::start() else { return };
    let options = super::options().argument("--database-url").argument(postgres.database("away"));
    let host = Host::spawn(options).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("before").await;
    leave(&mut postgres);

    for (method, path) in [(Method::GET, "/api/guilds"), (Method::POST, "/catalog/categories/")] {
        let began = Instant::now();
        let body = json!({"name": "away", "description": "d"});
        let answer = host.rest().request(method, path).json(&body).send().await.expect("an answer");
        assert!(began.elapsed() < Duration::from_secs(3), "{path}: {:?}", began.elapsed());
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true), "{path}");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!((&answer["code"], &answer["context"]["part"]), (&json!("store_unavailable"), &json!("store")));
    }
    let ready = eventually(DEADLINE, "that the host is not ready", async || {
        let answer = host.rest().get("/readyz").await;
        if answer.status == 503 { Ok(answer.body) } else { Err(answer.body) }
    });
    let ready = ready.await;
    assert_eq!(ready["context"]["part"], "store", "{ready}");
    let parts = &ready["context"]["parts"];
    assert_eq!((&parts["store"]["status"], &parts["journal"]["status"]), (&json!("away"), &json!("ok")), "{ready}");
    let since = |part: &serde_json::Value| part["since"].as_str().expect("a time").to_owned();
    assert!(since(&parts["store"]) > since(&parts["journal"]), "{ready}");
    chat.echo("while the store is away").await;
    chat.stop_guild();
    let refused = |frame: &serde_json::Value| frame["payload"]["error_type"] == "STORE_UNAVAILABLE";
    chat.socket.wait_within(DEADLINE, "that the stop was refused", refused).await;

    come_back(&mut postgres);
    eventually(DEADLINE, "readiness", async || {
        let answer = host.rest().request(Method::GET, "/readyz").send().await.expect("an answer");
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    chat.echo("after").await;
    host.rest().guild_is(&guild, "running").await;
    host.rest().launch_spec(&blueprint::echo()).await;
}
