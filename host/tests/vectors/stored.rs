//! Stores guilds and rules and reads them again. The store keeps whole documents, so that nothing is lost.

use guildhall::store::{AgentKind, NewGuild, Store};
use guildhall_model::ids::OrgId;
use guildhall_model::read::document;
use guildhall_model::read::spec::guild;
use guildhall_model::routing::hashid::hashid;
use guildhall_model::spec::GuildSpec;
use serde_json::{Value, json};

use super::vectors::compare::{Outcome, check};
use super::vectors::inputs::{expressions, spec_context};

/// Stores a guild. Returns its spec, the spec that is read back, and the statuses of its agents.
fn stored(whole: &Value) -> Result<(GuildSpec, GuildSpec, Vec<Value>), String> {
    let spec = document(whole, &[], guild(spec_context(&expressions()))).map_err(|errors| format!("{errors:?}"))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (after, agents) = runtime
        .block_on(async {
            let store = Store::open("sqlite::memory:").await?;
            let org = OrgId::from("o");
            let new = NewGuild {
                spec: &spec,
                document: whole,
                org: &org,
                user: None,
                blueprint: None,
                now_ms: 0,
                request: None,
            };
            store.insert_guild(new).await?;
            let agents = store.agents(&spec.id).await?;
            Ok::<_, guildhall::store::StoreError>((store.guild(&spec.id).await?.spec, agents))
        })
        .map_err(|error| error.to_string())?;
    let members = agents.into_iter().filter(|row| row.kind == AgentKind::Member);
    Ok((spec, after, members.map(|row| json!(row.status)).collect()))
}

/// Compares a stored guild. The default back ends are not stored; the API adds them. A new guild is `requested`.
pub fn guild_roundtrip(input: &Value, expected: &Value) -> Outcome {
    let (before, after, statuses) = stored(input)?;
    check(&json!(after), &json!(before))?;
    check(&json!(statuses), &expected["agent_row_status"])?;
    let mut wanted = expected["spec_after"].clone();
    for name in ["execution_engine", "messaging"] {
        if let Some(properties) =
            wanted["properties"].as_object_mut().filter(|_| input["properties"].get(name).is_none())
        {
            properties.shift_remove(name);
        }
    }
    check(&json!(after), &wanted)
}

pub fn rule_roundtrip(input: &Value, expected: &Value) -> Outcome {
    let (before, after, _) = stored(&json!({"name": "G", "description": "d", "routes": {"steps": [input]}}))?;
    let (before, after) = (&before.routes.steps[0], &after.routes.steps[0]);
    check(&json!(hashid(before)), &expected["hash_before"])?;
    check(&json!(hashid(after)), &expected["hash_after"])?;
    check(&json!(after), &expected["rule_after"])
}
