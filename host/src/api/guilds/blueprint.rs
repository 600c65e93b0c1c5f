//! Changes a running guild to the components of another version of its blueprint.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::put;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::api::agents::ComponentSwapped;
use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::spec;
use crate::api::state::{ApiState, Route};
use guildhall_model::ids::{AgentId, BlueprintId, Digest, GuildId, UserId};
use guildhall_model::read::{FieldErrors, object, text};
use guildhall_model::spec::{AgentSpec, GuildSpec};

pub fn routes() -> Vec<Route> {
    vec![("/api/guilds/{id}/blueprint", put(change))]
}

/// At most this many agents are swapped at the same time.
const SWAPPED_AT_ONCE: usize = 8;
/// At most this many differences are reported.
const MAX_DIFFERENCES: usize = 20;

/// The new version of the blueprint, and who changes to it.
#[derive(ToSchema)]
pub struct BlueprintChoice {
    blueprint_id: BlueprintId,
    /// A user who may launch the blueprint.
    user_id: UserId,
}

impl BlueprintChoice {
    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let blueprint = f.required("blueprint_id", text);
            let user = f.required("user_id", text);
            Some(Self { blueprint_id: blueprint?.into(), user_id: user?.into() })
        })(value, errors)
    }
}

/// The blueprint of a guild, and the agents whose component changed.
#[derive(Serialize, ToSchema)]
pub struct BlueprintChanged {
    guild_id: GuildId,
    blueprint_id: BlueprintId,
    swapped: Vec<ComponentSwapped>,
}

/// Swaps the agents whose component differs in the new version. The versions may differ in components and in what a launch
/// replaces; any other difference is refused.
async fn change(
    State(api): State<ApiState>,
    Path(id): Path<GuildId>,
    body: JsonBody,
) -> Result<Json<BlueprintChanged>, ApiError> {
    let BlueprintChoice { blueprint_id: blueprint, user_id: user } = body.read(BlueprintChoice::read)?;
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
            Ok(()) => swapped.push(ComponentSwapped { agent_id, component }),
            Err(error) => failed.push(json!({"agent_id": agent_id, "reason": error.to_string()})),
        }
    }
    drop(swapping);
    if !failed.is_empty() {
        let swapped = swapped.iter().map(|swapped| json!(swapped)).collect();
        return Err(ApiError::SwapsFailed { swapped, failed });
    }
    api.store.set_guild_blueprint(&id, &blueprint, api.clock.now_ms()).await?;
    Ok(Json(BlueprintChanged { guild_id: id, blueprint_id: blueprint, swapped }))
}

/// The paths at which two versions differ. Components of agents do not count, nor do the members that a launch replaces.
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
    found.truncate(MAX_DIFFERENCES);
    found
}

/// The members in which two objects differ, except those of `but`. A null member equals an absent one.
fn differing(old: &Value, new: &Value, but: &[&str]) -> Vec<String> {
    let keys = [old, new].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let keys: BTreeSet<&String> = keys.filter(|key| !but.contains(&key.as_str())).collect();
    keys.into_iter().filter(|key| old[key.as_str()] != new[key.as_str()]).cloned().collect()
}

/// Replaces the components of the guild's agents by those of the new version, and returns the agents to swap. The agents of
/// the new version have the order of the document that the guild was launched with; agents that were removed since are
/// skipped.
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
    fn versions_may_differ_in_components_and_in_members_that_a_launch_replaces() {
        let old = json!({"name": "A", "agents": [{"name": "a", "component": "x@1"}], "routes": null});
        let new = json!({"name": "B", "description": "d", "agents": [{"name": "a", "component": "x@2"}]});
        assert_eq!(differences(&old, &new), [""; 0]);
        let other = json!({"name": "A", "agents": [{"name": "b", "properties": {}}], "routes": {"steps": []}});
        assert_eq!(differences(&old, &other), ["routes", "agents.0.name", "agents.0.properties"]);
        assert_eq!(differences(&old, &json!({"agents": []})), ["agents"]);
    }

    #[test]
    fn agents_are_found_by_their_position_and_removed_ones_are_skipped() {
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
