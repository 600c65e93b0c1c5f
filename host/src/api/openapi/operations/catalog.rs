//! The operations of the catalog: agent classes, components, categories, blueprints, shares, reviews.

use crate::api::catalog::blueprints::{icons, reviews, share};
use crate::api::openapi::operation::{Op, delete, get, list_of, number, post, put, tagged, text, texts};
use crate::api::openapi::schemas as s;
use crate::api::{catalog as c, spec};
use guildhall_model::catalog::{AgentEntry, AgentIcon, Blueprint, Category, Review};
use guildhall_model::status::GuildStatus;

pub(super) fn agents() -> Vec<Op> {
    tagged(
        "agents",
        [
            post("/catalog/agents", "registerAgent", "Register an agent class")
                .about("Puts a class into the catalog. If the body names a component, the class is bound to it.")
                .takes::<s::AgentEntryInput>()
                .gives_nothing(201, "The class is registered")
                .fails([403, 409, 503]),
            get("/catalog/agents", "getAgents", "Get agent classes")
                .about("Returns the classes of the catalog: those that were registered and those of components.")
                .optional("class_names", texts(), "Only these classes")
                .pages()
                .gives_map_of::<AgentEntry>("The agent classes by name")
                .fails([422]),
            delete("/catalog/agents/{class_name}", "deleteAgentClass", "Remove an agent class that nothing names")
                .about(
                    "A class that a binding, a component or a blueprint names is not removed; the answer says \
                 what names it.",
                )
                .if_unchanged()
                .gives_nothing(204, "The class is removed")
                .fails([404, 409]),
            get("/catalog/agents/{class_name}", "getAgentByClassName", "Get an agent class")
                .about(
                    "Returns one class of the catalog, with the schema of its properties and the formats that \
                 it handles.",
                )
                .gives::<AgentEntry>(200, "The agent class")
                .fails([404]),
            get(
                "/catalog/agents/message_schema/",
                "getMessageSchemaByFormat",
                "Get the schema of a format that a registered agent class receives",
            )
            .about("Looks for the format among the handlers of all classes of the catalog.")
            .required("message_format", text(), "The format")
            .gives_object("The JSON schema of the format")
            .fails([404, 422]),
        ],
    )
}

pub(super) fn components() -> Vec<Op> {
    tagged(
        "components",
        [
            post("/catalog/components", "uploadComponent", "Upload a component, whose digest becomes its id")
                .about(
                    "The body is the bytes of the component. The host compiles it in a process of its own and \
                 asks it to describe itself. Uploading the same bytes again changes nothing. A class that \
                 nothing serves yet is bound to the component.",
                )
                .optional("name", text(), "A name, with `version`; the two never stand for another component")
                .optional("version", text(), "The version of `name`")
                .optional("bind", text(), "`1`: bind its class to it, even if another component serves the class")
                .takes_bytes(&["application/wasm", "application/octet-stream"])
                .gives::<c::components::Component>(200, "The component, compiled, refused or failed")
                .gives::<c::components::Component>(202, "The component, which is being compiled")
                .fails([403, 409, 413, 415, 422, 503]),
            get("/catalog/components", "listComponents", "List all components")
                .about("Lists every component with its digest, its state, its class and its names.")
                .pages()
                .gives_list::<c::components::Component>("The components, in the order of upload")
                .fails([422]),
            get("/catalog/components/{digest}", "getComponent", "Get a component")
                .about(
                    "Shows whether a component is compiled, and what it describes. With `wait` the answer comes \
                 when that is known.",
                )
                .optional("wait", number(), "Seconds to wait while the component is being compiled, at most 30")
                .gives::<c::components::Component>(200, "The component")
                .fails([404, 422]),
            get("/catalog/components/{digest}/users", "listComponentUsers", "List what uses a component")
                .about("A component that something uses cannot be removed.")
                .gives_list::<c::components::ComponentUser>(
                    "Classes, blueprints and guilds that keep it from being removed, at most 20; and the host itself",
                )
                .fails([404]),
            get("/catalog/components/{digest}/wasm", "getComponentBytes", "Get the bytes of a component")
                .about("Returns the bytes as they were uploaded.")
                .gives_bytes("application/wasm", "The bytes of the component")
                .fails([404]),
            delete("/catalog/components/{digest}", "deleteComponent", "Remove a component that is not in use")
                .about(
                    "A component that an agent, a blueprint or a binding uses is not removed; the answer names \
                 what uses it.",
                )
                .gives_nothing(204, "The component is removed")
                .fails([404, 409]),
            put("/catalog/agents/{class_name}/component", "bindComponent", "Bind an agent class to a component")
                .about(
                    "Agents of the class that are launched from now on run this component. Agents that run \
                 already keep theirs.",
                )
                .takes::<spec::ComponentChoice>()
                .gives_nothing(204, "The component serves the class from now on")
                .fails([403, 404, 409, 503]),
        ],
    )
}

pub(super) fn categories() -> Vec<Op> {
    tagged(
        "categories",
        [
            post("/catalog/categories/", "createCategory", "Create a category")
                .about("Categories group blueprints. Several may have the same name.")
                .takes::<s::BlueprintCategoryCreate>()
                .gives::<spec::Created>(201, "The new category's id"),
            get("/catalog/categories/", "listCategories", "List all categories")
                .about("Lists the categories of this host.")
                .pages()
                .gives_list::<Category>("The categories, oldest first")
                .fails([422]),
            delete(
                "/catalog/categories/{category_id}",
                "deleteCategory",
                "Remove a category in which there is no blueprint",
            )
            .about("A category with blueprints is not removed; the answer says how many there are.")
            .if_unchanged()
            .gives_nothing(204, "The category is removed")
            .fails([404, 409]),
            get("/catalog/categories/{category_id}", "getCategoryById", "Get a category")
                .about("Returns the name and the description of a category.")
                .gives::<Category>(200, "The category")
                .fails([404]),
            get(
                "/catalog/categories/{category_name}/blueprints/",
                "getBlueprintsByCategoryName",
                "List the blueprints of a category, which is the oldest one of this name",
            )
            .about("Of several categories with the same name, the oldest one is meant.")
            .pages()
            .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
            .fails([404, 422]),
        ],
    )
}

pub(super) fn blueprints() -> Vec<Op> {
    tagged(
        "blueprints",
        [
            post("/catalog/blueprints/", "createBlueprint", "Create a blueprint")
                .about(
                    "Checks the spec and stores it in the catalog. Each agent keeps the component that serves \
                 its class now.",
                )
                .takes::<Blueprint>()
                .once()
                .gives::<spec::Created>(201, "The new blueprint's id, with warnings about parts that are not used")
                .fails([409, 503]),
            post("/catalog/blueprints/validate", "validateBlueprint", "Check a blueprint without storing it")
                .about("Answers as `createBlueprint` does, with all errors and warnings, and changes nothing.")
                .takes::<Blueprint>()
                .gives::<c::blueprints::Validated>(200, "The blueprint can be created; warnings about parts of it")
                .fails([409, 503]),
            get("/catalog/blueprints/", "listBlueprints", "List the blueprints of this host")
                .about("Lists every blueprint of this host, whoever owns it.")
                .pages()
                .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
                .fails([422]),
            delete(
                "/catalog/blueprints/{blueprint_id}",
                "deleteBlueprint",
                "Remove a blueprint from which no guild was launched",
            )
            .about("A blueprint with guilds is not removed; the answer says how many there are.")
            .if_unchanged()
            .gives_nothing(204, "The blueprint is removed, with its tags, shares, icons and reviews")
            .fails([404, 409]),
            get("/catalog/blueprints/{blueprint_id}", "getBlueprintById", "Get a blueprint")
                .about("Returns the whole blueprint with its spec.")
                .gives::<c::blueprints::Details>(200, "The blueprint")
                .fails([404]),
            get(
                "/catalog/organizations/{organization_id}/blueprints/owned/",
                "getOrganizationBlueprints",
                "List the blueprints of an organisation",
            )
            .about("Lists what the organisation owns, public or not.")
            .pages()
            .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
            .fails([422]),
            get("/catalog/users/{user_id}/blueprints/owned/", "getUserBlueprints", "List the blueprints of a user")
                .about("Lists the blueprints whose author is the user.")
                .pages()
                .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
                .fails([422]),
            get(
                "/catalog/users/{user_id}/blueprints/accessible/",
                "getAccessibleBlueprintsByUserId",
                "List the blueprints that a user may launch",
            )
            .about(
                "Lists the blueprints from which a launch by the user is allowed, with how the user got \
                 access.",
            )
            .optional("org_id", text(), "The user's organisation")
            .pages()
            .gives_list::<c::users::Accessible>(
                "Public blueprints, then the user's own, then those of the organisation, each oldest first",
            )
            .fails([422]),
            get("/catalog/tags/", "listTags", "List all tags")
                .about("Lists every tag that a blueprint has.")
                .pages()
                .gives_texts("The tags, in alphabetical order")
                .fails([422]),
            get("/catalog/tags/{tag}/blueprints/", "getBlueprintsByTag", "List the blueprints with a tag")
                .about("Lists the blueprints that have exactly this tag.")
                .pages()
                .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
                .fails([422]),
            post(
                "/catalog/blueprints/{blueprint_id}/icons/",
                "addBlueprintAgentIcons",
                "Set the icons of a blueprint's agents",
            )
            .about("Replaces the icons of the agents that the body names.")
            .takes::<icons::AgentIcons>()
            .gives_nothing(204, "The icons are stored")
            .fails([404]),
            get(
                "/catalog/blueprints/{blueprint_id}/icons/",
                "getBlueprintAgentIcons",
                "Get the icons of a blueprint's agents",
            )
            .about("Returns the URL of the icon of each agent that has one.")
            .gives::<icons::AgentIcons>(200, "The icons, in the order in which they were set")
            .fails([404]),
            post(
                "/catalog/blueprints/{blueprint_id}/icons/{agent_name}",
                "addBlueprintAgentIconByName",
                "Set the icon of an agent",
            )
            .about("Replaces the icon of one agent.")
            .takes::<icons::IconChoice>()
            .gives_nothing(204, "The icon is stored")
            .fails([404]),
            get(
                "/catalog/blueprints/{blueprint_id}/icons/{agent_name}",
                "getBlueprintAgentIconByName",
                "Get the icon of an agent",
            )
            .about("Returns the URL of the icon of one agent.")
            .gives::<AgentIcon>(200, "The icon")
            .fails([404]),
        ],
    )
}

pub(super) fn sharing() -> Vec<Op> {
    tagged(
        "organizations",
        [
            post(
                "/catalog/blueprints/{blueprint_id}/share/",
                "shareBlueprintWithOrganization",
                "Share a blueprint with an organisation",
            )
            .about("Members of the organisation may launch the blueprint. Sharing it again changes nothing.")
            .takes::<share::ShareRequest>()
            .gives_nothing(204, "The blueprint is shared with the organisation")
            .fails([404, 409]),
            delete(
                "/catalog/blueprints/{blueprint_id}/share/{organization_id}",
                "unshareBlueprintWithOrganization",
                "Stop sharing a blueprint with an organisation",
            )
            .about(
                "Members of the organisation may no longer launch the blueprint. Guilds that they launched \
                 stay.",
            )
            .gives_nothing(204, "The blueprint is no longer shared with the organisation")
            .fails([404]),
            get(
                "/catalog/organizations/{organization_id}/blueprints/shared/",
                "getSharedBlueprintsByOrganizationId",
                "List the blueprints that are shared with an organisation",
            )
            .about("Lists the blueprints of others that members of the organisation may launch.")
            .pages()
            .gives_list::<c::blueprints::Info>("The blueprints, oldest first")
            .fails([422]),
            get(
                "/catalog/blueprints/{blueprint_id}/organizations/shared/",
                "getSharedOrganizationsByBlueprintId",
                "List the organisations that a blueprint is shared with",
            )
            .about("Lists the ids of the organisations alone.")
            .pages()
            .gives_texts("The ids of the organisations, in the order of sharing")
            .fails([404, 422]),
            get(
                "/catalog/organizations/{organization_id}/guilds/",
                "getGuildsForOrganization",
                "List the guilds of an organisation",
            )
            .about("Lists the guilds that were launched for the organisation.")
            .optional("statuses", list_of::<GuildStatus>(), "Only guilds with one of these statuses")
            .pages()
            .gives_list::<c::guilds::Listed>("The guilds, oldest first")
            .fails([400, 422]),
        ],
    )
}

pub(super) fn reviews() -> Vec<Op> {
    tagged(
        "reviews",
        [
            post("/catalog/blueprints/{blueprint_id}/reviews/", "createBlueprintReview", "Review a blueprint")
                .about("A user may write several reviews of a blueprint.")
                .takes::<s::BlueprintReviewCreate>()
                .gives::<spec::Created>(201, "The new review's id")
                .fails([404]),
            get(
                "/catalog/blueprints/{blueprint_id}/reviews/",
                "getReviewsByBlueprintId",
                "Get the reviews of a blueprint",
            )
            .about("Returns all reviews with the average of their ratings.")
            .pages()
            .gives::<reviews::Reviews>(200, "The reviews, oldest first, with the number and the average of all")
            .fails([404, 422]),
            get("/catalog/blueprints/{blueprint_id}/reviews/{review_id}", "getBlueprintReview", "Get a review")
                .about("Returns one review of this blueprint.")
                .gives::<Review>(200, "The review")
                .fails([404]),
        ],
    )
}
