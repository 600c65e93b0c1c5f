//! The catalog: agent classes, categories and blueprints, as clients send them and
//! as they are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::format::short_name;
use super::ids::{BlueprintId, CategoryId, Digest, OrgId, UserId};
use super::read::spec::digest;
use super::read::{Fields, Mistakes, entries, flag, free, list, nullable, object, one_of, text};

/// An agent class that blueprints may name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentEntry {
    #[serde(rename = "agent_name")]
    pub name: String,
    #[serde(rename = "qualified_class_name")]
    pub class_name: String,
    #[serde(rename = "agent_doc")]
    pub doc: String,
    #[serde(rename = "agent_props_schema")]
    pub properties_schema: Map<String, Value>,
    /// Handler name to handler, each with its schema.
    #[serde(rename = "message_handlers")]
    pub handlers: Map<String, Value>,
    #[serde(rename = "agent_dependencies")]
    pub dependencies: Vec<Dependency>,
    /// The component that serves the class unless a blueprint names another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
}

impl AgentEntry {
    /// A class of which nothing but its name is known.
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

    /// Reads an entry in the reference's words, or in the document's when one of
    /// those is there (section 1.1: class, description, schema, dependencies).
    pub fn read(value: &Value, mistakes: &mut Mistakes) -> Option<Self> {
        object(|f| {
            let in_documents_words =
                ["description", "properties_schema", "dependencies", "component"].iter().any(|key| f.has(key));
            if in_documents_words { Self::read_document(f) } else { Self::read_reference(f) }
        })(value, mistakes)
    }

    fn read_reference(f: &mut Fields<'_, '_>) -> Option<Self> {
        let name = f.required("agent_name", text);
        let class_name = f.required("qualified_class_name", text);
        let doc = f.optional("agent_doc", text);
        let properties_schema = f.required("agent_props_schema", free);
        let handlers = f.required("message_handlers", handlers);
        let dependencies = f.required("agent_dependencies", dependencies);
        Some(Self {
            name: name?,
            class_name: class_name?,
            doc: doc?.unwrap_or_default(),
            properties_schema: properties_schema?,
            handlers: handlers?,
            dependencies: dependencies?,
            component: None,
        })
    }

    /// Only the class is required; each field may also have its name of the other form.
    fn read_document(f: &mut Fields<'_, '_>) -> Option<Self> {
        let either = |f: &Fields<'_, '_>, first: &'static str, second| if f.has(first) { first } else { second };
        let (doc_key, schema_key, dependencies_key) = (
            either(f, "description", "agent_doc"),
            either(f, "properties_schema", "agent_props_schema"),
            either(f, "dependencies", "agent_dependencies"),
        );
        let name = f.optional("agent_name", text);
        let class_name = f.required("qualified_class_name", text);
        let doc = f.optional(doc_key, text);
        let properties_schema = f.optional(schema_key, free);
        let handlers = f.or("message_handlers", Map::new(), handlers);
        let dependencies = f.or(dependencies_key, Vec::new(), dependencies);
        let component = f.optional("component", digest);
        let class_name = class_name?;
        Some(Self {
            name: name?.unwrap_or_else(|| short_name(&class_name).to_owned()),
            class_name,
            doc: doc?.unwrap_or_default(),
            properties_schema: properties_schema?.unwrap_or_default(),
            handlers: handlers?,
            dependencies: dependencies?,
            component: component?,
        })
    }
}

/// Something an agent class wants to be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub dependency_key: String,
    pub dependency_var: Option<String>,
    pub guild_level: bool,
    pub org_level: bool,
    pub required_type: Option<String>,
    /// Neither of the guild nor of the organisation.
    pub agent_level: bool,
    /// The variable, or the key when it has none.
    pub variable_name: String,
}

/// Reads dependencies; of two with one key the last stays, in the place of the first.
fn dependencies(value: &Value, mistakes: &mut Mistakes) -> Option<Vec<Dependency>> {
    let mut kept: Vec<Dependency> = Vec::new();
    for dependency in list(dependency)(value, mistakes)? {
        match kept.iter_mut().find(|earlier| earlier.dependency_key == dependency.dependency_key) {
            Some(earlier) => *earlier = dependency,
            None => kept.push(dependency),
        }
    }
    Some(kept)
}

fn dependency(value: &Value, mistakes: &mut Mistakes) -> Option<Dependency> {
    object(|f| {
        let key = f.required("dependency_key", text);
        let variable = f.optional("dependency_var", text);
        let guild_level = f.or("guild_level", false, flag);
        let org_level = f.or("org_level", false, flag);
        let required_type = f.optional("required_type", text);
        let (key, variable, guild_level, org_level) = (key?, variable?, guild_level?, org_level?);
        Some(Dependency {
            variable_name: variable.clone().unwrap_or_else(|| key.clone()),
            dependency_key: key,
            dependency_var: variable,
            guild_level,
            org_level,
            required_type: required_type?,
            agent_level: !guild_level && !org_level,
        })
    })(value, mistakes)
}

fn handlers(value: &Value, mistakes: &mut Mistakes) -> Option<Map<String, Value>> {
    entries(handler)(value, mistakes).map(Map::from_iter)
}

fn handler(value: &Value, mistakes: &mut Mistakes) -> Option<Value> {
    object(|f| {
        let name = f.required("handler_name", text);
        let format = f.required("message_format", text);
        let schema = f.required("message_format_schema", free);
        let doc = f.or("handler_doc", Some(String::new()), nullable(text));
        let calls = f.required("send_message_calls", list(send_call));
        Some(json!({
            "handler_name": name?,
            "message_format": format?,
            "message_format_schema": schema?,
            "handler_doc": doc?,
            "send_message_calls": calls?,
        }))
    })(value, mistakes)
}

fn send_call(value: &Value, mistakes: &mut Mistakes) -> Option<Value> {
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
    })(value, mistakes)
}

/// A shelf for blueprints; names need not be unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Category {
    pub name: String,
    pub description: String,
    pub id: CategoryId,
}

impl Category {
    /// Reads name and description; the id is given.
    pub fn read(id: CategoryId) -> impl FnOnce(&Value, &mut Mistakes) -> Option<Self> {
        object(|f| {
            let name = f.required("name", text);
            let description = f.required("description", text);
            Some(Self { name: name?, description: description?, id })
        })
    }
}

/// Who may launch a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    Public,
    Private,
    Organization,
    Shared,
    OrganizationAndChildren,
}

impl Exposure {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("private", Self::Private),
        ("organization", Self::Organization),
        ("shared", Self::Shared),
        ("organization_and_children", Self::OrganizationAndChildren),
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Organization => "organization",
            Self::Shared => "shared",
            Self::OrganizationAndChildren => "organization_and_children",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, exposure)| *exposure)
    }

    fn read(value: &Value, mistakes: &mut Mistakes) -> Option<Self> {
        one_of(Self::NAMES, "'public', 'private', 'organization', 'shared' or 'organization_and_children'")(
            value, mistakes,
        )
    }
}

/// What decides whether somebody may launch a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub exposure: Exposure,
    pub author: UserId,
    pub organization: Option<OrgId>,
    /// Whether it was shared with the organisation that asks.
    pub is_shared: bool,
}

impl Access {
    /// Whether this user of this organisation may launch. A private blueprint is
    /// for its author and for the members of its organisation: the document's own
    /// user is one of those (section 2.1).
    #[must_use]
    pub fn allows(&self, user: &UserId, org: &OrgId) -> bool {
        let is_member = self.organization.as_ref() == Some(org);
        match self.exposure {
            Exposure::Public => true,
            Exposure::Private => *user == self.author || is_member,
            Exposure::Organization => is_member,
            Exposure::Shared => self.is_shared,
            Exposure::OrganizationAndChildren => false,
        }
    }
}

/// A blueprint as a client sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    pub id: BlueprintId,
    pub name: String,
    pub description: String,
    pub version: String,
    pub exposure: Exposure,
    pub author: UserId,
    pub organization: Option<OrgId>,
    pub category: Option<CategoryId>,
    pub icon: Option<String>,
    pub intro_msg: Option<String>,
    /// The spec as it was sent, less its own id.
    pub spec: Value,
    /// In alphabetical order, each once.
    pub tags: Vec<String>,
    pub commands: Vec<String>,
    pub starter_prompts: Vec<String>,
    pub agent_icons: Map<String, Value>,
}

impl Blueprint {
    /// Reads a blueprint's body; the id is given. The spec is only looked at as far
    /// as that it is an object.
    pub fn read(id: BlueprintId) -> impl FnOnce(&Value, &mut Mistakes) -> Option<Self> {
        object(|f| {
            let name = f.required("name", text);
            let description = f.required("description", text);
            let version = f.required("version", text);
            let icon = f.optional("icon", text);
            let intro_msg = f.optional("intro_msg", text);
            let exposure = f.or("exposure", Exposure::Private, Exposure::read);
            let author = f.required("author_id", text);
            let organization = f.required("organization_id", nullable(text));
            let category = f.required("category_id", nullable(text));
            let spec = f.required("spec", free);
            let tags = f.optional("tags", list(text));
            let commands = f.optional("commands", list(text));
            let starter_prompts = f.optional("starter_prompts", list(text));
            let agent_icons = f.optional("agent_icons", free);
            let mut spec = spec?;
            spec.shift_remove("id");
            let mut tags = tags?.unwrap_or_default();
            tags.sort_unstable();
            tags.dedup();
            Some(Self {
                id,
                name: name?,
                description: description?,
                version: version?,
                exposure: exposure?,
                author: author?.into(),
                organization: organization?.map(OrgId::from),
                category: category?.map(CategoryId::from),
                icon: icon?,
                intro_msg: intro_msg?,
                spec: Value::Object(spec),
                tags,
                commands: commands?.unwrap_or_default(),
                starter_prompts: starter_prompts?.unwrap_or_default(),
                agent_icons: agent_icons?.unwrap_or_default(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::document;
    use super::*;

    #[test]
    fn an_agent_is_registered_in_the_words_of_either_side() {
        let class = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";
        let documents = json!({
            "qualified_class_name": class, "description": "Echoes", "properties_schema": {}, "dependencies": [],
        });
        let entry = document(&documents, &["body"], AgentEntry::read).unwrap();
        assert_eq!((entry.name.as_str(), entry.doc.as_str()), ("EchoAgent", "Echoes"));
        let references = json!({
            "agent_name": "EchoAgent", "qualified_class_name": class, "agent_doc": "Echoes",
            "agent_props_schema": {}, "message_handlers": {}, "agent_dependencies": [],
        });
        assert_eq!(document(&references, &["body"], AgentEntry::read).unwrap(), entry);
    }

    #[test]
    fn nothing_at_all_is_told_what_the_reference_asks_for() {
        let errors = document(&json!({}), &["body"], AgentEntry::read).unwrap_err();
        let paths: Vec<_> = errors.iter().map(super::super::read::FieldError::path).collect();
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

    #[test]
    fn who_may_launch() {
        let (author, other) = (UserId::from("author"), UserId::from("other"));
        let (home, away) = (OrgId::from("home"), OrgId::from("away"));
        let allowed = |exposure, is_shared| {
            let access = Access { exposure, author: author.clone(), organization: Some(home.clone()), is_shared };
            [(&author, &home), (&author, &away), (&other, &home), (&other, &away)].map(|(u, o)| access.allows(u, o))
        };
        assert_eq!(allowed(Exposure::Public, false), [true; 4]);
        assert_eq!(allowed(Exposure::Private, false), [true, true, true, false]);
        assert_eq!(allowed(Exposure::Organization, false), [true, false, true, false]);
        assert_eq!(allowed(Exposure::Shared, true), [true; 4]);
        assert_eq!(allowed(Exposure::Shared, false), [false; 4]);
        assert_eq!(allowed(Exposure::OrganizationAndChildren, true), [false; 4]);
    }
}
