//! Every operation of the API. Clients are generated from these operation ids.

mod catalog;
mod running;

use super::operation::{Op, delete, flag, get, list_of, number, post, tagged, text};
use super::schemas as s;
use crate::api::{boards, catalog as c, files as f, guilds as g, health, hosts, spec};
use guildhall_model::catalog::{AgentEntry, Board};
use guildhall_model::status::GuildStatus;

/// The tags of the operations, in the same order, with what they stand for.
pub const TAGS: [(&str, &str); 12] = [
    ("guilds", "Running groups of agents: launch, stop, messages, dead letters."),
    ("files", "The files of guilds and agents. A guild has them if its spec has the dependency `filesystem`."),
    ("agents", "The classes of the catalog, and the agents of running guilds."),
    ("components", "The WebAssembly components that serve agent classes."),
    ("categories", "Groups of blueprints."),
    ("blueprints", "The specs from which guilds are launched."),
    ("organizations", "What organisations own and share."),
    ("reviews", "What users say about blueprints."),
    ("users", "The users of guilds."),
    ("boards", "Pinned messages of guilds."),
    ("registry", "What the components of this host describe."),
    ("host", "The host itself: probes, metrics, descriptions."),
];

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
                .about(
                    "Stores the spec and starts its agents. The answer does not wait for them: the health \
                 reports of the system socket say when the guild is ready. A spec that is not valid is \
                 answered with all of its errors.",
                )
                .takes::<g::LaunchGuildReq>()
                .once()
                .gives::<spec::Created>(
                    201,
                    "The new guild's id, with warnings about parts of the spec that are not used",
                )
                .fails([409, 503]),
            get("/api/guilds", "listGuilds", "List all guilds")
                .about("Lists every guild that was launched on this host, also those that sleep or were stopped.")
                .pages()
                .optional("usage", flag(), "Also what each guild has used since it was started here")
                .gives_list::<g::Listed>("The guilds, oldest first")
                .fails([422]),
            get("/api/guilds/{guild_id}", "getGuildDetailsById", "Get a guild")
                .about(
                    "Shows the spec as it is now, with agents and rules that were added later. It does not wake \
                 a guild that sleeps.",
                )
                .gives::<g::Shown>(200, "The guild's spec with the agents that it has now, and its status")
                .fails([404]),
            delete(
                "/api/guilds/{guild_id}",
                "deleteGuild",
                "Remove a guild that was stopped, with all that is kept of it",
            )
            .about("A guild has to be stopped before. Afterwards its id is unknown.")
            .if_unchanged()
            .gives_nothing(204, "The guild is removed: its messages, states, files, users and boards")
            .fails([404, 409, 503]),
            post("/api/guilds/{guild_id}/relaunch", "relaunchGuild", "Start a guild that does not run")
                .about(
                    "Starts a guild that failed or does not run, as clients of the Rustic AI server expect. A \
                 guild that was stopped is not started: use `startGuild`.",
                )
                .gives::<g::Relaunch>(200, "Whether the guild is being started")
                .fails([400, 404]),
            post("/api/guilds/{guild_id}/stop", "stopGuild", "Stop a guild; its messages, states and users stay")
                .about(
                    "Ends the agents and closes the sockets of the guild. What waited for its agents is lost; \
                 its messages, states, files and users stay.",
                )
                .gives::<g::Stop>(200, "Whether the guild is being stopped; the stop is stored")
                .fails([404, 503]),
            post(
                "/api/guilds/{guild_id}/start",
                "startGuild",
                "Start a guild that does not run, also one that was stopped",
            )
            .about(
                "Starts the agents of a guild that failed or was stopped. They begin with the messages that \
                 come next.",
            )
            .gives::<g::Start>(200, "Whether the guild is being started")
            .fails([404, 409, 503]),
            get(
                "/api/guilds/{guild_id}/{user_id}/messages",
                "getHistoricalUserMessages",
                "Get the messages that a user sent and received",
            )
            .about(
                "Returns what the user sent, what the user got, and errors about these messages. Progress \
                 is not stored and not in it.",
            )
            .optional("after", number(), "Only messages after this id; with `order=desc` those before it")
            .optional(
                "dialect",
                text(),
                "The dialect of the messages, `guide`, `rustic` or `ui`; that of the host unless given",
            )
            .optional(
                "order",
                text(),
                "`asc` (default), or `desc`: the newest first, 100 unless `limit` says otherwise",
            )
            .optional(
                "limit",
                number(),
                "A page of at most this many messages, at most 500; its `Link` header has the next page. Without it \
                 at most 10,000",
            )
            .gives_list::<s::Message>("The messages, oldest first")
            .fails([404, 422]),
            post(
                "/catalog/blueprints/{blueprint_id}/guilds",
                "launchGuildFromBlueprint",
                "Launch a guild from a blueprint",
            )
            .about(
                "Launches a guild for a user who may use the blueprint. `configuration` replaces values of \
                 the templates of the blueprint.",
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
                .about("A file with the same name is not replaced: remove it first.")
                .takes_form::<s::UploadForm>()
                .once()
                .gives::<f::Uploaded>(200, "The file that was stored")
                .fails([404, 409]),
            get(path, ids[1], format!("List the files of {owner}"))
                .about("Lists names, types, sizes and what was sent as `file_meta`.")
                .pages()
                .gives_list::<f::MediaLink>("The files, by name")
                .fails([404]),
        ]
    };
    let file = |path: &'static str, ids: [&'static str; 2], owner: &str| {
        [
            get(path, ids[0], format!("Get a file of {owner}"))
                .about("`Range`, `If-None-Match` and `If-Range` work. Browsers do not run the file as a page of this host.")
                .optional("download", flag(), "Send the file as an attachment, as application/octet-stream")
                .gives_file("*/*")
                .fails([404, 416, 422]),
            delete(path, ids[1], format!("Remove a file of {owner}"))
                .about("Messages that name the file stay.")
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
                .about("Users are added by a request, by a launch, or by opening a socket.")
                .pages()
                .gives_texts("The ids of the users, in alphabetical order")
                .fails([404, 422]),
            post("/catalog/guilds/{guild_id}/users/{user_id}", "addUserToGuild", "Add a user to a guild")
                .about("The user sees the guild in the list of the user's guilds. A socket does not need this.")
                .gives_nothing(204, "The user belongs to the guild")
                .fails([404, 409]),
            delete("/catalog/guilds/{guild_id}/users/{user_id}", "removeUserFromGuild", "Remove a user from a guild")
                .about("The guild is no longer in the list of the user's guilds. Messages of the user stay.")
                .gives_nothing(204, "The user no longer belongs to the guild")
                .fails([404]),
            get(
                "/catalog/guilds/{guild_id}/blueprints/",
                "getBlueprintForGuild",
                "Get the blueprint that a guild was launched from",
            )
            .about("Returns the blueprint in the version that the guild was launched from, or was changed to.")
            .gives::<c::blueprints::Details>(200, "The blueprint")
            .fails([404]),
            get("/catalog/users/{user_id}/guilds/", "getGuildsForUser", "List the guilds of a user")
                .about("Lists the guilds that the user launched or was added to.")
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
                .about("A board is a list of pinned messages of a guild.")
                .takes::<Board>()
                .gives::<spec::Created>(201, "The new board's id")
                .fails([404]),
            get("/addons/boards/", "getBoards", "List the boards of a guild")
                .about("Lists the boards of one guild, also the private ones.")
                .required("guild_id", text(), "The guild")
                .pages()
                .gives::<boards::Boards>(200, "The boards, oldest first")
                .fails([404, 422]),
            post("/addons/boards/{board_id}/messages", "addMessageToBoard", "Pin a message to a board")
                .about("Pins a message by its id. The message itself stays where it is.")
                .takes::<boards::PinRequest>()
                .gives::<health::Notice>(200, "A sentence: the message is pinned")
                .fails([404, 409]),
            get("/addons/boards/{board_id}/messages", "getBoardMessageIds", "List the messages of a board")
                .about("Returns ids alone; the messages are in the histories of the guild.")
                .pages()
                .gives::<boards::BoardMessages>(200, "The ids of the messages, in alphabetical order")
                .fails([404, 422]),
            delete(
                "/addons/boards/{board_id}/messages/{message_id}",
                "removeMessageFromBoard",
                "Remove a message from a board",
            )
            .about("Takes the pin away. The message itself stays.")
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
                .about(
                    "Lists what the components of this host describe about themselves: their classes, formats \
                 and properties.",
                )
                .optional("agent_class", text(), "Only this class")
                .pages()
                .gives_map_of::<AgentEntry>("The agent classes by name")
                .fails([404, 422]),
            get("/api/registry/message_schema/", "getMessageSchemaByClass", "Get the schema of a message class")
                .about("Knows the formats of the API and those that components describe.")
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
                .about("Answers as soon as the host serves requests.")
                .gives::<health::Notice>(200, "The host is alive"),
            get("/healthz", "healthz", "Check whether the host is alive")
                .about(
                    "Answers as soon as the process listens, also while it starts. Use it to decide whether to \
                 restart the host.",
                )
                .gives::<health::Alive>(200, "The host is alive"),
            get("/api/hosts", "listHosts", "List the hosts that serve the same guilds")
                .about(
                    "Hosts that share a journal in Redis serve every client, whichever host has the guild. A host that \
                 is alone lists itself.",
                )
                .gives::<hosts::Hosts>(200, "The hosts that are alive"),
            get("/readyz", "readyz", "Check whether the host serves requests")
                .about(
                    "Answers 503 while the host starts or shuts down, and while a part that it needs (the store \
                 or the journal) is away; the answer names the part and since when. Use it to decide \
                 whether to send requests here.",
                )
                .gives::<health::Ready>(200, "The host serves requests")
                .fails([503]),
            get("/openapi.json", "openapi", "Get this description")
                .about("The OpenAPI document of the REST API, made from the code that serves it.")
                .gives_object("This description"),
            get("/asyncapi.json", "asyncapi", "Get the description of the sockets")
                .about(
                    "The AsyncAPI document of the system socket and the user socket: options, frames, formats, \
                 errors and close codes.",
                )
                .gives_object("The description, an AsyncAPI document"),
        ],
    )
}
