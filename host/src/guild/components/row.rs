//! A component's description as the store keeps it.

use serde_json::{Value, json};

use crate::store::ComponentRow;
use guildhall_model::catalog::AgentEntry;
use guildhall_model::component::ComponentState;
use guildhall_model::json_schema::{Schema, SchemaLimits};
use guildhall_sandbox::Component;

/// The catalog's entry for the class that a component describes.
pub(super) fn entry_of(component: &Component) -> AgentEntry {
    let description = &component.description;
    AgentEntry::described(
        &description.class_name,
        &description.summary,
        description.receives.iter().map(|format| (format.name.as_str(), &format.json_schema)),
        &description.properties_schema,
        component.digest.clone(),
    )
}

/// The row of a component that is ready.
pub(super) fn row_of(component: &Component, now_ms: u64) -> ComponentRow {
    let description = &component.description;
    let formats = |formats: &[guildhall_sandbox::Format]| -> Value {
        formats.iter().map(|format| json!({"name": format.name, "json_schema": format.json_schema})).collect()
    };
    ComponentRow {
        digest: component.digest.clone(),
        size: component.size as u64,
        state: ComponentState::Ready,
        class_name: Some(description.class_name.clone()),
        name: Some(description.name.clone()),
        version: Some(description.version.clone()),
        summary: Some(description.summary.clone()),
        description: json!({
            "receives": formats(&description.receives),
            "emits": formats(&description.emits),
            "properties_schema": description.properties_schema,
        }),
        imports: component.imports.clone(),
        reason: None,
        refusal: None,
        created_ms: now_ms,
    }
}

/// Checks that the schemas of a description are JSON Schemas. It may take many milliseconds.
///
/// # Errors
/// One is not, as a text for people.
pub(super) fn check_schemas(component: &Component, limits: SchemaLimits) -> Result<(), String> {
    let description = &component.description;
    let own = [("properties".to_owned(), &description.properties_schema)];
    let formats = description.receives.iter().chain(&description.emits);
    let formats = formats.map(|format| (format!("the format {}", format.name), &format.json_schema));
    for (what, schema) in own.into_iter().chain(formats) {
        Schema::new(schema, limits)
            .map_err(|error| format!("`describe` gave a schema of {what} that is not a JSON Schema: {error}"))?;
    }
    Ok(())
}
