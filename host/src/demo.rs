//! `--demo`: registers the built-in agents, creates a blueprint and launches a guild that echoes, through the host's own API
//! (phases 1 and 2 of the wire document). A second start finds the guild again.

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::guild::Guilds;
use crate::store::Store;
use guildhall_model::ids::GuildId;
use guildhall_model::status::GuildStatus;

const GUILD: &str = "demo";
const USER: &str = "demo_user";
const ORG: &str = "demo_org";
const ECHO: &str = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";

/// Registers and launches what does not exist yet. Returns the guild's id.
///
/// Dropping the future may leave a blueprint without a guild.
///
/// # Errors
/// An error of the API, with its answer.
pub async fn set_up(api: &Router, store: &Store, guilds: &Guilds) -> anyhow::Result<GuildId> {
    for component in guilds.built_in() {
        guilds.register_class(&component).await?;
    }
    let guild = GuildId::from(GUILD);
    let launched = store.guild_status(&guild).await?;
    if launched.is_some_and(|status| !status.is_over()) {
        return Ok(guild);
    }
    let category = post(
        api,
        "/catalog/categories/",
        &json!({
            "name": "Demo", "description": "What a fresh host can show",
        }),
    )
    .await?;
    let blueprint = post(
        api,
        "/catalog/blueprints/",
        &json!({
            "name": "Echo", "description": "One agent that answers with what it was told", "version": "v1",
            "author_id": USER, "organization_id": ORG, "exposure": "public", "category_id": id_of(&category)?,
            "spec": {
                "name": "Echo", "description": "One agent that answers with what it was told",
                "agents": [{
                    "name": "EchoAgent", "description": "Answers with what it was told", "class_name": ECHO,
                    "additional_topics": ["echo_topic"], "listen_to_default_topic": false,
                }],
            },
        }),
    )
    .await?;
    let mut launch = json!({
        "guild_name": "Demo", "user_id": USER, "org_id": ORG, "description": "The demonstration guild",
    });
    if launched != Some(GuildStatus::Stopped) && launched != Some(GuildStatus::Stopping) {
        launch["guild_id"] = json!(GUILD);
    }
    let path = format!("/catalog/blueprints/{}/guilds", id_of(&blueprint)?);
    Ok(id_of(&post(api, &path, &launch).await?)?.into())
}

async fn post(api: &Router, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .context("the request cannot be made")?;
    let answer = api.clone().oneshot(request).await?;
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), 1 << 20).await?;
    if status != StatusCode::CREATED {
        bail!("POST {path} was answered with {status}: {}", String::from_utf8_lossy(&bytes));
    }
    Ok(serde_json::from_slice(&bytes)?)
}

fn id_of(answer: &Value) -> anyhow::Result<&str> {
    answer["id"].as_str().context("the answer has no id")
}
