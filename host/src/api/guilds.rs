//! Guilds: created from a spec, listed, shown, relaunched, and the messages of their users.

pub mod blueprint;
pub mod state;
pub mod usage;

use std::collections::HashSet;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::body::JsonBody;
use super::error::ApiError;
use super::once::{Once, replayed};
use super::paging::{ORDER, ORDERS, Paging, link};
use super::query::Params;
use super::spec::{self, Created};
use crate::api::state::{ApiState, Route};
use crate::guild::{History, Launch, LaunchError};
use crate::store::{AgentKind, AgentRow, GuildRow, GuildSummary, Pins};
use guildhall_model::clock::naive_utc;
use guildhall_model::configuration::configured;
use guildhall_model::dialect::Dialect;
use guildhall_model::expression::Expressions;
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, MessageId, OrgId, UserId};
use guildhall_model::openapi::{DependencySpec, GatewayConfig};
use guildhall_model::read::spec::{SpecContext, check_messaging, guild};
use guildhall_model::read::{FieldError, FieldErrors, Step, boolean, object, one_of, text, whole};
use guildhall_model::spec::{AgentSpec, GuildSpec, RoutingSlip};
use guildhall_model::status::{AgentStatus, GuildStatus};

pub fn routes() -> Vec<Route> {
    let own = vec![
        ("/api/guilds", get(list).post(create)),
        ("/api/guilds/{id}", get(one).delete(remove)),
        ("/api/guilds/{id}/relaunch", post(relaunch)),
        ("/api/guilds/{id}/stop", post(stop)),
        ("/api/guilds/{id}/start", post(start)),
        ("/api/guilds/{id}/{user}/messages", get(history)),
    ];
    [own, blueprint::routes(), state::routes(), usage::routes()].concat()
}

/// The guild to launch, and its organisation.
#[derive(ToSchema)]
pub struct LaunchGuildReq {
    spec: GuildSpec,
    org_id: OrgId,
}

impl LaunchGuildReq {
    fn read(value: &Value, errors: &mut FieldErrors, context: SpecContext<'_>) -> Option<Self> {
        object(|f| {
            let spec = f.required("spec", guild(context));
            let org = f.required("org_id", text);
            Some(Self { spec: spec?, org_id: org?.into() })
        })(value, errors)
    }
}

async fn create(State(api): State<ApiState>, once: Once, body: JsonBody) -> Result<Response, ApiError> {
    let request = once.request(body.value());
    let (ceilings, schemas) = (api.ceilings, api.schemas);
    let read = move |expressions: &Expressions<'_>| {
        let context = SpecContext { ceilings: &ceilings, expressions, random: rand::random };
        let body = body.with("spec", |spec| Ok(configured(spec, Map::new(), schemas)?))?;
        let LaunchGuildReq { spec, org_id } =
            body.read(|value, errors| LaunchGuildReq::read(value, errors, context))?;
        let document = body.into_value()["spec"].take();
        let warnings = spec::admit(&spec, &document)?;
        Ok((spec, org_id, document, warnings))
    };
    let (mut spec, org, mut document, mut warnings) = spec::aside(&api, read).await?;
    check_messaging(&spec).map_err(ApiError::InvalidLaunch)?;
    spec::pin(&api, &mut spec, &Pins::new()).await?;
    spec::check_grants(&api, &spec).await?;
    warnings.extend(spec::unserved(&spec));
    spec::fit(&api, &mut spec).await?.map_err(in_body)?;
    if document["id"].is_null() {
        spec.id = once.id().into();
    }
    document["id"] = spec.id.as_str().into();
    launched(&api, Launch { spec, document, org, user: None, blueprint: None, request }, warnings).await
}

/// Launches a guild, and answers with its id and the warnings. A request that was made before is answered alike.
///
/// # Errors
/// The id is taken by another request, the same key came with another body, or the host cannot do it now.
pub async fn launched(api: &ApiState, launch: Launch, warnings: Vec<String>) -> Result<Response, ApiError> {
    let request = launch.request.clone();
    match api.guilds.launch(launch).await {
        Ok(id) => Ok(Created::warned(id.into_string(), warnings).into_response()),
        Err(LaunchError::Taken(id)) => {
            let stored = api.store.request_of_guild(&id).await?;
            match Once::is_repeat(request.as_deref(), stored.as_deref())? {
                true => Ok(replayed(Created::warned(id.into_string(), warnings))),
                false => Err(LaunchError::Taken(id).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Prefixes the paths of the errors of a spec: the spec is a part of the body.
fn in_body(errors: Vec<FieldError>) -> ApiError {
    let spec = ["body", "spec"].map(Step::from);
    let placed = errors.into_iter().map(|error| {
        let loc = spec.iter().cloned().chain(error.loc).collect();
        FieldError { loc, ..error }
    });
    ApiError::Invalid(placed.collect())
}

/// A guild in the list of all guilds.
#[derive(Serialize, ToSchema)]
#[schema(as = GuildListed)]
pub struct Listed {
    id: GuildId,
    name: String,
    status: GuildStatus,
    organization_id: OrgId,
    #[schema(required = true)]
    blueprint_id: Option<BlueprintId>,
    /// UTC, without a zone.
    created_at: String,
    /// Only with `usage`, and only of a guild that runs here and is awake.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<usage::GuildUsage>,
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
            usage: None,
        }
    }
}

async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    let with_usage = paging.params().read("usage", boolean)?.unwrap_or_default();
    let page = api.store.guilds(paging.wanted()).await?;
    Ok(paging.list(page.map(|mut guild| {
        guild.status = api.guilds.shown_status(&guild.id, guild.status);
        let usage = with_usage.then(|| api.guilds.usage(&guild.id)).flatten();
        Listed { usage: usage.map(usage::GuildUsage::from), ..Listed::from(guild) }
    })))
}

/// A guild: its spec with the agents that it has now, and its status.
#[derive(Serialize, ToSchema)]
#[schema(as = GuildSpecResponse)]
pub struct Shown {
    id: GuildId,
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(min_length = 1)]
    description: String,
    properties: Map<String, Value>,
    agents: Vec<AgentSpec>,
    #[schema(value_type = BTreeMap<String, DependencySpec>)]
    dependency_map: Map<String, Value>,
    routes: RoutingSlip,
    #[schema(required = true, value_type = Option<GatewayConfig>)]
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

/// The agents whose author named no component. They run the component that served their class at the launch, and are shown
/// without it, as the author wrote them.
fn served_by_class(spec: &GuildSpec, document: &Value) -> HashSet<AgentId> {
    let written = document["agents"].as_array().into_iter().flatten();
    let named: HashSet<&str> = written
        .filter(|agent| !agent["component"].is_null())
        .filter_map(|agent| agent["name"].as_str().map(str::trim))
        .collect();
    let by_class = spec.agents.iter().filter(|agent| !named.contains(agent.name.as_str()));
    by_class.map(|agent| agent.id.clone()).collect()
}

/// An agent as it is shown. The manager has the spec of its guild among its properties.
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

/// Adds the back ends that clients expect in the properties of a guild. A spec that names none gets the reference's
/// defaults.
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
    let mut guild = api.store.guild(&id).await?;
    let agents = api.store.agents(&id).await?;
    guild.status = api.guilds.shown_status(&id, guild.status);
    Ok(Json(Shown::new(guild, agents)))
}

/// Whether the guild is being started again; false when it runs.
#[derive(Serialize, ToSchema)]
#[schema(as = RelaunchResponse)]
pub struct Relaunch {
    is_relaunching: bool,
}

async fn relaunch(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Relaunch>, ApiError> {
    Ok(Json(Relaunch { is_relaunching: api.guilds.relaunch(&id).await? }))
}

/// Whether the guild is being stopped; false when it was stopped already.
#[derive(Serialize, ToSchema)]
pub struct Stop {
    is_stopping: bool,
}

async fn stop(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Stop>, ApiError> {
    Ok(Json(Stop { is_stopping: api.guilds.stop(&id).await? }))
}

/// Whether the guild is being started; false when it runs.
#[derive(Serialize, ToSchema)]
pub struct Start {
    is_starting: bool,
}

async fn start(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Start>, ApiError> {
    Ok(Json(Start { is_starting: api.guilds.start_stopped(&id).await? }))
}

/// Removes a guild that was stopped, with its messages, states, files, users and boards.
async fn remove(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<StatusCode, ApiError> {
    let (files, guild) = (api.files.clone(), id.clone());
    let others = async move { files.remove_all(&guild).await.map_err(|error| error.to_string()) };
    api.guilds.delete(&id, others).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The most messages of one page of a history.
const MAX_LIMIT: u64 = 500;

/// The dialects by name, as sockets have them.
const DIALECTS: [(&str, Dialect); 3] = [("guide", Dialect::Guide), ("rustic", Dialect::Rustic), ("ui", Dialect::Ui)];

/// The messages of a page of a history that runs from its end, unless `limit` says otherwise.
const NEWEST: u64 = 100;

/// With `limit` or `order=desc`, answers one page, whose `Link` header has the next one. Without them, streams the whole
/// history from its begin; what retention keeps of a log bounds it. When the log cannot be read to its end, the connection
/// breaks, so that a partial history does not look complete.
async fn history(
    State(api): State<ApiState>,
    Path((id, user)): Path<(GuildId, UserId)>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.read("limit", whole(1, MAX_LIMIT))?;
    let after = params.read("after", whole(0, MessageId::MAX))?.map(MessageId::new);
    let dialect = params.read("dialect", one_of(&DIALECTS, "'guide', 'rustic' or 'ui'"))?;
    if params.read("order", one_of(&ORDERS, ORDER))?.unwrap_or(false) {
        let history = api.guilds.history_back(&id, &user, after).await?.in_dialect(dialect);
        return page(history, limit.unwrap_or(NEWEST), &params).await;
    }
    let mut history = api.guilds.history(&id, &user, after.unwrap_or_default()).await?.in_dialect(dialect);
    if let Some(limit) = limit {
        return page(history, limit, &params).await;
    }
    let first =
        history.next_page().await.map_err(|error| ApiError::of_journal(error.to_string(), error.is_outage()))?;
    let pages = stream::unfold((history, first.map(Ok), true), |(mut history, page, is_first)| async move {
        let page = page?;
        let next = history.next_page().await.transpose();
        let text = page.map(|messages| json_part(&messages, is_first, next.is_none()));
        Some((text, (history, next, false)))
    });
    // What compresses an answer asks once more after its end.
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pages.fuse())).into_response())
}

async fn page(mut history: History, limit: u64, params: &Params) -> Result<Response, ApiError> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = history.next_page_of(size).await;
    let page = page.map_err(|error| ApiError::of_journal(error.to_string(), error.is_outage()))?;
    let text = json_part(&page.unwrap_or_default(), true, true);
    let next = history.next_after().map(|after| after.to_string());
    Ok(link(params, next, ([(header::CONTENT_TYPE, "application/json")], text)))
}

/// One page of a JSON list that is written page by page.
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
    fn the_pages_of_a_list_form_a_list() {
        let page = ["1".to_owned(), "2".to_owned()];
        assert_eq!(json_part(&[], true, true), "[]");
        assert_eq!(json_part(&page, true, true), "[1,2]");
        let parts = [json_part(&page, true, false), json_part(&page, false, false), json_part(&[], false, true)];
        assert_eq!(parts.concat(), "[1,2,1,2]");
    }
}
