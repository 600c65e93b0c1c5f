//! The catalog and the guilds in PostgreSQL: the whole flow, and a restart.

use guildhall_tests::postgres::Postgres;
use guildhall_tests::{Host, blueprint, chat};

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
