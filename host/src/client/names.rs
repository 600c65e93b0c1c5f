//! Finds what somebody names: by its id, by its name, or by the beginning of its id.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http::{Client, encode};
use crate::likeness::did_you_mean;
use crate::terminal::misuse;

/// How many characters of an id name it.
const SHORT: usize = 4;

/// Something that was found, as the host shows it.
#[derive(Clone, Debug)]
pub struct Named {
    pub id: String,
    pub name: String,
    pub value: Value,
}

/// An agent of a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentOf {
    pub id: String,
    pub name: String,
    pub class: String,
}

/// Something that can be named: its id, and the names that it goes by.
struct Known {
    id: String,
    names: Vec<String>,
    value: Value,
}

impl Known {
    /// The id, with the version if it has one.
    fn shown(&self) -> String {
        match self.value["version"].as_str() {
            Some(version) => format!("{} ({version})", self.id),
            None => self.id.clone(),
        }
    }

    fn is(&self, wanted: &str) -> bool {
        self.id == wanted || self.names.iter().any(|name| name == wanted)
    }
}

/// Chooses the one that is meant: an id or a name, else the beginning of an id. `what` is the kind of thing.
fn choose(what: &str, wanted: &str, known: Vec<Known>) -> Result<Named, String> {
    let exact: Vec<&Known> = known.iter().filter(|one| one.is(wanted)).collect();
    let begins = |one: &&Known| wanted.len() >= SHORT && one.id.starts_with(wanted);
    let found = if exact.is_empty() { known.iter().filter(begins).collect() } else { exact };
    match found[..] {
        [one] => {
            let name = one.names.first().unwrap_or(&one.id).clone();
            Ok(Named { id: one.id.clone(), name, value: one.value.clone() })
        }
        [] => {
            let names = known.iter().flat_map(|one| one.names.iter().chain([&one.id])).map(String::as_str);
            Err(format!("there is no {what} `{wanted}`{}", did_you_mean(wanted, names)))
        }
        [..] => {
            let ids: Vec<String> = found.iter().map(|one| one.shown()).collect();
            Err(format!("several are the {what} `{wanted}`; name one by its id: {}", ids.join(", ")))
        }
    }
}

/// Refuses an empty name: it would stand for the whole list.
fn refuse_empty(what: &str, wanted: &str) -> anyhow::Result<()> {
    if wanted.trim().is_empty() {
        return Err(misuse(format!("the name of the {what} is empty: is a variable of the shell not set?")));
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Finds a guild by its id or its name. Cancel safe.
///
/// # Errors
/// There is none, or several have the name; a name that is alike is told.
pub async fn guild(client: &Client, wanted: &str) -> anyhow::Result<Named> {
    refuse_empty("guild", wanted)?;
    if let Some(value) = client.find(&format!("/api/guilds/{}", encode(wanted))).await? {
        return Ok(Named { id: text(&value["id"]), name: text(&value["name"]), value });
    }
    let guilds = client.list("/api/guilds").await?;
    let known =
        guilds.into_iter().map(|value| Known { id: text(&value["id"]), names: vec![text(&value["name"])], value });
    let found = choose("guild", wanted, known.collect()).map_err(anyhow::Error::msg)?;
    let value = client.get(&format!("/api/guilds/{}", encode(&found.id))).await?;
    Ok(Named { value, ..found })
}

/// Finds a blueprint by its id, its name, or its name with its version, `NAME@VERSION`. Cancel safe.
///
/// # Errors
/// There is none, or several have the name; a name that is alike is told.
pub async fn blueprint(client: &Client, wanted: &str) -> anyhow::Result<Named> {
    refuse_empty("blueprint", wanted)?;
    if let Some(value) = client.find(&format!("/catalog/blueprints/{}", encode(wanted))).await? {
        return Ok(Named { id: text(&value["id"]), name: text(&value["name"]), value });
    }
    let known = client.list("/catalog/blueprints").await?.into_iter().map(|value| {
        let name = text(&value["name"]);
        let with_version = format!("{name}@{}", text(&value["version"]));
        Known { id: text(&value["id"]), names: vec![name, with_version], value }
    });
    choose("blueprint", wanted, known.collect()).map_err(anyhow::Error::msg)
}

/// Finds a category by its id or its name. Cancel safe.
///
/// # Errors
/// There is none, or several have the name; a name that is alike is told.
pub async fn category(client: &Client, wanted: &str) -> anyhow::Result<Named> {
    refuse_empty("category", wanted)?;
    let known = client.list("/catalog/categories").await?.into_iter();
    let known = known.map(|value| Known { id: text(&value["id"]), names: vec![text(&value["name"])], value });
    choose("category", wanted, known.collect()).map_err(anyhow::Error::msg)
}

/// Finds a component by its digest or the beginning of it, by `NAME@VERSION`, or by its name. Cancel safe.
///
/// # Errors
/// There is none, or several have the name; a name that is alike is told.
pub async fn component(client: &Client, wanted: &str) -> anyhow::Result<Named> {
    refuse_empty("component", wanted)?;
    let known = client.list("/catalog/components").await?.into_iter().map(|value| {
        let versions = value["names"].as_array().into_iter().flatten().map(text);
        let mut names: Vec<String> = versions.collect();
        let bare: Vec<String> = names.iter().filter_map(|name| Some(name.split_once('@')?.0.to_owned())).collect();
        names.extend(bare);
        names.dedup();
        Known { id: text(&value["digest"]), names, value }
    });
    let full = format!("sha256:{wanted}");
    let is_hex = wanted.len() >= SHORT && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known: Vec<Known> = known.collect();
    let has_name = known.iter().any(|one| one.is(wanted));
    choose("component", if is_hex && !has_name { &full } else { wanted }, known).map_err(anyhow::Error::msg)
}

/// The agents of a guild that people wrote: no manager, no proxies of users.
pub fn agents(guild: &Value) -> Vec<AgentOf> {
    let all = guild["agents"].as_array().into_iter().flatten();
    let agents = all.map(|agent| AgentOf {
        id: text(&agent["id"]),
        name: text(&agent["name"]),
        class: text(&agent["class_name"]),
    });
    use guildhall_model::format::{MANAGER_CLASS, USER_PROXY_CLASS};
    agents.filter(|agent| agent.class != MANAGER_CLASS && agent.class != USER_PROXY_CLASS).collect()
}

/// Finds an agent of a guild, as the host shows the guild, by its id or its name.
///
/// # Errors
/// There is none, or several have the name; a name that is alike is told.
pub fn agent(guild: &Value, wanted: &str) -> anyhow::Result<AgentOf> {
    refuse_empty("agent", wanted)?;
    let agents: BTreeMap<String, AgentOf> = agents(guild).into_iter().map(|agent| (agent.id.clone(), agent)).collect();
    let known = agents.values().map(|agent| Known {
        id: agent.id.clone(),
        names: vec![agent.name.clone()],
        value: Value::Null,
    });
    let found = choose("agent", wanted, known.collect()).map_err(anyhow::Error::msg)?;
    Ok(agents[&found.id].clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Vec<Known> {
        let one = |id: &str, name: &str| Known { id: id.to_owned(), names: vec![name.to_owned()], value: Value::Null };
        vec![one("abcd1", "Demo"), one("abcd2", "Demo"), one("x", "Other"), one("Demo2", "Fourth")]
    }

    #[test]
    fn a_thing_is_named_by_its_id_its_name_or_the_beginning_of_its_id() {
        let chosen = |wanted: &str| choose("guild", wanted, known()).map(|found| found.id);
        assert_eq!(chosen("Other"), Ok("x".to_owned()));
        assert_eq!(chosen("abcd2"), Ok("abcd2".to_owned()));
        assert_eq!(chosen("Demo2"), Ok("Demo2".to_owned()));
        let several = "several are the guild `Demo`; name one by its id: abcd1, abcd2";
        assert_eq!(chosen("Demo"), Err(several.to_owned()));
        assert_eq!(chosen("othr"), Err("there is no guild `othr`; did you mean `Other`?".to_owned()));
        assert_eq!(chosen("nothing"), Err("there is no guild `nothing`".to_owned()));
    }

    #[test]
    fn an_agent_is_one_that_somebody_wrote() {
        let guild = json!({"agents": [
            {"id": "g#manager_agent", "name": "Manager", "class_name": guildhall_model::format::MANAGER_CLASS},
            {"id": "a1", "name": "Echo", "class_name": "acme.Echo"},
        ]});
        assert_eq!(agent(&guild, "Echo").unwrap().id, "a1");
        assert!(agent(&guild, "Ecko").unwrap_err().to_string().contains("did you mean `Echo`?"));
        assert!(agent(&guild, "Manager").is_err());
    }
}
