//! Every operation of the API. Clients are generated from these operation ids.

mod catalog;
mod running;

use super::operation::{Op, delete, flag, get, list_of, number, post, tagged, text};
use super::schemas as s;
use crate::api::{boards, catalog as c, files as f, guilds as g, health, spec};
use guildhall_model::catalog::{AgentEntry, Board};
use guildhall_model::status::GuildStatus;

/// Returns all operations, in the order in which people read them.
pub fn all() -> Vec<Op> {
    [
        guilds(),
        running::versions(),
        running::dead_letters(),
        files(),
        running::agents_at_work(),
        catalog::agents(),
        catalog::components(),
        catalog::categories(),
        catalog::blueprints(),
        catalog::sharing(),
        catalog::reviews(),
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
            post("/api/guilds", "createGuild", "Launch a guild from a spec")
                .takes::<g::LaunchGuildReq>()
                .once()
                .gives::<spec::Created>(
                    201,
                    "The new guild's id, with warnings about parts of the spec that are not used",
                )
                .fails([409, 503]),
            get("/api/guilds", "listGuilds", "List all guilds")
                .pages()
                .optional("usage", flag(), "Also what each guild has used since it was started here")
                .gives_list::<g::Listed>("The guilds, oldest first")
                .fails([422]),
            get("/api/guilds/{guild_id}", "getGuildDetailsById", "Get a guild")
                .gives::<g::Shown>(200, "The guild's spec with the agents that it has now, and its status")
                .fails([404]),
            delete("/api/guilds/{guild_id}", "deleteGuild", "Remove a guild that was stopped, with all that is kept of it")
                .if_unchanged()
                .gives_nothing(204, "The guild is removed: its messages, states, files, users and boards")
                .fails([404, 409, 503]),
            post("/api/guilds/{guild_id}/relaunch", "relaunchGuild", "Start a guild that does not run")
                .gives::<g::Relaunch>(200, "Whether the guild is being started")
                .fails([400, 404]),
            post("/api/guilds/{guild_id}/stop", "stopGuild", "Stop a guild; its messages, states and users stay")
                .gives::<g::Stop>(200, "Whether the guild is being stopped; the stop is stored")
                .fails([404, 503]),
            post("/api/guilds/{guild_id}/start", "startGuild", "Start a guild that does not run, also one that was stopped")
                .gives::<g::Start>(200, "Whether the guild is being started")
                .fails([404, 409, 503]),
            get(
                "/api/guilds/{guild_id}/{user_id}/messages",
                "getHistoricalUserMessages",
                "Get the messages that a user sent and received",
            )
            .optional("after", number(), "Only messages after this id; with `order=desc` those before it")
            .optional("dialect", text(), "The dialect of the messages, `guide`, `rustic` or `ui`; that of the host unless given")
            .optional("order", text(), "`asc` (default), or `desc`: the newest first, 100 unless `limit` says otherwise")
            .optional(
                "limit",
                number(),
                "A page of at most this many messages, at most 500; its `Link` header has the next page. Without it the \
                 answer has all messages",
            )
            .gives_list::<s::Message>("The messages, oldest first")
            .fails([404, 422]),
            post(
                "/catalog/blueprints/{blueprint_id}/guilds",
                "launchGuildFromBlueprint",
                "Launch a guild from a blueprint",
            )
            .takes::<c::blueprints::launch::LaunchRequest>()
            .once()
            .gives::<spec::Created>(201, "The new guild's id, with warnings about parts of the spec that are not used")
            .fails([403, 404, 409, 503]),
        ],
    )
}

fn files() -> Vec<Op> {
    let folder = |path: &'static str, ids: [&'static str; 2], owner: &str| {
        [
            post(path, ids[0], format!("Upload a file of {owner}"))
                .takes_form::<s::UploadForm>()
                .once()
                .gives::<f::Uploaded>(200, "The file that was stored")
                .fails([404, 409]),
            get(path, ids[1], format!("List the files of {owner}"))
                .pages()
                .gives_list::<f::MediaLink>("The files, by name")
                .fails([404]),
        ]
    };
    let file = |path: &'static str, ids: [&'static str; 2], owner: &str| {
        [
            get(path, ids[0], format!("Get a file of {owner}"))
                .optional("download", flag(), "Send the file as an attachment, as application/octet-stream")
                .gives_file("*/*")
                .fails([404, 416, 422]),
            delete(path, ids[1], format!("Remove a file of {owner}"))
                .gives_nothing(204, "The file is removed")
                .fails([404]),
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

fn members() -> Vec<Op> {
    tagged(
        "users",
        [
            get("/catalog/guilds/{guild_id}/users", "getUsersAddedToGuild", "List the users of a guild")
                .pages()
                .gives_texts("The ids of the users, in alphabetical order")
                .fails([404, 422]),
            post("/catalog/guilds/{guild_id}/users/{user_id}", "addUserToGuild", "Add a user to a guild")
                .gives_nothing(204, "The user belongs to the guild")
                .fails([404, 409]),
            delete("/catalog/guilds/{guild_id}/users/{user_id}", "removeUserFromGuild", "Remove a user from a guild")
                .gives_nothing(204, "The user no longer belongs to the guild")
                .fails([404]),
            get(
                "/catalog/guilds/{guild_id}/blueprints/",
                "getBlueprintForGuild",
                "Get the blueprint that a guild was launched from",
            )
            .gives::<c::blueprints::Details>(200, "The blueprint")
            .fails([404]),
            get("/catalog/users/{user_id}/guilds/", "getGuildsForUser", "List the guilds of a user")
                .optional("org_id", text(), "Only guilds of this organisation")
                .optional("statuses", list_of::<GuildStatus>(), "Only guilds with one of these statuses")
                .pages()
                .gives_list::<c::guilds::Listed>("The guilds, oldest first")
                .fails([400, 422]),
        ],
    )
}

fn boards() -> Vec<Op> {
    tagged(
        "boards",
        [
            post("/addons/boards/", "createBoard", "Create a board")
                .takes::<Board>()
                .gives::<spec::Created>(201, "The new board's id")
                .fails([404]),
            get("/addons/boards/", "getBoards", "List the boards of a guild")
                .required("guild_id", text(), "The guild")
                .pages()
                .gives::<boards::Boards>(200, "The boards, oldest first")
                .fails([404, 422]),
            post("/addons/boards/{board_id}/messages", "addMessageToBoard", "Pin a message to a board")
                .takes::<boards::PinRequest>()
                .gives::<health::Notice>(200, "A sentence: the message is pinned")
                .fails([404, 409]),
            get("/addons/boards/{board_id}/messages", "getBoardMessageIds", "List the messages of a board")
                .pages()
                .gives::<boards::BoardMessages>(200, "The ids of the messages, in alphabetical order")
                .fails([404, 422]),
            delete(
                "/addons/boards/{board_id}/messages/{message_id}",
                "removeMessageFromBoard",
                "Remove a message from a board",
            )
            .gives::<health::Notice>(200, "A sentence: the message is removed")
            .fails([404]),
        ],
    )
}

fn registry() -> Vec<Op> {
    tagged(
        "registry",
        [
            get("/api/registry/agents/", "getAgentsByClass", "Get the agent classes of the components of this host")
                .optional("agent_class", text(), "Only this class")
                .pages()
                .gives_map_of::<AgentEntry>("The agent classes by name")
                .fails([404, 422]),
            get("/api/registry/message_schema/", "getMessageSchemaByClass", "Get the schema of a message class")
                .required("message_class", text(), "The class: the full name of a format")
                .gives_object("The JSON schema of the class")
                .fails([400, 404, 422]),
        ],
    )
}

fn host() -> Vec<Op> {
    tagged(
        "host",
        [
            get("/__health", "health_check___health_get", "Check whether the host is alive, as reference clients do")
                .gives::<health::Notice>(200, "The host is alive"),
            get("/healthz", "healthz", "Check whether the host is alive")
                .gives::<health::Alive>(200, "The host is alive"),
            get("/readyz", "readyz", "Check whether the host serves requests")
                .gives::<health::Ready>(200, "The host serves requests")
                .fails([503]),
            get("/openapi.json", "openapi", "Get this description").gives_object("This description"),
        ],
    )
}
