//! Blueprints. A blueprint is created once, does not change, and may be launched any number of times.

pub mod icons;
pub mod launch;
pub mod reviews;
pub mod share;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::Map;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::once::{Once, replayed};
use crate::api::paging::Paging;
use crate::api::spec::{self, Created};
use crate::api::state::{ApiState, Route};
use crate::random::random_id;
use crate::store::{BlueprintInfo, BlueprintRow, Pins, StoreError};
use guildhall_model::catalog::{Blueprint, Exposure, agent_names};
use guildhall_model::clock::naive_utc;
use guildhall_model::ids::{BlueprintId, CategoryId, OrgId, UserId};
use guildhall_model::read::spec::unknown_keys_of_blueprint;

pub fn routes() -> Vec<Route> {
    let own = vec![
        ("/catalog/blueprints", get(list).post(create)),
        ("/catalog/blueprints/validate", post(validate)),
        ("/catalog/blueprints/{id}", get(one).delete(remove)),
    ];
    [own, launch::routes(), share::routes(), reviews::routes(), icons::routes()].concat()
}

/// A blueprint without mistakes.
struct Checked {
    blueprint: Blueprint,
    /// The components of its classes.
    pins: Pins,
    warnings: Vec<String>,
}

/// Reads a blueprint and checks everything that can be known before a launch. Cancel safe.
async fn check(api: &ApiState, id: BlueprintId, body: &JsonBody) -> Result<Checked, ApiError> {
    let keys = body.read(|value, _| Some(unknown_keys_of_blueprint(value)))?;
    let mut blueprint = body.read(Blueprint::read(id))?;
    spec::check_pair(&blueprint.spec)?;
    let read = spec::configured_spec(api, blueprint.spec.clone(), Map::new(), ApiError::InvalidSpec);
    let (mut spec, _, mut warnings) = read.await?;
    spec::check_classes(api, &spec).await?;
    let pins = spec::pin(api, &mut spec, &Pins::new()).await?;
    warnings.extend(keys);
    warnings.extend(spec::unserved(&spec));
    let lacking = spec::lacking(api, &spec).await?.into_iter();
    warnings.extend(lacking.map(|one| format!("{}: the agent cannot start: {}", one.place, one.refusal)));
    if let Some(category) = &blueprint.category
        && !api.store.has_category(category).await?
    {
        warnings.push(format!("category_id: there is no category {category}; GET /catalog/categories lists them"));
    }
    spec::write_pins(&mut blueprint.spec, &spec);
    spec::fit(api, &mut spec).await?.map_err(ApiError::InvalidSpec)?;
    let names = agent_names(&blueprint.spec);
    blueprint.agent_icons.retain(|icon| {
        let is_known = names.contains(&icon.agent_name.as_str());
        if !is_known {
            warnings.push(format!("agent_icons.{} is not kept: the spec has no such agent", icon.agent_name));
        }
        is_known
    });
    Ok(Checked { blueprint, pins, warnings })
}

async fn create(State(api): State<ApiState>, once: Once, body: JsonBody) -> Result<Response, ApiError> {
    let request = once.request(body.value());
    let Checked { blueprint, pins, warnings } = check(&api, once.id().into(), &body).await?;
    let inserted = api.store.insert_blueprint(&blueprint, &pins, request.as_deref(), api.clock.now_ms()).await;
    let created = Created::warned(blueprint.id.as_str(), warnings);
    match inserted {
        Ok(()) => Ok(created.into_response()),
        Err(error @ StoreError::Conflict { .. }) => {
            let stored = api.store.request_of_blueprint(&blueprint.id).await?;
            let is_repeat = Once::is_repeat(request.as_deref(), stored.as_deref())?;
            if is_repeat { Ok(replayed(created)) } else { Err(error.into()) }
        }
        Err(error) => Err(error.into()),
    }
}

/// What is to be known of a blueprint without mistakes.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintValidated)]
pub struct Validated {
    /// Sentences about what would be stored and not used.
    warnings: Vec<String>,
}

/// Answers with the errors that the creation of the blueprint would be answered with, and stores nothing.
async fn validate(State(api): State<ApiState>, body: JsonBody) -> Result<Json<Validated>, ApiError> {
    Ok(Json(Validated { warnings: check(&api, random_id().into(), &body).await?.warnings }))
}

/// A blueprint in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintInfoResponse)]
pub struct Info {
    id: BlueprintId,
    name: String,
    description: String,
    version: String,
    #[schema(value_type = Exposure)]
    exposure: String,
    author_id: UserId,
    /// UTC, without a zone.
    created_at: String,
    updated_at: String,
    #[schema(required = true)]
    icon: Option<String>,
    #[schema(required = true)]
    organization_id: Option<OrgId>,
    #[schema(required = true)]
    category_id: Option<CategoryId>,
    #[schema(required = true)]
    category_name: Option<String>,
}

impl From<BlueprintInfo> for Info {
    fn from(info: BlueprintInfo) -> Self {
        let created_at = naive_utc(info.created_ms);
        Self {
            id: info.id,
            name: info.name,
            description: info.description,
            version: info.version,
            exposure: info.exposure,
            author_id: info.author,
            updated_at: created_at.clone(),
            created_at,
            icon: info.icon,
            organization_id: info.organization,
            category_id: info.category,
            category_name: info.category_name,
        }
    }
}

/// A blueprint with its spec.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintDetailsResponse)]
pub struct Details {
    #[serde(flatten)]
    info: Info,
    #[schema(value_type = BTreeMap<String, Value>)]
    spec: Box<RawValue>,
    #[schema(value_type = Vec<String>)]
    tags: Box<RawValue>,
    #[schema(value_type = Vec<String>)]
    commands: Box<RawValue>,
    #[schema(value_type = Vec<String>)]
    starter_prompts: Box<RawValue>,
    #[schema(required = true)]
    intro_msg: Option<String>,
}

impl From<BlueprintRow> for Details {
    fn from(row: BlueprintRow) -> Self {
        Self {
            info: row.info.into(),
            spec: row.spec,
            tags: row.tags,
            commands: row.commands,
            starter_prompts: row.starter_prompts,
            intro_msg: row.intro_msg,
        }
    }
}

/// Answers a page of all blueprints.
async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.blueprints(paging.wanted()).await?.map(Info::from)))
}

/// Removes a blueprint from which no guild was launched.
async fn remove(State(api): State<ApiState>, Path(id): Path<BlueprintId>) -> Result<StatusCode, ApiError> {
    api.store.delete_blueprint(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(State(api): State<ApiState>, Path(id): Path<BlueprintId>) -> Result<Json<Details>, ApiError> {
    Ok(Json(api.store.blueprint(&id).await?.into()))
}
