//! Launching a guild from a blueprint.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::guilds::launched;
use crate::api::once::Once;
use crate::api::spec;
use crate::api::state::{ApiState, Route};
use crate::guild::Launch;
use guildhall_model::ids::{BlueprintId, OrgId, UserId};
use guildhall_model::read::spec::check_messaging;
use guildhall_model::read::{FieldErrors, object, object_as_is, text};

pub fn routes() -> Vec<Route> {
    vec![("/catalog/blueprints/{id}/guilds", post(launch))]
}

/// Who launches a guild, and what differs from the blueprint.
#[derive(ToSchema)]
#[schema(as = LaunchGuildFromBlueprintRequest)]
pub struct LaunchRequest {
    #[schema(min_length = 1, max_length = 64)]
    guild_name: String,
    #[schema(rename = "user_id")]
    user: UserId,
    #[schema(rename = "org_id")]
    org: OrgId,
    #[schema(min_length = 1)]
    description: Option<String>,
    /// Values for the templates of the blueprint; they replace those of its own configuration.
    #[schema(required = false, default = json!({}))]
    configuration: Map<String, Value>,
    /// The id of the new guild; without one, or with an empty one, the host chooses.
    guild_id: Option<String>,
}

impl LaunchRequest {
    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let guild_name = f.required("guild_name", text);
            let user = f.required("user_id", text);
            let org = f.required("org_id", text);
            let description = f.optional("description", text);
            let configuration = f.or("configuration", Map::new(), object_as_is);
            let guild_id = f.optional("guild_id", text);
            Some(Self {
                guild_name: guild_name?,
                user: user?.into(),
                org: org?.into(),
                description: description?,
                configuration: configuration?,
                guild_id: guild_id?.filter(|id| !id.is_empty()),
            })
        })(value, errors)
    }

    /// The blueprint's spec with the id, the name and the description of this launch.
    fn applied_to(&self, mut spec: Value, once: &Once) -> Value {
        let id = self.guild_id.clone().unwrap_or_else(|| once.id());
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
    once: Once,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let asked_once = once.request(body.value());
    let mut request = body.read(LaunchRequest::read)?;
    let blueprint = api.store.blueprint_to_launch(&id, &request.org).await?;
    if !blueprint.access.allows(&request.user, &request.org) {
        return Err(ApiError::MayNotLaunch);
    }
    let configuration = std::mem::take(&mut request.configuration);
    let asked = request.applied_to(blueprint.spec, &once);
    let read = spec::configured_spec(&api, asked, configuration, ApiError::InvalidLaunch);
    let (mut spec, whole, mut warnings) = read.await?;
    check_messaging(&spec).map_err(ApiError::InvalidLaunch)?;
    spec::pin(&api, &mut spec, &blueprint.pins).await?;
    spec::check_grants(&api, &spec).await?;
    warnings.extend(spec::unserved(&spec));
    spec::fit(&api, &mut spec).await?.map_err(ApiError::InvalidLaunch)?;
    let launch = Launch {
        spec,
        document: whole,
        org: request.org,
        user: Some(request.user),
        blueprint: Some(id),
        request: asked_once,
    };
    launched(&api, launch, warnings).await
}
