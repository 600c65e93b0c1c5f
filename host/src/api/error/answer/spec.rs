//! Errors of specs: of blueprints, of guilds and of launches.

use axum::http::StatusCode;
use serde_json::json;

use crate::api::error::api_error::Answer;
use crate::guild::Lacking;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::AgentId;
use guildhall_model::read::{FieldError, Step};
use guildhall_model::template::TemplateError;

/// The text is for people and for clients of the reference; the context has the same for programs.
pub fn invalid(errors: &[FieldError]) -> Answer {
    let places = errors.iter().map(|error| {
        let loc: Vec<Step> = ["body".into(), "spec".into()].into_iter().chain(error.loc.iter().cloned()).collect();
        json!({"loc": loc, "msg": error.msg})
    });
    let about = json!({"errors": places.collect::<Vec<_>>()});
    (StatusCode::BAD_REQUEST, ErrorBody::new(as_sentences(errors), "invalid_spec").about(about))
}

/// Errors as the text that clients know from the reference's validator.
fn as_sentences(errors: &[FieldError]) -> String {
    let (count, plural) = (errors.len(), if errors.len() == 1 { "" } else { "s" });
    let lines: String =
        errors.iter().map(|error| format!("\n{}\n  {} [type={}]", error.path(), error.msg, error.kind)).collect();
    format!("Invalid GuildSpec: {count} validation error{plural} for GuildSpec{lines}")
}

/// The paths of the errors begin at the agent, its properties or the rule that they are about, as clients know them;
/// the hint has the whole paths.
pub fn invalid_launch(errors: Vec<FieldError>) -> Answer {
    let paths: Vec<String> = errors.iter().filter(|error| error.loc.len() > 1).map(FieldError::path).collect();
    let relative = errors.into_iter().map(|error| match error.loc.as_slice() {
        [Step::Key(_), Step::Index(_), Step::Key(properties), rest @ ..]
            if properties == "properties" && !rest.is_empty() =>
        {
            FieldError { loc: rest.into(), ..error }
        }
        [Step::Key(list), Step::Index(_), rest @ ..] if list == "agents" => FieldError { loc: rest.into(), ..error },
        [Step::Key(_), Step::Key(steps), Step::Index(_), rest @ ..] if steps == "steps" => {
            FieldError { loc: rest.into(), ..error }
        }
        [Step::Key(_), Step::Key(messaging), rest @ ..] if messaging == "messaging" => {
            FieldError { loc: rest.into(), ..error }
        }
        _ => error,
    });
    let body = ErrorBody::new(json!(relative.collect::<Vec<_>>()), "invalid_launch");
    let body = if paths.is_empty() { body } else { body.hint(format!("look at {}", paths.join(", "))) };
    (StatusCode::BAD_REQUEST, body)
}

pub fn unsupported(parts: &[String]) -> Answer {
    let body = ErrorBody::new(format!("Unsupported GuildSpec: {}", parts.join("; ")), "unsupported_spec");
    (StatusCode::BAD_REQUEST, body.hint("leave these out: this host would ignore them"))
}

pub fn duplicate_agent(id: &AgentId) -> Answer {
    let body = ErrorBody::new(format!("Invalid GuildSpec: two agents have the id {id}"), "duplicate_agent_id");
    (StatusCode::BAD_REQUEST, body.hint("give each agent its own id, or none"))
}

pub fn unknown_class(class: &str) -> Answer {
    let body = ErrorBody::new(format!("Agent not found for class_name: {class}"), "unknown_class");
    (StatusCode::BAD_REQUEST, body.hint("register it with POST /catalog/agents, or name a component in the agent"))
}

pub fn missing_capability(lacking: &[Lacking]) -> Answer {
    let sentences =
        lacking.iter().take(MAX_LACKING).map(|one| format!("{} ({}): {}", one.place, one.agent, one.refusal));
    let about = lacking.iter().take(MAX_LACKING).map(|one| {
        let missing = one.refusal.context()["missing"].take();
        json!({"agent": one.agent, "place": one.place, "missing": missing})
    });
    let body = ErrorBody::new(sentences.collect::<Vec<_>>().join("; "), "missing_capability");
    let hint = "ask for `sandbox.…` grants in the agent's `sandbox`; the operator sets `policy.…` grants with --set";
    (StatusCode::CONFLICT, body.hint(hint).about(json!({"agents": about.collect::<Vec<_>>()})))
}

/// The most agents that one answer names.
const MAX_LACKING: usize = 16;

pub fn unknown_component(component: &str) -> Answer {
    let body = ErrorBody::new(format!("Component {component} not found"), "unknown_component");
    (StatusCode::BAD_REQUEST, body.hint("upload it with POST /catalog/components"))
}

pub fn unpaired(missing: &str) -> Answer {
    let body = ErrorBody::new(format!("{missing} is required"), "invalid_configuration");
    (StatusCode::BAD_REQUEST, body.hint("a spec has both configuration and configuration_schema, or neither"))
}

pub fn invalid_configuration(why: &str) -> Answer {
    let detail = format!("configuration and/or schema invalid. {why}");
    (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "invalid_configuration"))
}

pub fn invalid_template(error: &TemplateError) -> Answer {
    let body = ErrorBody::new(format!("Invalid GuildSpec: {error}"), "invalid_template");
    (StatusCode::BAD_REQUEST, body.hint("agents and routes are Mustache templates when there is a configuration"))
}
