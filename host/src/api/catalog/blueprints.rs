//! Blueprints: made once, launched as often as one likes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{ApiState, Route};
use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::spec::{self, Created};
use crate::guild::Launch;
use crate::model::catalog::Blueprint;
use crate::model::clock::naive_utc;
use crate::model::ids::{BlueprintId, OrgId, UserId, random_id};
use crate::model::read::spec::guild;
use crate::model::read::{Mistakes, document, free, object, text};
use crate::store::BlueprintRow;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/blueprints", post(create)),
        ("/catalog/blueprints/{id}", get(one)),
        ("/catalog/blueprints/{id}/guilds", post(launch)),
    ]
}

async fn create(State(api): State<ApiState>, body: JsonBody) -> Result<(StatusCode, Json<Created>), ApiError> {
    let blueprint = body.read(Blueprint::read(random_id().into()))?;
    let spec = document(&blueprint.spec, &[], guild(&api.ceilings)).map_err(ApiError::InvalidSpec)?;
    let warnings = spec::admit(&spec, &blueprint.spec)?;
    spec::check_components(&api.store, &spec).await?;
    spec::check_classes(&api.store, &api.guilds, &spec).await?;
    api.store.insert_blueprint(&blueprint, api.clock.now_ms()).await?;
    Ok(Created::warned(blueprint.id.into_string(), warnings))
}

/// A blueprint as it is shown.
#[derive(Serialize)]
struct Details {
    id: String,
    name: String,
    description: String,
    version: String,
    exposure: String,
    author_id: String,
    created_at: String,
    updated_at: String,
    icon: Option<String>,
    organization_id: Option<String>,
    category_id: Option<String>,
    category_name: Option<String>,
    spec: Box<RawValue>,
    tags: Box<RawValue>,
    commands: Box<RawValue>,
    starter_prompts: Box<RawValue>,
    intro_msg: Option<String>,
}

impl From<BlueprintRow> for Details {
    fn from(row: BlueprintRow) -> Self {
        let created_at = naive_utc(row.created_ms);
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            version: row.version,
            exposure: row.exposure,
            author_id: row.author_id,
            updated_at: created_at.clone(),
            created_at,
            icon: row.icon,
            organization_id: row.organization_id,
            category_id: row.category_id,
            category_name: row.category_name,
            spec: row.spec,
            tags: row.tags,
            commands: row.commands,
            starter_prompts: row.starter_prompts,
            intro_msg: row.intro_msg,
        }
    }
}

async fn one(State(api): State<ApiState>, Path(id): Path<BlueprintId>) -> Result<Json<Details>, ApiError> {
    Ok(Json(api.store.blueprint(&id).await?.into()))
}

/// Who launches a guild, and what is to be different from the blueprint.
struct LaunchRequest {
    guild_name: String,
    user: UserId,
    org: OrgId,
    description: Option<String>,
    configuration: Map<String, Value>,
    guild_id: Option<String>,
}

impl LaunchRequest {
    fn read(value: &Value, mistakes: &mut Mistakes) -> Option<Self> {
        object(|f| {
            let guild_name = f.required("guild_name", text);
            let user = f.required("user_id", text);
            let org = f.required("org_id", text);
            let description = f.optional("description", text);
            let configuration = f.or("configuration", Map::new(), free);
            let guild_id = f.optional("guild_id", text);
            Some(Self {
                guild_name: guild_name?,
                user: user?.into(),
                org: org?.into(),
                description: description?,
                configuration: configuration?,
                guild_id: guild_id?.filter(|id| !id.is_empty()),
            })
        })(value, mistakes)
    }

    /// The blueprint's spec with the words of this launch. An empty id is none.
    fn applied_to(&self, mut spec: Value) -> Value {
        let id = self.guild_id.clone().unwrap_or_else(random_id);
        if let Some(fields) = spec.as_object_mut() {
            fields.insert("id".to_owned(), id.into());
            fields.insert("name".to_owned(), self.guild_name.clone().into());
            if let Some(description) = &self.description {
                fields.insert("description".to_owned(), description.clone().into());
            }
        }
        spec
    }
}

async fn launch(
    State(api): State<ApiState>,
    Path(id): Path<BlueprintId>,
    body: JsonBody,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let request = body.read(LaunchRequest::read)?;
    let blueprint = api.store.blueprint_to_launch(&id, &request.org).await?;
    if !blueprint.access.allows(&request.user, &request.org) {
        return Err(ApiError::MayNotLaunch);
    }
    if !request.configuration.is_empty() {
        return Err(ApiError::Unsupported(vec!["configuration (templates) cannot be applied yet".to_owned()]));
    }
    let whole = request.applied_to(blueprint.spec);
    let spec = document(&whole, &[], guild(&api.ceilings)).map_err(ApiError::InvalidLaunch)?;
    let warnings = spec::admit(&spec, &whole)?;
    let launch = Launch { spec, document: whole, org: request.org, user: Some(request.user), blueprint: Some(id) };
    let guild = api.guilds.launch(launch).await?;
    Ok(Created::warned(guild.into_string(), warnings))
}
