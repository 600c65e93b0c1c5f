//! The operations of running guilds: their agents, their dead letters, their blueprint; and metrics.

use crate::api::agents::{AgentLogs, ComponentSwapped, MessageRef};
use crate::api::dead_letters::{DeadLetter, DeadLetters};
use crate::api::openapi::operation::{Op, delete, flag, get, number, one_of, post, put, tagged};
use crate::api::{guilds as g, spec};

pub(super) fn agents_at_work() -> Vec<Op> {
    tagged(
        "agents",
        [
            get("/api/guilds/{guild_id}/agents/{agent_id}/logs", "getAgentLogs", "Get the last log lines of an agent")
                .about(
                    "Returns what the agent wrote to its log and its standard output, and what the host notes \
                 about it. Lines are kept in memory and are gone after a restart of the host.",
                )
                .optional(
                    "level",
                    one_of(["debug", "info", "warn", "error"]),
                    "Only lines of this level or a worse one",
                )
                .optional("limit", number(), "The number of lines: 100 unless given, at most 500")
                .optional("follow", flag(), "Continue with new lines, as NDJSON, until the agent ends")
                .gives::<AgentLogs>(200, "The lines, oldest first; with `follow` NDJSON, one object for each line")
                .fails([404, 422]),
            post(
                "/api/guilds/{guild_id}/agents/{agent_id}/cancel",
                "cancelAgentTurn",
                "Cancel the current turn of an agent; its message becomes a dead letter",
            )
            .about("Ends the instance that works on the message and starts a new one at once.")
            .gives::<MessageRef>(200, "The message whose turn is cancelled")
            .fails([404, 409]),
            put(
                "/api/guilds/{guild_id}/agents/{agent_id}/component",
                "swapAgentComponent",
                "Swap the component of a running agent; on an error the agent keeps its component",
            )
            .about(
                "The agent keeps its inbox and its state. The new instance has to answer a heartbeat before \
                 it takes over.",
            )
            .takes::<spec::ComponentChoice>()
            .if_unchanged()
            .gives::<ComponentSwapped>(200, "The agent and its new component")
            .fails([404, 409, 503]),
        ],
    )
}

pub(super) fn versions() -> Vec<Op> {
    tagged("guilds", [change_of_blueprint(), state_of_guild(), state_of_agent(), usage()])
}

fn state_of_guild() -> Op {
    get("/api/guilds/{guild_id}/state", "getGuildState", "Get the state of a guild")
        .about(
            "The state is what agents, rules and requests have stored in the guild. It does not wake a \
                 guild that sleeps.",
        )
        .gives::<g::state::Shown>(200, "The last stored state")
        .fails([404])
}

fn state_of_agent() -> Op {
    get("/api/guilds/{guild_id}/agents/{agent_id}/state", "getAgentState", "Get the state of an agent")
        .about(
            "The state is what the agent and rules have stored for the agent. It does not wake a guild \
                 that sleeps.",
        )
        .gives::<g::state::Shown>(200, "The last stored state")
        .fails([404])
}

fn usage() -> Op {
    get("/api/guilds/{guild_id}/usage", "getGuildUsage", "Get what the agents of a guild have used, and their limits")
        .about(
            "Counts since the guild was started on this host: turns, fuel, time and memory of each \
                 agent.",
        )
        .gives_list::<g::usage::AgentUsage>("The agents, in the order of the guild's spec")
        .fails([404])
}

fn change_of_blueprint() -> Op {
    put(
        "/api/guilds/{guild_id}/blueprint",
        "changeGuildBlueprint",
        "Swap the components of a running guild's agents to those of another version of its blueprint",
    )
    .about("Agents whose component is the same in both versions are left alone.")
    .takes::<g::blueprint::BlueprintChoice>()
    .if_unchanged()
    .gives::<g::blueprint::BlueprintChanged>(200, "The guild, its new blueprint, and the agents that were swapped")
    .fails([403, 404, 409, 503])
}

pub(super) fn dead_letters() -> Vec<Op> {
    tagged(
        "guilds",
        [
            get("/api/guilds/{guild_id}/dead-letters", "listDeadLetters", "List the dead letters of a guild")
                .about(
                    "A dead letter is a message that an agent could not handle. It is kept until it is \
                 replayed, discarded, or too old.",
                )
                .optional("after", number(), "Only letters after this id: the `next` of the page before")
                .optional("limit", number(), "The number of letters: 50 unless given, at most 200")
                .gives::<DeadLetters>(200, "A page of dead letters, oldest first")
                .fails([404, 422]),
            get("/api/guilds/{guild_id}/dead-letters/{letter_id}", "getDeadLetter", "Get a dead letter")
                .about(
                    "Returns the message, the agent, the number of attempts and the fault with its limit, value \
                 and setting.",
                )
                .gives::<DeadLetter>(200, "The dead letter")
                .fails([404]),
            delete("/api/guilds/{guild_id}/dead-letters/{letter_id}", "discardDeadLetter", "Discard a dead letter")
                .about("The message is not handled any more. It stays in the histories of users.")
                .gives_nothing(204, "The dead letter is removed")
                .fails([404]),
            post(
                "/api/guilds/{guild_id}/dead-letters/{letter_id}/replay",
                "replayDeadLetter",
                "Send the message of a dead letter to its agent again, and remove the letter",
            )
            .about("Of two replays at the same time, one is answered with 404.")
            .gives::<MessageRef>(200, "The message that the agent receives")
            .fails([400, 404, 409]),
        ],
    )
}

pub(super) fn metrics() -> Vec<Op> {
    let metrics = get("/metrics", "metrics", "Get the metrics of the host, for Prometheus")
        .about("Counters, gauges and histograms of the host, its agents and its connections.");
    tagged("host", [metrics.gives_text("text/plain", "The metrics, in the text format of Prometheus")])
}
