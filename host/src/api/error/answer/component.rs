//! Errors of components and of the registries that they are pulled from.

use axum::http::StatusCode;
use serde_json::json;

use super::request::internal;
use crate::api::error::api_error::Answer;
use crate::guild::{ComponentError, ComponentRefusal, OciError};
use guildhall_model::error_body::ErrorBody;

pub fn not_wasm() -> Answer {
    let body = ErrorBody::new("A component is sent as application/wasm", "not_wasm");
    let hint = "curl -H 'content-type: application/wasm' --data-binary @agent.wasm";
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, body.hint(hint))
}

pub fn error(error: ComponentError) -> Answer {
    match error {
        ComponentError::Refused(refusal) => refused(&refusal),
        ComponentError::NameTaken { name, holder } => {
            let detail = format!("{name} is {holder} and never becomes another component");
            let about = json!({"name": name.name, "version": name.version, "digest": holder});
            (StatusCode::CONFLICT, ErrorBody::new(detail, "name_taken").hint("give it another version").about(about))
        }
        ComponentError::NameReserved(name) => {
            let body = ErrorBody::new(format!("{name} is a name that only the host gives"), "name_reserved");
            (StatusCode::FORBIDDEN, body.hint("give it a name of your own"))
        }
        ComponentError::ClassReserved(class) => {
            let detail = format!("The class {class} is reserved for the host");
            let body = ErrorBody::new(detail, "class_reserved").about(json!({"class_name": class}));
            (StatusCode::FORBIDDEN, body.hint("give the component a class of your own"))
        }
        ComponentError::WrongClass { digest, its, wanted } => {
            let detail = format!("Component {digest} is of the class {its}, not {wanted}");
            let body = ErrorBody::new(detail, "wrong_class").about(json!({"class_name": its}));
            (StatusCode::CONFLICT, body)
        }
        ComponentError::Busy { limit } => {
            let detail = format!("{limit} components wait to be compiled, and no more may");
            let hint = "try again later; the operator sets the limit with host.compile_queue";
            (StatusCode::SERVICE_UNAVAILABLE, ErrorBody::new(detail, "compile_queue_full").hint(hint))
        }
        ComponentError::Unknown(component) => {
            (StatusCode::NOT_FOUND, ErrorBody::new(format!("Component {component} not found"), "component_not_found"))
        }
        ComponentError::RefusedBefore { component, reason } => {
            let detail = format!("Component {component} was refused: {reason}");
            (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "component_refused"))
        }
        ComponentError::Failed { component, reason } => {
            let detail = format!("Component {component} could not be compiled: {reason}");
            let hint = "upload it again with POST /catalog/components";
            (StatusCode::SERVICE_UNAVAILABLE, ErrorBody::new(detail, "component_failed").hint(hint))
        }
        ComponentError::Compiling(component) => {
            let body = ErrorBody::new(format!("Component {component} is still being compiled"), "component_compiling");
            (StatusCode::CONFLICT, body.hint("GET /catalog/components/DIGEST?wait=30 is answered when it is ready"))
        }
        ComponentError::InUse { digest, by } => {
            let detail = format!("Component {digest} is in use by {}", by.join(", "));
            (StatusCode::CONFLICT, ErrorBody::new(detail, "component_in_use").about(json!({"by": by})))
        }
        ComponentError::Registry(error) => registry(&error),
        ComponentError::Store(_) | ComponentError::Host(_) => internal(),
    }
}

fn refused(refusal: &ComponentRefusal) -> Answer {
    let status = match refusal {
        ComponentRefusal::ClassReserved(_) => StatusCode::FORBIDDEN,
        ComponentRefusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ComponentRefusal::Host(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, ErrorBody::new(refusal.to_string(), refusal.code()).about(refusal.context()))
}

fn registry(error: &OciError) -> Answer {
    let (status, code) = match error {
        OciError::Reference { .. } => (StatusCode::BAD_REQUEST, "invalid_reference"),
        OciError::Denied { .. } | OciError::SentAway { .. } => (StatusCode::FORBIDDEN, "registry_not_allowed"),
        OciError::NoComponent { .. } => (StatusCode::BAD_REQUEST, "not_a_component"),
        OciError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        OciError::Registry { .. } | OciError::TooLong { .. } => (StatusCode::BAD_GATEWAY, "registry_failed"),
    };
    (status, ErrorBody::new(error.to_string(), code))
}
