//! The states of a guild and of its agents.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::error::ApiError;
use crate::api::state::{ApiState, Route};
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::state::{StateOwner, VersionedState};

pub fn routes() -> Vec<Route> {
    vec![("/api/guilds/{id}/state", get(of_guild)), ("/api/guilds/{id}/agents/{agent}/state", get(of_agent))]
}

/// The state of a guild or of an agent.
#[derive(Serialize, ToSchema)]
#[schema(as = StateResponse)]
pub struct Shown {
    #[schema(value_type = BTreeMap<String, Value>)]
    state: Box<RawValue>,
    /// The number of changes; 0 for a state that was never stored.
    version: i64,
    /// The time of the last change, RFC 3339; null when there was none.
    #[schema(required = true)]
    updated_at: Option<String>,
}

impl TryFrom<VersionedState> for Shown {
    type Error = ApiError;

    fn try_from(state: VersionedState) -> Result<Self, ApiError> {
        let text = RawValue::from_string(state.text.to_string());
        Ok(Self {
            state: text.map_err(|error| ApiError::Internal(format!("a stored state is not JSON: {error}")))?,
            version: state.version,
            updated_at: (state.version > 0).then(|| rfc3339_ms(state.updated_ms)),
        })
    }
}

async fn of_guild(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Shown>, ApiError> {
    Ok(Json(api.guilds.state(&id, &StateOwner::Guild).await?.try_into()?))
}

async fn of_agent(
    State(api): State<ApiState>,
    Path((id, agent)): Path<(GuildId, AgentId)>,
) -> Result<Json<Shown>, ApiError> {
    Ok(Json(api.guilds.state(&id, &StateOwner::Agent(agent)).await?.try_into()?))
}
