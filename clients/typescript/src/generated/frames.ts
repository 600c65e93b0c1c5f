// Generated from /asyncapi.json of a host by generate.mjs. Do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AckFrame: components["schemas"]["OwnFrame"] & {
            /** @enum {string} */
            format: "Ack";
            payload: components["schemas"]["AckPayload"];
        };
        /** @description The payload of an `Ack`. */
        AckPayload: {
            client_id: components["schemas"]["ClientId"] | null;
            /** @description Whether the log already had the message. */
            duplicate?: boolean;
            /** @description The id of the message in the log. */
            id: components["schemas"]["MessageId"];
        };
        AddRoutingRuleRequest: {
            routing_rule: components["schemas"]["RoutingRule"];
        };
        AgentGetRequest: {
            agent_id: string;
            guild_id: string;
        };
        AgentInfoResponse: {
            class_name: string;
            description: string;
            id: string;
            name: string;
        };
        AgentLaunchRequest: {
            agent_spec: components["schemas"]["AgentSpec"];
            dependency_selections?: {
                [key: string]: components["schemas"]["DependencySelection"];
            };
        };
        AgentLaunchResponse: {
            agent_id: string;
            status: string;
            status_code: number;
        };
        AgentListRequest: {
            guild_id: string;
        };
        AgentListResponse: {
            agents: components["schemas"]["AgentInfoResponse"][];
        };
        AgentRemovalResponse: {
            agent_id: string;
            /** @default null */
            message?: string | null;
            status: string;
            status_code: number;
        };
        AgentsHealthReport: {
            agents?: {
                [key: string]: components["schemas"]["Heartbeat"];
            };
        };
        AgentSpec: {
            /** @default false */
            act_only_when_tagged?: boolean;
            additional_dependencies?: string[];
            /** @default [] */
            additional_topics?: string[];
            class_name: string;
            /** @default {} */
            dependency_map?: {
                [key: string]: components["schemas"]["DependencySpec"];
            };
            description: string;
            id?: string;
            /** @default true */
            listen_to_default_topic?: boolean;
            name: string;
            predicates?: {
                [key: string]: components["schemas"]["JSONataPredicate"] | components["schemas"]["CelPredicate"] | components["schemas"]["TypeEqualsPredicate"];
            };
            properties?: components["schemas"]["BaseAgentProps"];
            qos?: components["schemas"]["QOSSpec"];
            resources?: components["schemas"]["ResourceSpec"];
        };
        /** @description Names an agent by id, by name, or by both. A member that is absent matches every agent. */
        AgentTag: {
            /** @description The agent's id within its guild. */
            id?: string | null;
            /** @description The agent's display name. */
            name?: string | null;
        };
        AudioFormat: {
            /** @default null */
            captions?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            mediaLink?: components["schemas"]["MediaLink"] | null;
            /** @default null */
            src?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            transcript?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        } | {
            src: string;
        } | {
            mediaLink: Record<string, never>;
        };
        BadInputResponse: {
            error_field: string;
            message: string;
            /** @default Bad Request */
            status?: string;
            /**
             * @default 400
             * @constant
             */
            status_code?: 400;
        };
        BaseAgentProps: Record<string, never>;
        CalendarEvent: {
            /** @default null */
            description?: string | null;
            end: string;
            /** @default null */
            isAllDay?: boolean | null;
            /** @default null */
            location?: string | null;
            start: string;
            /** @default null */
            title?: string | null;
        };
        CalendarFormat: {
            /** @default null */
            description?: string | null;
            events: components["schemas"]["CalendarEvent"][];
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        CancelScheduledJobMessage: {
            key: string;
        };
        CanvasFormat: {
            component: string;
            /** @default null */
            description?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        } & {
            [key: string]: unknown;
        };
        CelPredicate: {
            expression: string;
            /**
             * @default cel_fn
             * @constant
             */
            predicate_type?: "cel_fn";
        };
        /** @description A frame of a client. Other members, such as `sender`, are accepted and not used. */
        ClientFrame: {
            /** @description The client's own name for a dialogue, a text or a number. Answers carry it. */
            conversation_id?: unknown;
            /** @description The format of the payload, `generic_json` unless given. */
            format?: string | null;
            id?: components["schemas"]["ClientId"] | null;
            /** @description A JSON object with at least one member. It may also be named `data`. */
            payload: {
                [key: string]: unknown;
            };
            /** @description 0 (urgent) to 7 (lowest), or a name such as `HIGH`; 4 unless given. */
            priority?: unknown;
            /** @description The agents that the message is meant for. */
            recipient_list?: components["schemas"]["AgentTag"][] | null;
            routing_slip?: components["schemas"]["RoutingSlip"] | null;
            /** @description A JSON object that travels with the thread. */
            session_state?: {
                [key: string]: unknown;
            } | null;
            topics?: components["schemas"]["Topics"] | null;
            /** @description The W3C trace context. */
            traceparent?: string | null;
            /**
             * Format: int64
             * @description The seconds for which the message is delivered.
             */
            ttl?: number | null;
        };
        /** @description The id that a client gives its message. */
        ClientId: number | string;
        CodeFormat: {
            code: string;
            /** @default null */
            description?: string | null;
            language: string;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        ConflictResponse: {
            error_field: string;
            message: string;
            /** @default Conflict */
            status?: string;
            /**
             * @default 409
             * @constant
             */
            status_code?: 409;
        };
        DataFormat: {
            /** @default null */
            description?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        DeliveryFailurePayload: {
            client_id: string;
            delivery_backend: string;
            error_message: string;
            error_type: string;
            original_message: {
                [key: string]: unknown;
            };
            original_message_id: number;
            original_topic: string;
        };
        DependencySelection: {
            catalog_key: string;
            selector: string;
        };
        DependencySpec: {
            class_name: string;
            /**
             * Properties
             * @default {}
             */
            properties?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        ErrorFrame: components["schemas"]["OwnFrame"] & {
            /** @enum {string} */
            format: "rustic_ai.core.agents.commons.message_formats.ErrorMessage";
            payload: components["schemas"]["ErrorPayload"];
        };
        ErrorMessage: {
            agent_type: string;
            error_message: string;
            error_type: string;
        };
        /** @description What an `ErrorMessage` says. An error of a turn also has the members of its fault. */
        ErrorPayload: {
            /** @description The agent that failed. */
            agent?: components["schemas"]["AgentTag"];
            /** @description `gateway` for an error about a frame, else the class of the agent that failed. */
            agent_type: string;
            /**
             * Format: int32
             * @description The number of the attempt, from 1.
             */
            attempt?: number;
            /** @description The names of the guest's functions, innermost first. */
            backtrace?: string[];
            client_id?: components["schemas"]["ClientId"] | null;
            /** @description Whether no other attempt follows: the message is a dead letter. */
            dead_lettered?: boolean;
            /** @description A sentence for people. */
            error_message: string;
            /** @description A stable name: a kind of error of frames, or that of a fault in upper case. */
            error_type: string;
            /**
             * Format: int64
             * @description The fuel that the turn used.
             */
            fuel_used?: number | null;
            /** @description The kind of the failure. */
            kind?: components["schemas"]["FaultKind"];
            /**
             * Format: int64
             * @description The limit that was reached, in the unit of the setting.
             */
            limit?: number | null;
            /** @description The message whose turn failed. */
            message_id?: components["schemas"]["MessageId"];
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
        EventFrame: components["schemas"]["Message"] & {
            /** @enum {string} */
            format: "guildhall.Event";
            payload: components["schemas"]["EventPayload"];
        };
        /** @description An event. Most events have more members. */
        EventPayload: {
            /** @description The agent, for an event of an agent. */
            agent?: components["schemas"]["AgentTag"];
            /** @description When it happened, RFC 3339 in UTC with milliseconds. */
            at: string;
            /**
             * @description The name: one of the examples, or `guild.` and the new status of the guild.
             * @example agent.started
             * @example agent.trapped
             * @example agent.limit_reached
             * @example agent.restarting
             * @example agent.failed
             * @example agent.cancelled
             * @example agent.dead_lettered
             * @example agent.unloaded
             * @example agent.swapped
             * @example agent.swap_failed
             * @example component.compiling
             * @example component.ready
             * @example component.refused
             * @example component.failed
             * @example component.bound
             * @example component.deleted
             */
            event: string;
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
        FileData: {
            /** @default null */
            mediaLink?: components["schemas"]["MediaLink"] | null;
            /** @default null */
            name?: string | null;
            /** @default null */
            url?: string | null;
        } | {
            url: string;
        } | {
            mediaLink: Record<string, never>;
        };
        FilesWithTextFormat: {
            /** @default null */
            description?: string | null;
            files: components["schemas"]["FileData"][];
            text: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        /** @enum {string} */
        FilterOperation: "<" | ">" | "<=" | ">=" | "==" | "!=" | "is null" | "is not null" | "in" | "not in" | "begins with" | "contains";
        FormFormat: {
            /** @default null */
            description?: string | null;
            schema: components["schemas"]["FormSchema"];
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        FormResponse: {
            [key: string]: unknown;
        };
        FormSchema: {
            /** Properties */
            properties: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @default [] */
            required?: string[];
            /** @default object */
            type?: string;
        };
        /** @description Marks a message as forwarded and names its first sender. */
        ForwardHeader: {
            /** @description The agent that sent it. */
            on_behalf_of: components["schemas"]["AgentTag"];
            /** @description The message that was forwarded. */
            origin_message_id: components["schemas"]["MessageId"];
        };
        FunctionalTransformer: {
            /** @default jsonata */
            expression_type?: string | null;
            handler: string;
            /**
             * @default simple
             * @enum {string}
             */
            style?: "simple" | "content_based_router";
        };
        GatewayConfig: {
            /** @default true */
            enabled?: boolean;
            input_formats: string[];
            output_formats: string[];
            returned_formats?: string[];
        };
        GenerationPromptRequest: {
            generation_prompt: string;
        };
        GenerationPromptResponse: {
            generated_response: string;
            generation_prompt: string;
        };
        GuildSpec: {
            /** @default [] */
            agents?: components["schemas"]["AgentSpec"][];
            /** @default {} */
            dependency_map?: {
                [key: string]: components["schemas"]["DependencySpec"];
            };
            description: string;
            /** @default null */
            gateway?: components["schemas"]["GatewayConfig"] | null;
            id?: string;
            name: string;
            /**
             * Properties
             * @default {}
             */
            properties?: {
                [key: string]: unknown;
            };
            routes?: components["schemas"]["RoutingSlip"];
        };
        /** @description One hop of a message between guilds. */
        GuildStackEntry: {
            /** @description The guild that the message came from. */
            guild_id: string;
            /** @description The id that the sending guild uses for the exchange. */
            saga_id?: string | null;
        };
        GuildUpdatedAnnouncement: {
            guild_id: string;
            guild_spec: components["schemas"]["GuildSpec"];
        };
        HealthCheckRequest: {
            /** Format: date-time */
            checktime?: string;
        };
        HealthCheckRequestFrame: components["schemas"]["ClientFrame"] & {
            /** @enum {string} */
            format: "HealthCheckRequest" | "healthCheckRequest" | "rustic_ai.core.guild.agent_ext.mixins.health.HealthCheckRequest";
            payload: components["schemas"]["HealthCheckRequest"];
        };
        /** @description The last heartbeat of every agent, and the health of the guild that follows from them. */
        HealthReport: {
            /** @description The last heartbeats, by agent. */
            agents: {
                [key: string]: components["schemas"]["Heartbeat"];
            };
            /** @description The health of the guild. */
            guild_health: components["schemas"]["HealthStatus"];
        };
        HealthReportFrame: components["schemas"]["Message"] & {
            /** @enum {string} */
            format: "rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport";
            payload: components["schemas"]["HealthReport"];
        };
        /**
         * @description The health of an agent, in lower case on the wire.
         * @enum {string}
         */
        HealthStatus: "ok" | "warning" | "error" | "backlogged" | "unknown" | "starting" | "pending_launch";
        /** @description An agent's answer to a health check. */
        Heartbeat: {
            /** @description Details, by name. */
            checkmeta: {
                [key: string]: unknown;
            };
            /** @description The health of the agent. */
            checkstatus: components["schemas"]["HealthStatus"];
            /** @description The time of the check, RFC 3339 in UTC with milliseconds. */
            checktime: string;
            /** @description The time of the answer, RFC 3339 in UTC with milliseconds. */
            responsetime: string;
        };
        HeartbeatFrame: components["schemas"]["Message"] & {
            /** @enum {string} */
            format: "rustic_ai.core.guild.agent_ext.mixins.health.Heartbeat";
            payload: components["schemas"]["Heartbeat"];
        };
        /** @enum {string} */
        HeartbeatStatus: "ok" | "warning" | "error" | "backlogged" | "unknown" | "starting" | "pending_launch";
        ImageFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            height?: number | null;
            /** @default null */
            mediaLink?: components["schemas"]["MediaLink"] | null;
            /** @default null */
            src?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
            /** @default null */
            width?: number | null;
        } | {
            src: string;
        } | {
            mediaLink: Record<string, never>;
        };
        JSONataPredicate: {
            expression: string;
            /**
             * @default jsonata_fn
             * @constant
             */
            predicate_type?: "jsonata_fn";
        };
        JsonValue: unknown;
        /**
         * @description The language of an expression.
         * @enum {string}
         */
        Language: "jsonata" | "cel";
        LocationFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            description?: string | null;
            latitude: number;
            longitude: number;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        ManagerRequestFrame: components["schemas"]["ClientFrame"] & {
            /** @enum {string} */
            format: "rustic_ai.core.agents.system.models.AgentLaunchRequest" | "rustic_ai.core.agents.system.models.RemoveAgentRequest" | "rustic_ai.core.agents.system.models.AddRoutingRuleRequest" | "rustic_ai.core.agents.system.models.RemoveRoutingRuleRequest" | "rustic_ai.core.agents.system.models.AgentListRequest" | "rustic_ai.core.agents.system.models.RunningAgentListRequest" | "rustic_ai.core.agents.system.models.AgentGetRequest" | "rustic_ai.core.agents.system.models.UserAgentCreationRequest" | "rustic_ai.core.agents.system.models.UserAgentGetRequest" | "rustic_ai.core.state.models.StateFetchRequest" | "rustic_ai.core.state.models.StateUpdateRequest" | "rustic_ai.core.agents.system.models.StopGuildRequest";
        };
        MediaFormat: {
            /** @default null */
            captions?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            mediaLink?: components["schemas"]["MediaLink"] | null;
            /** @default null */
            src?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            transcript?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        } | {
            src: string;
        } | {
            mediaLink: Record<string, never>;
        };
        MediaLink: {
            /** @default null */
            content_hash?: string | null;
            /** @default null */
            encoding?: string | null;
            id?: string;
            /** @default {} */
            metadata?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @default null */
            mimetype?: string | null;
            /** @default null */
            name?: string | null;
            /** @default false */
            on_filesystem?: boolean | null;
            /** @default null */
            size_in_bytes?: number | null;
            url: string;
        };
        MermaidFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            config?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @default null */
            description?: string | null;
            diagram: string;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
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
        MessageFrame: components["schemas"]["Message"];
        /**
         * Format: int64
         * @description The id of a message: 41 bits of milliseconds since 2023-01-01, 5 bits of host number, 7 bits of sequence. It is at
         *     most 2^53 - 1, so `JSON.parse` keeps it exact. Ids grow in the order of the log.
         *
         *     It is written as a number. It is read from a number or from decimal text, because some clients and expressions turn
         *     large integers into text.
         */
        MessageId: number;
        MessageRoutable: {
            /** @default null */
            context?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @default 0 */
            enrich_with_history?: number | null;
            /** @default generic_json */
            format?: string;
            /** @default null */
            forward_header?: components["schemas"]["ForwardHeader"] | null;
            payload: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            priority: components["schemas"]["Priority"];
            /** @default null */
            process_status?: components["schemas"]["ProcessStatus"] | null;
            /** @default [] */
            recipient_list?: components["schemas"]["AgentTag"][] | null;
            topics: string | string[];
        };
        /** @description A frame of the socket itself. It has no id of the log. */
        OwnFrame: {
            client_id?: components["schemas"]["ClientId"] | null;
            format: string;
            id: components["schemas"]["MessageId"];
            is_error_message: boolean;
            payload: {
                [key: string]: unknown;
            };
            priority: components["schemas"]["Priority"];
            sender: components["schemas"]["AgentTag"];
            thread: components["schemas"]["MessageId"][];
            /**
             * Format: double
             * @description Milliseconds since 1970.
             */
            timestamp: number;
            topics: components["schemas"]["Topics"];
        };
        /** @description A participant of a guild: an agent, the manager or a user. */
        Participant: {
            /** @description The agent's id; for a user, the id of the proxy. */
            id: string;
            /** @description The display name. */
            name: string;
            /** @description Whether it is a person, `type` on the wire. */
            type: components["schemas"]["ParticipantKind"];
        };
        /**
         * @description The kind of a participant.
         * @enum {string}
         */
        ParticipantKind: "bot" | "human";
        /** @description The participants of a guild. */
        ParticipantList: {
            participants: components["schemas"]["Participant"][];
        };
        ParticipantListRequest: {
            guild_id: string;
        };
        ParticipantsFrame: components["schemas"]["Message"] & {
            /** @enum {string} */
            format: "Participants" | "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantList";
            payload: components["schemas"]["ParticipantList"];
        };
        ParticipantsRequestFrame: components["schemas"]["ClientFrame"] & {
            /** @enum {string} */
            format: "participantsRequest" | "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantListRequest";
            payload: components["schemas"]["ParticipantListRequest"];
        };
        PayloadTransformer: {
            /** @default null */
            expression?: string | null;
            /** @default jsonata */
            expression_type?: string | null;
            /** @default generic_json */
            output_format?: string | null;
            /**
             * @default simple
             * @enum {string}
             */
            style?: "simple" | "content_based_router";
        };
        PlotlyGraphFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            description?: string | null;
            plotParams: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
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
        ProgressFrame: components["schemas"]["Message"] & {
            /** @constant */
            process_status: "running";
        };
        QOSSpec: {
            /** @default null */
            latency?: number | null;
            /** @default null */
            retry_count?: number | null;
            /** @default null */
            timeout?: number | null;
        };
        QuestionFormat: {
            /** @default null */
            description?: string | null;
            options: (string | number)[];
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        QuestionResponse: {
            data: string | number;
        };
        RemoveAgentRequest: {
            agent_id: string;
        };
        RemoveRoutingRuleRequest: {
            rule_hashid: string;
        };
        ResourceSpec: {
            custom_resources?: {
                [key: string]: number;
            };
            /** @default null */
            num_cpus?: number | null;
            /** @default null */
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
        RoutingRuleUpdateResponse: {
            /** @default null */
            message?: string | null;
            rule_hashid: string;
            status: string;
            status_code: number;
        };
        /** @description A routing slip: the rules that travel with a message. Messages share the rules that they have not changed. */
        RoutingSlip: {
            /** @description The rules, in the order in which they apply. */
            steps?: components["schemas"]["RoutingRule"][];
        };
        RunningAgentListRequest: {
            guild_id: string;
        };
        ScheduleFixedRateMessage: {
            interval_seconds: number;
            key?: string;
            mesage_payload: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            message_format: string;
        };
        ScheduleOnceMessage: {
            delay_seconds: number;
            key?: string;
            mesage_payload: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            message_format: string;
        };
        SelfReadyNotification: {
            /** @default Agent is ready */
            message?: string;
        };
        StateFetchError: {
            error: string;
            state_fetch_request: components["schemas"]["StateFetchRequest"];
        };
        StateFetchRequest: {
            /** @default null */
            agent_id?: string | null;
            guild_id: string;
            state_owner: components["schemas"]["StateOwner"];
            /** @default null */
            state_path?: string | null;
            /** @default null */
            timestamp?: number | null;
            /** @default null */
            version?: number | null;
        };
        StateFetchResponse: {
            /** @default null */
            agent_id?: string | null;
            fetch_timestamp: number;
            guild_id: string;
            is_latest: boolean;
            state?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            state_owner: components["schemas"]["StateOwner"];
            /** @default null */
            state_path?: string | null;
            timestamp: number;
            version: number;
        };
        /** @enum {string} */
        StateOwner: "agent" | "guild";
        /** @description Changes a state when a rule sends a message. */
        StateTransformer: {
            /** @description The language of the expression. */
            expression_type?: components["schemas"]["Language"];
            /** @description The expression that computes the update. */
            state_update: string;
            /** @description The notation of the update. */
            update_format?: components["schemas"]["StateUpdateFormat"];
        };
        StateUpdateError: {
            error: string;
            state_update_request: components["schemas"]["StateUpdateRequest"];
        };
        /**
         * @description The notation of a state change.
         * @enum {string}
         */
        StateUpdateFormat: "json-patch" | "json-merge-patch";
        StateUpdateRequest: {
            /** @default null */
            agent_id?: string | null;
            guild_id: string;
            state_owner: components["schemas"]["StateOwner"];
            state_update: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @default json-merge-patch */
            update_format?: components["schemas"]["StateUpdateFormat"];
            /** @default null */
            update_path?: string | null;
            /** @default null */
            update_timestamp?: number | null;
            /** @default null */
            update_version?: number | null;
        };
        StateUpdateResponse: {
            /** @default null */
            agent_id?: string | null;
            guild_id: string;
            state?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            state_owner: components["schemas"]["StateOwner"];
            timestamp: number;
            version: number;
        };
        StopGuildRequest: {
            guild_id: string;
            user_id: string;
        };
        StopGuildRequestFrame: components["schemas"]["ClientFrame"] & {
            /** @enum {string} */
            format: "stopGuildRequest" | "rustic_ai.core.agents.system.models.StopGuildRequest";
            payload: components["schemas"]["StopGuildRequest"];
        };
        StopGuildResponse: {
            user_id: string;
        };
        StoppingFrame: components["schemas"]["Message"] & {
            /** @enum {string} */
            format: "rustic_ai.core.agents.system.models.StopGuildResponse";
            payload: components["schemas"]["StopGuildResponse"];
        };
        /** @enum {string} */
        TableAggregateOption: "abs sum" | "and" | "any" | "avg" | "count" | "distinct count" | "distinct leaf" | "dominant" | "first" | "high" | "last" | "low" | "or" | "median" | "pct sum parent" | "pct sum grand total" | "stddev" | "sum" | "sum abs" | "sum not null" | "unique" | "var";
        TableConfig: {
            /** @default null */
            aggregates?: {
                [key: string]: components["schemas"]["TableAggregateOption"];
            } | null;
            /** @default null */
            columns?: string[] | null;
            /** @default null */
            expansionDepth?: number | null;
            /** @default null */
            filter?: components["schemas"]["TableFilter"][] | null;
            /** @default null */
            groupBy?: string[] | null;
            /** @default null */
            sort?: components["schemas"]["TableSort"][] | null;
            /** @default null */
            splitBy?: string[] | null;
        };
        TableFilter: {
            field: string;
            operation: components["schemas"]["FilterOperation"];
            value: string | number | boolean | (string | number | boolean)[];
        };
        TableFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            config?: components["schemas"]["TableConfig"] | null;
            data: {
                [key: string]: string | number;
            }[];
            /** @default null */
            description?: string | null;
            /** @default null */
            headers?: components["schemas"]["TableHeader"][] | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        TableHeader: {
            dataKey: string;
            /** @default null */
            label?: string | null;
        };
        TableSort: {
            field: string;
            option: components["schemas"]["TableSortOption"];
        };
        /** @enum {string} */
        TableSortOption: "asc" | "desc" | "col asc" | "col desc";
        TextFormat: {
            /** @default null */
            description?: string | null;
            text: string;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
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
        TypeEqualsPredicate: {
            expected_type: string;
            /**
             * @default type_equals
             * @constant
             */
            predicate_type?: "type_equals";
        };
        /** @description A frame in the dialect `ui`, whatever its format is. */
        UiMessage: {
            clientId?: components["schemas"]["ClientId"] | null;
            /** @description The value that the client gave. */
            conversationId?: unknown;
            currentThreadId?: string | null;
            /** @description The payload; of a list of participants the list itself. */
            data: unknown;
            /** Format: int32 */
            enrichWithHistory?: number;
            format: string;
            forwardHeader?: components["schemas"]["ForwardHeader"] | null;
            id: string | null;
            inReplyTo?: string | null;
            isErrorMessage?: boolean;
            messageHistory?: components["schemas"]["ProcessEntry"][];
            originGuildStack?: components["schemas"]["GuildStackEntry"][];
            priority: components["schemas"]["Priority"];
            processStatus?: components["schemas"]["ProcessStatus"] | null;
            recipientList?: components["schemas"]["AgentTag"][];
            rootThreadId?: string | null;
            routingSlip?: components["schemas"]["RoutingSlip"] | null;
            sender: components["schemas"]["AgentTag"];
            sessionState?: {
                [key: string]: unknown;
            } | null;
            threads: string[];
            /** Format: date-time */
            timestamp: string;
            topic: string | null;
            topicPublishedTo?: string;
            traceparent?: string | null;
            /** Format: int64 */
            ttl?: number | null;
        };
        /** @enum {string} */
        UpdateType: "append" | "replace";
        UserAgentCreationRequest: {
            user_id: string;
            user_name: string;
        };
        UserAgentCreationResponse: {
            agent_id: string;
            status: string;
            status_code: number;
            topic: string;
            user_id: string;
        };
        UserAgentGetRequest: {
            user_id: string;
        };
        VegaLiteFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            options?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            spec: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @default null */
            theme?: {
                [key: string]: string | null;
            } | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        VideoFormat: {
            /** @default null */
            captions?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            mediaLink?: components["schemas"]["MediaLink"] | null;
            /** @default null */
            poster?: string | null;
            /** @default null */
            src?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            transcript?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        } | {
            src: string;
        } | {
            mediaLink: Record<string, never>;
        };
        VisualizationFormat: {
            /** @default null */
            alt?: string | null;
            /** @default null */
            description?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
        };
        Weather: {
            temp: {
                [key: string]: number;
            };
            timestamp: number;
            weatherIcon: {
                [key: string]: string;
            };
        };
        WeatherFormat: {
            /** @default null */
            description?: string | null;
            location: string;
            /** @default null */
            title?: string | null;
            /** @enum {string} */
            units: "metric" | "imperial";
            /** @default null */
            updateId?: string | null;
            /** @default null */
            updateType?: components["schemas"]["UpdateType"] | null;
            weather: components["schemas"]["Weather"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
