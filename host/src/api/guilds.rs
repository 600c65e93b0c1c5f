//! Guilds: made from a spec, seen, started again, and what was said in them.

mod blueprint;

use std::collections::HashSet;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::spec::{self, Created};
use super::{ApiState, Route};
use crate::guild::Launch;
use crate::store::{AgentKind, AgentRow, GuildRow, GuildSummary, Pins};
use guildhall_model::clock::naive_utc;
use guildhall_model::configuration::configured;
use guildhall_model::expression::Expressions;
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::read::spec::{SpecContext, check_messaging, guild};
use guildhall_model::read::{FieldError, Step, object, text};
use guildhall_model::spec::{AgentSpec, GuildSpec, RoutingSlip};
use guildhall_model::status::{AgentStatus, GuildStatus};

pub fn routes() -> Vec<Route> {
    let own = vec![
        ("/api/guilds", get(list).post(create)),
        ("/api/guilds/{id}", get(one)),
        ("/api/guilds/{id}/relaunch", post(relaunch)),
        ("/api/guilds/{id}/{user}/messages", get(history)),
    ];
    [own, blueprint::routes()].concat()
}

async fn create(State(api): State<ApiState>, body: JsonBody) -> Result<(StatusCode, Json<Created>), ApiError> {
    let (ceilings, evaluator) = (api.ceilings, api.evaluator.clone());
    let read = move || {
        let expressions = Expressions::unshared(&*evaluator);
        let context = SpecContext { ceilings: &ceilings, expressions: &expressions, random: rand::random };
        let body = body.with("spec", |spec| Ok(configured(spec, Map::new())?))?;
        let (spec, org) = body.read(object(|f| {
            let spec = f.required("spec", guild(context));
            let org = f.required("org_id", text);
            Some((spec?, OrgId::from(org?)))
        }))?;
        let document = body.into_value()["spec"].take();
        let warnings = spec::admit(&spec)?;
        Ok((spec, org, document, warnings))
    };
    let (mut spec, org, mut document, warnings) = spec::blocking(read).await?;
    check_messaging(&spec).map_err(ApiError::InvalidLaunch)?;
    spec::pin(&api, &mut spec, &Pins::new()).await?;
    spec::fit(&api, &mut spec).await?.map_err(in_body)?;
    document["id"] = spec.id.as_str().into();
    let id = api.guilds.launch(Launch { spec, document, org, user: None, blueprint: None }).await?;
    Ok(Created::warned(id.into_string(), warnings))
}

/// FieldErrors in the spec, which is a part of the body.
fn in_body(errors: Vec<FieldError>) -> ApiError {
    let spec = ["body", "spec"].map(Step::from);
    let placed = errors.into_iter().map(|mistake| {
        let loc = spec.iter().cloned().chain(mistake.loc).collect();
        FieldError { loc, ..mistake }
    });
    ApiError::Invalid(placed.collect())
}

/// A guild in a list.
#[derive(Serialize)]
struct Listed {
    id: GuildId,
    name: String,
    status: GuildStatus,
    organization_id: OrgId,
    blueprint_id: Option<BlueprintId>,
    created_at: String,
}

impl From<GuildSummary> for Listed {
    fn from(guild: GuildSummary) -> Self {
        Self {
            id: guild.id,
            name: guild.name,
            status: guild.status,
            organization_id: guild.org,
            blueprint_id: guild.blueprint,
            created_at: naive_utc(guild.created_ms),
        }
    }
}

async fn list(State(api): State<ApiState>) -> Result<Json<Vec<Listed>>, ApiError> {
    Ok(Json(api.store.guilds().await?.into_iter().map(Listed::from).collect()))
}

/// A guild as it is shown: its spec with the agents that are really in it.
#[derive(Serialize)]
struct Shown {
    id: GuildId,
    name: String,
    description: String,
    properties: Map<String, Value>,
    agents: Vec<AgentSpec>,
    dependency_map: Map<String, Value>,
    routes: RoutingSlip,
    gateway: Option<Value>,
    status: GuildStatus,
}

impl Shown {
    fn new(guild: GuildRow, agents: Vec<AgentRow>) -> Self {
        let mut spec = GuildSpec { properties: with_back_ends(guild.spec.properties), ..guild.spec };
        let by_class = served_by_class(&spec, &guild.document);
        for agent in spec.agents.iter_mut().filter(|agent| by_class.contains(&agent.id)) {
            agent.component = None;
        }
        let present = agents.into_iter().filter(|agent| agent.status != AgentStatus::Deleted);
        Self {
            agents: present.map(|agent| shown_agent(agent, &spec, &by_class, &guild.org)).collect(),
            id: guild.id,
            name: spec.name,
            description: spec.description,
            properties: spec.properties,
            dependency_map: spec.dependency_map,
            routes: spec.routes,
            gateway: spec.gateway,
            status: guild.status,
        }
    }
}

/// The agents whose author named no component: each keeps what served its class when
/// it was launched, and is shown as it was written.
fn served_by_class(spec: &GuildSpec, document: &Value) -> HashSet<AgentId> {
    let written = document["agents"].as_array().into_iter().flatten();
    let named: HashSet<&str> = written
        .filter(|agent| !agent["component"].is_null())
        .filter_map(|agent| agent["name"].as_str().map(str::trim))
        .collect();
    let by_class = spec.agents.iter().filter(|agent| !named.contains(agent.name.as_str()));
    by_class.map(|agent| agent.id.clone()).collect()
}

/// The manager is shown with the guild it manages.
fn shown_agent(row: AgentRow, guild: &GuildSpec, by_class: &HashSet<AgentId>, org: &OrgId) -> AgentSpec {
    let mut agent = row.spec;
    if by_class.contains(&agent.id) {
        agent.component = None;
    }
    match row.kind {
        AgentKind::Manager => {
            agent.properties.insert("guild_spec".to_owned(), json!(guild));
            agent.properties.insert("organization_id".to_owned(), json!(org));
        }
        AgentKind::Member | AgentKind::UserProxy => {}
    }
    agent
}

/// Clients expect to read which back ends a guild has; those who named none are
/// shown the names that the reference would give.
fn with_back_ends(mut properties: Map<String, Value>) -> Map<String, Value> {
    properties
        .entry("execution_engine")
        .or_insert_with(|| json!("rustic_ai.core.guild.execution.sync.sync_exec_engine.SyncExecutionEngine"));
    properties.entry("messaging").or_insert_with(|| {
        json!({
            "backend_module": "rustic_ai.core.messaging.backend",
            "backend_class": "InMemoryMessagingBackend",
            "backend_config": {},
        })
    });
    properties
}

async fn one(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Shown>, ApiError> {
    let guild = api.store.guild(&id).await?;
    let agents = api.store.agents(&id).await?;
    Ok(Json(Shown::new(guild, agents)))
}

async fn relaunch(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Value>, ApiError> {
    let is_relaunching = api.guilds.relaunch(&id).await?;
    Ok(Json(json!({"is_relaunching": is_relaunching})))
}

/// Streams the history, however long it is. A log that cannot be read in the middle
/// of it breaks the connection: half a history must not look whole.
async fn history(State(api): State<ApiState>, Path((id, user)): Path<(GuildId, UserId)>) -> Result<Response, ApiError> {
    let mut history = api.guilds.history(&id, &user).await?;
    let first = history.next_page().await.map_err(|error| ApiError::Internal(error.to_string()))?;
    let pages = stream::unfold((history, first.map(Ok), true), |(mut history, page, is_first)| async move {
        let page = page?;
        let next = history.next_page().await.transpose();
        let text = page.map(|messages| json_part(&messages, is_first, next.is_none()));
        Some((text, (history, next, false)))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pages)).into_response())
}

/// A page of a JSON list that is written in parts.
fn json_part(messages: &[String], is_first: bool, is_last: bool) -> String {
    let begin = if is_first { "[" } else { "" };
    let separator = if is_first || messages.is_empty() { "" } else { "," };
    let end = if is_last { "]" } else { "" };
    [begin, separator, &messages.join(","), end].concat()
}

#[cfg(test)]
mod tests {
    use super::json_part;

    #[test]
    fn the_parts_of_a_list_make_a_list() {
        let page = ["1".to_owned(), "2".to_owned()];
        assert_eq!(json_part(&[], true, true), "[]");
        assert_eq!(json_part(&page, true, true), "[1,2]");
        let parts = [json_part(&page, true, false), json_part(&page, false, false), json_part(&[], false, true)];
        assert_eq!(parts.concat(), "[1,2,1,2]");
    }
}
