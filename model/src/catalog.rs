//! The catalog: agent classes, categories and blueprints, what is said of these, and
//! boards, as clients send them and as they are kept.

mod entry;

use serde::Serialize;
use serde_json::Value;

use crate::ids::{BlueprintId, BoardId, CategoryId, GuildId, OrgId, UserId};
use crate::read::{FieldErrors, boolean, integer, list, map, nullable, object, object_as_is, one_of, text};

pub use entry::{AgentEntry, Dependency};

/// A shelf for blueprints; names need not be unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintCategoryResponse))]
pub struct Category {
    pub name: String,
    pub description: String,
    pub id: CategoryId,
}

impl Category {
    /// Reads name and description; the id is given.
    pub fn read(id: CategoryId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let name = f.required("name", text);
            let description = f.required("description", text);
            Some(Self { name: name?, description: description?, id })
        })
    }
}

/// Who may launch a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintExposure, rename_all = "snake_case"))]
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

    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        one_of(Self::NAMES, "'public', 'private', 'organization', 'shared' or 'organization_and_children'")(
            value, errors,
        )
    }
}

/// What decides whether somebody may launch a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub exposure: Exposure,
    /// What it was before it was shared.
    pub shared_from: Option<Exposure>,
    pub author: UserId,
    pub organization: Option<OrgId>,
    /// Whether it was shared with the organisation that asks.
    pub is_shared: bool,
}

impl Access {
    /// Whether this user of this organisation may launch. A private blueprint is
    /// for its author and for the members of its organisation: the document's own
    /// user is one of those (section 2.1). Sharing takes nothing away: the author
    /// stays, and those who could launch a private one.
    #[must_use]
    pub fn allows(&self, user: &UserId, org: &OrgId) -> bool {
        let is_author = *user == self.author;
        let is_member = self.organization.as_ref() == Some(org);
        match self.exposure {
            Exposure::Public => true,
            Exposure::Private => is_author || is_member,
            Exposure::Organization => is_member,
            Exposure::Shared => {
                self.is_shared || is_author || (is_member && self.shared_from == Some(Exposure::Private))
            }
            Exposure::OrganizationAndChildren => false,
        }
    }
}

/// A blueprint as a client sends it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintCreate))]
pub struct Blueprint {
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub id: BlueprintId,
    pub name: String,
    pub description: String,
    pub version: String,
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub exposure: Exposure,
    #[cfg_attr(feature = "openapi", schema(rename = "author_id"))]
    pub author: UserId,
    #[cfg_attr(feature = "openapi", schema(rename = "organization_id", required = true))]
    pub organization: Option<OrgId>,
    #[cfg_attr(feature = "openapi", schema(rename = "category_id", required = true))]
    pub category: Option<CategoryId>,
    pub icon: Option<String>,
    pub intro_msg: Option<String>,
    /// The spec as it was sent, less its own id.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, Value>))]
    pub spec: Value,
    /// In alphabetical order, each once.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub tags: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub commands: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub starter_prompts: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeMap<String, String>>))]
    pub agent_icons: Vec<AgentIcon>,
}

impl Blueprint {
    /// Reads a blueprint's body; the id is given. The spec is only looked at as far
    /// as that it is an object.
    pub fn read(id: BlueprintId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
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
            let spec = f.required("spec", object_as_is);
            let tags = f.optional("tags", list(text));
            let commands = f.optional("commands", list(text));
            let starter_prompts = f.optional("starter_prompts", list(text));
            let agent_icons = f.optional("agent_icons", map(text));
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
                agent_icons: agent_icons?
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(agent_name, icon)| AgentIcon { agent_name, icon })
                    .collect(),
            })
        })
    }
}

/// The names of the agents in a spec as it was sent; those of templates are templates.
#[must_use]
pub fn agent_names(spec: &Value) -> Vec<&str> {
    let agents = spec["agents"].as_array();
    agents.into_iter().flatten().filter_map(|agent| agent["name"].as_str()).map(str::trim).collect()
}

/// What an agent of a blueprint looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AgentNameWithIcon))]
pub struct AgentIcon {
    pub icon: String,
    pub agent_name: String,
}

impl AgentIcon {
    pub fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let agent_name = f.required("agent_name", text);
            let icon = f.required("icon", text);
            Some(Self { agent_name: agent_name?, icon: icon? })
        })(value, errors)
    }
}

/// What a user thinks of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintReviewResponse))]
pub struct Review {
    #[serde(rename = "user_id")]
    pub user: UserId,
    pub rating: i64,
    pub review: String,
    #[serde(rename = "blueprint_id")]
    pub blueprint: BlueprintId,
}

impl Review {
    /// Reads a review of this blueprint; a text need not be there.
    pub fn read(blueprint: BlueprintId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let user = f.required("user_id", text);
            let rating = f.required("rating", integer);
            let review = f.or("review", String::new(), text);
            Some(Self { user: user?.into(), rating: rating?, review: review?, blueprint })
        })
    }
}

/// A place where the users of a guild pin messages up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CreateBoardRequest))]
pub struct Board {
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub id: BoardId,
    pub name: String,
    #[cfg_attr(feature = "openapi", schema(rename = "guild_id"))]
    pub guild: GuildId,
    pub created_by: UserId,
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub created_ms: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, default = false))]
    pub is_default: bool,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, default = false))]
    pub is_private: bool,
}

impl Board {
    /// Reads a new board; null flags are false.
    pub fn read(id: BoardId, now_ms: u64) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        move |value, errors| {
            object(|f| {
                let guild = f.required("guild_id", text);
                let name = f.required("name", text);
                let created_by = f.required("created_by", text);
                let is_default = f.optional("is_default", boolean);
                let is_private = f.optional("is_private", boolean);
                Some(Self {
                    id,
                    name: name?,
                    guild: guild?.into(),
                    created_by: created_by?.into(),
                    created_ms: now_ms,
                    is_default: is_default?.unwrap_or_default(),
                    is_private: is_private?.unwrap_or_default(),
                })
            })(value, errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_launch() {
        let (author, other) = (UserId::from("author"), UserId::from("other"));
        let (home, away) = (OrgId::from("home"), OrgId::from("away"));
        let ask = |access: &Access| {
            [(&author, &home), (&author, &away), (&other, &home), (&other, &away)].map(|(u, o)| access.allows(u, o))
        };
        let access = |exposure, is_shared| Access {
            exposure,
            shared_from: None,
            author: author.clone(),
            organization: Some(home.clone()),
            is_shared,
        };
        assert_eq!(ask(&access(Exposure::Public, false)), [true; 4]);
        assert_eq!(ask(&access(Exposure::Private, false)), [true, true, true, false]);
        assert_eq!(ask(&access(Exposure::Organization, false)), [true, false, true, false]);
        assert_eq!(ask(&access(Exposure::Shared, true)), [true; 4]);
        assert_eq!(ask(&access(Exposure::Shared, false)), [true, true, false, false]);
        assert_eq!(ask(&access(Exposure::OrganizationAndChildren, true)), [false; 4]);
        let private_before = Access { shared_from: Some(Exposure::Private), ..access(Exposure::Shared, false) };
        assert_eq!(ask(&private_before), [true, true, true, false], "sharing takes nothing away");
    }
}
