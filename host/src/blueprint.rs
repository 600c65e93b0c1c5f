//! `guildhall blueprint`: checks blueprints and guild specs on disk, in JSON or YAML, as a host does, writes them as JSON for
//! the API, and works with the blueprints of a running host.

mod remote;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::terminal::{note, print, print_json};
use crate::yaml;
use guildhall_model::configuration::configured;
use guildhall_model::expression::{Evaluate, Expressions};
use guildhall_model::read::document;
use guildhall_model::read::spec::{
    SpecContext, advice, duplicate_agent, external_backends, guild, misspelt_spec, unknown_keys,
    unknown_keys_of_blueprint, unsupported,
};
use guildhall_sandbox as sandbox;

/// The commands of `guildhall blueprint`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Report every error of a blueprint or a guild's spec on disk
    #[command(visible_alias = "check", after_help = "Example:\n  guildhall blueprint validate guild.yaml")]
    Validate {
        /// A .json file, or YAML with `!include FILE` and `!code FILE`
        file: PathBuf,
        /// Write JSON: `valid`, `errors` and `warnings`
        #[arg(long)]
        json: bool,
    },
    /// Check a blueprint on disk and write it as JSON, with all included files, for `POST /catalog/blueprints/`
    #[command(after_help = "Example:\n  guildhall blueprint print guild.yaml --org acme")]
    Print {
        /// A .json file, or YAML with `!include FILE` and `!code FILE`
        file: PathBuf,
        /// Write a guild's spec as the body of `POST /api/guilds` for this organisation
        #[arg(long, value_name = "ID")]
        org: Option<String>,
    },
    /// Create a blueprint of a host from a file, and print its id
    #[command(after_help = remote::PUSH_EXAMPLES)]
    Push(remote::Push),
    /// List the blueprints of a host
    #[command(visible_alias = "list", after_help = "Example:\n  guildhall blueprint ls")]
    Ls(remote::List),
    /// Remove blueprints of a host
    #[command(visible_alias = "delete", after_help = "Example:\n  guildhall blueprint rm Echo@v1 --yes")]
    Rm(remote::Remove),
}

impl Command {
    /// Runs the command and returns its exit code. Dropping the future ends it; what the host has begun goes on.
    ///
    /// # Errors
    /// All errors of the file, one on each line, or what the host answers.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Validate { file, json } => return tokio::task::block_in_place(|| validate(&file, json)),
            Self::Print { file, org } => tokio::task::block_in_place(|| write(&file, org))?,
            Self::Push(push) => push.run().await?,
            Self::Ls(list) => list.run().await?,
            Self::Rm(remove) => remove.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn validate(file: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let evaluator = sandbox::evaluator()?;
    let checked = yaml::load(file).map_err(anyhow::Error::from).and_then(|whole| check(&whole, &*evaluator));
    if as_json {
        let (errors, warnings) = match &checked {
            Ok(warnings) => (Vec::new(), warnings.clone()),
            Err(error) => (format!("{error:#}").lines().map(str::to_owned).collect(), Vec::new()),
        };
        print_json(&json!({"valid": checked.is_ok(), "errors": errors, "warnings": warnings}))?;
        return Ok(ExitCode::from(u8::from(checked.is_err())));
    }
    for warning in checked.with_context(|| format!("{} has errors", file.display()))? {
        print(format!("warning: {warning}"))?;
    }
    print(format!("{}: no errors", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write(file: &Path, org: Option<String>) -> anyhow::Result<()> {
    let evaluator = sandbox::evaluator()?;
    let whole = yaml::load(file)?;
    for warning in check(&whole, &*evaluator).with_context(|| format!("{} has errors", file.display()))? {
        note(format!("warning: {warning}"));
    }
    let whole = match org {
        Some(org) => json!({"spec": whole.get("spec").unwrap_or(&whole), "org_id": org}),
        None => whole,
    };
    print_json(&whole).with_context(|| format!("the content of {} cannot be written", file.display()))
}

/// Checks a guild's spec, or the spec of a blueprint, and returns warnings. Classes, components and the ceilings of an operator are only known to
/// a host, and are not checked here.
fn check(whole: &Value, evaluator: &dyn Evaluate) -> anyhow::Result<Vec<String>> {
    if !whole.is_object() {
        bail!("the document is empty or no object: it is a blueprint, or the spec of a guild");
    }
    if let Some(key) = misspelt_spec(whole) {
        bail!("{key}: this key is unknown; did you mean `spec`?");
    }
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
