//! Agent classes, as the catalog stores them and clients read them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::component::ComponentRef;
use crate::format::short_name;
use crate::ids::Digest;
use crate::read::{FieldErrors, Fields, boolean, list, map, name, nullable, object, object_as_is, text};

/// An agent class that blueprints may name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AgentEntryOutput))]
pub struct AgentEntry {
    /// The short name.
    #[serde(rename = "agent_name")]
    pub name: String,
    /// The full class name.
    #[serde(rename = "qualified_class_name")]
    pub class_name: String,
    /// A description for people.
    #[serde(rename = "agent_doc")]
    pub doc: String,
    /// The JSON Schema of the properties.
    #[serde(rename = "agent_props_schema")]
    pub properties_schema: Map<String, Value>,
    /// The handlers with their schemas, by the key that the class registered.
    #[serde(rename = "message_handlers")]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, crate::openapi::HandlerEntry>))]
    pub handlers: Map<String, Value>,
    /// The dependencies.
    #[serde(rename = "agent_dependencies")]
    pub dependencies: Vec<Dependency>,
    /// The component that serves the class. A blueprint may choose another one for an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
}

impl AgentEntry {
    /// Returns a class of which only the name is known.
    #[must_use]
    pub fn bare(class_name: &str) -> Self {
        Self {
            name: short_name(class_name).to_owned(),
            class_name: class_name.to_owned(),
            doc: String::new(),
            properties_schema: Map::new(),
            handlers: Map::new(),
            dependencies: Vec::new(),
            component: None,
        }
    }

    /// Returns a class as a component describes it: its purpose, the formats that it receives with their schemas, and
    /// the schema of its properties.
    #[must_use]
    pub fn described<'f>(
        class_name: &str,
        summary: &str,
        receives: impl Iterator<Item = (&'f str, &'f Value)>,
        properties_schema: &Value,
        component: Digest,
    ) -> Self {
        let handlers = receives.map(|(format, schema)| {
            let handler = json!({
                "handler_name": "receive",
                "message_format": format,
                "message_format_schema": schema,
                "handler_doc": "",
                "send_message_calls": [],
            });
            (format.to_owned(), handler)
        });
        Self {
            doc: summary.to_owned(),
            properties_schema: properties_schema.as_object().cloned().unwrap_or_default(),
            handlers: handlers.collect(),
            component: Some(component),
            ..Self::bare(class_name)
        }
    }

    /// Reads a class and the reference to its component, if there is one. The members are those of the reference, or
    /// those of section 1.1 of the wire document if one of them is present.
    pub fn read(value: &Value, errors: &mut FieldErrors) -> Option<(Self, Option<String>)> {
        object(|f| {
            let is_wire_document =
                ["description", "properties_schema", "dependencies", "component"].iter().any(|key| f.has(key));
            if !is_wire_document {
                return Some((Self::read_reference(f)?, None));
            }
            let entry = Self::read_document(f);
            let component = f.optional("component", ComponentRef::read);
            Some((entry?, component?))
        })(value, errors)
    }

    fn read_reference(f: &mut Fields<'_, '_>) -> Option<Self> {
        let agent_name = f.required("agent_name", text);
        let class_name = f.required("qualified_class_name", name(text));
        let doc = f.optional("agent_doc", text);
        let properties_schema = f.required("agent_props_schema", object_as_is);
        let handlers = f.required("message_handlers", handlers);
        let dependencies = f.required("agent_dependencies", dependencies);
        Some(Self {
            name: agent_name?,
            class_name: class_name?,
            doc: doc?.unwrap_or_default(),
            properties_schema: properties_schema?,
            handlers: handlers?,
            dependencies: dependencies?,
            component: None,
        })
    }

    /// Reads the form of the wire document. Only the class is required, and each field may have its name of either
    /// form.
    fn read_document(f: &mut Fields<'_, '_>) -> Option<Self> {
        let either = |f: &Fields<'_, '_>, first: &'static str, second| if f.has(first) { first } else { second };
        let (doc_key, schema_key, dependencies_key) = (
            either(f, "description", "agent_doc"),
            either(f, "properties_schema", "agent_props_schema"),
            either(f, "dependencies", "agent_dependencies"),
        );
        let agent_name = f.optional("agent_name", text);
        let class_name = f.required("qualified_class_name", name(text));
        let doc = f.optional(doc_key, text);
        let properties_schema = f.optional(schema_key, object_as_is);
        let handlers = f.or("message_handlers", Map::new(), handlers);
        let dependencies = f.or(dependencies_key, Vec::new(), dependencies);
        let class_name = class_name?;
        Some(Self {
            name: agent_name?.unwrap_or_else(|| short_name(&class_name).to_owned()),
            class_name,
            doc: doc?.unwrap_or_default(),
            properties_schema: properties_schema?.unwrap_or_default(),
            handlers: handlers?,
            dependencies: dependencies?,
            component: None,
        })
    }
}

/// A dependency of an agent class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AgentDependencyOutput))]
pub struct Dependency {
    /// The key in the dependency maps of specs.
    pub dependency_key: String,
    /// The variable of the handler that receives it.
    pub dependency_var: Option<String>,
    /// Whether the agents of a guild share it.
    pub guild_level: bool,
    /// Whether the guilds of an organisation share it.
    pub org_level: bool,
    /// The type that the class requires.
    pub required_type: Option<String>,
    /// Whether each agent has its own: it is shared neither in the guild nor in the organisation.
    pub agent_level: bool,
    /// The variable, or the key if there is no variable.
    pub variable_name: String,
}

/// Reads dependencies. Of two with the same key the last one remains, at the place of the first.
fn dependencies(value: &Value, errors: &mut FieldErrors) -> Option<Vec<Dependency>> {
    let mut kept: Vec<Dependency> = Vec::new();
    for dependency in list(dependency)(value, errors)? {
        match kept.iter_mut().find(|earlier| earlier.dependency_key == dependency.dependency_key) {
            Some(earlier) => *earlier = dependency,
            None => kept.push(dependency),
        }
    }
    Some(kept)
}

fn dependency(value: &Value, errors: &mut FieldErrors) -> Option<Dependency> {
    object(|f| {
        let key = f.required("dependency_key", text);
        let variable = f.optional("dependency_var", text);
        let guild_level = f.or("guild_level", false, boolean);
        let org_level = f.or("org_level", false, boolean);
        let required_type = f.optional("required_type", text);
        let (key, variable, guild_level, org_level) = (key?, variable?, guild_level?, org_level?);
        Some(Dependency {
            variable_name: variable.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| key.clone()),
            dependency_key: key,
            dependency_var: variable,
            guild_level,
            org_level,
            required_type: required_type?,
            agent_level: !guild_level && !org_level,
        })
    })(value, errors)
}

fn handlers(value: &Value, errors: &mut FieldErrors) -> Option<Map<String, Value>> {
    map(handler)(value, errors).map(Map::from_iter)
}

fn handler(value: &Value, errors: &mut FieldErrors) -> Option<Value> {
    object(|f| {
        let handler_name = f.required("handler_name", text);
        let format = f.required("message_format", name(text));
        let schema = f.required("message_format_schema", object_as_is);
        let doc = f.or("handler_doc", Some(String::new()), nullable(text));
        let calls = f.required("send_message_calls", list(send_call));
        Some(json!({
            "handler_name": handler_name?,
            "message_format": format?,
            "message_format_schema": schema?,
            "handler_doc": doc?,
            "send_message_calls": calls?,
        }))
    })(value, errors)
}

fn send_call(value: &Value, errors: &mut FieldErrors) -> Option<Value> {
    object(|f| {
        let class = f.optional("calling_class", text);
        let function = f.required("calling_function", text);
        let kind = f.required("call_type", text);
        let message_type = f.optional("message_type", text);
        Some(json!({
            "calling_class": class?,
            "calling_function": function?,
            "call_type": kind?,
            "message_type": message_type?,
        }))
    })(value, errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{FieldError, document};

    #[test]
    fn an_agent_class_is_read_in_either_form() {
        let class = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";
        let documents = json!({
            "qualified_class_name": class, "description": "Echoes", "properties_schema": {}, "dependencies": [],
            "component": "echo@1",
        });
        let (entry, component) = document(&documents, &["body"], AgentEntry::read).unwrap();
        assert_eq!(component.as_deref(), Some("echo@1"));
        assert_eq!((entry.name.as_str(), entry.doc.as_str()), ("EchoAgent", "Echoes"));
        let references = json!({
            "agent_name": "EchoAgent", "qualified_class_name": class, "agent_doc": "Echoes",
            "agent_props_schema": {}, "message_handlers": {}, "agent_dependencies": [],
        });
        assert_eq!(document(&references, &["body"], AgentEntry::read).unwrap(), (entry, None));
    }

    #[test]
    fn a_dependency_without_a_variable_has_the_name_of_its_key() {
        for (variable, name) in [(json!("v"), "v"), (json!(""), "k"), (json!(null), "k")] {
            let value = json!({"dependency_key": "k", "dependency_var": variable});
            assert_eq!(document(&value, &[], dependency).unwrap().variable_name, name, "{value}");
        }
    }

    #[test]
    fn an_empty_object_is_read_in_the_form_of_the_reference() {
        let errors = document(&json!({}), &["body"], AgentEntry::read).unwrap_err();
        let paths: Vec<_> = errors.iter().map(FieldError::path).collect();
        assert_eq!(
            paths,
            [
                "body.agent_name",
                "body.qualified_class_name",
                "body.agent_props_schema",
                "body.message_handlers",
                "body.agent_dependencies"
            ]
        );
    }
}
