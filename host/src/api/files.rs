//! The files of a guild and of its agents. A guild has files when its spec has the dependency `filesystem`. Whether an agent
//! exists is not checked.

mod form;
mod pace;
mod parameters;
mod range;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::conditional::names;
use super::error::ApiError;
use super::once::{Once, replayed};
use super::paging::Paging;
use crate::api::state::{ApiState, Route};
use crate::files::{About, Entry, FileName, FilesError, Folder};
use crate::store::Page;
use form::UploadForm;
use guildhall_model::clock::naive_utc;
use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::read::{boolean, document};
use range::{Wanted, wanted};

pub fn routes() -> Vec<Route> {
    vec![
        ("/api/guilds/{id}/files", get(list).post(upload)),
        ("/api/guilds/{id}/files/{name}", get(read).delete(remove)),
        ("/api/guilds/{id}/agents/{agent}/files", get(list).post(upload)),
        ("/api/guilds/{id}/agents/{agent}/files/{name}", get(read).delete(remove)),
    ]
}

/// The guild or agent that a path names.
#[derive(Debug, Deserialize)]
struct Place {
    id: GuildId,
    agent: Option<AgentId>,
}

impl Place {
    async fn folder(&self, api: &ApiState) -> Result<Folder, ApiError> {
        let guild = api.store.guild(&self.id).await?;
        if !guild.spec.dependency_map.contains_key("filesystem") {
            return Err(ApiError::NoFileSystem(guild.id));
        }
        Ok(match &self.agent {
            None => Folder::of_guild(&guild.id),
            Some(agent) => Folder::of_agent(&guild.id, agent),
        })
    }
}

/// The file that a path names.
#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

impl Named {
    /// The name. A path with an encoded slash is not served, and a text that cannot be a file name names no file.
    fn file(&self) -> Result<FileName, ApiError> {
        if self.name.contains('/') {
            return Err(ApiError::NoRoute);
        }
        FileName::parse(&self.name).map_err(|_| ApiError::File(FilesError::NotFound))
    }
}

/// A file in a list. Clients know all these members; some are always null.
#[derive(Serialize, ToSchema)]
pub struct MediaLink {
    id: String,
    /// The path below the list of files: the name, URL-encoded.
    url: String,
    name: FileName,
    /// The media type that the client sent with the file.
    mimetype: Option<String>,
    /// What the client sent as `file_meta`, with `content_length` in bytes and `uploaded_at`.
    metadata: Map<String, Value>,
    content_hash: Option<String>,
    size_in_bytes: Option<u64>,
    encoding: Option<String>,
    on_filesystem: bool,
}

impl From<Entry> for MediaLink {
    fn from(entry: Entry) -> Self {
        let mut metadata = entry.metadata;
        metadata.shift_remove("content_type");
        metadata.insert("content_length".to_owned(), entry.bytes.into());
        metadata.insert("uploaded_at".to_owned(), format!("{}+00:00", naive_utc(entry.uploaded_ms)).into());
        Self {
            id: entry.id,
            url: utf8_percent_encode(entry.name.as_str(), PATH).to_string(),
            name: entry.name,
            mimetype: entry.media_type,
            metadata,
            content_hash: None,
            size_in_bytes: None,
            encoding: None,
            on_filesystem: true,
        }
    }
}

async fn list(State(api): State<ApiState>, Path(place): Path<Place>, paging: Paging) -> Result<Response, ApiError> {
    let folder = place.folder(&api).await?;
    let page = Page::of_list(api.files.list(&folder).await?, paging.wanted(), |entry| entry.name.as_str());
    Ok(paging.list(page.map(MediaLink::from)))
}

/// The file that was stored.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    guild_id: GuildId,
    filename: FileName,
    /// The path under which clients of the reference look for it. It is that of a guild's file, also for the files of agents.
    url: String,
    #[schema(required = true)]
    content_type: Option<String>,
    /// Bytes.
    content_length: u64,
}

/// Characters that are escaped in a path, for clients that compare paths as text.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

async fn upload(
    State(api): State<ApiState>,
    Path(place): Path<Place>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let folder = place.folder(&api).await?;
    let UploadForm { received, name, media_type, metadata } = form::read(&api, &folder, &headers, body).await?;
    let request = once.of_digest(received.sha256());
    let about =
        About { name: name.clone(), media_type, metadata, now_ms: api.clock.now_ms(), request: request.clone() };
    match api.files.keep(&folder, received, about).await {
        Ok(entry) => Ok(Json(Uploaded::new(place.id, entry)).into_response()),
        Err(FilesError::Exists) => {
            let stored = api.files.entry(&folder, &name).await?;
            match Once::is_repeat(request.as_deref(), stored.request.as_deref())? {
                true => Ok(replayed(Json(Uploaded::new(place.id, stored)))),
                false => Err(FilesError::Exists.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

impl Uploaded {
    fn new(guild_id: GuildId, entry: Entry) -> Self {
        let (guild, name) = (guild_id.as_str(), entry.name.as_str());
        Self {
            url: format!(
                "/rustic/api/guilds/{}/files/{}",
                utf8_percent_encode(guild, PATH),
                utf8_percent_encode(name, PATH)
            ),
            guild_id,
            filename: entry.name,
            content_type: entry.media_type,
            content_length: entry.bytes,
        }
    }
}

async fn read(
    State(api): State<ApiState>,
    Path(place): Path<Place>,
    Path(named): Path<Named>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let is_download = is_download(&query)?;
    let folder = place.folder(&api).await?;
    let entry = api.files.entry(&folder, &named.file()?).await?;
    let etag = format!("\"{}\"", entry.sha256);
    let known: Vec<HeaderValue> = headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    if names(&known, &etag).is_some() {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let part = match wanted(&headers, entry.bytes, &etag) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => return Err(ApiError::NoSuchPart { bytes: entry.bytes }),
    };
    let content = api.files.read(&folder, &entry, part.clone()).await?;
    let mut response = Body::from_stream(content).into_response();
    if let Some(part) = &part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let place = format!("bytes {}-{}/{}", part.start, part.end - 1, entry.bytes);
        response.headers_mut().insert(header::CONTENT_RANGE, value(&place));
    }
    let answered = response.headers_mut();
    answered.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answered.insert(header::CONTENT_TYPE, value(&media_type(&entry, is_download)));
    answered.insert(header::CONTENT_LENGTH, part.map_or(entry.bytes, |part| part.end - part.start).into());
    answered.insert(header::ETAG, value(&etag));
    // A browser must not run an uploaded file as a page of this host.
    answered.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answered.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if is_download {
        answered.insert(header::CONTENT_DISPOSITION, value(&attachment(&entry.name)));
    }
    Ok(response)
}

async fn remove(
    State(api): State<ApiState>,
    Path(place): Path<Place>,
    Path(named): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let folder = place.folder(&api).await?;
    api.files.remove(&folder, &named.file()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_download(query: &[(String, String)]) -> Result<bool, ApiError> {
    match query.iter().rev().find(|(key, _)| key == "download") {
        None => Ok(false),
        Some((_, value)) => {
            document(&Value::from(value.as_str()), &["query", "download"], boolean).map_err(ApiError::Invalid)
        }
    }
}

/// Media types that clients expect and the usual list does not have.
const OTHER_TYPES: [(&str, &str); 4] =
    [("py", "text/x-python"), ("mjs", "text/javascript"), ("ico", "image/vnd.microsoft.icon"), ("wav", "audio/x-wav")];

/// The media type by the file's name, as clients of this API expect, not the one that was sent with the file.
fn media_type(entry: &Entry, is_download: bool) -> String {
    let guessed = mime_guess::from_path(entry.name.as_str()).first();
    let extension = entry.name.as_str().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let other = OTHER_TYPES.iter().find(|(of, _)| Some(*of) == extension.as_deref());
    let guessed = other.and_then(|(_, media_type)| media_type.parse().ok()).or(guessed);
    match guessed.filter(|_| !is_download) {
        None => "application/octet-stream".to_owned(),
        Some(text) if text.type_() == "text" => format!("{text}; charset=utf-8"),
        Some(other) => other.to_string(),
    }
}

/// The Content-Disposition of a download: the name in ASCII (RFC 6266), and when it is not ASCII the whole name, encoded
/// (RFC 8187).
fn attachment(name: &FileName) -> String {
    let name = name.as_str();
    let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
    let extended =
        if name.is_ascii() { String::new() } else { format!("; filename*=UTF-8''{}", utf8_percent_encode(name, PATH)) };
    format!("attachment; filename=\"{quoted}\"{extended}")
}

/// A header value. The text is valid, since names of files have no control characters.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_for_old_clients_and_encoded_for_new_ones() {
        for (name, header) in [
            ("test.txt", "attachment; filename=\"test.txt\""),
            ("a b+c%d.txt", "attachment; filename=\"a b+c%d.txt\""),
            ("say \"hi\"", "attachment; filename=\"say \\\"hi\\\"\""),
            ("Ü 日.txt", "attachment; filename=\"_ _.txt\"; filename*=UTF-8''%C3%9C%20%E6%97%A5.txt"),
        ] {
            assert_eq!(attachment(&FileName::parse(name).unwrap()), header);
        }
    }
}
