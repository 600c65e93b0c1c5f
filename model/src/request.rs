//! Reads the requests that the manager of a guild receives as messages. It does not carry them out.

use serde_json::{Map, Value};

use crate::format;
use crate::ids::{AgentId, UserId};
use crate::read::spec::{MAX_NAME, SpecContext, agent, rule};
use crate::read::{
    FieldError, FieldErrors, Fields, document, integer, length, name, object, object_as_is, one_of, text,
};
use crate::spec::{AgentSpec, RoutingRule, UpdateFormat};
use crate::state::{StateChange, StateOwner};

/// A request to the manager of a guild.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Launch an agent.
    LaunchAgent(Box<AgentSpec>),
    /// Remove an agent.
    RemoveAgent(AgentId),
    /// Add a rule to the guild.
    AddRule(Box<RoutingRule>),
    /// Remove a rule of the guild.
    RemoveRule {
        /// The hash of the rule, see [`crate::routing::hashid`].
        hashid: String,
    },
    /// List all agents.
    ListAgents {
        /// The guild of the agents.
        guild: String,
    },
    /// List the running agents.
    ListRunning {
        /// The guild of the agents.
        guild: String,
    },
    /// Return one agent.
    GetAgent {
        /// The guild of the agent.
        guild: String,
        /// The agent.
        agent: AgentId,
    },
    /// Add a user.
    AddUser {
        /// The user.
        user: UserId,
        /// The display name of the user.
        name: String,
    },
    /// Return one user.
    GetUser(UserId),
    /// Return a state.
    FetchState(StateFetch),
    /// Change a state.
    UpdateState(StateWrite),
    /// Stop the guild.
    Stop {
        /// The guild to stop.
        guild: String,
        /// The user who asks.
        user: Option<UserId>,
    },
}

/// A request for a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateFetch {
    /// The guild that the request names.
    pub guild: String,
    /// The owner of the state.
    pub owner: StateOwner,
    /// The path of the wanted part; `None` is the whole state.
    pub path: Option<String>,
}

/// A request to change a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateWrite {
    /// The guild that the request names.
    pub guild: String,
    /// The owner of the state.
    pub owner: StateOwner,
    /// The change.
    pub change: StateChange,
}

impl Request {
    /// Reads the request in a message of this format. Returns `None` if the format is not that of a request, and the
    /// errors of the payload if it cannot be read.
    pub fn read(format: &str, payload: &Value, context: SpecContext<'_>) -> Option<Result<Self, Vec<FieldError>>> {
        let id = |key: &'static str| move |f: &mut Fields<'_, '_>| f.required(key, text);
        let read = match format::canonical(format) {
            format::AGENT_LAUNCH_REQUEST => document(
                payload,
                &[],
                object(|f| {
                    let spec = f.required("agent_spec", |value, errors| agent(value, errors, context));
                    f.forbid_others(&["agent_spec", "dependency_selections"])?;
                    Some(Self::LaunchAgent(Box::new(spec?)))
                }),
            ),
            format::REMOVE_AGENT_REQUEST => {
                document(payload, &[], object(|f| Some(Self::RemoveAgent(id("agent_id")(f)?.into()))))
            }
            format::ADD_RULE_REQUEST => document(
                payload,
                &[],
                object(|f| Some(Self::AddRule(Box::new(f.required("routing_rule", rule(context.expressions))?)))),
            ),
            format::REMOVE_RULE_REQUEST => {
                document(payload, &[], object(|f| Some(Self::RemoveRule { hashid: id("rule_hashid")(f)? })))
            }
            format::AGENT_LIST_REQUEST => {
                document(payload, &[], object(|f| Some(Self::ListAgents { guild: id("guild_id")(f)? })))
            }
            format::RUNNING_AGENT_LIST_REQUEST => {
                document(payload, &[], object(|f| Some(Self::ListRunning { guild: id("guild_id")(f)? })))
            }
            format::AGENT_GET_REQUEST => document(
                payload,
                &[],
                object(|f| {
                    let (guild, agent) = (id("guild_id")(f), id("agent_id")(f));
                    Some(Self::GetAgent { guild: guild?, agent: agent?.into() })
                }),
            ),
            format::USER_AGENT_CREATION_REQUEST => document(
                payload,
                &[],
                object(|f| {
                    let user = f.required("user_id", length(1, 256));
                    let user_name = f.required("user_name", name(length(1, MAX_NAME)));
                    Some(Self::AddUser { user: user?.into(), name: user_name? })
                }),
            ),
            format::USER_AGENT_GET_REQUEST => {
                document(payload, &[], object(|f| Some(Self::GetUser(id("user_id")(f)?.into()))))
            }
            format::STATE_FETCH_REQUEST => document(payload, &[], object(|f| Some(Self::FetchState(fetch(f)?)))),
            format::STATE_UPDATE_REQUEST => document(payload, &[], object(|f| Some(Self::UpdateState(update(f)?)))),
            format::STOP_GUILD_REQUEST => document(
                payload,
                &[],
                object(|f| {
                    let (guild, user) = (id("guild_id")(f), f.optional("user_id", text));
                    Some(Self::Stop { guild: guild?, user: user?.map(UserId::from) })
                }),
            ),
            _ => return None,
        };
        Some(read)
    }
}

fn owner(f: &mut Fields<'_, '_>) -> Option<StateOwner> {
    let is_agent = f.required("state_owner", one_of(&[("agent", true), ("guild", false)], "'agent' or 'guild'"));
    let agent = f.optional("agent_id", text);
    match (is_agent?, agent?) {
        (false, _) => Some(StateOwner::Guild),
        (true, Some(agent)) => Some(StateOwner::Agent(agent.into())),
        (true, None) => f.errors.refuse("agent_id is required for the state of an agent", f.whole()),
    }
}

fn fetch(f: &mut Fields<'_, '_>) -> Option<StateFetch> {
    let owner = owner(f);
    let guild = f.required("guild_id", text);
    let path = f.optional("state_path", text);
    Some(StateFetch { owner: owner?, guild: guild?, path: path? })
}

fn update(f: &mut Fields<'_, '_>) -> Option<StateWrite> {
    const FORMATS: &[(&str, UpdateFormat)] =
        &[("json-patch", UpdateFormat::JsonPatch), ("json-merge-patch", UpdateFormat::MergePatch)];
    let owner = owner(f);
    let guild = f.required("guild_id", text);
    let format = f.or("update_format", UpdateFormat::MergePatch, one_of(FORMATS, "'json-patch' or 'json-merge-patch'"));
    let update = f.required("state_update", object_as_is);
    let path = f.optional("update_path", text);
    let version = f.optional("update_version", integer);
    let (format, update) = (format?, update?);
    if format == UpdateFormat::JsonPatch {
        operations(&update, f.errors)?;
    }
    let change = StateChange { format, update: Value::Object(update), path: path?, version: version? };
    Some(StateWrite { owner: owner?, guild: guild?, change })
}

fn operations(update: &Map<String, Value>, errors: &mut FieldErrors) -> Option<()> {
    if update.contains_key("operations") {
        return Some(());
    }
    errors.note("missing", "Field required: operations", &Value::Object(update.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::Expressions;
    use crate::read::spec::SandboxCeilings;

    fn read(format: &str, payload: Value) -> Result<Request, Vec<FieldError>> {
        let context =
            SpecContext { ceilings: &SandboxCeilings::NOTHING, expressions: &Expressions::none(), random: || 7 };
        Request::read(format, &payload, context).unwrap()
    }

    #[test]
    fn requests_are_read_with_defaults_and_refused_with_errors() {
        let update = read(
            format::STATE_UPDATE_REQUEST,
            json!({"state_owner": "agent", "guild_id": "g", "agent_id": "a", "state_update": {"x": 1}}),
        );
        let change = StateChange::merge(json!({"x": 1}));
        let owner = StateOwner::Agent("a".into());
        assert_eq!(update, Ok(Request::UpdateState(StateWrite { guild: "g".into(), owner, change })));
        for (format, payload) in [
            (format::STATE_UPDATE_REQUEST, json!({"state_owner": "agent", "guild_id": "g", "state_update": {}})),
            (format::STATE_UPDATE_REQUEST, json!({"state_owner": "guild", "guild_id": "g", "state_update": []})),
            (format::STATE_FETCH_REQUEST, json!({"state_owner": "nobody", "guild_id": "g"})),
            (format::AGENT_LAUNCH_REQUEST, json!({"agent_spec": {}, "more": 1})),
            (format::USER_AGENT_CREATION_REQUEST, json!({"user_id": "u", "user_name": ""})),
            (format::REMOVE_RULE_REQUEST, json!([])),
        ] {
            assert!(read(format, payload.clone()).is_err(), "{format} {payload}");
        }
    }
}
