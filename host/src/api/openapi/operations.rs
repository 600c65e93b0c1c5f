//! Every operation of the API: where it is, what it takes, what it answers. Operation
//! ids are those that clients of this API are generated from.

mod running;

use super::operation::{Op, delete, flag, get, list_of, number, post, put, tagged, text, texts};
use super::schemas as s;

/// All operations, in the order in which people read them.
pub fn all() -> Vec<Op> {
    [
        guilds(),
        running::versions(),
        running::dead_letters(),
        files(),
        running::agents_at_work(),
        agents(),
        components(),
        categories(),
        blueprints(),
        sharing(),
        reviews(),
        members(),
        boards(),
        registry(),
        host(),
        running::metrics(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn guilds() -> Vec<Op> {
    tagged(
        "guilds",
        [
            post("/api/guilds", "createGuild", "Launch a guild of a spec")
                .takes::<s::LaunchGuildReq>()
                .gives::<s::IdInfo>(201)
                .fails([409, 503]),
            get("/api/guilds", "listGuilds", "All guilds, oldest first").gives_list::<s::GuildListed>(200),
            get(
                "/api/guilds/{guild_id}",
                "getGuildDetailsById",
                "A guild's spec with the agents in it, and its status",
            )
            .gives::<s::GuildSpecResponse>(200)
            .fails([404]),
            post("/api/guilds/{guild_id}/relaunch", "relaunchGuild", "Start a guild that does not run")
                .gives::<s::RelaunchResponse>(200)
                .fails([400, 404]),
            get(
                "/api/guilds/{guild_id}/{user_id}/messages",
                "getHistoricalUserMessages",
                "What a user has said and been told",
            )
            .gives_list::<s::Message>(200)
            .fails([404]),
            post(
                "/catalog/blueprints/{blueprint_id}/guilds",
                "launchGuildFromBlueprint",
                "Launch a guild of a blueprint",
            )
            .takes::<s::LaunchGuildFromBlueprintRequest>()
            .gives::<s::IdInfo>(201)
            .fails([403, 404, 409, 503]),
        ],
    )
}

fn files() -> Vec<Op> {
    let folder = |path: &'static str, ids: [&'static str; 2], whose: &str| {
        [
            post(path, ids[0], format!("Keep a file of {whose}"))
                .takes_form::<s::UploadForm>()
                .gives::<s::Uploaded>(200)
                .fails([404, 409]),
            get(path, ids[1], format!("The files of {whose}, by name")).gives_list::<s::MediaLink>(200).fails([404]),
        ]
    };
    let file = |path: &'static str, ids: [&'static str; 2], whose: &str| {
        [
            get(path, ids[0], format!("A file of {whose}"))
                .optional("download", flag(), "As an attachment of no certain type")
                .gives_parts("*/*")
                .fails([404, 416, 422]),
            delete(path, ids[1], format!("Remove a file of {whose}")).gives_nothing(204).fails([404]),
        ]
    };
    let operations = [
        folder("/api/guilds/{guild_id}/files/", ["uploadFileForGuild", "listFilesForGuild"], "a guild"),
        file("/api/guilds/{guild_id}/files/{filename}", ["getFileForGuild", "deleteGuildFile"], "a guild"),
        folder(
            "/api/guilds/{guild_id}/agents/{agent_id}/files/",
            ["uploadFileForAgent", "listFilesForAgent"],
            "an agent",
        ),
        file(
            "/api/guilds/{guild_id}/agents/{agent_id}/files/{filename}",
            ["getFileForAgent", "deleteAgentFile"],
            "an agent",
        ),
    ];
    tagged("files", operations.into_iter().flatten())
}

fn agents() -> Vec<Op> {
    tagged(
        "agents",
        [
            post("/catalog/agents", "registerAgent", "Register an agent class")
                .takes::<s::AgentEntryInput>()
                .gives_nothing(201)
                .fails([409, 503]),
            get("/catalog/agents", "getAgents", "Agent classes by name")
                .optional("class_names", texts(), "Only these")
                .gives_map_of::<s::AgentEntryOutput>(200),
            get("/catalog/agents/{class_name}", "getAgentByClassName", "An agent class")
                .gives::<s::AgentEntryOutput>(200)
                .fails([404]),
            get(
                "/catalog/agents/message_schema/",
                "getMessageSchemaByFormat",
                "The schema of the messages that some agent class takes in a format",
            )
            .required("message_format", text(), "The format")
            .gives_object(200)
            .fails([404, 422]),
        ],
    )
}

fn components() -> Vec<Op> {
    tagged(
        "components",
        [
            post("/catalog/components", "uploadComponent", "Upload a component; its bytes name it")
                .optional("name", text(), "A name for it, with `version`; the two never stand for another component")
                .optional("version", text(), "The version of `name`")
                .takes_bytes("application/wasm")
                .gives::<s::Component>(200)
                .gives::<s::Component>(202)
                .fails([403, 409, 413, 415, 422, 503]),
            get("/catalog/components", "listComponents", "All components").gives_list::<s::Component>(200),
            get("/catalog/components/{digest}", "getComponent", "A component")
                .optional("wait", number(), "Seconds, at most 30, to wait while it is compiled")
                .gives::<s::Component>(200)
                .fails([404, 422]),
            get("/catalog/components/{digest}/wasm", "getComponentBytes", "The bytes of a component")
                .gives_bytes("application/wasm")
                .fails([404]),
            delete("/catalog/components/{digest}", "deleteComponent", "Remove a component that nobody needs")
                .gives_nothing(204)
                .fails([404, 409]),
            put(
                "/catalog/agents/{class_name}/component",
                "bindComponent",
                "Have a component serve an agent class from now on",
            )
            .takes::<s::ComponentBinding>()
            .gives_nothing(204)
            .fails([404, 409, 503]),
        ],
    )
}

fn categories() -> Vec<Op> {
    tagged(
        "categories",
        [
            post("/catalog/categories/", "createCategory", "Make a category")
                .takes::<s::BlueprintCategoryCreate>()
                .gives::<s::IdInfo>(201),
            get("/catalog/categories/", "listCategories", "All categories, oldest first")
                .gives_list::<s::BlueprintCategoryResponse>(200),
            get("/catalog/categories/{category_id}", "getCategoryById", "A category")
                .gives::<s::BlueprintCategoryResponse>(200)
                .fails([404]),
            get(
                "/catalog/categories/{category_name}/blueprints/",
                "getBlueprintsByCategoryName",
                "The blueprints of the first category of this name",
            )
            .gives_list::<s::BlueprintInfoResponse>(200)
            .fails([404]),
        ],
    )
}

fn blueprints() -> Vec<Op> {
    tagged(
        "blueprints",
        [
            post("/catalog/blueprints/", "createBlueprint", "Make a blueprint")
                .takes::<s::BlueprintCreate>()
                .gives::<s::IdInfo>(201)
                .fails([409, 503]),
            get("/catalog/blueprints/{blueprint_id}", "getBlueprintById", "A blueprint")
                .gives::<s::BlueprintDetailsResponse>(200)
                .fails([404]),
            get(
                "/catalog/organizations/{organization_id}/blueprints/owned/",
                "getOrganizationBlueprints",
                "The blueprints of an organisation",
            )
            .gives_list::<s::BlueprintInfoResponse>(200),
            get("/catalog/users/{user_id}/blueprints/owned/", "getUserBlueprints", "The blueprints of a user")
                .gives_list::<s::BlueprintInfoResponse>(200),
            get(
                "/catalog/users/{user_id}/blueprints/accessible/",
                "getAccessibleBlueprintsByUserId",
                "The blueprints that a user may launch",
            )
            .optional("org_id", text(), "The user's organisation")
            .gives_list::<s::BlueprintResponseWithAccessReason>(200),
            get("/catalog/tags/", "listTags", "All tags, in alphabetical order").gives_texts(200),
            get("/catalog/tags/{tag}/blueprints/", "getBlueprintsByTag", "The blueprints with a tag")
                .gives_list::<s::BlueprintInfoResponse>(200),
            post("/catalog/blueprints/{blueprint_id}/icons/", "addBlueprintAgentIcons", "Give agents their icons")
                .takes::<s::BlueprintAgentsIconReqRes>()
                .gives_nothing(204)
                .fails([404]),
            get("/catalog/blueprints/{blueprint_id}/icons/", "getBlueprintAgentIcons", "The icons of agents")
                .gives::<s::BlueprintAgentsIconReqRes>(200)
                .fails([404]),
            post(
                "/catalog/blueprints/{blueprint_id}/icons/{agent_name}",
                "addBlueprintAgentIconByName",
                "Give an agent its icon",
            )
            .takes::<s::AgentIcon>()
            .gives_nothing(204)
            .fails([404]),
            get(
                "/catalog/blueprints/{blueprint_id}/icons/{agent_name}",
                "getBlueprintAgentIconByName",
                "The icon of an agent",
            )
            .gives::<s::AgentNameWithIcon>(200)
            .fails([404]),
        ],
    )
}

fn sharing() -> Vec<Op> {
    tagged(
        "organizations",
        [
            post(
                "/catalog/blueprints/{blueprint_id}/share/",
                "shareBlueprintWithOrganization",
                "Share a blueprint with an organisation",
            )
            .takes::<s::ShareWithOrgRequest>()
            .gives_nothing(204)
            .fails([404, 409]),
            delete(
                "/catalog/blueprints/{blueprint_id}/share/{organization_id}",
                "unshareBlueprintWithOrganization",
                "Share a blueprint no longer",
            )
            .gives_nothing(204)
            .fails([404]),
            get(
                "/catalog/organizations/{organization_id}/blueprints/shared/",
                "getSharedBlueprintsByOrganizationId",
                "The blueprints shared with an organisation",
            )
            .gives_list::<s::BlueprintInfoResponse>(200),
            get(
                "/catalog/blueprints/{blueprint_id}/organizations/shared/",
                "getSharedOrganizationsByBlueprintId",
                "With whom a blueprint is shared",
            )
            .gives_texts(200)
            .fails([404]),
            get(
                "/catalog/organizations/{organization_id}/guilds/",
                "getGuildsForOrganization",
                "The guilds of an organisation",
            )
            .optional("statuses", list_of::<s::GuildStatus>(), "Only those in one of these")
            .gives_list::<s::BasicGuildInfo>(200)
            .fails([400]),
        ],
    )
}

fn reviews() -> Vec<Op> {
    tagged(
        "reviews",
        [
            post("/catalog/blueprints/{blueprint_id}/reviews/", "createBlueprintReview", "Review a blueprint")
                .takes::<s::BlueprintReviewCreate>()
                .gives::<s::IdInfo>(201)
                .fails([404]),
            get("/catalog/blueprints/{blueprint_id}/reviews/", "getReviewsByBlueprintId", "The reviews of a blueprint")
                .gives::<s::BlueprintReviewsResponse>(200)
                .fails([404]),
            get("/catalog/blueprints/{blueprint_id}/reviews/{review_id}", "getBlueprintReview", "A review")
                .gives::<s::BlueprintReviewResponse>(200)
                .fails([404]),
        ],
    )
}

fn members() -> Vec<Op> {
    tagged(
        "users",
        [
            get(
                "/catalog/guilds/{guild_id}/users",
                "getUsersAddedToGuild",
                "The users of a guild, in alphabetical order",
            )
            .gives_texts(200)
            .fails([404]),
            post("/catalog/guilds/{guild_id}/users/{user_id}", "addUserToGuild", "Add a user to a guild")
                .gives_nothing(204)
                .fails([404, 409]),
            delete("/catalog/guilds/{guild_id}/users/{user_id}", "removeUserFromGuild", "Remove a user from a guild")
                .gives_nothing(204)
                .fails([404]),
            get(
                "/catalog/guilds/{guild_id}/blueprints/",
                "getBlueprintForGuild",
                "The blueprint of which a guild was launched",
            )
            .gives::<s::BlueprintDetailsResponse>(200)
            .fails([404]),
            get("/catalog/users/{user_id}/guilds/", "getGuildsForUser", "The guilds of a user")
                .optional("org_id", text(), "Only those of this organisation")
                .optional("statuses", list_of::<s::GuildStatus>(), "Only those in one of these")
                .gives_list::<s::BasicGuildInfo>(200)
                .fails([400]),
        ],
    )
}

fn boards() -> Vec<Op> {
    tagged(
        "boards",
        [
            post("/addons/boards/", "createBoard", "Make a board")
                .takes::<s::CreateBoardRequest>()
                .gives::<s::IdInfo>(201)
                .fails([404]),
            get("/addons/boards/", "getBoards", "The boards of a guild, oldest first")
                .required("guild_id", text(), "The guild")
                .gives::<s::BoardsResponse>(200)
                .fails([404, 422]),
            post("/addons/boards/{board_id}/messages", "addMessageToBoard", "Pin a message to a board")
                .takes::<s::AddMessageToBoardRequest>()
                .gives::<s::Words>(200)
                .fails([404, 409]),
            get("/addons/boards/{board_id}/messages", "getBoardMessageIds", "The messages of a board")
                .gives::<s::BoardMessagesResponse>(200)
                .fails([404]),
            delete(
                "/addons/boards/{board_id}/messages/{message_id}",
                "removeMessageFromBoard",
                "Take a message off a board",
            )
            .gives::<s::Words>(200)
            .fails([404]),
        ],
    )
}

fn registry() -> Vec<Op> {
    tagged(
        "registry",
        [
            get("/api/registry/agents/", "getAgentsByClass", "The agent classes that this host brings along")
                .optional("agent_class", text(), "Only this one")
                .gives_map_of::<s::AgentEntryOutput>(200)
                .fails([404]),
            get("/api/registry/message_schema/", "getMessageSchemaByClass", "The schema of a message class")
                .required("message_class", text(), "The class")
                .gives_object(200)
                .fails([400, 404, 422]),
        ],
    )
}

fn host() -> Vec<Op> {
    tagged(
        "host",
        [
            get("/__health", "health_check___health_get", "Whether the host is alive, as clients know it")
                .gives::<s::Words>(200),
            get("/healthz", "healthz", "Whether the host is alive").gives::<s::Alive>(200),
            get("/readyz", "readyz", "Whether the host serves").gives::<s::Alive>(200).fails([503]),
            get("/openapi.json", "openapi", "This description").gives_object(200),
        ],
    )
}
