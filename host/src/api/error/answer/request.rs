//! Errors of a request as such: its path, its host, its body.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use crate::api::error::api_error::Answer;
use crate::guild::Part;
use crate::room::{NoRoom, SETTING as ROOM};
use guildhall_model::error_body::ErrorBody;
use guildhall_model::read::{FieldError, Step};

pub fn no_route() -> Answer {
    (StatusCode::NOT_FOUND, ErrorBody::new("Not Found", "no_such_path"))
}

pub fn no_method() -> Answer {
    (StatusCode::METHOD_NOT_ALLOWED, ErrorBody::new("Method Not Allowed", "method_not_allowed"))
}

pub fn foreign_host(host: &str) -> Answer {
    let body = ErrorBody::new(format!("This host is not {host}"), "foreign_host");
    let hint = "use an address or localhost, or have the operator allow the name with --set http.hosts=NAME";
    (StatusCode::MISDIRECTED_REQUEST, body.hint(hint))
}

pub fn unreadable() -> Answer {
    let body = ErrorBody::new("There was an error parsing the body", "unreadable_body");
    (StatusCode::BAD_REQUEST, body.hint("send JSON in UTF-8"))
}

pub fn too_large(limit: usize, setting: &str) -> Answer {
    let body = ErrorBody::new(format!("The body is larger than {limit} bytes"), "too_large");
    (StatusCode::PAYLOAD_TOO_LARGE, body.hint(format!("the operator sets the limit with {setting}")))
}

pub fn too_many_values(limit: usize) -> Answer {
    let body = ErrorBody::new(format!("The values of the body need more than {limit} bytes of memory"), "too_large")
        .hint(format!("send fewer values; the limit is half of {ROOM}"))
        .about(json!({"limit": limit, "setting": ROOM}));
    (StatusCode::PAYLOAD_TOO_LARGE, body)
}

pub fn no_room(NoRoom { limit }: NoRoom) -> Answer {
    let body = ErrorBody::new(format!("All that clients send at once may have {limit} bytes"), "busy")
        .hint(format!("try again later; the operator sets the limit with {ROOM}"))
        .about(json!({"limit": limit, "setting": ROOM}));
    (StatusCode::SERVICE_UNAVAILABLE, body)
}

pub fn too_slow(within: Duration) -> Answer {
    let detail = format!("The body took more than {} seconds", within.as_secs());
    let body = ErrorBody::new(detail, "too_slow").hint("the operator sets the limit with limits.body_s");
    (StatusCode::REQUEST_TIMEOUT, body)
}

pub fn invalid(errors: &[FieldError]) -> Answer {
    let is_of_query = |error: &FieldError| error.loc.first() == Some(&Step::from("query"));
    let code = if !errors.is_empty() && errors.iter().all(is_of_query) { "invalid_query" } else { "invalid_body" };
    (StatusCode::UNPROCESSABLE_ENTITY, ErrorBody::new(json!(errors), code))
}

pub fn not_json(errors: &[FieldError]) -> Answer {
    let (status, body) = invalid(errors);
    (status, body.hint("send `content-type: application/json`"))
}

pub fn foreign_page(origin: &str) -> Answer {
    let body = ErrorBody::new(format!("Pages of {origin} may not change anything here"), "foreign_origin");
    let hint = "to let the pages of an origin in, the operator sets cors.origin=https://…; programs send no Origin";
    (StatusCode::FORBIDDEN, body.hint(hint))
}

pub fn has_changed(place: &str, tag: Option<&str>) -> Answer {
    let body = match tag {
        Some(_) => ErrorBody::new(format!("{place} is no longer what If-Match names"), "has_changed"),
        None => ErrorBody::new(format!("{place} is not there, or has no tag"), "has_changed"),
    };
    let hint = "GET it again, and repeat the change with the new ETag if it is still right";
    (StatusCode::PRECONDITION_FAILED, body.hint(hint).about(json!({"place": place, "etag": tag})))
}

pub fn bad_key() -> Answer {
    let detail = "Idempotency-Key is one text of 1 to 255 printable ASCII characters";
    (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "bad_idempotency_key"))
}

pub fn key_reused() -> Answer {
    let body = ErrorBody::new("This Idempotency-Key came with another body before", "idempotency_key_reused");
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        body.hint("send a new key with a new request, and the old body with the old key"),
    )
}

/// The answer while a part of the host is away.
pub fn unavailable(part: Part) -> Answer {
    let code = match part {
        Part::Store => "store_unavailable",
        Part::Journal => "journal_unavailable",
    };
    let detail = format!("The {} does not answer at present, so the request could not be completed", part.name());
    let body = ErrorBody::new(detail, code).hint("try again in some seconds; GET /readyz says when it is back");
    (StatusCode::SERVICE_UNAVAILABLE, body.about(json!({"part": part.name()})))
}

pub fn disk_full(part: Part) -> Answer {
    let detail = format!("The disk of the {} is full, so nothing can be stored", part.name());
    let body = ErrorBody::new(detail, "disk_full").hint("the operator has to free space; nothing else has to be done");
    (StatusCode::INSUFFICIENT_STORAGE, body.about(json!({"part": part.name()})))
}

pub fn not_ready() -> Answer {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        ErrorBody::new("Not ready", "not_ready").hint("the host starts or shuts down; try again"),
    )
}

pub fn moving() -> Answer {
    let body = ErrorBody::new("The guild moves to another host", "guild_moving").hint("try again in some seconds");
    (StatusCode::SERVICE_UNAVAILABLE, body)
}

/// The client learns nothing but the trace id; the cause is in the log.
pub fn internal() -> Answer {
    (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new("Internal Server Error", "internal_error"))
}
