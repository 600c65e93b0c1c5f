//! `guildhall guild launch`: from a blueprint of the catalog, or from a spec on disk.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::ready;
use crate::client::{self, Client, Remote, encode};
use crate::terminal::{misuse, note, one_line, print, print_json};
use crate::yaml;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  guildhall guild launch Echo --name 'My echo'
  guildhall guild launch Support --config language=en --config seats=5
  guildhall guild launch --spec guild.yaml --org acme";

/// The options of `launch`.
#[derive(Debug, Args)]
pub struct Launch {
    /// The blueprint's id or name, or NAME@VERSION
    #[arg(required_unless_present = "spec")]
    blueprint: Option<String>,
    /// A guild's spec, a .json file or YAML, instead of a blueprint
    #[arg(long, value_name = "FILE", conflicts_with = "blueprint")]
    spec: Option<PathBuf>,
    /// The name of the guild [default: that of the blueprint or the spec]
    #[arg(long)]
    name: Option<String>,
    /// The user who launches it
    #[arg(long, default_value = "operator")]
    user: String,
    /// The organisation of the guild [default: that of the blueprint, or `operator`]
    #[arg(long)]
    org: Option<String>,
    /// The id of the guild [default: a new one]
    #[arg(long)]
    id: Option<String>,
    /// A value for the templates of the blueprint or the spec, JSON or a text; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    config: Vec<(String, Value)>,
    /// Values for the templates of the blueprint or the spec, a .json file or YAML; --config is stronger
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Do not wait until the guild is ready
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Reads `KEY=VALUE`. A value that is no JSON is a text.
fn key_and_value(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok((key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
        }
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

impl Launch {
    /// Runs the command. Dropping the future may leave the guild launched.
    ///
    /// # Errors
    /// A file cannot be read, what the host answers, or why the guild is not ready.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let (name, answer) = match (&self.spec, &self.blueprint) {
            (Some(file), _) => self.of_spec(&client, yaml::load(file)?).await?,
            (None, Some(blueprint)) => self.of_blueprint(&client, blueprint).await?,
            (None, None) => return Err(misuse("name a blueprint, or a file with --spec")),
        };
        for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            note(format!("warning: {}", one_line(warning)));
        }
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        if self.remote.json {
            print_json(&answer)?
        } else {
            print(one_line(&id))?
        }
        if self.no_wait {
            return Ok(());
        }
        // The id is what a script reads; that the guild is ready is for people.
        ready::wait(&client, &id, &name, true).await?;
        note(format!("{} is ready; chat with it: guildhall guild chat {}", one_line(&name), one_line(&id)));
        Ok(())
    }

    async fn of_spec(&self, client: &Client, document: Value) -> anyhow::Result<(String, Value)> {
        // A blueprint on disk has the spec as a member.
        let mut spec = if document["spec"].is_object() { document["spec"].clone() } else { document };
        let Some(members) = spec.as_object_mut() else { return Err(misuse("the spec is no object")) };
        for (member, value) in [("name", &self.name), ("id", &self.id)] {
            if let Some(value) = value {
                members.insert(member.to_owned(), json!(value));
            }
        }
        let configuration = self.configuration()?;
        if !configuration.is_empty() {
            let whole = members.entry("configuration").or_insert_with(|| json!({}));
            let Some(whole) = whole.as_object_mut() else {
                return Err(misuse("`configuration` of the spec is no object"));
            };
            whole.extend(configuration);
        }
        let name = spec["name"].as_str().unwrap_or("the guild").to_owned();
        let org = self.org.as_deref().unwrap_or(ready::OPERATOR);
        Ok((name, client.post("/api/guilds", &json!({"spec": spec, "org_id": org})).await?))
    }

    async fn of_blueprint(&self, client: &Client, wanted: &str) -> anyhow::Result<(String, Value)> {
        let configuration = self.configuration()?;
        let blueprint = client::blueprint(client, wanted).await?;
        let name = self.name.clone().unwrap_or_else(|| blueprint.name.chars().take(64).collect());
        let org = self.org.as_deref().or(blueprint.value["organization_id"].as_str()).unwrap_or(ready::OPERATOR);
        let mut body = json!({"guild_name": name, "user_id": self.user, "org_id": org});
        if !configuration.is_empty() {
            body["configuration"] = configuration.into();
        }
        if let Some(id) = &self.id {
            body["guild_id"] = json!(id);
        }
        let path = format!("/catalog/blueprints/{}/guilds", encode(&blueprint.id));
        Ok((name, client.post(&path, &body).await?))
    }

    fn configuration(&self) -> anyhow::Result<Map<String, Value>> {
        let mut configuration = match &self.config_file {
            None => Map::new(),
            Some(file) => match yaml::load(file)? {
                Value::Object(values) => values,
                _ => return Err(misuse(format!("{} is no object of values", file.display()))),
            },
        };
        configuration.extend(self.config.iter().cloned());
        Ok(configuration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_a_text() {
        for (text, key, value) in [
            ("seats=5", "seats", json!(5)),
            ("name=Ann", "name", json!("Ann")),
            ("list=[1, \"a\"]", "list", json!([1, "a"])),
            ("empty=", "empty", json!("")),
            ("a=b=c", "a", json!("b=c")),
        ] {
            assert_eq!(key_and_value(text), Ok((key.to_owned(), value)), "{text}");
        }
        assert!(key_and_value("seats").is_err() && key_and_value("=5").is_err());
    }
}
