//! Names of the formats which the host reads or writes. A format names the type
//! of a payload; matching is by exact text, aliases are resolved at the edge.

pub const GENERIC_JSON: &str = "generic_json";
pub const TEXT: &str = "text";
pub const TEXT_FORMAT: &str = "rustic_ai.core.ui_protocol.types.TextFormat";
pub const FILES_WITH_TEXT: &str = "rustic_ai.core.ui_protocol.types.FilesWithTextFormat";
/// What a user's words are wrapped in on their way in, as rules see it.
pub const MESSAGE: &str = "rustic_ai.core.messaging.core.message.Message";
pub const ERROR_MESSAGE: &str = "rustic_ai.core.agents.commons.message_formats.ErrorMessage";

pub const HEALTH_REPORT: &str = "rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport";
pub const HEALTH_CHECK_REQUEST: &str = "rustic_ai.core.guild.agent_ext.mixins.health.HealthCheckRequest";
pub const HEARTBEAT: &str = "rustic_ai.core.guild.agent_ext.mixins.health.Heartbeat";

pub const PARTICIPANTS: &str = "Participants";
pub const PARTICIPANTS_REQUEST: &str = "participantsRequest";
pub const PARTICIPANT_LIST: &str = "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantList";
pub const PARTICIPANT_LIST_REQUEST: &str = "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantListRequest";

pub const STOP_GUILD_SHORT: &str = "stopGuildRequest";
pub const STOP_GUILD_REQUEST: &str = "rustic_ai.core.agents.system.models.StopGuildRequest";
pub const STOP_GUILD_RESPONSE: &str = "rustic_ai.core.agents.system.models.StopGuildResponse";
/// Host-internal: tells the sockets of a guild that it has ended.
pub const GUILD_ENDED: &str = "guildhall.GuildEnded";
/// One event, on system sockets that ask for them.
pub const EVENT: &str = "guildhall.Event";
pub const USER_AGENT_CREATION_REQUEST: &str = "rustic_ai.core.agents.system.models.UserAgentCreationRequest";
pub const USER_AGENT_GET_REQUEST: &str = "rustic_ai.core.agents.system.models.UserAgentGetRequest";
pub const AGENT_LAUNCH_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentLaunchRequest";
pub const REMOVE_AGENT_REQUEST: &str = "rustic_ai.core.agents.system.models.RemoveAgentRequest";
pub const ADD_RULE_REQUEST: &str = "rustic_ai.core.agents.system.models.AddRoutingRuleRequest";
pub const REMOVE_RULE_REQUEST: &str = "rustic_ai.core.agents.system.models.RemoveRoutingRuleRequest";
pub const AGENT_LIST_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentListRequest";
pub const RUNNING_AGENT_LIST_REQUEST: &str = "rustic_ai.core.agents.system.models.RunningAgentListRequest";
pub const AGENT_GET_REQUEST: &str = "rustic_ai.core.agents.system.models.AgentGetRequest";
pub const STATE_FETCH_REQUEST: &str = "rustic_ai.core.state.models.StateFetchRequest";
pub const STATE_FETCH_RESPONSE: &str = "rustic_ai.core.state.models.StateFetchResponse";
pub const STATE_FETCH_ERROR: &str = "rustic_ai.core.state.models.StateFetchError";
pub const STATE_UPDATE_REQUEST: &str = "rustic_ai.core.state.models.StateUpdateRequest";
pub const STATE_UPDATE_RESPONSE: &str = "rustic_ai.core.state.models.StateUpdateResponse";
pub const STATE_UPDATE_ERROR: &str = "rustic_ai.core.state.models.StateUpdateError";
pub const GUILD_UPDATED: &str = "rustic_ai.core.agents.system.models.GuildUpdatedAnnouncement";

/// What the manager of a guild can be asked by messages.
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

pub const DELIVERY_FAILURE: &str = "rustic_ai.core.messaging.core.dead_letter.DeliveryFailurePayload";
/// Answers a client's message when it is in the log (`?ack=1`).
pub const ACK: &str = "Ack";

pub const USER_PROXY_CLASS: &str = "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent";
pub const MANAGER_CLASS: &str = "rustic_ai.core.agents.system.guild_manager_agent.GuildManagerAgent";

/// A format in the host's spelling: `text` is short for its class name.
#[must_use]
pub fn canonical(name: String) -> String {
    if name == TEXT { TEXT_FORMAT.to_owned() } else { name }
}

/// The last segment of a class name: `TextFormat` of `a.b.TextFormat`.
#[must_use]
pub fn short_name(format: &str) -> &str {
    format.rsplit('.').next().unwrap_or(format)
}
