//! A running guild goes on with the components of another version of its blueprint.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::put;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::spec;
use crate::api::{ApiState, Route};
use guildhall_model::ids::{AgentId, BlueprintId, Digest, GuildId, UserId};
use guildhall_model::read::{object, text};
use guildhall_model::spec::{AgentSpec, GuildSpec};

pub fn routes() -> Vec<Route> {
    vec![("/api/guilds/{id}/blueprint", put(change))]
}

/// How many agents are swapped at once.
const SWAPPED_AT_ONCE: usize = 8;
/// How many differences are told.
const MAX_TOLD: usize = 20;

/// The two versions may differ in the components of their agents and in nothing else
/// that a running guild would have to follow. Agents that run another component than the
/// new version names are swapped, all others are not touched.
async fn change(State(api): State<ApiState>, Path(id): Path<GuildId>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (blueprint, user) = body.read(object(|f| {
        let blueprint = f.required("blueprint_id", text);
        let user = f.required("user_id", text);
        Some((BlueprintId::from(blueprint?), UserId::from(user?)))
    }))?;
    let row = api.store.guild(&id).await?;
    if row.status.is_over() {
        return Err(ApiError::GuildStopped);
    }
    let old = row.blueprint.ok_or_else(|| ApiError::NoBlueprint(id.clone()))?;
    let new = api.store.blueprint_to_launch(&blueprint, &row.org).await?;
    if !new.access.allows(&user, &row.org) {
        return Err(ApiError::MayNotLaunch);
    }
    let differences = differences(&api.store.blueprint_spec(&old).await?, &new.spec);
    if !differences.is_empty() {
        return Err(ApiError::OtherBlueprint(differences));
    }
    let (mut named, ..) = spec::configured_spec(&api, new.spec, Map::new(), ApiError::InvalidSpec).await?;
    spec::pin(&api, &mut named, &new.pins).await?;

    let mut changed = row.spec;
    let swaps = put_components(&mut changed, &row.document, &named);
    spec::fit(&api, &mut changed).await?.map_err(ApiError::InvalidSpec)?;
    let mut swapping = stream::iter(swaps)
        .map(async |(agent, digest)| (api.guilds.swap_component(&id, &agent, &digest).await, agent, digest))
        .buffer_unordered(SWAPPED_AT_ONCE);
    let (mut swapped, mut failed) = (Vec::new(), Vec::new());
    while let Some((done, agent_id, component)) = swapping.next().await {
        match done {
            Ok(()) => swapped.push(json!({"agent_id": agent_id, "component": component})),
            Err(error) => failed.push(json!({"agent_id": agent_id, "reason": error.to_string()})),
        }
    }
    if !failed.is_empty() {
        return Err(ApiError::SwapsFailed { swapped, failed });
    }
    api.store.set_guild_blueprint(&id, &blueprint, api.clock.now_ms()).await?;
    Ok(Json(json!({"guild_id": id, "blueprint_id": blueprint, "swapped": swapped})))
}

/// Where two versions differ but in the components of agents; what a launch replaces
/// anyway does not count.
fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut found = differing(old, new, &["id", "name", "description", "agents"]);
    let agents = |spec: &Value| spec["agents"].as_array().cloned().unwrap_or_default();
    let (old, new) = (agents(old), agents(new));
    if old.len() != new.len() {
        found.push("agents".to_owned());
    } else {
        for (index, (old, new)) in old.iter().zip(&new).enumerate() {
            let keys = differing(old, new, &["component"]).into_iter();
            found.extend(keys.map(|key| format!("agents.{index}.{key}")));
        }
    }
    found.truncate(MAX_TOLD);
    found
}

/// The members in which two objects differ; null is none.
fn differing(old: &Value, new: &Value, but: &[&str]) -> Vec<String> {
    let keys = [old, new].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let keys: BTreeSet<&String> = keys.filter(|key| !but.contains(&key.as_str())).collect();
    keys.into_iter().filter(|key| old[key.as_str()] != new[key.as_str()]).cloned().collect()
}

/// Puts the components that a blueprint names where the guild's agents have others. The
/// agents of the blueprint are those of the document that the guild was launched with, in
/// their order; those that are gone are passed over. Gives what is to be swapped.
fn put_components(spec: &mut GuildSpec, launched: &Value, named: &GuildSpec) -> Vec<(AgentId, Digest)> {
    let written = launched["agents"].as_array().into_iter().flatten();
    let mut seen: BTreeSet<AgentId> = BTreeSet::new();
    let mut swaps = Vec::new();
    for (written, named) in written.zip(&named.agents) {
        let (id, name) = (written["id"].as_str().map(str::trim), written["name"].as_str().map(str::trim));
        let is_it = |agent: &AgentSpec| match id {
            Some(id) if !id.is_empty() => agent.id.as_str() == id,
            _ => Some(agent.name.as_str()) == name && !seen.contains(&agent.id),
        };
        let Some(agent) = spec.agents.iter_mut().find(|agent| is_it(agent)) else { continue };
        seen.insert(agent.id.clone());
        if let Some(digest) = named.component.as_ref().filter(|digest| agent.component.as_ref() != Some(digest)) {
            agent.component = Some(digest.clone());
            swaps.push((agent.id.clone(), Digest::from(digest.as_str())));
        }
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_model::expression::Expressions;
    use guildhall_model::read::document;
    use guildhall_model::read::spec::{SandboxCeilings, SpecContext, guild};

    #[test]
    fn versions_may_differ_in_components_and_in_what_a_launch_replaces() {
        let old = json!({"name": "A", "agents": [{"name": "a", "component": "x@1"}], "routes": null});
        let new = json!({"name": "B", "description": "d", "agents": [{"name": "a", "component": "x@2"}]});
        assert_eq!(differences(&old, &new), [""; 0]);
        let other = json!({"name": "A", "agents": [{"name": "b", "properties": {}}], "routes": {"steps": []}});
        assert_eq!(differences(&old, &other), ["routes", "agents.0.name", "agents.0.properties"]);
        assert_eq!(differences(&old, &json!({"agents": []})), ["agents"]);
    }

    #[test]
    fn agents_are_found_by_their_place_and_those_that_are_gone_are_passed_over() {
        let agent = |id: &str, name: &str, digit: &str| {
            let component = format!("sha256:{}", digit.repeat(64));
            json!({"id": id, "name": name, "description": "d", "class_name": "x.A", "component": component})
        };
        let spec = |agents: &[Value]| {
            let spec = json!({"id": "g", "name": "G", "description": "d", "agents": agents});
            let expressions = Expressions::none();
            let ceilings = &SandboxCeilings::NOTHING;
            let context = SpecContext { ceilings, expressions: &expressions, random: rand::random };
            document(&spec, &[], guild(context)).unwrap()
        };
        let mut running = spec(&[agent("r1", "same", "1"), agent("r2", "same", "2"), agent("r3", "new", "1")]);
        let launched = json!({"agents": [{"name": "same"}, {"id": "gone", "name": "x"}, {"name": "same"}]});
        let named = spec(&[agent("n1", "same", "1"), agent("n2", "x", "5"), agent("n3", "same", "3")]);
        let swaps = put_components(&mut running, &launched, &named);
        let third = format!("sha256:{}", "3".repeat(64));
        assert_eq!(swaps, [(AgentId::from("r2"), Digest::from(third.as_str()))]);
        assert_eq!(running.agents[1].component, Some(third));
    }
}
