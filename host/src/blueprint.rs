//! `guildhall blueprint`: checks blueprints and guild specs on disk, in JSON or YAML, as a host does, and writes them as JSON
//! for the API.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::yaml;
use guildhall_model::configuration::configured;
use guildhall_model::expression::{Evaluate, Expressions};
use guildhall_model::read::document;
use guildhall_model::read::spec::{
    SpecContext, advice, duplicate_agent, external_backends, guild, unknown_keys, unknown_keys_of_blueprint,
    unsupported,
};
use guildhall_sandbox as sandbox;

/// The commands of `guildhall blueprint`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Report every error of a blueprint or a guild's spec.
    Check {
        /// A .json file, or YAML with `!include FILE` and `!code FILE`.
        file: PathBuf,
    },
    /// Check a blueprint and write it as JSON, with all included files, for `POST /catalog/blueprints/`.
    Print {
        /// A .json file, or YAML with `!include FILE` and `!code FILE`.
        file: PathBuf,
        /// Write a guild's spec as the body of `POST /api/guilds` for this organisation.
        #[arg(long, value_name = "ID")]
        org: Option<String>,
    },
}

impl Command {
    /// Reads the file, checks it, and writes the result to standard output.
    ///
    /// # Errors
    /// All errors of the file, one on each line.
    pub fn run(self) -> anyhow::Result<()> {
        let evaluator = sandbox::evaluator()?;
        let (file, text) = match self {
            Self::Check { file } => {
                let warnings = check(&yaml::load(&file)?, &*evaluator)?;
                let mut text: String = warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
                text.push_str(&format!("{}: no errors", file.display()));
                (file, text)
            }
            Self::Print { file, org } => {
                let whole = yaml::load(&file)?;
                for warning in check(&whole, &*evaluator)? {
                    writeln!(std::io::stderr(), "warning: {warning}")?;
                }
                let whole = match org {
                    Some(org) => json!({"spec": whole, "org_id": org}),
                    None => whole,
                };
                (file, serde_json::to_string_pretty(&whole)?)
            }
        };
        writeln!(std::io::stdout(), "{text}")
            .with_context(|| format!("the content of {} cannot be written", file.display()))
    }
}

/// Checks a guild's spec, or the spec of a blueprint, and returns warnings. Classes, components and the ceilings of an operator are only known to
/// a host, and are not checked here.
fn check(whole: &Value, evaluator: &dyn Evaluate) -> anyhow::Result<Vec<String>> {
    let (spec, root) = match whole.get("spec") {
        Some(spec) => (spec, &["spec"][..]),
        None => (whole, &[][..]),
    };
    let of_blueprint = if root.is_empty() { Vec::new() } else { unknown_keys_of_blueprint(whole) };
    let configured = configured(spec.clone(), Map::new(), Config::default().ceilings.schemas())?;
    let ceilings = Config::default().ceilings.ceilings();
    let expressions = Expressions::unshared(evaluator);
    let context = SpecContext { ceilings: &ceilings, expressions: &expressions, random: rand::random };
    let read = document(&configured, root, guild(context)).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.path(), error.msg)).collect();
        anyhow::Error::msg(lines.join("\n"))
    })?;
    if let Some(id) = duplicate_agent(&read) {
        bail!("agents: two agents have the id {id}");
    }
    let parts = unsupported(&read);
    if !parts.is_empty() {
        bail!("{}", parts.join("\n"));
    }
    let in_spec = [unknown_keys(&configured), external_backends(&read), advice(&read)].concat();
    let placed = in_spec.into_iter().map(|warning| match root {
        [] => warning,
        _ => format!("spec.{warning}"),
    });
    Ok(of_blueprint.into_iter().chain(placed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blueprint_in_yaml_is_checked_with_its_configuration() {
        let evaluator = sandbox::evaluator().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("transform.jsonata", "{'text': payload.text & '!'}\n");
        write(
            "main.yaml",
            "name: B\nspec:\n  name: G\n  description: d\n  configuration: {who: Echo}\n  \
             agents:\n  - {name: '{{who}}', description: d, class_name: a.Echo}\n  routes:\n    steps:\n    \
             - agent: {name: '{{who}}'}\n      transformer: {expression: !code transform.jsonata}\n",
        );
        let whole = yaml::load(&folder.path().join("main.yaml")).unwrap();
        assert_eq!(whole["spec"]["agents"][0]["name"], "{{who}}");
        check(&whole, &*evaluator).unwrap();
        write("transform.jsonata", "{'text': (\n");
        let broken =
            check(&yaml::load(&folder.path().join("main.yaml")).unwrap(), &*evaluator).unwrap_err().to_string();
        assert!(broken.starts_with("spec.routes.steps.0.transformer: "), "{broken}");
    }

    /// Checks a spec that has no expressions.
    fn check_without(whole: &Value) -> anyhow::Result<Vec<String>> {
        check(whole, &*sandbox::evaluator().unwrap())
    }

    #[test]
    fn an_unknown_key_is_a_warning_and_a_misspelt_list_of_agents_an_error() {
        let agent = json!({"id": "a", "name": "A", "description": "d", "class_name": "a.B", "topics": ["t"]});
        let spec = json!({"name": "G", "description": "d", "agents": [agent]});
        let warnings = check_without(&json!({"name": "B", "exposur": "public", "spec": spec})).unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(
            warnings[0].starts_with("exposur: ") && warnings[1].starts_with("spec.agents.0.topics: "),
            "{warnings:?}"
        );
        let error = check_without(&json!({"name": "G", "description": "d", "agnets": [agent]})).unwrap_err();
        assert!(error.to_string().starts_with("agnets: ") && error.to_string().contains("`agents`"), "{error}");
    }

    #[test]
    fn every_error_has_a_line_with_its_path() {
        let error = check_without(&json!({"name": "", "agents": [{"name": "A", "class_name": "a.B"}]}))
            .unwrap_err()
            .to_string();
        let paths: Vec<&str> = error.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(paths, ["name", "description", "agents.0.description"]);
        let twins = json!({"id": "a", "name": "A", "description": "d", "class_name": "a.B"});
        assert!(check_without(&json!({"name": "G", "description": "d", "agents": [twins, twins]})).is_err());
    }
}
