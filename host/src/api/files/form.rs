//! Reads the multipart form of an upload. The file is written to the storage while it arrives; only a buffer of it is in
//! memory. Everything that is in memory counts in the room for what clients send.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use futures_util::StreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::pace::{Progress, paced};
use super::parameters::Parameters;
use crate::api::body::read_small;
use crate::api::error::ApiError;
use crate::api::once::KEY;
use crate::api::state::ApiState;
use crate::api::values::{self, ValueRoom};
use crate::files::{FileName, FilesError, Folder, RECEIVE_BYTES, Received};
use crate::room::Held;
use guildhall_model::read::{FieldError, Step};

/// The most bytes of a form besides its fields: boundaries and headers.
const FRAME_BYTES: u64 = 64 << 10;
/// The most bytes of a text in place of a file that an error shows.
const SHOWN_BYTES: usize = 1 << 10;

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
/// The form is not valid, the file has no valid name or one that is taken, it is too large, or it takes too long.
pub async fn read(api: &ApiState, folder: &Folder, headers: &HeaderMap, body: Body) -> Result<UploadForm, ApiError> {
    let within = api.limits.body_within;
    let reading = read_whole(api, folder, headers, body);
    tokio::time::timeout(within, reading).await.unwrap_or(Err(ApiError::TooSlow { within }))
}

async fn read_whole(api: &ApiState, folder: &Folder, headers: &HeaderMap, body: Body) -> Result<UploadForm, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let content_type = Parameters::read(content_type);
    if content_type.value != "multipart/form-data" {
        return Err(without_file(api, &content_type, body).await);
    }
    let boundary = boundary(&content_type)?;
    if body.size_hint().exact() == Some(0) {
        return Err(missing());
    }
    let metadata_bytes = api.limits.body_bytes as u64;
    let whole = api.files.limit().saturating_add(metadata_bytes).saturating_add(FRAME_BYTES);
    let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(whole));
    let progress = Progress::default();
    let parts = paced(body.into_data_stream(), progress.clone());
    let may_repeat = headers.contains_key(KEY);
    let mut form = Form { api, progress, held: None, taken: 0, may_repeat };
    let mut fields = Multipart::with_constraints(parts, boundary, constraints);
    let mut file = None;
    let mut metadata = Ok(Map::new());
    while let Some(mut field) = fields.next_field().await.map_err(|error| broken(api, &error))? {
        form.progress.made();
        let disposition = field.headers().get(header::CONTENT_DISPOSITION).map_or(&b""[..], |value| value.as_bytes());
        let disposition = Parameters::read(disposition);
        match disposition.get("name") {
            Some(b"file") => file = Some(form.receive(folder, &disposition, &mut field).await),
            Some(b"file_meta") => {
                let text = form.text(&mut field).await?;
                ValueRoom::new(&api.room).add(&text, &mut form.held)?;
                metadata = read_metadata(api, text).await;
            }
            _ => {}
        }
        form.skip(field).await?;
    }
    let Part { received, name, media_type } = file.ok_or_else(missing)??;
    Ok(UploadForm { received, name, media_type, metadata: metadata? })
}

/// The boundary of a form: exactly one, of the characters that RFC 2046 allows.
fn boundary(content_type: &Parameters) -> Result<String, ApiError> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    match content_type.get("boundary") {
        None | Some(b"") => Err(ApiError::Multipart("Missing boundary in multipart.")),
        Some(_) if content_type.count("boundary") > 1 => {
            Err(ApiError::Multipart("The content type has more than one boundary."))
        }
        Some(boundary) if boundary.len() > 70 || !boundary.iter().all(is_allowed) => {
            Err(ApiError::Multipart("The boundary in the content type is not valid."))
        }
        Some(boundary) => Ok(String::from_utf8_lossy(boundary).into_owned()),
    }
}

/// A form that is being read, and the room that it uses.
struct Form<'a> {
    api: &'a ApiState,
    progress: Progress,
    held: Option<Held>,
    taken: usize,
    /// Whether the request has a key, so that the file may be stored already.
    may_repeat: bool,
}

impl Form<'_> {
    /// Stores a file.
    async fn receive(
        &mut self,
        folder: &Folder,
        disposition: &Parameters,
        field: &mut Field<'_>,
    ) -> Result<Part, ApiError> {
        let Some(name) = disposition.file_name() else {
            return Err(no_file(&self.start_of_text(field).await?));
        };
        let name = FileName::parse(&name).map_err(ApiError::BadFileName)?;
        match self.api.files.entry(folder, &name).await {
            // Maybe it was stored by the same request.
            Ok(entry) if self.may_repeat && entry.request.is_some() => {}
            Ok(_) => return Err(FilesError::Exists.into()),
            Err(FilesError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let media_type = field.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.map(str::to_owned);
        let (mut bytes, mut refused, files) = (0, None, self.api.files.clone());
        let chunks = field.map(|chunk| {
            let chunk = chunk.map_err(|_| ())?;
            self.progress.made();
            bytes += chunk.len();
            self.take((2 * bytes).min(RECEIVE_BYTES)).map_err(|error| refused = Some(error))?;
            Ok::<Bytes, ()>(chunk)
        });
        let received = files.receive(folder, chunks).await;
        match refused {
            Some(error) => Err(error),
            None => Ok(Part { received: received?, name, media_type }),
        }
    }

    /// Takes room until the form has `bytes` of it.
    fn take(&mut self, bytes: usize) -> Result<(), ApiError> {
        if bytes > self.taken {
            self.api.room.take_more(bytes - self.taken, &mut self.held)?;
            self.taken = bytes;
        }
        Ok(())
    }

    /// The whole text of a field, which has at most `limits.body_bytes`.
    async fn text(&mut self, field: &mut Field<'_>) -> Result<Bytes, ApiError> {
        let mut text = BytesMut::new();
        while let Some(chunk) = self.chunk(field).await? {
            if text.len() + chunk.len() > self.api.limits.body_bytes {
                return Err(too_large(self.api));
            }
            self.take(2 * (text.len() + chunk.len()))?;
            text.extend_from_slice(&chunk);
        }
        Ok(text.freeze())
    }

    /// The first [`SHOWN_BYTES`] of a text.
    async fn start_of_text(&self, field: &mut Field<'_>) -> Result<String, ApiError> {
        let mut start = BytesMut::new();
        while start.len() < SHOWN_BYTES
            && let Some(chunk) = self.chunk(field).await?
        {
            start.extend_from_slice(&chunk[..chunk.len().min(SHOWN_BYTES - start.len())]);
        }
        Ok(String::from_utf8_lossy(&start).into_owned())
    }

    /// Reads the rest of a field without keeping it.
    async fn skip(&self, mut field: Field<'_>) -> Result<(), ApiError> {
        while self.chunk(&mut field).await?.is_some() {}
        Ok(())
    }

    async fn chunk(&self, field: &mut Field<'_>) -> Result<Option<Bytes>, ApiError> {
        let chunk = field.chunk().await.map_err(|error| broken(self.api, &error))?;
        self.progress.made();
        Ok(chunk)
    }
}

async fn read_metadata(api: &ApiState, text: Bytes) -> Result<Map<String, Value>, ApiError> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let loc = || vec![Step::from("body"), Step::from("file_meta")];
    let field_error = match values::parse(api, text.clone()).await? {
        Ok(Value::Object(metadata)) => return Ok(metadata),
        Ok(other) => FieldError::new("dict_type", loc(), "Input should be a valid dictionary", other),
        Err(error) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            FieldError::new("json_invalid", loc(), "JSON decode error", text.into())
                .with_ctx(json!({"error": error.to_string()}))
        }
    };
    Err(ApiError::Invalid(vec![field_error]))
}

/// The error of a body that is not a multipart form.
async fn without_file(api: &ApiState, content_type: &Parameters, body: Body) -> ApiError {
    if content_type.value != "application/x-www-form-urlencoded" {
        return missing();
    }
    let (bytes, _held) = match read_small(body, &api.room, api.limits.body_bytes, "limits.body_bytes").await {
        Ok(read) => read,
        Err(error) => return error,
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

/// The error of a field `file` that is a text. It shows the start of the text.
fn no_file(text: &str) -> ApiError {
    let text: String = text.chars().take(SHOWN_BYTES).collect();
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
        multer::Error::StreamReadFailed(_) => ApiError::Unreadable,
        _ => ApiError::Multipart("Invalid multipart data."),
    }
}
