//! The blueprints of a running host.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::{self, Client, Remote, encode};
use crate::terminal::{Table, confirm, misuse, note, one_line, print, print_json, print_json_line, width};
use crate::yaml;
use guildhall_model::read::spec::misspelt_spec;

/// What `--help` of `push` shows.
pub const PUSH_EXAMPLES: &str = "Examples:
  guildhall blueprint push blueprint.yaml
  guildhall blueprint push guild.yaml --name Support --version v2 --exposure public --new-category Desk

A file without a member `spec` is the spec of a guild; options and defaults make a blueprint of it.";

/// The author and organisation of a blueprint that names none.
const OPERATOR: &str = "operator";

/// The options of `push`.
#[derive(Debug, Args)]
pub struct Push {
    /// A blueprint or a guild's spec: a .json file, or YAML with `!include FILE` and `!code FILE`
    file: PathBuf,
    /// Its name [default: that of the file]
    #[arg(long)]
    name: Option<String>,
    /// Its version [default: that of the file, or v1]
    #[arg(long = "version", value_name = "VERSION")]
    version_text: Option<String>,
    /// Its author, a user [default: that of the file, or `operator`]
    #[arg(long)]
    author: Option<String>,
    /// Its organisation [default: that of the file, or `operator`]
    #[arg(long)]
    org: Option<String>,
    /// Who may launch it [default: that of the file, or private]
    #[arg(long, value_parser = ["public", "private", "organization", "shared", "organization_and_children"])]
    exposure: Option<String>,
    /// Its category, by id or name [default: that of the file, or none]
    #[arg(long, conflicts_with = "new_category")]
    category: Option<String>,
    /// Its category, by name; the category is created unless it exists
    #[arg(long, value_name = "NAME")]
    new_category: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `ls`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    remote: Remote,
}

/// The options of `rm`.
#[derive(Debug, Args)]
pub struct Remove {
    /// The blueprints' ids or names, or NAME@VERSION
    #[arg(required = true)]
    blueprints: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Push {
    /// Runs the command. Dropping the future may leave the blueprint created.
    ///
    /// # Errors
    /// The file cannot be read, or what the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let Value::Object(document) = yaml::load(&self.file)? else {
            return Err(misuse(format!("{} is no object", self.file.display())));
        };
        if let Some(key) = misspelt_spec(&Value::Object(document.clone())) {
            return Err(misuse(format!("{}: {key}: this key is unknown; did you mean `spec`?", self.file.display())));
        }
        let client = self.remote.client()?;
        let category = self.category(&client).await?;
        let body = self.blueprint(document, category);
        let answer = client.post("/catalog/blueprints/", &body).await?;
        for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            note(format!("warning: {}", one_line(warning)));
        }
        tell_of_equals(&client, &body, &answer["id"]).await?;
        if self.remote.json {
            return Ok(print_json(&answer)?);
        }
        Ok(print(one_line(answer["id"].as_str().unwrap_or_default()))?)
    }

    async fn category(&self, client: &Client) -> anyhow::Result<Option<String>> {
        if let Some(wanted) = &self.category {
            return Ok(Some(client::category(client, wanted).await?.id));
        }
        let Some(name) = &self.new_category else { return Ok(None) };
        let known = client.list("/catalog/categories").await?;
        if let Some(found) = known.iter().find(|category| category["name"] == name.as_str()) {
            return Ok(found["id"].as_str().map(str::to_owned));
        }
        let body = json!({"name": name, "description": name});
        let made = client.post("/catalog/categories/", &body).await?;
        Ok(made["id"].as_str().map(str::to_owned))
    }

    /// The blueprint of a file: its own members, else those of its spec, else the defaults. Options are stronger.
    fn blueprint(&self, document: Map<String, Value>, category: Option<String>) -> Value {
        let mut blueprint = if document.get("spec").is_some_and(Value::is_object) {
            document
        } else {
            let member = |name: &str| document.get(name).cloned().unwrap_or_default();
            let mut made = Map::from_iter(["name", "description"].map(|name| (name.to_owned(), member(name))));
            made.insert("spec".to_owned(), document.into());
            made
        };
        let options = [
            ("name", self.name.clone()),
            ("version", self.version_text.clone()),
            ("author_id", self.author.clone()),
            ("organization_id", self.org.clone()),
            ("exposure", self.exposure.clone()),
            ("category_id", category),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                blueprint.insert(name.to_owned(), value.into());
            }
        }
        let defaults = [
            ("version", json!("v1")),
            ("author_id", json!(OPERATOR)),
            ("organization_id", json!(OPERATOR)),
            ("category_id", Value::Null),
        ];
        for (name, value) in defaults {
            blueprint.entry(name).or_insert(value);
        }
        blueprint.into()
    }
}

/// Warns of other blueprints with the name, version and organisation of a new one: none replaces another.
async fn tell_of_equals(client: &Client, new: &Value, id: &Value) -> anyhow::Result<()> {
    let blueprints = client.list("/catalog/blueprints").await?;
    let is_equal = |other: &&Value| {
        ["name", "version", "organization_id"].iter().all(|member| other[member] == new[member]) && other["id"] != *id
    };
    for other in blueprints.iter().filter(is_equal) {
        let id = one_line(other["id"].as_str().unwrap_or_default());
        note(format!("warning: {id} has the same name and version; `guildhall blueprint rm {id}` removes it"));
    }
    Ok(())
}

impl List {
    /// Runs the command. Cancel safe.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let blueprints = self.remote.client()?.list("/catalog/blueprints").await?;
        if self.remote.json {
            return Ok(print_json(&blueprints)?);
        }
        if blueprints.is_empty() {
            note("no blueprints; `guildhall blueprint push` creates one");
            return Ok(());
        }
        let mut table = Table::new(["ID", "NAME", "VERSION", "EXPOSURE", "ORGANISATION", "CATEGORY", "DESCRIPTION"]);
        for blueprint in &blueprints {
            let members = ["id", "name", "version", "exposure", "organization_id", "category_name", "description"];
            table.row(members.map(|member| one_line(blueprint[member].as_str().unwrap_or("–"))));
        }
        Ok(print(table.fit(width()))?)
    }
}

impl Remove {
    /// Runs the command. Dropping the future may leave some blueprints removed.
    ///
    /// # Errors
    /// What the host answers: a blueprint whose guilds exist is not removed.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        for wanted in &self.blueprints {
            let found = client::blueprint(&client, wanted).await?;
            let (id, name) = (one_line(&found.id), one_line(&found.name));
            confirm(&format!("Remove the blueprint {name} ({id})?"), self.yes)?;
            client.delete(&format!("/catalog/blueprints/{}", encode(&found.id))).await?;
            if self.remote.json {
                print_json_line(&json!({"id": found.id, "removed": true}))?;
            } else {
                print(format!("{name} is removed"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn push(arguments: &[&str]) -> Push {
        let command = Push::augment_args(clap::Command::new("push"));
        Push::from_arg_matches(&command.get_matches_from(arguments)).unwrap()
    }

    fn blueprint(arguments: &[&str], document: Value) -> Value {
        let Value::Object(document) = document else { panic!("an object") };
        push(arguments).blueprint(document, None)
    }

    #[test]
    fn a_spec_becomes_a_blueprint_and_options_are_stronger_than_the_file() {
        let made = blueprint(&["push", "f", "--version", "v2"], json!({"name": "G", "description": "d", "agents": []}));
        let wanted = json!({"name": "G", "description": "d", "spec": {"name": "G", "description": "d", "agents": []},
            "version": "v2", "author_id": "operator", "organization_id": "operator", "category_id": null});
        assert_eq!(made, wanted);
        let whole = json!({"name": "B", "author_id": "ann", "spec": {"name": "G"}});
        let made = blueprint(&["push", "f", "--name", "C", "--exposure", "public"], whole);
        assert_eq!(
            (&made["name"], &made["author_id"], &made["exposure"]),
            (&json!("C"), &json!("ann"), &json!("public"))
        );
        assert_eq!(made["version"], "v1");
    }
}
