//! What the manager of a guild can be asked by messages, read from their payloads.

use serde_json::{Map, Value};

use crate::format;
use crate::ids::{AgentId, UserId};
use crate::read::spec::{MAX_NAME, SpecContext, agent, rule};
use crate::read::{FieldError, FieldErrors, document, integer, length, object, object_as_is, one_of, text};
use crate::spec::{AgentSpec, RoutingRule, UpdateFormat};
use crate::state::{StateChange, StateOwner};

/// A request that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    LaunchAgent(Box<AgentSpec>),
    RemoveAgent(AgentId),
    AddRule(Box<RoutingRule>),
    RemoveRule { hashid: String },
    ListAgents { guild: String },
    ListRunning { guild: String },
    GetAgent { guild: String, agent: AgentId },
    AddUser { user: UserId, name: String },
    GetUser(UserId),
    FetchState(StateFetch),
    UpdateState(StateWrite),
    Stop { guild: String, user: Option<UserId> },
}

/// Somebody wants to know a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateFetch {
    pub guild: String,
    pub owner: StateOwner,
    pub path: Option<String>,
}

/// Somebody wants a state changed.
#[derive(Clone, Debug, PartialEq)]
pub struct StateWrite {
    pub guild: String,
    pub owner: StateOwner,
    pub change: StateChange,
}

impl Request {
    /// Reads the request that a message of this format makes. `None`: the manager
    /// does not know such messages.
    pub fn read(format: &str, payload: &Value, context: SpecContext<'_>) -> Option<Result<Self, Vec<FieldError>>> {
        let id = |key: &'static str| move |f: &mut super::read::Fields<'_, '_>| f.required(key, text);
        let read = match format {
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
                    let name = f.required("user_name", length(1, MAX_NAME));
                    Some(Self::AddUser { user: user?.into(), name: name? })
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

fn owner(f: &mut super::read::Fields<'_, '_>) -> Option<StateOwner> {
    let is_agent = f.required("state_owner", one_of(&[("agent", true), ("guild", false)], "'agent' or 'guild'"));
    let agent = f.optional("agent_id", text);
    match (is_agent?, agent?) {
        (false, _) => Some(StateOwner::Guild),
        (true, Some(agent)) => Some(StateOwner::Agent(agent.into())),
        (true, None) => f.errors.refuse("agent_id is required for the state of an agent", f.whole()),
    }
}

fn fetch(f: &mut super::read::Fields<'_, '_>) -> Option<StateFetch> {
    let owner = owner(f);
    let guild = f.required("guild_id", text);
    let path = f.optional("state_path", text);
    Some(StateFetch { owner: owner?, guild: guild?, path: path? })
}

fn update(f: &mut super::read::Fields<'_, '_>) -> Option<StateWrite> {
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
    fn requests_are_read_with_their_defaults_and_refused_with_their_mistakes() {
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
