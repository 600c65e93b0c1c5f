//! Reads and changes states, whole and by path.

use std::collections::HashMap;

use guildhall_model::format;
use guildhall_model::path::Path;
use guildhall_model::request::{Request, StateFetch, StateWrite};
use guildhall_model::state::{StateOwner, changed, fetched};
use serde_json::{Value, json};

use super::in_pairs;
use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::{expressions, spec_context, text};

/// The states of the guild `g1` with their versions. Requests are answered as the guild's manager answers them.
struct States(HashMap<StateOwner, (i64, Value)>);

impl States {
    fn state(&self, owner: &StateOwner) -> (i64, Value) {
        self.0.get(owner).cloned().unwrap_or((0, json!({})))
    }

    fn answer(&mut self, operation: &Value) -> Value {
        let name = if operation["op"] == "update" { format::STATE_UPDATE_REQUEST } else { format::STATE_FETCH_REQUEST };
        let mut payload = operation.clone();
        for (member, default) in [("state_owner", "guild"), ("guild_id", "g1")] {
            if payload.get(member).is_none() {
                payload[member] = default.into();
            }
        }
        match Request::read(name, &payload, spec_context(&expressions())) {
            Some(Ok(Request::FetchState(fetch))) if fetch.guild == "g1" => self.fetch(&fetch),
            Some(Ok(Request::UpdateState(write))) if write.guild == "g1" => self.write(write),
            _ => json!({"ok": false}),
        }
    }

    fn fetch(&self, fetch: &StateFetch) -> Value {
        let (version, state) = self.state(&fetch.owner);
        match fetched(&state, fetch.path.as_deref()) {
            Ok(state) => json!({
                "ok": true, "state": state, "version": version, "state_path": fetch.path, "is_latest": true,
                "agent_id": agent(&fetch.owner),
            }),
            Err(_) => json!({"ok": false}),
        }
    }

    fn write(&mut self, write: StateWrite) -> Value {
        let (version, state) = self.state(&write.owner);
        let Ok(next) = changed(&state, version, &write.change) else { return json!({"ok": false}) };
        self.0.insert(write.owner.clone(), (version + 1, next.clone()));
        json!({
            "ok": true, "state": next, "version": version + 1,
            "state_owner": if write.owner == StateOwner::Guild { "guild" } else { "agent" },
            "guild_id": "g1", "agent_id": agent(&write.owner),
        })
    }
}

fn agent(owner: &StateOwner) -> Option<&str> {
    match owner {
        StateOwner::Guild => None,
        StateOwner::Agent(agent) => Some(agent.as_str()),
    }
}

pub fn state(input: &Value, expected: &Value) -> Outcome {
    let mut states = States(HashMap::new());
    if !input["initial_guild_state"].is_null() {
        let version = input["initial_version"].as_i64().unwrap_or(0);
        states.0.insert(StateOwner::Guild, (version, input["initial_guild_state"].clone()));
    }
    for (operation, expected) in in_pairs(&input["operations"], expected)? {
        let found = states.answer(operation);
        if expected["ok"] != true {
            check(&found["ok"], &expected["ok"])?;
        } else {
            check(&found, expected)?;
        }
    }
    Ok(())
}

pub fn read_path(input: &Value, expected: &Value) -> Outcome {
    match Path::parse(&text(&input["path"])) {
        Ok(path) if expected["ok"] == true => {
            check(&path.first(&input["data"]).cloned().unwrap_or_default(), &expected["value"])
        }
        Err(_) if expected["ok"] != true => Ok(()),
        other => differs(format!("{other:?}")),
    }
}

pub fn write_path(input: &Value, expected: &Value) -> Outcome {
    let mut data = input["data"].clone();
    let path = Path::parse(&text(&input["path"])).map_err(|error| error.to_string())?;
    let place = path.make(&mut data).map(|place| *place = input["value"].clone());
    match place {
        Ok(()) if expected["ok"] == true => check(&data, &expected["value"]),
        Err(_) if expected["ok"] != true => Ok(()),
        other => differs(format!("{other:?}, {data}")),
    }
}
