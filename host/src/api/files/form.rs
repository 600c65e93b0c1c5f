//! Reads the multipart form of an upload. The file is written to the storage while it arrives; only a buffer of it is in
//! memory.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderMap, header};
use multer::{Constraints, Field, Multipart, SizeLimit};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::state::ApiState;
use crate::files::{FileName, FilesError, Folder, Received};
use guildhall_model::json;
use guildhall_model::read::{FieldError, Step};

/// The most bytes of a form besides its fields: boundaries and headers.
const FRAME_BYTES: u64 = 64 << 10;

/// An upload: a file that is stored and has no name yet, and what the client sent about it.
pub struct UploadForm {
    pub received: Received,
    pub name: FileName,
    pub media_type: Option<String>,
    pub metadata: Map<String, Value>,
}

struct Part {
    received: Received,
    name: FileName,
    media_type: Option<String>,
}

/// Reads a whole form. Of several files the last one counts. A file that is refused is still read to its end, so that the
/// client receives the answer.
///
/// Dropping the future removes what was stored.
///
/// # Errors
/// The form is not valid, the file has no valid name or one that is taken, or it is too large.
pub async fn read(api: &ApiState, folder: &Folder, headers: &HeaderMap, body: Body) -> Result<UploadForm, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let boundary = match multer::parse_boundary(content_type) {
        Ok(boundary) => boundary,
        Err(multer::Error::NoBoundary) => return Err(ApiError::Multipart("Missing boundary in multipart.")),
        Err(_) => return Err(without_file(api, content_type, body).await),
    };
    if body.size_hint().exact() == Some(0) {
        return Err(missing());
    }
    let metadata_bytes = api.limits.body_bytes as u64;
    let whole = api.files.limit().saturating_add(metadata_bytes).saturating_add(FRAME_BYTES);
    let limits = SizeLimit::new().whole_stream(whole).for_field("file_meta", metadata_bytes);
    let constraints = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut file = None;
    let mut metadata = Ok(Map::new());
    while let Some(field) = form.next_field().await.map_err(|error| broken(api, &error))? {
        match field.name() {
            Some("file") => file = Some(receive(api, folder, field).await),
            Some("file_meta") => metadata = read_metadata(&field.bytes().await.map_err(|error| broken(api, &error))?),
            _ => {}
        }
    }
    let Part { received, name, media_type } = file.ok_or_else(missing)??;
    Ok(UploadForm { received, name, media_type, metadata: metadata? })
}

async fn receive(api: &ApiState, folder: &Folder, field: Field<'_>) -> Result<Part, ApiError> {
    let Some(name) = field.file_name().map(str::to_owned) else {
        let text = field.bytes().await.map_err(|error| broken(api, &error))?;
        return Err(no_file(&String::from_utf8_lossy(&text)));
    };
    let name = FileName::parse(&name).map_err(ApiError::BadFileName)?;
    match api.files.entry(folder, &name).await {
        Ok(_) => return Err(FilesError::Exists.into()),
        Err(FilesError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let media_type = field.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(str::to_owned);
    let received = api.files.receive(folder, field).await?;
    Ok(Part { received, name, media_type })
}

fn read_metadata(text: &Bytes) -> Result<Map<String, Value>, ApiError> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let loc = || vec![Step::from("body"), Step::from("file_meta")];
    let field_error = match json::parse(text) {
        Ok(Value::Object(metadata)) => return Ok(metadata),
        Ok(other) => FieldError::new("dict_type", loc(), "Input should be a valid dictionary", other),
        Err(error) => {
            let text = String::from_utf8_lossy(text).into_owned();
            FieldError::new("json_invalid", loc(), "JSON decode error", text.into())
                .with_ctx(json!({"error": error.to_string()}))
        }
    };
    Err(ApiError::Invalid(vec![field_error]))
}

/// The error of a body that is not a multipart form.
async fn without_file(api: &ApiState, content_type: &str, body: Body) -> ApiError {
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return missing();
    }
    let Ok(bytes) = to_bytes(body, api.limits.body_bytes).await else {
        return too_large(api);
    };
    let text = String::from_utf8_lossy(&bytes).replace('+', " ");
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let fields: BTreeMap<String, String> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect();
    fields.get("file").map_or_else(missing, |text| no_file(text))
}

/// The error of a form without a field `file`.
fn missing() -> ApiError {
    ApiError::Invalid(vec![FieldError::missing(vec!["body".into(), "file".into()], Value::Null)])
}

/// The error of a field `file` that is a text.
fn no_file(text: &str) -> ApiError {
    let msg = "Value error, Expected UploadFile, received: <class 'str'>";
    let error = FieldError::new("value_error", vec!["body".into(), "file".into()], msg, text.into());
    ApiError::Invalid(vec![error.with_ctx(json!({"error": {}}))])
}

fn too_large(api: &ApiState) -> ApiError {
    ApiError::TooLarge { limit: api.limits.body_bytes, setting: "limits.body_bytes" }
}

fn broken(api: &ApiState, error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => FilesError::TooLarge { limit: api.files.limit() }.into(),
        multer::Error::FieldSizeExceeded { .. } => too_large(api),
        multer::Error::StreamReadFailed(_) => ApiError::Unreadable,
        _ => ApiError::Multipart("Invalid multipart data."),
    }
}
