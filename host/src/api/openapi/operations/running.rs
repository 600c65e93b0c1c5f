//! What runs: agents of guilds at work, the messages they gave up, metrics.

use crate::api::openapi::operation::{Op, delete, flag, get, number, post, put, tagged, text};
use crate::api::openapi::schemas::running as r;

pub(super) fn agents_at_work() -> Vec<Op> {
    tagged(
        "agents",
        [
            get(
                "/api/guilds/{guild_id}/agents/{agent_id}/logs",
                "getAgentLogs",
                "The last lines that an agent printed; with `follow` a line of JSON each, and those that come",
            )
            .optional("level", text(), "Only lines of this level and worse: debug, info, warn, error")
            .optional("limit", number(), "At most so many, the last ones; 100 unless given, 500 at most")
            .optional("follow", flag(), "Go on as NDJSON until the agent ends")
            .gives::<r::AgentLogs>(200)
            .fails([404, 422]),
            post(
                "/api/guilds/{guild_id}/agents/{agent_id}/cancel",
                "cancelAgentTurn",
                "End the turn that an agent is in; its message becomes a dead letter",
            )
            .gives::<r::MessageRef>(200)
            .fails([404, 409]),
            put(
                "/api/guilds/{guild_id}/agents/{agent_id}/component",
                "swapAgentComponent",
                "Have an agent go on with another component; on failure it keeps the one it has",
            )
            .takes::<r::ComponentChoice>()
            .gives::<r::ComponentSwapped>(200)
            .fails([404, 409, 503]),
        ],
    )
}

pub(super) fn versions() -> Vec<Op> {
    tagged(
        "guilds",
        [put(
            "/api/guilds/{guild_id}/blueprint",
            "changeGuildBlueprint",
            "Have a running guild go on with the components of another version of its blueprint",
        )
        .takes::<r::BlueprintChoice>()
        .gives::<r::BlueprintChanged>(200)
        .fails([403, 404, 409, 503])],
    )
}

pub(super) fn dead_letters() -> Vec<Op> {
    tagged(
        "guilds",
        [
            get(
                "/api/guilds/{guild_id}/dead-letters",
                "listDeadLetters",
                "The messages that were given up, oldest first",
            )
            .optional("after", number(), "Only those after this id, the `next` of the page before")
            .optional("limit", number(), "At most so many; 50 unless given, 200 at most")
            .gives::<r::DeadLetters>(200)
            .fails([404, 422]),
            get("/api/guilds/{guild_id}/dead-letters/{letter_id}", "getDeadLetter", "A message that was given up")
                .gives::<r::DeadLetter>(200)
                .fails([404]),
            delete(
                "/api/guilds/{guild_id}/dead-letters/{letter_id}",
                "discardDeadLetter",
                "Forget a message that was given up",
            )
            .gives_nothing(204)
            .fails([404]),
            post(
                "/api/guilds/{guild_id}/dead-letters/{letter_id}/replay",
                "replayDeadLetter",
                "Give the message to its agent once more; the letter is gone",
            )
            .gives::<r::MessageRef>(200)
            .fails([400, 404, 409]),
        ],
    )
}

pub(super) fn metrics() -> Vec<Op> {
    tagged("host", [get("/metrics", "metrics", "What the host measures, for Prometheus").gives_text("text/plain")])
}
