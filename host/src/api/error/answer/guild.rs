//! Errors of guilds, their users, their agents and their dead letters.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::api::error::api_error::Answer;
use crate::guild::{AgentError, DeadLetterError, SwapError};
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::{GuildId, UserId};

pub fn may_not_launch() -> Answer {
    (StatusCode::FORBIDDEN, ErrorBody::new("Insufficient permissions to launch", "may_not_launch"))
}

pub fn other_blueprint(places: &[String]) -> Answer {
    let detail = format!("The blueprint changes more than components: {}", places.join(", "));
    let body = ErrorBody::new(detail, "other_blueprint")
        .hint("launch a guild of it: a running guild only changes the components of its agents")
        .about(json!({"places": places}));
    (StatusCode::CONFLICT, body)
}

pub fn swaps_failed(swapped: &[Value], failed: &[Value]) -> Answer {
    let detail = format!("{} agents keep the components they have", failed.len());
    let body = ErrorBody::new(detail, "swap_failed")
        .hint("repeat the request when the reasons are gone; agents that were swapped are not swapped again")
        .about(json!({"swapped": swapped, "failed": failed}));
    (StatusCode::UNPROCESSABLE_ENTITY, body)
}

pub fn stopped() -> Answer {
    (StatusCode::BAD_REQUEST, ErrorBody::new("Guild is already stopped", "guild_stopped"))
}

pub fn stopping() -> Answer {
    let body = ErrorBody::new("The guild is being stopped", "guild_stopping");
    (StatusCode::CONFLICT, body.hint("try again when its status is stopped"))
}

pub fn not_stopped() -> Answer {
    let body = ErrorBody::new("The guild was not stopped", "guild_not_stopped");
    (StatusCode::CONFLICT, body.hint("stop it first: POST /api/guilds/GUILD/stop"))
}

pub fn already_user(user: &UserId, guild: &GuildId) -> Answer {
    let detail = format!("User {user} already associated with guild {guild}");
    (StatusCode::CONFLICT, ErrorBody::new(detail, "user_exists"))
}

pub fn not_user(user: &UserId, guild: &GuildId) -> Answer {
    let detail = format!("User {user} is not associated with guild {guild}");
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "user_not_found"))
}

pub fn no_blueprint(guild: &GuildId) -> Answer {
    let detail = format!("No Blueprint associated with guild {guild}");
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "blueprint_not_found"))
}

pub fn agent(error: &AgentError) -> Answer {
    let detail = error.to_string();
    match error {
        AgentError::Guild(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(detail, "internal")),
        AgentError::Unknown(_) => (StatusCode::NOT_FOUND, ErrorBody::new(detail, "agent_not_found")),
        AgentError::Idle(_) => (StatusCode::CONFLICT, ErrorBody::new(detail, "agent_idle")),
        AgentError::Component(_) => {
            let body = ErrorBody::new(detail, "unknown_component");
            (StatusCode::BAD_REQUEST, body.hint("upload it with POST /catalog/components"))
        }
        AgentError::Swap(SwapError::Busy) => {
            let body = ErrorBody::new(detail, "agent_busy");
            (StatusCode::CONFLICT, body.hint("POST /api/guilds/{id}/agents/{agent}/cancel ends the turn"))
        }
        AgentError::Swap(SwapError::Failed(_)) => {
            let body = ErrorBody::new(detail, "swap_failed");
            (StatusCode::UNPROCESSABLE_ENTITY, body.hint("the agent keeps the component it had"))
        }
        AgentError::Swap(SwapError::NotStored(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorBody::new(detail, "store_unavailable"))
        }
        AgentError::Swap(SwapError::Ended) => (StatusCode::CONFLICT, ErrorBody::new(detail, "agent_ended")),
    }
}

pub fn dead_letter(error: &DeadLetterError) -> Answer {
    let detail = error.to_string();
    match error {
        DeadLetterError::Guild(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(detail, "internal")),
        DeadLetterError::Unknown(_) => (StatusCode::NOT_FOUND, ErrorBody::new(detail, "dead_letter_not_found")),
        DeadLetterError::NoAgent(_) => {
            let body = ErrorBody::new(detail, "agent_not_found");
            (StatusCode::CONFLICT, body.hint("discard the letter, or launch the agent again"))
        }
    }
}
