//! Errors of uploads and files.

use axum::http::StatusCode;

use super::request::internal;
use crate::api::error::api_error::Answer;
use crate::files::{BadName, FilesError};
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::GuildId;

pub fn invalid_form(detail: &str) -> Answer {
    (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "invalid_form"))
}

pub fn bad_name(why: BadName) -> Answer {
    (StatusCode::BAD_REQUEST, ErrorBody::new(format!("Invalid file name: {why}"), "invalid_file_name"))
}

pub fn no_such_part(bytes: u64) -> Answer {
    let detail = format!("The file has {bytes} bytes, and none in this range");
    (StatusCode::RANGE_NOT_SATISFIABLE, ErrorBody::new(detail, "no_such_part"))
}

pub fn no_filesystem(guild: &GuildId) -> Answer {
    let detail = format!("Dependency for filesystem not configured for guild {guild}");
    let hint = "give the guild's spec a dependency_map with the key filesystem";
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "no_filesystem").hint(hint))
}

pub fn error(error: &FilesError) -> Answer {
    match error {
        FilesError::NotFound => (StatusCode::NOT_FOUND, ErrorBody::new("File not found", "file_not_found")),
        FilesError::Exists => (StatusCode::CONFLICT, ErrorBody::new("File already exists", "file_exists")),
        FilesError::TooLarge { limit } => {
            let body = ErrorBody::new(format!("The file is larger than {limit} bytes"), "file_too_large");
            (StatusCode::PAYLOAD_TOO_LARGE, body.hint("the operator sets the limit with limits.file_bytes"))
        }
        FilesError::Interrupted => invalid_form("Invalid multipart data."),
        FilesError::Storage(_) => internal(),
    }
}
