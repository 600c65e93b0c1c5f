// Generated from /openapi.json of a host by generate.mjs. Do not edit.

export interface paths {
    "/__health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the host is alive, as reference clients do
         * @description Answers as soon as the host serves requests.
         */
        get: operations["health_check___health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/addons/boards": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the boards of a guild
         * @description Lists the boards of one guild, also the private ones.
         */
        get: operations["getBoards"];
        put?: never;
        /**
         * Create a board
         * @description A board is a list of pinned messages of a guild.
         */
        post: operations["createBoard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/addons/boards/{board_id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the messages of a board
         * @description Returns ids alone; the messages are in the histories of the guild.
         */
        get: operations["getBoardMessageIds"];
        put?: never;
        /**
         * Pin a message to a board
         * @description Pins a message by its id. The message itself stays where it is.
         */
        post: operations["addMessageToBoard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/addons/boards/{board_id}/messages/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a message from a board
         * @description Takes the pin away. The message itself stays.
         */
        delete: operations["removeMessageFromBoard"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all guilds
         * @description Lists every guild that was launched on this host, also those that sleep or were stopped.
         */
        get: operations["listGuilds"];
        put?: never;
        /**
         * Launch a guild from a spec
         * @description Stores the spec and starts its agents. The answer does not wait for them: the health reports of the system socket say when the guild is ready. A spec that is not valid is answered with all of its errors.
         */
        post: operations["createGuild"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a guild
         * @description Shows the spec as it is now, with agents and rules that were added later. It does not wake a guild that sleeps.
         */
        get: operations["getGuildDetailsById"];
        put?: never;
        post?: never;
        /**
         * Remove a guild that was stopped, with all that is kept of it
         * @description A guild has to be stopped before. Afterwards its id is unknown.
         */
        delete: operations["deleteGuild"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/{user_id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the messages that a user sent and received
         * @description Returns what the user sent, what the user got, and errors about these messages. Progress is not stored and not in it.
         */
        get: operations["getHistoricalUserMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel the current turn of an agent; its message becomes a dead letter
         * @description Ends the instance that works on the message and starts a new one at once.
         */
        post: operations["cancelAgentTurn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/component": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Swap the component of a running agent; on an error the agent keeps its component
         * @description The agent keeps its inbox and its state. The new instance has to answer a heartbeat before it takes over.
         */
        put: operations["swapAgentComponent"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the files of an agent
         * @description Lists names, types, sizes and what was sent as `file_meta`.
         */
        get: operations["listFilesForAgent"];
        put?: never;
        /**
         * Upload a file of an agent
         * @description A file with the same name is not replaced: remove it first.
         */
        post: operations["uploadFileForAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/files/{filename}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file of an agent
         * @description `Range`, `If-None-Match` and `If-Range` work. Browsers do not run the file as a page of this host.
         */
        get: operations["getFileForAgent"];
        put?: never;
        post?: never;
        /**
         * Remove a file of an agent
         * @description Messages that name the file stay.
         */
        delete: operations["deleteAgentFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the last log lines of an agent
         * @description Returns what the agent wrote to its log and its standard output, and what the host notes about it. Lines are kept in memory and are gone after a restart of the host.
         */
        get: operations["getAgentLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/agents/{agent_id}/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the state of an agent
         * @description The state is what the agent and rules have stored for the agent. It does not wake a guild that sleeps.
         */
        get: operations["getAgentState"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/blueprint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Swap the components of a running guild's agents to those of another version of its blueprint
         * @description Agents whose component is the same in both versions are left alone.
         */
        put: operations["changeGuildBlueprint"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the dead letters of a guild
         * @description A dead letter is a message that an agent could not handle. It is kept until it is replayed, discarded, or too old.
         */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/dead-letters/{letter_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a dead letter
         * @description Returns the message, the agent, the number of attempts and the fault with its limit, value and setting.
         */
        get: operations["getDeadLetter"];
        put?: never;
        post?: never;
        /**
         * Discard a dead letter
         * @description The message is not handled any more. It stays in the histories of users.
         */
        delete: operations["discardDeadLetter"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/dead-letters/{letter_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send the message of a dead letter to its agent again, and remove the letter
         * @description Of two replays at the same time, one is answered with 404.
         */
        post: operations["replayDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the files of a guild
         * @description Lists names, types, sizes and what was sent as `file_meta`.
         */
        get: operations["listFilesForGuild"];
        put?: never;
        /**
         * Upload a file of a guild
         * @description A file with the same name is not replaced: remove it first.
         */
        post: operations["uploadFileForGuild"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/files/{filename}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file of a guild
         * @description `Range`, `If-None-Match` and `If-Range` work. Browsers do not run the file as a page of this host.
         */
        get: operations["getFileForGuild"];
        put?: never;
        post?: never;
        /**
         * Remove a file of a guild
         * @description Messages that name the file stay.
         */
        delete: operations["deleteGuildFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/relaunch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a guild that does not run
         * @description Starts a guild that failed or does not run, as clients of the Rustic AI server expect. A guild that was stopped is not started: use `startGuild`.
         */
        post: operations["relaunchGuild"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a guild that does not run, also one that was stopped
         * @description Starts the agents of a guild that failed or was stopped. They begin with the messages that come next.
         */
        post: operations["startGuild"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the state of a guild
         * @description The state is what agents, rules and requests have stored in the guild. It does not wake a guild that sleeps.
         */
        get: operations["getGuildState"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a guild; its messages, states and users stay
         * @description Ends the agents and closes the sockets of the guild. What waited for its agents is lost; its messages, states, files and users stay.
         */
        post: operations["stopGuild"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/guilds/{guild_id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what the agents of a guild have used, and their limits
         * @description Counts since the guild was started on this host: turns, fuel, time and memory of each agent.
         */
        get: operations["getGuildUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the hosts that serve the same guilds
         * @description Hosts that share a journal in Redis serve every client, whichever host has the guild. A host that is alone lists itself.
         */
        get: operations["listHosts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/registry/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the agent classes of the components of this host
         * @description Lists what the components of this host describe about themselves: their classes, formats and properties.
         */
        get: operations["getAgentsByClass"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/registry/message_schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the schema of a message class
         * @description Knows the formats of the API and those that components describe.
         */
        get: operations["getMessageSchemaByClass"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/asyncapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the description of the sockets
         * @description The AsyncAPI document of the system socket and the user socket: options, frames, formats, errors and close codes.
         */
        get: operations["asyncapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get agent classes
         * @description Returns the classes of the catalog: those that were registered and those of components.
         */
        get: operations["getAgents"];
        put?: never;
        /**
         * Register an agent class
         * @description Puts a class into the catalog. If the body names a component, the class is bound to it.
         */
        post: operations["registerAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/agents/{class_name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an agent class
         * @description Returns one class of the catalog, with the schema of its properties and the formats that it handles.
         */
        get: operations["getAgentByClassName"];
        put?: never;
        post?: never;
        /**
         * Remove an agent class that nothing names
         * @description A class that a binding, a component or a blueprint names is not removed; the answer says what names it.
         */
        delete: operations["deleteAgentClass"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/agents/{class_name}/component": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Bind an agent class to a component
         * @description Agents of the class that are launched from now on run this component. Agents that run already keep theirs.
         */
        put: operations["bindComponent"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/agents/message_schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the schema of a format that a registered agent class receives
         * @description Looks for the format among the handlers of all classes of the catalog.
         */
        get: operations["getMessageSchemaByFormat"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints of this host
         * @description Lists every blueprint of this host, whoever owns it.
         */
        get: operations["listBlueprints"];
        put?: never;
        /**
         * Create a blueprint
         * @description Checks the spec and stores it in the catalog. Each agent keeps the component that serves its class now.
         */
        post: operations["createBlueprint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a blueprint
         * @description Returns the whole blueprint with its spec.
         */
        get: operations["getBlueprintById"];
        put?: never;
        post?: never;
        /**
         * Remove a blueprint from which no guild was launched
         * @description A blueprint with guilds is not removed; the answer says how many there are.
         */
        delete: operations["deleteBlueprint"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/guilds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Launch a guild from a blueprint
         * @description Launches a guild for a user who may use the blueprint. `configuration` replaces values of the templates of the blueprint.
         */
        post: operations["launchGuildFromBlueprint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/icons": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the icons of a blueprint's agents
         * @description Returns the URL of the icon of each agent that has one.
         */
        get: operations["getBlueprintAgentIcons"];
        put?: never;
        /**
         * Set the icons of a blueprint's agents
         * @description Replaces the icons of the agents that the body names.
         */
        post: operations["addBlueprintAgentIcons"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/icons/{agent_name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the icon of an agent
         * @description Returns the URL of the icon of one agent.
         */
        get: operations["getBlueprintAgentIconByName"];
        put?: never;
        /**
         * Set the icon of an agent
         * @description Replaces the icon of one agent.
         */
        post: operations["addBlueprintAgentIconByName"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/organizations/shared": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the organisations that a blueprint is shared with
         * @description Lists the ids of the organisations alone.
         */
        get: operations["getSharedOrganizationsByBlueprintId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/reviews": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the reviews of a blueprint
         * @description Returns all reviews with the average of their ratings.
         */
        get: operations["getReviewsByBlueprintId"];
        put?: never;
        /**
         * Review a blueprint
         * @description A user may write several reviews of a blueprint.
         */
        post: operations["createBlueprintReview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/reviews/{review_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a review
         * @description Returns one review of this blueprint.
         */
        get: operations["getBlueprintReview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/share": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Share a blueprint with an organisation
         * @description Members of the organisation may launch the blueprint. Sharing it again changes nothing.
         */
        post: operations["shareBlueprintWithOrganization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/{blueprint_id}/share/{organization_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Stop sharing a blueprint with an organisation
         * @description Members of the organisation may no longer launch the blueprint. Guilds that they launched stay.
         */
        delete: operations["unshareBlueprintWithOrganization"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/blueprints/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check a blueprint without storing it
         * @description Answers as `createBlueprint` does, with all errors and warnings, and changes nothing.
         */
        post: operations["validateBlueprint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/categories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all categories
         * @description Lists the categories of this host.
         */
        get: operations["listCategories"];
        put?: never;
        /**
         * Create a category
         * @description Categories group blueprints. Several may have the same name.
         */
        post: operations["createCategory"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/categories/{category_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a category
         * @description Returns the name and the description of a category.
         */
        get: operations["getCategoryById"];
        put?: never;
        post?: never;
        /**
         * Remove a category in which there is no blueprint
         * @description A category with blueprints is not removed; the answer says how many there are.
         */
        delete: operations["deleteCategory"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/categories/{category_name}/blueprints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints of a category, which is the oldest one of this name
         * @description Of several categories with the same name, the oldest one is meant.
         */
        get: operations["getBlueprintsByCategoryName"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/components": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all components
         * @description Lists every component with its digest, its state, its class and its names.
         */
        get: operations["listComponents"];
        put?: never;
        /**
         * Upload a component, whose digest becomes its id
         * @description The body is the bytes of the component. The host compiles it in a process of its own and asks it to describe itself. Uploading the same bytes again changes nothing. A class that nothing serves yet is bound to the component.
         */
        post: operations["uploadComponent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/components/{digest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a component
         * @description Shows whether a component is compiled, and what it describes. With `wait` the answer comes when that is known.
         */
        get: operations["getComponent"];
        put?: never;
        post?: never;
        /**
         * Remove a component that is not in use
         * @description A component that an agent, a blueprint or a binding uses is not removed; the answer names what uses it.
         */
        delete: operations["deleteComponent"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/components/{digest}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what uses a component
         * @description A component that something uses cannot be removed.
         */
        get: operations["listComponentUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/components/{digest}/wasm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the bytes of a component
         * @description Returns the bytes as they were uploaded.
         */
        get: operations["getComponentBytes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/guilds/{guild_id}/blueprints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the blueprint that a guild was launched from
         * @description Returns the blueprint in the version that the guild was launched from, or was changed to.
         */
        get: operations["getBlueprintForGuild"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/guilds/{guild_id}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the users of a guild
         * @description Users are added by a request, by a launch, or by opening a socket.
         */
        get: operations["getUsersAddedToGuild"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/guilds/{guild_id}/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a user to a guild
         * @description The user sees the guild in the list of the user's guilds. A socket does not need this.
         */
        post: operations["addUserToGuild"];
        /**
         * Remove a user from a guild
         * @description The guild is no longer in the list of the user's guilds. Messages of the user stay.
         */
        delete: operations["removeUserFromGuild"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/organizations/{organization_id}/blueprints/owned": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints of an organisation
         * @description Lists what the organisation owns, public or not.
         */
        get: operations["getOrganizationBlueprints"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/organizations/{organization_id}/blueprints/shared": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints that are shared with an organisation
         * @description Lists the blueprints of others that members of the organisation may launch.
         */
        get: operations["getSharedBlueprintsByOrganizationId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/organizations/{organization_id}/guilds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the guilds of an organisation
         * @description Lists the guilds that were launched for the organisation.
         */
        get: operations["getGuildsForOrganization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List all tags
         * @description Lists every tag that a blueprint has.
         */
        get: operations["listTags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/tags/{tag}/blueprints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints with a tag
         * @description Lists the blueprints that have exactly this tag.
         */
        get: operations["getBlueprintsByTag"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/users/{user_id}/blueprints/accessible": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints that a user may launch
         * @description Lists the blueprints from which a launch by the user is allowed, with how the user got access.
         */
        get: operations["getAccessibleBlueprintsByUserId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/users/{user_id}/blueprints/owned": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the blueprints of a user
         * @description Lists the blueprints whose author is the user.
         */
        get: operations["getUserBlueprints"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/catalog/users/{user_id}/guilds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the guilds of a user
         * @description Lists the guilds that the user launched or was added to.
         */
        get: operations["getGuildsForUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the host is alive
         * @description Answers as soon as the process listens, also while it starts. Use it to decide whether to restart the host.
         */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the metrics of the host, for Prometheus
         * @description Counters, gauges and histograms of the host, its agents and its connections.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get this description
         * @description The OpenAPI document of the REST API, made from the code that serves it.
         */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the host serves requests
         * @description Answers 503 while the host starts or shuts down, and while a part that it needs (the store or the journal) is away; the answer names the part and since when. Use it to decide whether to send requests here.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The message to pin. Its id is not checked: a board may name messages that the journal no longer has. */
        AddMessageToBoardRequest: {
            message_id: string;
        };
        AgentDependencyInput: {
            dependency_key: string;
            dependency_var?: string | null;
            /** @default false */
            guild_level?: boolean;
            /** @default false */
            org_level?: boolean;
            required_type?: string | null;
        };
        /** @description A dependency of an agent class. */
        AgentDependencyOutput: {
            /** @description Whether each agent has its own: it is shared neither in the guild nor in the organisation. */
            agent_level: boolean;
            /** @description The key in the dependency maps of specs. */
            dependency_key: string;
            /** @description The variable of the handler that receives it. */
            dependency_var?: string | null;
            /** @description Whether the agents of a guild share it. */
            guild_level: boolean;
            /** @description Whether the guilds of an organisation share it. */
            org_level: boolean;
            /** @description The type that the class requires. */
            required_type?: string | null;
            /** @description The variable, or the key if there is no variable. */
            variable_name: string;
        };
        /** @description An agent class, with the members of the answer or with the short ones. */
        AgentEntryInput: components["schemas"]["AgentEntryWhole"] | components["schemas"]["AgentEntryShort"];
        /** @description An agent class that blueprints may name. */
        AgentEntryOutput: {
            /** @description The dependencies. */
            agent_dependencies: components["schemas"]["AgentDependencyOutput"][];
            /** @description A description for people. */
            agent_doc: string;
            /** @description The short name. */
            agent_name: string;
            /** @description The JSON Schema of the properties. */
            agent_props_schema: {
                [key: string]: unknown;
            };
            component?: components["schemas"]["Digest"] | null;
            /** @description The handlers with their schemas, by the key that the class registered. */
            message_handlers: {
                [key: string]: components["schemas"]["HandlerEntry"];
            };
            /** @description The full class name. */
            qualified_class_name: string;
        };
        /** @description An agent class with the short members. */
        AgentEntryShort: {
            /** @description A digest, or `name@version`. */
            component?: string | null;
            dependencies?: components["schemas"]["AgentDependencyInput"][];
            description: string;
            properties_schema?: {
                [key: string]: unknown;
            } | null;
            qualified_class_name: string;
        };
        /** @description An agent class with the members of the answer. */
        AgentEntryWhole: {
            agent_dependencies: components["schemas"]["AgentDependencyInput"][];
            agent_doc?: string | null;
            agent_name: string;
            agent_props_schema: {
                [key: string]: unknown;
            };
            message_handlers: {
                [key: string]: components["schemas"]["HandlerEntry"];
            };
            qualified_class_name: string;
        };
        /** @description The icon of one agent. The body may have other members. */
        AgentIcon: {
            agent_icon: string;
        };
        /** @description The id of an agent, unique in its guild. */
        AgentId: string;
        /** @description The last log lines of an agent. */
        AgentLogs: {
            /** @description Oldest first. */
            lines: components["schemas"]["LogLine"][];
        };
        /** @description The icon of an agent of a blueprint. */
        AgentNameWithIcon: {
            /** @description The name of the agent. */
            agent_name: string;
            /** @description The icon. */
            icon: string;
        };
        /** @description The specification of an agent. */
        AgentSpec: {
            /**
             * @description Whether the agent handles only messages that are tagged for it.
             * @default false
             */
            act_only_when_tagged?: boolean;
            /** @description The keys of further dependencies. */
            additional_dependencies?: string[];
            /** @description The topics that the agent listens to in addition to its inboxes. */
            additional_topics?: string[];
            /** @description The agent class. */
            class_name: string;
            /**
             * @description The component that serves the agent: a digest (`sha256:…`), or in a document of a client any
             *     [`ComponentRef`](crate::component::ComponentRef). `None` takes the catalog's binding of `class_name`.
             */
            component?: string | null;
            /** @description The dependencies of the agent, by key. */
            dependency_map?: {
                [key: string]: components["schemas"]["DependencySpec"];
            };
            /** @description A description for people. */
            description: string;
            /** @description The agent's id, unique in its guild. */
            id?: components["schemas"]["AgentId"];
            /**
             * @description Whether the agent listens to the default topic.
             * @default true
             */
            listen_to_default_topic?: boolean;
            /** @description The display name, at most 64 characters. */
            name: string;
            /** @description The conditions under which a handler runs, by the name of the handler. */
            predicates?: {
                [key: string]: components["schemas"]["Predicate"];
            };
            /** @description The properties of the class. */
            properties?: {
                [key: string]: unknown;
            };
            /** @description The quality of service that the agent asks for. */
            qos?: components["schemas"]["QOSSpec"];
            /** @description The resources that the agent asks for. */
            resources?: components["schemas"]["ResourceSpec"];
            sandbox?: components["schemas"]["SandboxSpec"] | null;
        };
        /** @description Names an agent by id, by name, or by both. A member that is absent matches every agent. */
        AgentTag: {
            /** @description The agent's id within its guild. */
            id?: string | null;
            /** @description The agent's display name. */
            name?: string | null;
        };
        /** @description What an agent has used since it was started here, and its limits. */
        AgentUsage: {
            agent_id: components["schemas"]["AgentId"];
            /**
             * Format: int64
             * @description The milliseconds that it has worked at its message; null when it is idle.
             */
            busy_ms: number | null;
            /** @description Why its health is not `ok`. */
            detail: string | null;
            /**
             * Format: int64
             * @description Those among them that were declined, that failed, or that were cancelled.
             */
            failed: number;
            /**
             * Format: int64
             * @description Units of fuel of all turns.
             */
            fuel: number;
            health: components["schemas"]["HealthStatus"] | null;
            limits: components["schemas"]["TurnLimits"] | null;
            /**
             * Format: int64
             * @description The longest turn, in milliseconds.
             */
            longest_ms: number;
            /**
             * Format: int64
             * @description Units of fuel of the turn that used most.
             */
            most_fuel: number;
            /**
             * Format: int64
             * @description The most linear memory that it held, in bytes.
             */
            peak_memory_bytes: number;
            /**
             * Format: int64
             * @description Messages that it has handled.
             */
            turns: number;
        };
        /** @description The state of the host: `ok`. */
        Alive: {
            status: string;
        };
        /** @description A guild in the list of a user or an organisation. */
        BasicGuildInfo: {
            blueprint_id?: components["schemas"]["BlueprintId"] | null;
            /** @description The icon of its blueprint. */
            icon?: string | null;
            id: components["schemas"]["GuildId"];
            name: string;
            status: components["schemas"]["GuildStatus"];
        };
        /** @description The icons of a blueprint's agents, as they are sent and as they are shown. */
        BlueprintAgentsIconReqRes: {
            agent_icons: components["schemas"]["AgentNameWithIcon"][];
        };
        /** @description A new category. */
        BlueprintCategoryCreate: {
            description: string;
            name: string;
        };
        /** @description A category of blueprints. Names need not be unique. */
        BlueprintCategoryResponse: {
            /** @description A description for people. */
            description: string;
            /** @description The id. */
            id: components["schemas"]["CategoryId"];
            /** @description The display name. */
            name: string;
        };
        /** @description The blueprint of a guild, and the agents whose component changed. */
        BlueprintChanged: {
            blueprint_id: components["schemas"]["BlueprintId"];
            guild_id: components["schemas"]["GuildId"];
            swapped: components["schemas"]["ComponentSwapped"][];
        };
        /** @description The new version of the blueprint, and who changes to it. */
        BlueprintChoice: {
            blueprint_id: components["schemas"]["BlueprintId"];
            /** @description A user who may launch the blueprint. */
            user_id: components["schemas"]["UserId"];
        };
        /** @description A blueprint. */
        BlueprintCreate: {
            /** @description The icons of its agents. */
            agent_icons?: {
                [key: string]: string;
            } | null;
            /** @description The author. */
            author_id: components["schemas"]["UserId"];
            category_id: components["schemas"]["CategoryId"] | null;
            /** @description The commands that a client offers. */
            commands?: string[] | null;
            /** @description A description for people. */
            description: string;
            /** @description The group of users who may launch it. */
            exposure?: components["schemas"]["BlueprintExposure"];
            /** @description The icon. */
            icon?: string | null;
            /** @description The message that a client shows first. */
            intro_msg?: string | null;
            /** @description The display name. */
            name: string;
            organization_id: components["schemas"]["OrgId"] | null;
            /**
             * @description The spec as the client sent it, without its id.
             * @example {
             *       "name": "Echo",
             *       "description": "Echoes",
             *       "agents": []
             *     }
             */
            spec: {
                [key: string]: unknown;
            };
            /** @description The prompts that a client offers first. */
            starter_prompts?: string[] | null;
            /** @description The tags, sorted and unique. */
            tags?: string[] | null;
            /** @description The version, a free text. */
            version: string;
        };
        /** @description A blueprint with its spec. */
        BlueprintDetailsResponse: components["schemas"]["BlueprintInfoResponse"] & {
            commands: string[];
            intro_msg: string | null;
            spec: {
                [key: string]: unknown;
            };
            starter_prompts: string[];
            tags: string[];
        };
        /**
         * @description The group of users who may launch a blueprint.
         * @enum {string}
         */
        BlueprintExposure: "public" | "private" | "organization" | "shared" | "organization_and_children";
        /** @description The id of a blueprint. */
        BlueprintId: string;
        /** @description A blueprint in a list. */
        BlueprintInfoResponse: {
            author_id: components["schemas"]["UserId"];
            category_id: components["schemas"]["CategoryId"] | null;
            category_name: string | null;
            /** @description UTC, without a zone. */
            created_at: string;
            description: string;
            exposure: components["schemas"]["BlueprintExposure"];
            icon: string | null;
            id: components["schemas"]["BlueprintId"];
            name: string;
            organization_id: components["schemas"]["OrgId"] | null;
            updated_at: string;
            version: string;
        };
        /** @description A blueprint that a user may launch. */
        BlueprintResponseWithAccessReason: components["schemas"]["BlueprintInfoResponse"] & {
            access_organization_id?: components["schemas"]["OrgId"] | null;
        };
        /** @description A new review of a blueprint. */
        BlueprintReviewCreate: {
            /** Format: int64 */
            rating: number;
            review?: string;
            user_id: string;
        };
        /** @description A user's review of a blueprint. */
        BlueprintReviewResponse: {
            /** @description The blueprint. */
            blueprint_id: components["schemas"]["BlueprintId"];
            /**
             * Format: int64
             * @description The rating; any number.
             */
            rating: number;
            /** @description The text, which may be empty. */
            review: string;
            /** @description The user. */
            user_id: components["schemas"]["UserId"];
        };
        /** @description The reviews of a blueprint, oldest first. The average of no reviews is zero. */
        BlueprintReviewsResponse: {
            /** Format: double */
            average_rating: number;
            reviews: components["schemas"]["BlueprintReviewResponse"][];
            /** Format: int64 */
            total_reviews: number;
        };
        /** @description What is to be known of a blueprint without mistakes. */
        BlueprintValidated: {
            /** @description Sentences about what would be stored and not used. */
            warnings: string[];
        };
        /** @description The id of a board of a guild. */
        BoardId: string;
        /** @description The ids of the messages of a board, in alphabetical order. */
        BoardMessagesResponse: {
            ids: string[];
        };
        /** @description A board. */
        BoardResponse: {
            /** @description UTC, without a zone. */
            created_at: string;
            created_by: components["schemas"]["UserId"];
            guild_id: components["schemas"]["GuildId"];
            id: components["schemas"]["BoardId"];
            is_default: boolean;
            is_private: boolean;
            name: string;
        };
        /** @description The boards of a guild, oldest first. */
        BoardsResponse: {
            boards: components["schemas"]["BoardResponse"][];
        };
        /** @description The id of a category of blueprints. */
        CategoryId: string;
        /** @description The id that a client gives its message. */
        ClientId: number | string;
        /** @description A component. */
        Component: {
            class_name: string | null;
            class_served_by?: components["schemas"]["Digest"] | null;
            /** @description UTC, without a zone. */
            created_at: string;
            /** @description How the component describes itself; null in a list. */
            description: unknown;
            digest: components["schemas"]["Digest"];
            /** @description The grants that it needs: a blueprint asks for them, and the operator allows them. */
            grants: string[];
            /** @description The interfaces that it imports. */
            imports: string[];
            name: string | null;
            name_held_by?: components["schemas"]["Digest"] | null;
            /** @description Every `name@version` of it. */
            names: string[];
            /** @description Why it was refused, or why it could not be compiled. */
            reason: string | null;
            refusal: components["schemas"]["ComponentRefusal"] | null;
            /**
             * Format: int64
             * @description Bytes.
             */
            size: number;
            state: components["schemas"]["ComponentState"];
            summary: string | null;
            version: string | null;
            /** @description Sentences about what does not happen although its author may expect it. */
            warnings?: string[];
        };
        /** @description A component that a body names. */
        ComponentChoice: {
            /** @description A digest, `sha256:…`, or `name@version`, or a reference into a registry, `oci://…@sha256:…`. */
            component: string;
        };
        /** @description Why a component was refused, for programs. The store has it as JSON; this type describes it. */
        ComponentRefusal: {
            /** @description Stable, as in errors. */
            code: string;
            /** @description The values that the reason names. */
            context: unknown;
        };
        /**
         * @description Whether a component can run.
         * @enum {string}
         */
        ComponentState: "compiling" | "ready" | "refused" | "failed";
        /** @description An agent and the component that it runs now. */
        ComponentSwapped: {
            agent_id: components["schemas"]["AgentId"];
            component: components["schemas"]["Digest"];
        };
        /** @description What uses a component. */
        ComponentUser: {
            /** @description The name of the class, or the id; empty for the host itself. */
            id: string;
            /** @description `class`, `blueprint`, `guild` or `host`. */
            kind: string;
        };
        /** @description A board of a guild, on which users pin messages. */
        CreateBoardRequest: {
            /** @description The user who created it. */
            created_by: components["schemas"]["UserId"];
            /** @description The guild. */
            guild_id: components["schemas"]["GuildId"];
            /**
             * @description Whether it is the default board of its guild.
             * @default false
             */
            is_default?: boolean | null;
            /**
             * @description Whether it is private.
             * @default false
             */
            is_private?: boolean | null;
            /** @description The display name. */
            name: string;
        };
        /** @description A message that was given up. The guild writes it; this type describes it. */
        DeadLetter: {
            /** @description The agent that could not serve it. */
            agent: components["schemas"]["AgentTag"];
            /** @description RFC 3339. */
            at: string;
            /**
             * Format: int32
             * @description The number of attempts.
             */
            attempts: number;
            fault: components["schemas"]["Fault"];
            id: components["schemas"]["MessageId"];
            /** @description The message as it was sent. */
            message: unknown;
            /** @description The message that was given up. */
            message_id: components["schemas"]["MessageId"];
            /** @description The topic on which that agent received it. */
            topic: string;
        };
        /** @description A page of dead letters, oldest first. */
        DeadLetters: {
            dead_letters: components["schemas"]["DeadLetter"][];
            next: components["schemas"]["MessageId"] | null;
        };
        /** @description A dependency of a guild or an agent. It is stored and not resolved. */
        DependencySpec: {
            class_name: string;
            properties?: {
                [key: string]: unknown;
            };
        };
        /** @description What is wrong: a sentence, or the list of errors in a body or a query. */
        Detail: string | components["schemas"]["ValidationError"][];
        /** @description The digest of a component: `sha256:` and 64 hex digits. */
        Digest: string;
        /** @description The body of an error answer. */
        Error: {
            /** @description A stable name of the error, for programs. */
            code: string;
            /** @description The values that `detail` mentions, by name, for programs. */
            context?: unknown;
            /** @description A text for people, or the list of errors in a request's body. */
            detail: components["schemas"]["Detail"];
            /** @description What to do about the error. */
            hint?: string | null;
            /** @description The id of the request's trace. It is empty until the API sends the body. */
            trace_id: string;
        };
        /** @enum {string} */
        ExpressionKind: "jsonata_fn" | "cel_fn";
        /** @description An expression that gives true or false; JSONata unless `predicate_type` is another one. */
        ExpressionPredicate: {
            expression: string;
            predicate_type?: components["schemas"]["ExpressionKind"];
        };
        /** @description A failure with the details that a person needs to act on it. */
        Fault: {
            /** @description The names of the guest's functions, innermost first. */
            backtrace?: string[];
            /**
             * Format: int64
             * @description The fuel that the turn used.
             */
            fuel_used?: number | null;
            /** @description The kind of the failure. */
            kind: components["schemas"]["FaultKind"];
            /**
             * Format: int64
             * @description The limit that was reached, in the unit of the setting.
             */
            limit?: number | null;
            /** @description A sentence for people: what happened, with the value and the limit. */
            message: string;
            /**
             * Format: int64
             * @description The most memory that the instance held, in bytes.
             */
            peak_memory_bytes?: number | null;
            /** @description The setting that changes the limit, such as `sandbox.fuel`. */
            setting?: string | null;
            /** @description The last bytes that the guest wrote to its standard error. */
            stderr?: string | null;
            /**
             * Format: int64
             * @description The value that exceeded the limit, in the same unit.
             */
            value?: number | null;
        };
        /**
         * @description The kind of a failure.
         * @enum {string}
         */
        FaultKind: "trap" | "panic" | "fuel" | "memory" | "deadline" | "stack" | "copy_limit" | "exit" | "rejected" | "retries_exhausted" | "hop_limit" | "denied" | "invalid_payload" | "no_recipient" | "rule_failed" | "rule_dropped" | "not_accepted" | "agent_unavailable" | "expired" | "state_too_large" | "busy" | "host_full" | "host_error" | "cancelled";
        /** @description The name of a file. */
        FileName: string;
        /** @description Marks a message as forwarded and names its first sender. */
        ForwardHeader: {
            /** @description The agent that sent it. */
            on_behalf_of: components["schemas"]["AgentTag"];
            /** @description The message that was forwarded. */
            origin_message_id: components["schemas"]["MessageId"];
        };
        /** @description A gateway to other guilds. A spec with an enabled gateway is refused. */
        GatewayConfig: {
            /** @default true */
            enabled?: boolean;
            input_formats: string[];
            output_formats: string[];
            returned_formats?: string[];
        };
        /** @description The id of a guild. */
        GuildId: string;
        /** @description A guild in the list of all guilds. */
        GuildListed: {
            blueprint_id: components["schemas"]["BlueprintId"] | null;
            /** @description UTC, without a zone. */
            created_at: string;
            id: components["schemas"]["GuildId"];
            name: string;
            organization_id: components["schemas"]["OrgId"];
            status: components["schemas"]["GuildStatus"];
            usage?: components["schemas"]["GuildUsage"] | null;
        };
        /** @description The specification of a guild. */
        GuildSpec: {
            /** @description The agents. */
            agents?: components["schemas"]["AgentSpec"][];
            /** @description The dependencies that all agents share, by key. */
            dependency_map?: {
                [key: string]: components["schemas"]["DependencySpec"];
            };
            /** @description A description for people. */
            description: string;
            gateway?: components["schemas"]["GatewayConfig"] | null;
            /** @description The guild's id. */
            id?: components["schemas"]["GuildId"];
            /** @description The display name, at most 64 characters. */
            name: string;
            /** @description Free properties. Those that choose a backend of another implementation have no effect. */
            properties?: {
                [key: string]: unknown;
            };
            /** @description The rules of the guild. */
            routes?: components["schemas"]["RoutingSlip"];
        };
        /** @description A guild: its spec with the agents that it has now, and its status. */
        GuildSpecResponse: {
            agents: components["schemas"]["AgentSpec"][];
            dependency_map: {
                [key: string]: components["schemas"]["DependencySpec"];
            };
            description: string;
            gateway: components["schemas"]["GatewayConfig"] | null;
            id: components["schemas"]["GuildId"];
            name: string;
            properties: {
                [key: string]: unknown;
            };
            routes: components["schemas"]["RoutingSlip"];
            status: components["schemas"]["GuildStatus"];
        };
        /** @description One hop of a message between guilds. */
        GuildStackEntry: {
            /** @description The guild that the message came from. */
            guild_id: string;
            /** @description The id that the sending guild uses for the exchange. */
            saga_id?: string | null;
        };
        /**
         * @description The status of a guild (section 2.3 of the wire document). It is lower case on the wire, where `PENDING_LAUNCH` has
         *     the reference's spelling `not_launched`.
         * @enum {string}
         */
        GuildStatus: "requested" | "not_launched" | "starting" | "running" | "warning" | "backlogged" | "unknown" | "error" | "stopping" | "stopped";
        /** @description What a guild has used since it was started here. It begins at 0 when the guild sleeps and wakes. */
        GuildUsage: {
            /** @description The agents that have a task here. */
            agents: number;
            /**
             * Format: int64
             * @description Those among them that were declined, that failed, or that were cancelled.
             */
            failed: number;
            /**
             * Format: int64
             * @description Units of fuel.
             */
            fuel: number;
            /** @description Those among them whose health is `ok`. */
            healthy: number;
            /**
             * Format: int64
             * @description Messages that agents have handled.
             */
            turns: number;
        };
        /** @description A handler of an agent class: the format of the messages that it receives, with its JSON schema. */
        HandlerEntry: {
            /** @default  */
            handler_doc?: string | null;
            handler_name: string;
            message_format: string;
            message_format_schema: {
                [key: string]: unknown;
            };
            send_message_calls: components["schemas"]["SendMessageCall"][];
        };
        /**
         * @description The health of an agent, in lower case on the wire.
         * @enum {string}
         */
        HealthStatus: "ok" | "warning" | "error" | "backlogged" | "unknown" | "starting" | "pending_launch";
        /** @description A host that is alive. */
        Host: {
            /**
             * Format: int64
             * @description How many guilds run there. Guilds that sleep run nowhere.
             */
            guilds: number;
            /** @description Random, another one at each start; null for a host that is alone. */
            id?: string | null;
            /** @description Whether it is the host that answers. */
            is_this: boolean;
            /** @description When it was started, UTC; null for a host that is alone. */
            started_at?: string | null;
            /** @description Where the other hosts reach it (`hosts.url`); null for a host that is alone. */
            url?: string | null;
            /** @description The version of its program. */
            version: string;
        };
        /** @description The hosts that serve the same guilds. */
        Hosts: {
            hosts: components["schemas"]["Host"][];
        };
        /** @description The answer to the creation of a resource. */
        IdInfo: {
            id: string;
            /** @description Sentences about what is stored and not used. */
            warnings?: string[];
        };
        /**
         * @description The language of an expression.
         * @enum {string}
         */
        Language: "jsonata" | "cel";
        /** @description Who launches a guild, and what differs from the blueprint. */
        LaunchGuildFromBlueprintRequest: {
            /**
             * @description Values for the templates of the blueprint; they replace those of its own configuration.
             * @default {}
             */
            configuration?: {
                [key: string]: unknown;
            };
            description?: string | null;
            /** @description The id of the new guild; without one, or with an empty one, the host chooses. */
            guild_id?: string | null;
            guild_name: string;
            org_id: components["schemas"]["OrgId"];
            user_id: components["schemas"]["UserId"];
        };
        /** @description The guild to launch, and its organisation. */
        LaunchGuildReq: {
            org_id: components["schemas"]["OrgId"];
            spec: components["schemas"]["GuildSpec"];
        };
        /** @description One line of an agent's log. */
        LogLine: {
            /** @description When it was written, RFC 3339. */
            at: string;
            /** @description How important it is. */
            level: string;
            /**
             * Format: int64
             * @description Counts from 1, from the start of the agent's task.
             */
            number: number;
            /** @description Who wrote it. */
            source: components["schemas"]["LogSource"];
            /** @description The line without its end. */
            text: string;
        };
        /**
         * @description Who wrote a line.
         * @enum {string}
         */
        LogSource: "agent" | "host";
        /** @description A file in a list. Clients know all these members; some are always null. */
        MediaLink: {
            content_hash?: string | null;
            encoding?: string | null;
            id: string;
            /** @description What the client sent as `file_meta`, with `content_length` in bytes and `uploaded_at`. */
            metadata: {
                [key: string]: unknown;
            };
            /** @description The media type that the client sent with the file. */
            mimetype?: string | null;
            name: components["schemas"]["FileName"];
            on_filesystem: boolean;
            /** Format: int64 */
            size_in_bytes?: number | null;
            /** @description The path below the list of files: the name, URL-encoded. */
            url: string;
        };
        /** @description A message of a history, in the dialect of this host. */
        Message: {
            /** @description The id that the client gave. */
            client_id?: components["schemas"]["ClientId"];
            /** @description The value that the client gave. */
            conversation_id: unknown;
            current_thread_id: components["schemas"]["MessageId"];
            /** Format: int32 */
            enrich_with_history: number;
            format: string;
            forward_header: components["schemas"]["ForwardHeader"] | null;
            id: components["schemas"]["MessageId"];
            in_response_to: components["schemas"]["MessageId"] | null;
            is_error_message: boolean;
            message_history: components["schemas"]["ProcessEntry"][];
            origin_guild_stack: components["schemas"]["GuildStackEntry"][];
            payload: {
                [key: string]: unknown;
            };
            priority: components["schemas"]["Priority"];
            process_status: components["schemas"]["ProcessStatus"] | null;
            recipient_list: components["schemas"]["AgentTag"][];
            root_thread_id: components["schemas"]["MessageId"];
            routing_slip: components["schemas"]["RoutingSlip"] | null;
            sender: components["schemas"]["AgentTag"];
            session_state: {
                [key: string]: unknown;
            } | null;
            thread: components["schemas"]["MessageId"][];
            /**
             * Format: double
             * @description Milliseconds since 1970.
             */
            timestamp: number;
            topic_published_to: string;
            topics: components["schemas"]["Topics"];
            traceparent: string | null;
            /** Format: int64 */
            ttl: number | null;
        };
        /**
         * Format: int64
         * @description The id of a message: 41 bits of milliseconds since 2023-01-01, 5 bits of host number, 7 bits of sequence. It is at
         *     most 2^53 - 1, so `JSON.parse` keeps it exact. Ids grow in the order of the log.
         *
         *     It is written as a number. It is read from a number or from decimal text, because some clients and expressions turn
         *     large integers into text.
         */
        MessageId: number;
        /** @description The message that an operation was about. */
        MessageRef: {
            message_id: components["schemas"]["MessageId"];
        };
        /** @description A sentence for people. */
        Notice: {
            message: string;
        };
        /** @description The id of an organisation, as a request has it. */
        OrgId: string;
        /** @description Whether a part of the host serves. */
        PartHealth: {
            /** @description Since when, UTC. */
            since: string;
            /** @description `ok` or `away`. */
            status: string;
        };
        /** @description A condition under which a handler runs. */
        Predicate: components["schemas"]["ExpressionPredicate"] | components["schemas"]["TypeEqualsPredicate"];
        /**
         * Format: int32
         * @description How urgent a message is: 0 is the most urgent, 4 is normal, 7 is the least urgent.
         */
        Priority: number;
        /** @description One hop of a message: an agent handled one message and sent another. */
        ProcessEntry: {
            /** @description The agent that sent. */
            agent: components["schemas"]["AgentTag"];
            /** @description The topic on which the agent received the origin. */
            from_topic?: string | null;
            /** @description The message that the agent handled; 0 stands for the message that holds this entry. */
            origin: components["schemas"]["MessageId"];
            /** @description The name of the handler. */
            processor: string;
            /** @description The reasons that the agent and the rule gave. */
            reason?: string[] | null;
            /** @description The message that the agent sent; 0 stands for the message that holds this entry. */
            result: components["schemas"]["MessageId"];
            /** @description The topics of the result. */
            to_topics: string[];
        };
        /**
         * @description The state of the work that a message belongs to, as its sender reports it.
         * @enum {string}
         */
        ProcessStatus: "running" | "error" | "completed";
        /** @description The quality of service that an agent asks for. */
        QOSSpec: {
            /**
             * Format: int64
             * @description The milliseconds that a message may wait before the agent is `backlogged`.
             */
            latency?: number | null;
            /**
             * Format: int32
             * @description The number of times that a message is redelivered after `retry`; the default is 3.
             */
            retry_count?: number | null;
            /**
             * Format: int64
             * @description The seconds that a turn may take. It only lowers `sandbox.timeout_ms`.
             */
            timeout?: number | null;
        };
        /** @description A host that serves requests. */
        Ready: {
            /** @description The guilds that should run and could not be started; the host tries again. */
            guilds_not_started: number;
            /** @description What the host needs, by name: `store` and `journal`. */
            parts: {
                [key: string]: components["schemas"]["PartHealth"];
            };
            status: string;
        };
        /** @description Whether the guild is being started again; false when it runs. */
        RelaunchResponse: {
            is_relaunching: boolean;
        };
        /** @description The resources that an agent asks for. They are stored and have no effect. */
        ResourceSpec: {
            /** @description Other resources, by name. */
            custom_resources?: {
                [key: string]: number;
            };
            /**
             * Format: double
             * @description The number of processors.
             */
            num_cpus?: number | null;
            /**
             * Format: double
             * @description The number of graphics processors.
             */
            num_gpus?: number | null;
        };
        /** @description Where a rule sends a message. */
        RoutingDestination: {
            priority?: components["schemas"]["Priority"] | null;
            /** @description The recipients; an empty list keeps those of the message. */
            recipient_list?: components["schemas"]["AgentTag"][];
            topics?: components["schemas"]["Topics"] | null;
        };
        /** @description A condition about the message that a sender handles (the origin). All members that are present must match. */
        RoutingOrigin: {
            /** @description The format of the origin. */
            origin_message_format?: string | null;
            origin_sender?: components["schemas"]["AgentTag"] | null;
            /** @description The topic on which the origin was received. */
            origin_topic?: string | null;
        };
        /** @description A rule of a routing slip. It applies when all of its conditions hold; one that is absent holds. */
        RoutingRule: {
            agent?: components["schemas"]["AgentTag"] | null;
            agent_state_update?: components["schemas"]["StateTransformer"] | null;
            /** @description Condition: the class of the sender, exact or as a shell pattern. */
            agent_type?: string | null;
            destination?: components["schemas"]["RoutingDestination"] | null;
            guild_state_update?: components["schemas"]["StateTransformer"] | null;
            /**
             * @description Whether the message is marked as forwarded.
             * @default false
             */
            mark_forwarded?: boolean;
            /** @description Condition: the format of the message that is sent. */
            message_format?: string | null;
            /** @description Condition: the handler that sends. */
            method_name?: string | null;
            origin_filter?: components["schemas"]["RoutingOrigin"] | null;
            process_status?: components["schemas"]["ProcessStatus"] | null;
            /** @description The reason for the message history. */
            reason?: string | null;
            /**
             * Format: int64
             * @description How often the rule may apply; -1 means without limit.
             * @default 1
             */
            route_times?: number;
            transformer?: components["schemas"]["Transformer"] | null;
        };
        /** @description A routing slip: the rules that travel with a message. Messages share the rules that they have not changed. */
        RoutingSlip: {
            /** @description The rules, in the order in which they apply. */
            steps?: components["schemas"]["RoutingRule"][];
        };
        /** @description The limits and grants that an agent asks for, within the operator's ceilings and policy. */
        SandboxSpec: {
            /** @description The configuration that the agent reads. */
            config?: {
                [key: string]: string;
            } | null;
            /**
             * Format: int64
             * @description The number of messages that one turn may emit.
             */
            emits?: number | null;
            /** @description The names of the host's environment variables that the agent sees. */
            env?: string[];
            /**
             * Format: int64
             * @description The fuel of one turn.
             */
            fuel?: number | null;
            /** @description The origins to which the agent sends requests. */
            http?: string[];
            /**
             * Format: int64
             * @description The number of HTTP requests that one turn may send.
             */
            http_calls?: number | null;
            /**
             * Format: int64
             * @description The KiB of HTTP responses that one turn may read.
             */
            http_response_kib?: number | null;
            /**
             * Format: int64
             * @description The seconds without a message after which the instance is dropped; 0 means never.
             */
            idle_unload_s?: number | null;
            /** @description Whether the agent uses key-value buckets. */
            keyvalue?: boolean;
            /**
             * Format: int64
             * @description The number of keys in a bucket.
             */
            keyvalue_keys?: number | null;
            /**
             * Format: int64
             * @description The KiB of a bucket, keys and values together.
             */
            keyvalue_kib?: number | null;
            /**
             * Format: int64
             * @description The MiB of linear memory, for all memories of the instance together.
             */
            memory_mib?: number | null;
            /** @description The names of the secrets that the agent may read. */
            reveal?: string[];
            /** @description The names of the secrets that the host may put into the agent's requests. */
            secrets?: string[];
            /**
             * Format: int64
             * @description The milliseconds of one turn, host calls included.
             */
            timeout_ms?: number | null;
        };
        /** @description A place in the code of a class of the reference server where it sends a message. */
        SendMessageCall: {
            call_type: string;
            calling_class?: string | null;
            calling_function: string;
            message_type?: string | null;
        };
        /** @description The organisation to share with. */
        ShareWithOrgRequest: {
            organization_id: components["schemas"]["OrgId"];
        };
        /** @description Whether the guild is being started; false when it runs. */
        Start: {
            is_starting: boolean;
        };
        /** @description The state of a guild or of an agent. */
        StateResponse: {
            state: {
                [key: string]: unknown;
            };
            /** @description The time of the last change, RFC 3339; null when there was none. */
            updated_at: string | null;
            /**
             * Format: int64
             * @description The number of changes; 0 for a state that was never stored.
             */
            version: number;
        };
        /** @description Changes a state when a rule sends a message. */
        StateTransformer: {
            /** @description The language of the expression. */
            expression_type?: components["schemas"]["Language"];
            /** @description The expression that computes the update. */
            state_update: string;
            /** @description The notation of the update. */
            update_format?: components["schemas"]["StateUpdateFormat"];
        };
        /**
         * @description The notation of a state change.
         * @enum {string}
         */
        StateUpdateFormat: "json-patch" | "json-merge-patch";
        /** @description A step from a value of a document to a value inside of it. */
        Step: string | number;
        /** @description Whether the guild is being stopped; false when it was stopped already. */
        Stop: {
            is_stopping: boolean;
        };
        /** @description The topics of a message. A single topic that was written as a text stays a text on the wire. */
        Topics: string | string[];
        /** @description Changes the message that a rule sends. */
        Transformer: {
            /** @description The text of the expression. */
            expression: string;
            /** @description The language of the expression. */
            expression_type?: components["schemas"]["Language"];
            /** @description The new format; `None` keeps the old one. */
            output_format?: string | null;
            /** @description The purpose, without effect. */
            style?: components["schemas"]["TransformerStyle"];
        } | {
            /** @description The language of the expression. */
            expression_type?: components["schemas"]["Language"];
            /** @description The text of the expression. */
            handler: string;
            /** @description The purpose, without effect. */
            style?: components["schemas"]["TransformerStyle"];
        };
        /**
         * @description The purpose of a transformer. It has no effect.
         * @enum {string}
         */
        TransformerStyle: "simple" | "content_based_router";
        /** @description The limits of an agent that its use is compared with. */
        TurnLimits: {
            /**
             * Format: int64
             * @description Units of fuel of one turn: `sandbox.fuel`.
             */
            fuel: number;
            /**
             * Format: int64
             * @description Bytes of linear memory: `sandbox.memory_mib`.
             */
            memory_bytes: number;
            /**
             * Format: int64
             * @description Milliseconds of one turn: `sandbox.timeout_ms`.
             */
            timeout_ms: number;
        };
        /** @enum {string} */
        TypeEquals: "type_equals";
        /** @description The format that a message must have. */
        TypeEqualsPredicate: {
            expected_type: string;
            predicate_type: components["schemas"]["TypeEquals"];
        };
        /** @description The file that was stored. */
        Uploaded: {
            /**
             * Format: int64
             * @description Bytes.
             */
            content_length: number;
            content_type: string | null;
            filename: components["schemas"]["FileName"];
            guild_id: components["schemas"]["GuildId"];
            /** @description The path under which clients of the reference look for it. It is that of a guild's file, also for the files of agents. */
            url: string;
        };
        /** @description The form of an upload. */
        UploadForm: {
            /** Format: binary */
            file: string;
            /** @description A JSON object that is stored with the file. */
            file_meta?: string | null;
        };
        /** @description The id of a user, a person or a program, as a request has it. */
        UserId: string;
        /** @description An error of a document, in the form that clients of this API know (that of Pydantic). */
        ValidationError: {
            /** @description The limits or names of the text, for programs. */
            ctx?: {
                [key: string]: unknown;
            } | null;
            /** @description The value at that place. */
            input: unknown;
            /** @description The place of the error. */
            loc: components["schemas"]["Step"][];
            /** @description The text for people. */
            msg: string;
            /** @description The kind of the error, such as `missing`. */
            type: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    health_check___health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The host is alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notice"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBoards: {
        parameters: {
            query: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description The guild */
                guild_id: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The boards, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BoardsResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    createBoard: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateBoardRequest"];
            };
        };
        responses: {
            /** @description The new board's id */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBoardMessageIds: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a board */
                board_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ids of the messages, in alphabetical order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BoardMessagesResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    addMessageToBoard: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a board */
                board_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddMessageToBoardRequest"];
            };
        };
        responses: {
            /** @description A sentence: the message is pinned */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notice"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    removeMessageFromBoard: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a board */
                board_id: string;
                /** @description The id of a message */
                message_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A sentence: the message is removed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notice"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listGuilds: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
                /** @description Also what each guild has used since it was started here */
                usage?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guilds, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GuildListed"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    createGuild: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the first one */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LaunchGuildReq"];
            };
        };
        responses: {
            /** @description The new guild's id, with warnings about parts of the spec that are not used */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getGuildDetailsById: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guild's spec with the agents that it has now, and its status */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GuildSpecResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteGuild: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guild is removed: its messages, states, files, users and boards */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getHistoricalUserMessages: {
        parameters: {
            query?: {
                /** @description Only messages after this id; with `order=desc` those before it */
                after?: number;
                /** @description The dialect of the messages, `guide`, `rustic` or `ui`; that of the host unless given */
                dialect?: string;
                /** @description A page of at most this many messages, at most 500; its `Link` header has the next page. Without it at most 10,000 */
                limit?: number;
                /** @description `asc` (default), or `desc`: the newest first, 100 unless `limit` says otherwise */
                order?: string;
            };
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The messages, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    cancelAgentTurn: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message whose turn is cancelled */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageRef"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    swapAgentComponent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ComponentChoice"];
            };
        };
        responses: {
            /** @description The agent and its new component */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComponentSwapped"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listFilesForAgent: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The files, by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaLink"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    uploadFileForAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the first one */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["UploadForm"];
            };
        };
        responses: {
            /** @description The file that was stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getFileForAgent: {
        parameters: {
            query?: {
                /** @description Send the file as an attachment, as application/octet-stream */
                download?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The name of a file, without a slash */
                filename: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes of the file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the file */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                    "application/octet-stream": string;
                };
            };
            /** @description The client already has this version of the file */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The range is outside of the file */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteAgentFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The name of a file, without a slash */
                filename: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAgentLogs: {
        parameters: {
            query?: {
                /** @description Continue with new lines, as NDJSON, until the agent ends */
                follow?: boolean;
                /** @description Only lines of this level or a worse one */
                level?: "debug" | "info" | "warn" | "error";
                /** @description The number of lines: 100 unless given, at most 500 */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines, oldest first; with `follow` NDJSON, one object for each line */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentLogs"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAgentState: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an agent of the guild */
                agent_id: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The last stored state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StateResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    changeGuildBlueprint: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintChoice"];
            };
        };
        responses: {
            /** @description The guild, its new blueprint, and the agents that were swapped */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintChanged"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description This is not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /** @description Only letters after this id: the `next` of the page before */
                after?: number;
                /** @description The number of letters: 50 unless given, at most 200 */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of dead letters, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetters"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a dead letter */
                letter_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The dead letter */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetter"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    discardDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a dead letter */
                letter_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The dead letter is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    replayDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a dead letter */
                letter_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message that the agent receives */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageRef"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listFilesForGuild: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The files, by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaLink"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    uploadFileForGuild: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the first one */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["UploadForm"];
            };
        };
        responses: {
            /** @description The file that was stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getFileForGuild: {
        parameters: {
            query?: {
                /** @description Send the file as an attachment, as application/octet-stream */
                download?: boolean;
            };
            header?: never;
            path: {
                /** @description The name of a file, without a slash */
                filename: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes of the file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                    "application/octet-stream": string;
                };
            };
            /** @description The requested range of the file */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                    "application/octet-stream": string;
                };
            };
            /** @description The client already has this version of the file */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The range is outside of the file */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteGuildFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a file, without a slash */
                filename: string;
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    relaunchGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the guild is being started */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelaunchResponse"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    startGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the guild is being started */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Start"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getGuildState: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The last stored state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StateResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    stopGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the guild is being stopped; the stop is stored */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stop"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getGuildUsage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agents, in the order of the guild's spec */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentUsage"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listHosts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hosts that are alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Hosts"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAgentsByClass: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description Only this class */
                agent_class?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent classes by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: components["schemas"]["AgentEntryOutput"];
                    };
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getMessageSchemaByClass: {
        parameters: {
            query: {
                /** @description The class: the full name of a format */
                message_class: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The JSON schema of the class */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    asyncapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The description, an AsyncAPI document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAgents: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description Only these classes */
                class_names?: string[];
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent classes by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: components["schemas"]["AgentEntryOutput"];
                    };
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    registerAgent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentEntryInput"];
            };
        };
        responses: {
            /** @description The class is registered */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description This is not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAgentByClassName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The full name of an agent class */
                class_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent class */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentEntryOutput"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteAgentClass: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The full name of an agent class */
                class_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The class is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    bindComponent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The full name of an agent class */
                class_name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ComponentChoice"];
            };
        };
        responses: {
            /** @description The component serves the class from now on */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description This is not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getMessageSchemaByFormat: {
        parameters: {
            query: {
                /** @description The format */
                message_format: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The JSON schema of the format */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listBlueprints: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    createBlueprint: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the first one */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintCreate"];
            };
        };
        responses: {
            /** @description The new blueprint's id, with warnings about parts that are not used */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintById: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprint */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintDetailsResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteBlueprint: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprint is removed, with its tags, shares, icons and reviews */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    launchGuildFromBlueprint: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the first one */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LaunchGuildFromBlueprintRequest"];
            };
        };
        responses: {
            /** @description The new guild's id, with warnings about parts of the spec that are not used */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description This is not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintAgentIcons: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The icons, in the order in which they were set */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintAgentsIconReqRes"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    addBlueprintAgentIcons: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintAgentsIconReqRes"];
            };
        };
        responses: {
            /** @description The icons are stored */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintAgentIconByName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of an agent in the blueprint's spec */
                agent_name: string;
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The icon */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentNameWithIcon"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    addBlueprintAgentIconByName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of an agent in the blueprint's spec */
                agent_name: string;
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentIcon"];
            };
        };
        responses: {
            /** @description The icon is stored */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getSharedOrganizationsByBlueprintId: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ids of the organisations, in the order of sharing */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getReviewsByBlueprintId: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The reviews, oldest first, with the number and the average of all */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintReviewsResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    createBlueprintReview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintReviewCreate"];
            };
        };
        responses: {
            /** @description The new review's id */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintReview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
                /** @description The id of a review */
                review_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The review */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintReviewResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    shareBlueprintWithOrganization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ShareWithOrgRequest"];
            };
        };
        responses: {
            /** @description The blueprint is shared with the organisation */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    unshareBlueprintWithOrganization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a blueprint */
                blueprint_id: string;
                /** @description The id of an organisation */
                organization_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprint is no longer shared with the organisation */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    validateBlueprint: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintCreate"];
            };
        };
        responses: {
            /** @description The blueprint can be created; warnings about parts of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintValidated"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listCategories: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The categories, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintCategoryResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    createCategory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintCategoryCreate"];
            };
        };
        responses: {
            /** @description The new category's id */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdInfo"];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getCategoryById: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a category */
                category_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The category */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintCategoryResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteCategory: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has seen; 412 if that has changed */
                "If-Match"?: string;
            };
            path: {
                /** @description The id of a category */
                category_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The category is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource is no longer the one that `If-Match` names */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintsByCategoryName: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The name of a category */
                category_name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listComponents: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The components, in the order of upload */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Component"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    uploadComponent: {
        parameters: {
            query?: {
                /** @description `1`: bind its class to it, even if another component serves the class */
                bind?: string;
                /** @description A name, with `version`; the two never stand for another component */
                name?: string;
                /** @description The version of `name` */
                version?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
                "application/wasm": string;
            };
        };
        responses: {
            /** @description The component, compiled, refused or failed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description The component, which is being compiled */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description This is not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body is larger than the operator allows */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The media type is not accepted here */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getComponent: {
        parameters: {
            query?: {
                /** @description Seconds to wait while the component is being compiled, at most 30 */
                wait?: number;
            };
            header?: never;
            path: {
                /** @description The digest of a component: `sha256:` and 64 hex digits */
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The component */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Component"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    deleteComponent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The digest of a component: `sha256:` and 64 hex digits */
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The component is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listComponentUsers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The digest of a component: `sha256:` and 64 hex digits */
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Classes, blueprints and guilds that keep it from being removed, at most 20; and the host itself */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComponentUser"][];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getComponentBytes: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The digest of a component: `sha256:` and 64 hex digits */
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes of the component */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/wasm": string;
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintForGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprint */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintDetailsResponse"];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getUsersAddedToGuild: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ids of the users, in alphabetical order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    addUserToGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user belongs to the guild */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The resource already exists, is in use, or is in a state that does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    removeUserFromGuild: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a guild */
                guild_id: string;
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user no longer belongs to the guild */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such resource */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getOrganizationBlueprints: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of an organisation */
                organization_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getSharedBlueprintsByOrganizationId: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of an organisation */
                organization_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getGuildsForOrganization: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
                /** @description Only guilds with one of these statuses */
                statuses?: components["schemas"]["GuildStatus"][];
            };
            header?: never;
            path: {
                /** @description The id of an organisation */
                organization_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guilds, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BasicGuildInfo"][];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listTags: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tags, in alphabetical order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getBlueprintsByTag: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description A tag of blueprints */
                tag: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getAccessibleBlueprintsByUserId: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
                /** @description The user's organisation */
                org_id?: string;
            };
            header?: never;
            path: {
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Public blueprints, then the user's own, then those of the organisation, each oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintResponseWithAccessReason"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getUserBlueprints: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
            };
            header?: never;
            path: {
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blueprints, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintInfoResponse"][];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getGuildsForUser: {
        parameters: {
            query?: {
                /** @description The page after another one: the value in its `Link` header */
                after?: string;
                /** @description A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items */
                limit?: number;
                /** @description `asc` (default), or `desc`: the last items first */
                order?: "asc" | "desc";
                /** @description Only guilds of this organisation */
                org_id?: string;
                /** @description Only guilds with one of these statuses */
                statuses?: components["schemas"]["GuildStatus"][];
            };
            header?: never;
            path: {
                /** @description The id of a user */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guilds, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BasicGuildInfo"][];
                };
            };
            /** @description The request, its body or its spec is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description The body or a parameter has errors; the answer lists all of them */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The host is alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alive"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics, in the text format of Prometheus */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This description */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The host serves requests */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
            /** @description The host cannot do this now */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
}
