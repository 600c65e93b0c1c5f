//! The catalog: agent classes, categories, blueprints, reviews and boards, as clients send them and as they are stored.

mod entry;

use serde::Serialize;
use serde_json::Value;

use crate::ids::{BlueprintId, BoardId, CategoryId, GuildId, OrgId, UserId};
use crate::read::{FieldErrors, boolean, exactly_one_of, integer, list, map, nullable, object, object_as_is, text};

pub use entry::{AgentEntry, Dependency};

/// A category of blueprints. Names need not be unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintCategoryResponse))]
pub struct Category {
    /// The display name.
    pub name: String,
    /// A description for people.
    pub description: String,
    /// The id.
    pub id: CategoryId,
}

impl Category {
    /// Returns a reader for the name and the description of a category with this id.
    pub fn read(id: CategoryId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let name = f.required("name", text);
            let description = f.required("description", text);
            Some(Self { name: name?, description: description?, id })
        })
    }
}

/// The group of users who may launch a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintExposure, rename_all = "snake_case"))]
pub enum Exposure {
    /// Every user.
    Public,
    /// The author, and the members of the blueprint's organisation.
    Private,
    /// The members of the blueprint's organisation.
    Organization,
    /// The author, and the members of the organisations that the blueprint was shared with.
    Shared,
    /// No user: the host does not know the children of an organisation.
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

    /// Returns the name on the wire.
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

    /// Reads an exposure by its name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, exposure)| *exposure)
    }

    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        exactly_one_of(Self::NAMES, "'public', 'private', 'organization', 'shared' or 'organization_and_children'")(
            value, errors,
        )
    }
}

/// The facts that decide whether a user may launch a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The exposure.
    pub exposure: Exposure,
    /// The exposure before the blueprint was shared.
    pub shared_from: Option<Exposure>,
    /// The author.
    pub author: UserId,
    /// The organisation of the blueprint.
    pub organization: Option<OrgId>,
    /// Whether the blueprint was shared with the organisation of the user.
    pub is_shared: bool,
}

impl Access {
    /// Returns whether a user of an organisation may launch the blueprint. A private blueprint is for its author and
    /// for the members of its organisation (section 2.1 of the wire document). Sharing a blueprint adds users and
    /// removes none.
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

/// A blueprint.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintCreate))]
pub struct Blueprint {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub id: BlueprintId,
    /// The display name.
    pub name: String,
    /// A description for people.
    pub description: String,
    /// The version, a free text.
    pub version: String,
    /// The group of users who may launch it.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub exposure: Exposure,
    /// The author.
    #[cfg_attr(feature = "openapi", schema(rename = "author_id"))]
    pub author: UserId,
    /// The organisation that it belongs to.
    #[cfg_attr(feature = "openapi", schema(rename = "organization_id", required = true))]
    pub organization: Option<OrgId>,
    /// The category that it belongs to.
    #[cfg_attr(feature = "openapi", schema(rename = "category_id", required = true))]
    pub category: Option<CategoryId>,
    /// The icon.
    pub icon: Option<String>,
    /// The message that a client shows first.
    pub intro_msg: Option<String>,
    /// The spec as the client sent it, without its id.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, Value>, example = json!({
        "name": "Echo", "description": "Echoes", "agents": []
    })))]
    pub spec: Value,
    /// The tags, sorted and unique.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub tags: Vec<String>,
    /// The commands that a client offers.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub commands: Vec<String>,
    /// The prompts that a client offers first.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub starter_prompts: Vec<String>,
    /// The icons of its agents.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeMap<String, String>>))]
    pub agent_icons: Vec<AgentIcon>,
}

/// The longest description of a blueprint, in bytes. Lists show the first part of a long one.
pub const MAX_DESCRIPTION_BYTES: usize = 64 << 10;

fn description(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    let description = text(value, errors)?;
    if description.len() <= MAX_DESCRIPTION_BYTES {
        return Some(description);
    }
    let msg = format!("a description may have {MAX_DESCRIPTION_BYTES} bytes, not {}", description.len());
    errors.refuse(&msg, &Value::Null)
}

impl Blueprint {
    /// Returns a reader for a blueprint with this id. It only checks that the spec is an object.
    pub fn read(id: BlueprintId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let name = f.required("name", text);
            let description = f.required("description", description);
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

/// Returns the names of the agents in a spec as a client sent it. A name may be a template.
#[must_use]
pub fn agent_names(spec: &Value) -> Vec<&str> {
    let agents = spec["agents"].as_array();
    agents.into_iter().flatten().filter_map(|agent| agent["name"].as_str()).map(str::trim).collect()
}

/// The icon of an agent of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AgentNameWithIcon))]
pub struct AgentIcon {
    /// The icon.
    pub icon: String,
    /// The name of the agent.
    pub agent_name: String,
}

impl AgentIcon {
    /// Reads an icon with the name of its agent.
    pub fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let agent_name = f.required("agent_name", text);
            let icon = f.required("icon", text);
            Some(Self { agent_name: agent_name?, icon: icon? })
        })(value, errors)
    }
}

/// A user's review of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = BlueprintReviewResponse))]
pub struct Review {
    /// The user.
    #[serde(rename = "user_id")]
    pub user: UserId,
    /// The rating; any number.
    pub rating: i64,
    /// The text, which may be empty.
    pub review: String,
    /// The blueprint.
    #[serde(rename = "blueprint_id")]
    pub blueprint: BlueprintId,
}

impl Review {
    /// Returns a reader for a review of this blueprint.
    pub fn read(blueprint: BlueprintId) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Self> {
        object(|f| {
            let user = f.required("user_id", text);
            let rating = f.required("rating", integer);
            let review = f.or("review", String::new(), text);
            Some(Self { user: user?.into(), rating: rating?, review: review?, blueprint })
        })
    }
}

/// A board of a guild, on which users pin messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CreateBoardRequest))]
pub struct Board {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub id: BoardId,
    /// The display name.
    pub name: String,
    /// The guild.
    #[cfg_attr(feature = "openapi", schema(rename = "guild_id"))]
    pub guild: GuildId,
    /// The user who created it.
    pub created_by: UserId,
    /// The time of creation, in milliseconds since 1970.
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub created_ms: u64,
    /// Whether it is the default board of its guild.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, default = false))]
    pub is_default: bool,
    /// Whether it is private.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, default = false))]
    pub is_private: bool,
}

impl Board {
    /// Returns a reader for a new board. A flag that is null is false.
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
    fn the_exposure_decides_who_may_launch() {
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
        assert_eq!(ask(&private_before), [true, true, true, false], "sharing removes no users");
    }
}
