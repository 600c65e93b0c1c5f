//! Components: uploaded once and found by the digest of their bytes, or by a name and version that never stand for another
//! digest.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use crate::api::body::WasmBody;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::query::Params;
use crate::api::spec::COMPILED_WITHIN;
use crate::api::state::{ApiLimits, ApiState, Route};
use crate::guild::{Binds, grants_of};
use crate::store::ComponentRow;
use guildhall_model::clock::naive_utc;
use guildhall_model::component::ComponentName;
use guildhall_model::component::ComponentState;
use guildhall_model::ids::Digest;
use guildhall_model::read::{FieldError, boolean};

pub fn routes(limits: ApiLimits) -> Vec<Route> {
    let room = DefaultBodyLimit::max(limits.component_bytes);
    vec![
        ("/catalog/components", get(list).post(upload).layer(room)),
        ("/catalog/components/{digest}", get(one).delete(delete)),
        ("/catalog/components/{digest}/users", get(users)),
        ("/catalog/components/{digest}/wasm", get(wasm)),
    ]
}

/// A component.
#[derive(Serialize, ToSchema)]
pub struct Component {
    digest: Digest,
    state: ComponentState,
    /// Every `name@version` of it.
    names: Vec<String>,
    #[schema(required = true)]
    class_name: Option<String>,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    version: Option<String>,
    #[schema(required = true)]
    summary: Option<String>,
    /// Bytes.
    size: u64,
    /// How the component describes itself; null in a list.
    description: Value,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// The grants that it needs: a blueprint asks for them, and the operator allows them.
    #[schema(value_type = Vec<String>)]
    grants: Vec<&'static str>,
    /// Why it was refused, or why it could not be compiled.
    #[schema(required = true)]
    reason: Option<String>,
    /// The reason for programs.
    #[schema(required = true, value_type = Option<ComponentRefusal>)]
    refusal: Option<Value>,
    /// The component that serves its class by default, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    class_served_by: Option<Digest>,
    /// The component that has the name and version that it describes, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_held_by: Option<Digest>,
    /// Sentences about what does not happen although its author may expect it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// UTC, without a zone.
    created_at: String,
}

/// Why a component was refused, for programs. The store has it as JSON; this type describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the type is described and never made")]
struct ComponentRefusal {
    /// Stable, as in errors.
    code: String,
    /// The values that the reason names.
    context: Value,
}

impl Component {
    fn new(row: ComponentRow, names: Vec<String>) -> Self {
        Self {
            digest: row.digest,
            state: row.state,
            names,
            class_name: row.class_name,
            name: row.name,
            version: row.version,
            summary: row.summary,
            size: row.size,
            description: row.description,
            grants: grants_of(&row.imports),
            imports: row.imports,
            reason: row.reason,
            refusal: row.refusal,
            class_served_by: None,
            name_held_by: None,
            warnings: Vec::new(),
            created_at: naive_utc(row.created_ms),
        }
    }

    /// Adds which other component serves its class or has its name.
    async fn with_rivals(mut self, api: &ApiState) -> Result<Self, ApiError> {
        if self.state != ComponentState::Ready {
            return Ok(self);
        }
        if let Some(class) = &self.class_name {
            let serving = api.guilds.component_of_class(class).await?;
            self.class_served_by = serving.filter(|digest| *digest != self.digest);
        }
        if let Some(other) = &self.class_served_by {
            let class = self.class_name.as_deref().unwrap_or_default();
            self.warnings.push(format!(
                "the class {class} is served by {other}, not by this component: upload it with ?bind=1, or send PUT \
                 /catalog/agents/{class}/component, or name the digest in a blueprint"
            ));
        }
        if let (Some(name), Some(version)) = (&self.name, &self.version)
            && let Ok(named) = ComponentName::new(name, version)
        {
            let holder = api.store.component_named(&named).await?;
            self.name_held_by = holder.filter(|digest| *digest != self.digest);
            if let Some(other) = &self.name_held_by {
                let text = format!("the name {named} belongs to {other}: give this component another version");
                self.warnings.push(text);
            }
        }
        Ok(self)
    }
}

async fn shown(api: &ApiState, row: ComponentRow) -> Result<Component, ApiError> {
    let names = api.store.component_names(Some(&row.digest)).await?;
    Component::new(row, names.into_iter().map(|(_, name)| name).collect()).with_rivals(api).await
}

/// Answers with 200 when the component is ready, and with 202 while it is being compiled.
async fn upload(
    State(api): State<ApiState>,
    params: Params,
    body: WasmBody,
) -> Result<(StatusCode, Json<Component>), ApiError> {
    let name = name(&params)?;
    let binds = if params.read("bind", boolean)?.unwrap_or_default() { Binds::ItsClass } else { Binds::IfFree };
    let row = api.guilds.upload_component(body.bytes.clone(), name, binds).await?;
    let status = match row.state {
        ComponentState::Compiling => StatusCode::ACCEPTED,
        ComponentState::Ready | ComponentState::Refused | ComponentState::Failed => StatusCode::OK,
    };
    Ok((status, Json(shown(&api, row).await?)))
}

/// The parameters `name` and `version`: both or neither.
fn name(params: &Params) -> Result<Option<ComponentName>, ApiError> {
    let wrong = |key: &str, msg: &str| {
        let error = FieldError::new("value_error", vec!["query".into(), key.into()], msg, json!(params.one(key)));
        ApiError::Invalid(vec![error])
    };
    match (params.one("name"), params.one("version")) {
        (None, None) => Ok(None),
        (Some(name), Some(version)) => ComponentName::new(name, version).map(Some).map_err(|msg| wrong("name", &msg)),
        (Some(_), None) => Err(wrong("version", "a name needs a version")),
        (None, Some(_)) => Err(wrong("name", "a version needs a name")),
    }
}

async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    let mut names: HashMap<Digest, Vec<String>> = HashMap::new();
    for (digest, name) in api.store.component_names(None).await? {
        names.entry(digest).or_default().push(name);
    }
    let page = api.store.component_list(paging.wanted()).await?;
    Ok(paging.list(page.map(|row| {
        let names = names.remove(&row.digest).unwrap_or_default();
        Component::new(row, names)
    })))
}

/// Answers with one component. With `wait`, a number of seconds, the answer comes when the component is compiled or when the
/// time is over.
async fn one(
    State(api): State<ApiState>,
    Path(named): Path<String>,
    params: Params,
) -> Result<Json<Component>, ApiError> {
    let wait = match params.one("wait").map(str::parse) {
        None => Duration::ZERO,
        Some(Ok(seconds)) => Duration::from_secs(seconds).min(COMPILED_WITHIN),
        Some(Err(_)) => {
            let loc = vec!["query".into(), "wait".into()];
            let msg = "wait is a whole number of seconds";
            return Err(ApiError::Invalid(vec![FieldError::new("value_error", loc, msg, json!(params.one("wait")))]));
        }
    };
    let row = api.guilds.settled_component(&api.guilds.digest_of(&named).await?, wait).await?;
    Ok(Json(shown(&api, row).await?))
}

async fn wasm(State(api): State<ApiState>, Path(named): Path<String>) -> Result<Response, ApiError> {
    let row = api.guilds.component(&api.guilds.digest_of(&named).await?).await?;
    let file = api.guilds.component_bytes(&row.digest).await?;
    let kind = [(header::CONTENT_TYPE, "application/wasm".to_owned()), (header::CONTENT_LENGTH, row.size.to_string())];
    let parts = stream::try_unfold(file, async |mut file| {
        let mut part = Vec::with_capacity(PART_BYTES);
        let read = (&mut file).take(PART_BYTES as u64).read_to_end(&mut part).await?;
        Ok::<_, std::io::Error>(if read == 0 { None } else { Some((part, file)) })
    });
    Ok((kind, Body::from_stream(parts)).into_response())
}

/// The part of a component that is in memory while it is sent.
const PART_BYTES: usize = 64 << 10;

async fn delete(State(api): State<ApiState>, Path(named): Path<String>) -> Result<StatusCode, ApiError> {
    api.guilds.delete_component(&api.guilds.digest_of(&named).await?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What uses a component.
#[derive(Serialize, ToSchema)]
pub struct ComponentUser {
    /// `class`, `blueprint`, `guild` or `host`.
    kind: String,
    /// The name of the class, or the id; empty for the host itself.
    id: String,
}

/// Answers with what keeps a component from being deleted.
async fn users(State(api): State<ApiState>, Path(named): Path<String>) -> Result<Json<Vec<ComponentUser>>, ApiError> {
    let by = api.guilds.component_users(&api.guilds.digest_of(&named).await?).await?;
    Ok(Json(by.iter().map(|user| ComponentUser::read(user)).collect()))
}

impl ComponentUser {
    /// Reads a text of the store, such as `blueprint ID`.
    fn read(text: &str) -> Self {
        match text.split_once(' ') {
            Some((kind @ ("class" | "blueprint" | "guild"), id)) => Self { kind: kind.to_owned(), id: id.to_owned() },
            _ => Self { kind: "host".to_owned(), id: String::new() },
        }
    }
}
