//! Checks and completes specs before a blueprint or a guild is created from them: the configuration is applied, classes and
//! components are looked up and pinned to digests, properties are checked against their schemas.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::error::ApiError;
use super::state::ApiState;
use crate::guild::TooLittleMemory;
use crate::guild::{ComponentError, Lacking};
use crate::store::Pins;
use guildhall_model::component::ComponentRef;
use guildhall_model::configuration::configured;
use guildhall_model::expression::{ExpressionError, Expressions, MAX_DOCUMENT};
use guildhall_model::ids::Digest;
use guildhall_model::json_schema::{Schema, SchemaError, SchemaLimits};
use guildhall_model::read::spec::{
    SpecContext, advice, duplicate_agent, external_backends, guild, unknown_keys, unknown_values, unsupported,
};
use guildhall_model::read::{FieldError, FieldErrors, Step, document, object};
use guildhall_model::spec::{AgentSpec, GuildSpec};

/// The answer to the creation of a resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdInfo)]
pub struct Created {
    pub id: String,
    /// Sentences about what is stored and not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Created {
    /// The answer without warnings: 201.
    pub fn plain(id: impl Into<String>) -> (StatusCode, Json<Self>) {
        Self::warned(id, Vec::new())
    }

    /// The answer with warnings: 201.
    pub fn warned(id: impl Into<String>, warnings: Vec<String>) -> (StatusCode, Json<Self>) {
        (StatusCode::CREATED, Json(Self { id: id.into(), warnings }))
    }
}

/// A component that a body names.
#[derive(ToSchema)]
pub struct ComponentChoice {
    /// A digest, `sha256:…`, or `name@version`, or a reference into a registry, `oci://…@sha256:…`.
    pub component: String,
}

impl ComponentChoice {
    /// Reads the body.
    pub fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| Some(Self { component: f.required("component", ComponentRef::read)? }))(value, errors)
    }
}

/// Runs `read` away from the server's threads, on one of low priority. Templates, schemas and expressions of clients may
/// need much time; the expressions of one call have 2 s of a processor. Documents of all clients have one share, and a
/// few are read at the same time (`guild.evaluations`).
///
/// Dropping the future before `read` has begun cancels it; otherwise its result is lost.
///
/// # Errors
/// Those of `read`, and `Internal` when it panics.
pub async fn aside<T: Send + 'static>(
    api: &ApiState,
    read: impl FnOnce(&Expressions<'_>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let failed = |error: ExpressionError| Err(ApiError::Internal(error.to_string()));
    api.evaluations.run_now("", MAX_DOCUMENT, read).await.unwrap_or_else(failed)
}

/// Applies a configuration to a document and reads the result. Returns the spec, the whole document and warnings.
/// `wrong` makes the error of an invalid spec. Cancel safe.
///
/// # Errors
/// `wrong`, or the configuration does not fit, or this host does not support the spec.
pub async fn configured_spec(
    api: &ApiState,
    whole: Value,
    given: Map<String, Value>,
    wrong: fn(Vec<FieldError>) -> ApiError,
) -> Result<(GuildSpec, Value, Vec<String>), ApiError> {
    let (ceilings, schemas) = (api.ceilings, api.schemas);
    aside(api, move |expressions| {
        let context = SpecContext { ceilings: &ceilings, expressions, random: rand::random };
        let mut warnings = unknown_values(&whole, &given);
        let whole = configured(whole, given, schemas)?;
        let spec = document(&whole, &[], guild(context)).map_err(wrong)?;
        warnings.extend(admit(&spec, &whole)?);
        Ok((spec, whole, warnings))
    })
    .await
}

/// Refuses a spec that this host does not support, and returns warnings: about parts that it replaces by its own, about
/// unknown keys, and about what has no effect. `document` is the spec as the client sent it, with its configuration
/// applied.
///
/// # Errors
/// `Unsupported` or `DuplicateAgent`.
pub fn admit(spec: &GuildSpec, document: &Value) -> Result<Vec<String>, ApiError> {
    let parts = unsupported(spec);
    if !parts.is_empty() {
        return Err(ApiError::Unsupported(parts));
    }
    if let Some(id) = duplicate_agent(spec) {
        return Err(ApiError::DuplicateAgent(id.clone()));
    }
    let warnings = [external_backends(spec), unknown_keys(document), advice(spec)].concat();
    for warning in &warnings {
        tracing::info!(guild = %spec.name, "{warning}");
    }
    Ok(warnings)
}

/// The longest time that a request waits for components that are being compiled.
pub const COMPILED_WITHIN: Duration = Duration::from_secs(30);

/// Pins each agent to the digest of its component: the component that it names, else the one in `pins` for its class, else
/// the one that the catalog binds the class to, else a built-in one. An agent for whose class there is no component stays
/// as it is. Returns the components of the classes. Waits for components that are being compiled.
///
/// Dropping the future leaves `spec` partly pinned.
///
/// # Errors
/// A component that is named does not exist, was refused, or is not ready in time.
pub async fn pin(api: &ApiState, spec: &mut GuildSpec, pins: &Pins) -> Result<Pins, ApiError> {
    let mut found = Pins::new();
    for agent in &mut spec.agents {
        if let Some(named) = &agent.component {
            agent.component = Some(component(api, named).await?.into_string());
            continue;
        }
        let class = &agent.class_name;
        let serving = match found.get(class).or_else(|| pins.get(class)) {
            Some(digest) => Some(digest.clone()),
            None => serving(api, class).await?,
        };
        if let Some(digest) = serving {
            found.insert(class.clone(), digest.clone());
            agent.component = Some(digest.into_string());
        }
    }
    Ok(found)
}

/// Finds the component that a body names and waits until it is ready. Cancel safe.
///
/// # Errors
/// `UnknownComponent`, or the component was refused, or is not ready in time.
pub async fn component(api: &ApiState, named: &str) -> Result<Digest, ApiError> {
    let reference = ComponentRef::parse(named).map_err(ApiError::Internal)?;
    match api.guilds.find_component(&reference, COMPILED_WITHIN).await {
        Err(ComponentError::Unknown(component)) => Err(ApiError::UnknownComponent(component)),
        found => Ok(found?.digest),
    }
}

/// The component that serves a class: the bound one, else a built-in one.
async fn serving(api: &ApiState, class: &str) -> Result<Option<Digest>, ApiError> {
    let bound = api.guilds.component_of_class(class).await?;
    if let Some(digest) = bound {
        return component(api, digest.as_str()).await.map(Some);
    }
    let built_in = api.guilds.built_in();
    Ok(built_in.iter().find(|component| component.description.class_name == class).map(|found| found.digest.clone()))
}

/// Replaces names and registry references of components in `document` by the digests of the pinned spec.
pub fn write_pins(document: &mut Value, spec: &GuildSpec) {
    let agents = document.get_mut("agents").and_then(Value::as_array_mut);
    for (agent, pinned) in agents.into_iter().flatten().zip(&spec.agents) {
        let Some(named) = agent.get_mut("component").filter(|named| named.is_string()) else { continue };
        if let (Ok(ComponentRef::Named(_) | ComponentRef::Registry(_)), Some(digest)) =
            (ComponentRef::parse(named.as_str().unwrap_or_default().trim()), &pinned.component)
        {
            *named = json!(digest);
        }
    }
}

/// Refuses agents whose class is neither in the catalog nor built in. Agents that name their component are not checked.
/// Waits while components are being compiled, since one of them may bring the class. Cancel safe.
///
/// # Errors
/// `UnknownClass`.
pub async fn check_classes(api: &ApiState, spec: &GuildSpec) -> Result<(), ApiError> {
    let by_class = spec.agents.iter().filter(|agent| agent.component.is_none());
    let classes: BTreeSet<&str> = by_class.map(|agent| agent.class_name.as_str()).collect();
    let deadline = Instant::now() + COMPILED_WITHIN;
    for class in classes {
        let mut events = api.guilds.component_events();
        while !is_known(api, class).await? {
            if !api.guilds.is_compiling() || timeout_at(deadline, events.recv()).await.is_err() {
                return Err(ApiError::UnknownClass(class.to_owned()));
            }
        }
    }
    Ok(())
}

/// Returns a warning for each agent whose class is registered and served by no component. Such an agent cannot start
/// until one is uploaded. `spec` is pinned.
#[must_use]
pub fn unserved(spec: &GuildSpec) -> Vec<String> {
    let agents = spec.agents.iter().enumerate().filter(|(_, agent)| agent.component.is_none());
    let warning = |(index, agent): (usize, &AgentSpec)| {
        format!(
            "agents.{index}.class_name: no component serves {}; the agent cannot start until one is uploaded to \
             /catalog/components",
            agent.class_name
        )
    };
    agents.map(warning).collect()
}

/// Returns the grants that agents of a pinned spec need and lack, with the place of each agent. Cancel safe.
///
/// # Errors
/// The store fails.
pub async fn lacking(api: &ApiState, spec: &GuildSpec) -> Result<Vec<Lacking>, ApiError> {
    let mut lacking = Vec::new();
    for (index, agent) in spec.agents.iter().enumerate() {
        if let Some(refusal) = api.guilds.missing_grants(agent).await? {
            lacking.push(Lacking { place: format!("agents.{index}"), agent: agent.name.clone(), refusal });
        }
    }
    Ok(lacking)
}

/// Refuses to launch a spec with agents that lack a grant.
///
/// # Errors
/// `MissingCapability`, or the store fails.
pub async fn check_grants(api: &ApiState, spec: &GuildSpec) -> Result<(), ApiError> {
    let lacking = lacking(api, spec).await?;
    if lacking.is_empty() { Ok(()) } else { Err(ApiError::MissingCapability(lacking)) }
}

async fn is_known(api: &ApiState, class: &str) -> Result<bool, ApiError> {
    Ok(api.guilds.has_built_in(class) || api.store.agent_entry(class).await?.is_some())
}

/// Refuses a blueprint that has a configuration without a schema, or a schema without a configuration.
///
/// # Errors
/// `Unpaired` with the member that is missing.
pub fn check_pair(document: &Value) -> Result<(), ApiError> {
    let has = |key| document.get(key).is_some_and(|value| !value.is_null());
    match (has("configuration"), has("configuration_schema")) {
        (true, false) => Err(ApiError::Unpaired("configuration_schema")),
        (false, true) => Err(ApiError::Unpaired("configuration")),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Checks the properties of the agents against the schemas of their components or classes, and converts texts that spell a
/// number or a boolean where the schema asks for one. Checks that each agent has the memory that its component starts
/// with. Agents without a schema keep their properties.
///
/// Dropping the future may leave an agent without properties.
///
/// # Errors
/// The store fails. The inner `Err` has the errors of the spec, with paths that begin at the spec.
pub async fn fit(api: &ApiState, spec: &mut GuildSpec) -> Result<Result<(), Vec<FieldError>>, ApiError> {
    let mut errors = Vec::new();
    for (index, agent) in spec.agents.iter_mut().enumerate() {
        if let Some(TooLittleMemory { has_mib, needs_mib }) = api.guilds.too_little_memory(agent).await {
            let loc = vec!["agents".into(), Step::Index(index), "sandbox".into(), "memory_mib".into()];
            let msg =
                format!("Value error, the component begins with {needs_mib} MiB of memory, and may have {has_mib}");
            errors.push(FieldError::new("value_error", loc, msg, json!(has_mib)).with_ctx(json!({"error": {}})));
        }
        let Some(described) = properties_schema(api, agent).await? else { continue };
        let properties = Value::Object(std::mem::take(&mut agent.properties));
        let schemas = api.schemas;
        let (properties, found) = aside(api, move |_| Ok(fitted(&described, properties, schemas))).await?;
        for SchemaError { field, .. } in found {
            let at = [Step::from("agents"), Step::Index(index), "properties".into()];
            errors.push(FieldError { loc: at.into_iter().chain(field.loc).collect(), ..field });
        }
        if let Value::Object(properties) = properties {
            agent.properties = properties;
        }
    }
    Ok(if errors.is_empty() { Ok(()) } else { Err(errors) })
}

/// Returns the properties in the types of the schema, and where they do not fit the schema. An invalid schema checks nothing.
fn fitted(schema: &Value, mut properties: Value, limits: SchemaLimits) -> (Value, Vec<SchemaError>) {
    let Ok(compiled) = Schema::new(schema, limits) else { return (properties, Vec::new()) };
    compiled.fit(&mut properties);
    let errors = compiled.errors(&properties);
    (properties, errors)
}

/// The schema of an agent's properties: that of its component, or without a component that of its registered class.
async fn properties_schema(api: &ApiState, agent: &AgentSpec) -> Result<Option<Value>, ApiError> {
    let schema = match &agent.component {
        Some(digest) => {
            let row = api.store.component(&Digest::from(digest.as_str())).await?;
            row.map(|mut row| row.description["properties_schema"].take())
        }
        None => api.store.agent_entry(&agent.class_name).await?.map(|entry| Value::Object(entry.properties_schema)),
    };
    Ok(schema.filter(|schema| !schema.is_null() && *schema != json!({})))
}
