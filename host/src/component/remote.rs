//! The components of a running host.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::client::{self, Client, Remote, encode};
use crate::terminal::{
    Progress, Table, confirm, misuse, note, one_line, print, print_json, print_json_line, status, width,
};

/// The options of `upload`.
#[derive(Debug, Args)]
pub struct Upload {
    /// A component's file
    file: PathBuf,
    /// Its name [default: that which it describes]
    #[arg(long, requires = "version_text")]
    name: Option<String>,
    /// Its version [default: that which it describes]
    #[arg(long = "version", value_name = "VERSION", requires = "name")]
    version_text: Option<String>,
    /// Let it serve its class from now on, also if another component does
    #[arg(long)]
    bind: bool,
    /// Do not wait until it is compiled
    #[arg(long)]
    no_wait: bool,
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
    /// The components' digests or the beginnings of them, their names, or NAME@VERSION
    #[arg(required = true)]
    components: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `bind`.
#[derive(Debug, Args)]
pub struct Bind {
    /// The agent class
    class: String,
    /// The component: its digest or the beginning of it, its name, or NAME@VERSION
    component: String,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `swap`.
#[derive(Debug, Args)]
pub struct Swap {
    /// The guild's id or name
    guild: String,
    /// The agent's id or name
    agent: String,
    /// The component: its digest or the beginning of it, its name, NAME@VERSION, or oci://…@sha256:…
    component: String,
    #[command(flatten)]
    remote: Remote,
}

impl Upload {
    /// Runs the command. Dropping the future may leave the component uploaded.
    ///
    /// # Errors
    /// The file cannot be read, what the host answers, or why the component is refused.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let bytes = std::fs::read(&self.file)
            .map_err(|error| misuse(format!("{} cannot be read: {error}", self.file.display())))?;
        let named = self.name.as_deref().zip(self.version_text.as_deref());
        let named = named.map(|(name, version)| format!("&name={}&version={}", encode(name), encode(version)));
        let path = format!("/catalog/components?bind={}{}", self.bind, named.unwrap_or_default());
        let mut component = client.upload(&path, bytes.into()).await?;
        if !self.no_wait {
            component = compiled(&client, component).await?;
        }
        let digest = one_line(component["digest"].as_str().unwrap_or_default());
        let state = component["state"].as_str().unwrap_or_default();
        if matches!(state, "refused" | "failed") {
            if self.remote.json {
                print_json(&component)?;
            }
            let reason = component["reason"].as_str().unwrap_or("the host gives no reason");
            let code = component["refusal"]["code"].as_str().map(|code| format!(" [{code}]")).unwrap_or_default();
            bail!("{} is {state}: {}{}", self.file.display(), one_line(reason), one_line(&code));
        }
        for warning in component["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            note(format!("warning: {}", one_line(warning)));
        }
        if self.remote.json {
            return Ok(print_json(&component)?);
        }
        print(&digest)?;
        let names = names(&component);
        let class = one_line(component["class_name"].as_str().unwrap_or("its class is known once it is compiled"));
        note(format!("{} {names} {class}", status(state)));
        Ok(())
    }
}

/// Waits until a component is compiled.
async fn compiled(client: &Client, mut component: Value) -> anyhow::Result<Value> {
    let _progress = Progress::spinner("the host compiles the component");
    while component["state"] == "compiling" {
        let digest = component["digest"].as_str().context("the host names no digest")?;
        component = client.get(&format!("/catalog/components/{}?wait=20", encode(digest))).await?;
    }
    Ok(component)
}

fn names(component: &Value) -> String {
    let names = component["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
    one_line(&names.collect::<Vec<_>>().join(", "))
}

/// A digest that fits a table: its first twelve digits name it.
fn short(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}

impl List {
    /// Runs the command. Cancel safe.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let components = self.remote.client()?.list("/catalog/components").await?;
        if self.remote.json {
            return Ok(print_json(&components)?);
        }
        if components.is_empty() {
            note("no components; `guildhall component upload` uploads one");
            return Ok(());
        }
        let mut table = Table::new(["DIGEST", "NAMES", "CLASS", "STATE", "KIB", "GRANTS"]);
        for one in &components {
            let grants = one["grants"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let grants: Vec<&str> = grants.collect();
            table.row([
                one_line(short(one["digest"].as_str().unwrap_or_default())),
                names(one),
                one_line(one["class_name"].as_str().unwrap_or("–")),
                status(one["state"].as_str().unwrap_or_default()),
                one["size"].as_u64().unwrap_or_default().div_ceil(1024).to_string(),
                if grants.is_empty() { "none".to_owned() } else { one_line(&grants.join(", ")) },
            ]);
        }
        Ok(print(table.fit(width()))?)
    }
}

impl Remove {
    /// Runs the command. Dropping the future may leave some components removed.
    ///
    /// # Errors
    /// What the host answers: a component that is needed is not removed.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        for wanted in &self.components {
            let found = client::component(&client, wanted).await?;
            let name = one_line(&found.name);
            confirm(&format!("Remove the component {name}?"), self.yes)?;
            client.delete(&format!("/catalog/components/{}", encode(&found.id))).await?;
            if self.remote.json {
                print_json_line(&json!({"digest": found.id, "removed": true}))?;
            } else {
                print(format!("{name} is removed"))?;
            }
        }
        Ok(())
    }
}

impl Bind {
    /// Runs the command. Dropping the future may leave the class bound.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let component = client::component(&client, &self.component).await?;
        let path = format!("/catalog/agents/{}/component", encode(&self.class));
        client.put(&path, &json!({"component": component.id})).await?;
        if self.remote.json {
            return Ok(print_json(&json!({"class_name": self.class, "component": component.id}))?);
        }
        Ok(print(format!("{} is served by {} from now on", self.class, one_line(&component.name)))?)
    }
}

impl Swap {
    /// Runs the command. Dropping the future may leave the component swapped.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let agent = client::agent(&guild.value, &self.agent)?;
        let component = match self.component.starts_with("oci://") {
            // The host pulls it.
            true => self.component.clone(),
            false => {
                let found = client::component(&client, &self.component).await?;
                if let Some(class) = found.value["class_name"].as_str().filter(|class| *class != agent.class) {
                    note(format!(
                        "warning: {} is of the class {}, and its component from now on is of {}",
                        one_line(&agent.name),
                        one_line(&agent.class),
                        one_line(class)
                    ));
                }
                found.id
            }
        };
        let progress = Progress::spinner("the host swaps the component");
        let path = format!("/api/guilds/{}/agents/{}/component", encode(&guild.id), encode(&agent.id));
        let answer = client.put(&path, &json!({"component": component})).await?;
        drop(progress);
        if self.remote.json {
            return Ok(print_json(&answer)?);
        }
        let digest = answer["component"].as_str().unwrap_or_default();
        Ok(print(format!("{} runs {}", one_line(&agent.name), one_line(digest)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shortened_where_it_may_be() {
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short("odd"), "odd");
    }
}
