//! Components as operators upload them: checked, prepared, kept, and their class
//! bound in the catalog.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::agent::Resolve;
use crate::model::catalog::AgentEntry;
use crate::model::event;
use crate::sandbox::Component;
use crate::store::{ComponentRow, ComponentState, StoreError};

use super::Guilds;

/// Why a component was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ComponentRefusal {
    /// A stable name; `too_large` when the bytes are too many.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

impl Guilds {
    /// Takes a component: checks it, prepares it, keeps it, and binds its class in
    /// the catalog if nothing serves that class yet.
    ///
    /// # Errors
    /// The refusal, with words for the author.
    pub async fn upload_component(&self, bytes: Bytes) -> Result<ComponentRow, ComponentRefusal> {
        let setup = &self.0.setup;
        let component = match setup.components.add(bytes.to_vec().into()).await.map_err(refusal_of) {
            Ok(component) => component,
            Err(refusal) => {
                let details = json!({"code": refusal.code, "reason": refusal.message});
                self.tell_all(event::COMPONENT_REFUSED, &details).await;
                return Err(refusal);
            }
        };
        let row = row_of(&component, setup.clock.now_ms());
        setup.store.insert_component(&row).await.map_err(host_error)?;
        self.register_class(&component).await.map_err(host_error)?;
        let details = json!({"digest": row.digest, "class_name": row.class_name, "version": row.version});
        self.tell_all(event::COMPONENT_READY, &details).await;
        Ok(row)
    }

    /// Registers the class of a component, or binds it when it is registered and
    /// nothing serves it yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register_class(&self, component: &Component) -> Result<(), StoreError> {
        let store = &self.0.setup.store;
        let class = &component.description.class_name;
        match store.agent_entry(class).await? {
            None => match store.register_agent(&entry_of(component)).await {
                Err(StoreError::Conflict { .. }) => Ok(()),
                done => done,
            },
            Some(entry) if entry.component.is_none() => store.bind_component(class, &component.digest).await,
            Some(_) => Ok(()),
        }
    }
}

/// What the catalog says of a class that a component brings.
fn entry_of(component: &Component) -> AgentEntry {
    let description = &component.description;
    AgentEntry::described(
        &description.class_name,
        &description.summary,
        description.receives.iter().map(|format| (format.name.as_str(), &format.json_schema)),
        &description.properties_schema,
        component.digest.clone(),
    )
}

/// What is kept of a component that is ready.
pub fn row_of(component: &Component, now_ms: u64) -> ComponentRow {
    let description = &component.description;
    let formats = |formats: &[crate::sandbox::Format]| -> Value {
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
        created_ms: now_ms,
    }
}

fn refusal_of(error: Resolve) -> ComponentRefusal {
    match error {
        Resolve::Refused { refusal, .. } => {
            ComponentRefusal { code: refusal.code(), message: refusal.to_string(), hint: None }
        }
        other => ComponentRefusal { code: "host_error", message: other.to_string(), hint: None },
    }
}

fn host_error(error: StoreError) -> ComponentRefusal {
    ComponentRefusal { code: "host_error", message: error.to_string(), hint: None }
}
