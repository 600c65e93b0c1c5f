//! The names of the formats and classes that the host knows. A message keeps the format that its sender or a rule wrote.
//! Some formats have several names: [`is_same`] compares formats, and [`canonical`] returns the full name.

/// Any JSON object.
pub const GENERIC_JSON: &str = "generic_json";
/// The short name of [`TEXT_FORMAT`].
pub const TEXT: &str = "text";
/// A text for people.
pub const TEXT_FORMAT: &str = "rustic_ai.core.ui_protocol.types.TextFormat";
/// Files with a text for people.
pub const FILES_WITH_TEXT: &str = "rustic_ai.core.ui_protocol.types.FilesWithTextFormat";
/// The format of the origin that rules see for a message of a user.
pub const MESSAGE: &str = "rustic_ai.core.messaging.core.message.Message";
/// The report of a failed turn.
pub const ERROR_MESSAGE: &str = "rustic_ai.core.agents.commons.message_formats.ErrorMessage";

/// The health of a guild, from its manager.
pub const HEALTH_REPORT: &str = "rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport";
/// Asks agents for a heartbeat.
pub const HEALTH_CHECK_REQUEST: &str = "rustic_ai.core.guild.agent_ext.mixins.health.HealthCheckRequest";
/// The health of one agent.
pub const HEARTBEAT: &str = "rustic_ai.core.guild.agent_ext.mixins.health.Heartbeat";

/// The short name of [`PARTICIPANT_LIST`].
pub const PARTICIPANTS: &str = "Participants";
/// The short name of [`PARTICIPANT_LIST_REQUEST`].
pub const PARTICIPANTS_REQUEST: &str = "participantsRequest";
/// The participants of a guild.
pub const PARTICIPANT_LIST: &str = "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantList";
/// Asks for the participants of a guild.
pub const PARTICIPANT_LIST_REQUEST: &str = "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantListRequest";

/// The short name of [`STOP_GUILD_REQUEST`].
pub const STOP_GUILD_SHORT: &str = "stopGuildRequest";
/// Asks the manager to stop the guild.
pub const STOP_GUILD_REQUEST: &str = "rustic_ai.core.agents.system.models.StopGuildRequest";
/// The answer to [`STOP_GUILD_REQUEST`].
pub const STOP_GUILD_RESPONSE: &str = "rustic_ai.core.agents.system.models.StopGuildResponse";
/// Internal to the host: closes the sockets of a guild that has ended.
pub const GUILD_ENDED: &str = "guildhall.GuildEnded";
/// An event, on system sockets that ask for events.
pub const EVENT: &str = "guildhall.Event";
/// Asks the manager to add a user.
pub const USER_AGENT_CREATION_REQUEST: &str = "rustic_ai.core.agents.system.models.UserAgentCreationRequest";
/// Asks the manager for a user.
pub const USER_AGENT_GET_REQUEST: &str = "rustic_ai.core.agents.system.models.UserAgentGetRequest";
/// Asks the manager to launch an agent.
pub const AGENT_LAUNCH_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentLaunchRequest";
/// Asks the manager to remove an agent.
pub const REMOVE_AGENT_REQUEST: &str = "rustic_ai.core.agents.system.models.RemoveAgentRequest";
/// Asks the manager to add a rule to the guild.
pub const ADD_RULE_REQUEST: &str = "rustic_ai.core.agents.system.models.AddRoutingRuleRequest";
/// Asks the manager to remove a rule of the guild.
pub const REMOVE_RULE_REQUEST: &str = "rustic_ai.core.agents.system.models.RemoveRoutingRuleRequest";
/// Asks the manager for all agents.
pub const AGENT_LIST_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentListRequest";
/// Asks the manager for the running agents.
pub const RUNNING_AGENT_LIST_REQUEST: &str = "rustic_ai.core.agents.system.models.RunningAgentListRequest";
/// Asks the manager for one agent.
pub const AGENT_GET_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentGetRequest";
/// Asks the manager for a state.
pub const STATE_FETCH_REQUEST: &str = "rustic_ai.core.state.models.StateFetchRequest";
/// The answer to [`STATE_FETCH_REQUEST`].
pub const STATE_FETCH_RESPONSE: &str = "rustic_ai.core.state.models.StateFetchResponse";
/// The refusal of a [`STATE_FETCH_REQUEST`].
pub const STATE_FETCH_ERROR: &str = "rustic_ai.core.state.models.StateFetchError";
/// Asks the manager to change a state.
pub const STATE_UPDATE_REQUEST: &str = "rustic_ai.core.state.models.StateUpdateRequest";
/// A state after a change.
pub const STATE_UPDATE_RESPONSE: &str = "rustic_ai.core.state.models.StateUpdateResponse";
/// The refusal of a [`STATE_UPDATE_REQUEST`].
pub const STATE_UPDATE_ERROR: &str = "rustic_ai.core.state.models.StateUpdateError";
/// Announces a change of the guild.
pub const GUILD_UPDATED: &str = "rustic_ai.core.agents.system.models.GuildUpdatedAnnouncement";

/// The requests that the manager of a guild serves.
pub const REQUESTS: [&str; 12] = [
    AGENT_LAUNCH_REQUEST,
    REMOVE_AGENT_REQUEST,
    ADD_RULE_REQUEST,
    REMOVE_RULE_REQUEST,
    AGENT_LIST_REQUEST,
    RUNNING_AGENT_LIST_REQUEST,
    AGENT_GET_REQUEST,
    USER_AGENT_CREATION_REQUEST,
    USER_AGENT_GET_REQUEST,
    STATE_FETCH_REQUEST,
    STATE_UPDATE_REQUEST,
    STOP_GUILD_REQUEST,
];

/// A dead letter.
pub const DELIVERY_FAILURE: &str = "rustic_ai.core.messaging.core.dead_letter.DeliveryFailurePayload";
/// Confirms a client's message once it is in the log (`?ack=1`).
pub const ACK: &str = "Ack";

/// The class of user proxies.
pub const USER_PROXY_CLASS: &str = "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent";
/// The class of managers.
pub const MANAGER_CLASS: &str = "rustic_ai.core.agents.system.guild_manager_agent.GuildManagerAgent";

/// Returns whether a class is one of the host or of its API: no upload may serve it. These are the manager, the user
/// proxy, and the agents that are part of this program.
#[must_use]
pub fn is_reserved_class(name: &str) -> bool {
    const OF_THE_API: [&str; 7] = [
        MANAGER_CLASS,
        USER_PROXY_CLASS,
        "rustic_ai.core.agents.testutils.echo_agent.EchoAgent",
        "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent",
        "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent",
        "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent",
        "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent",
    ];
    OF_THE_API.contains(&name) || name.starts_with("guildhall.agents.")
}

/// Returns the full name of a format. Short names of the wire document and of the component kit stand for class names;
/// every other name stands for itself.
#[must_use]
pub fn canonical(name: &str) -> &str {
    match name {
        TEXT | "TextFormat" => TEXT_FORMAT,
        "FilesWithTextFormat" => FILES_WITH_TEXT,
        PARTICIPANTS_REQUEST | "ParticipantListRequest" | "ParticipantsRequest" => PARTICIPANT_LIST_REQUEST,
        STOP_GUILD_SHORT | "StopGuildRequest" => STOP_GUILD_REQUEST,
        "HealthCheckRequest" | "healthCheckRequest" => HEALTH_CHECK_REQUEST,
        other => other,
    }
}

/// Returns whether two names are names of the same format.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// Returns the last segment of a class name: `TextFormat` for `a.b.TextFormat`.
#[must_use]
pub fn short_name(format: &str) -> &str {
    format.rsplit('.').next().unwrap_or(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_same_format_are_the_same_and_others_are_compared_exactly() {
        assert!(is_same(TEXT, TEXT_FORMAT) && is_same("TextFormat", TEXT));
        assert!(is_same("FilesWithTextFormat", FILES_WITH_TEXT));
        assert!(is_same("app.Order", "app.Order"));
        assert!(!is_same("Order", "app.Order") && !is_same(TEXT, FILES_WITH_TEXT) && !is_same("Text", TEXT));
    }
}
