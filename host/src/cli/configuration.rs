//! `guildhall config`: shows and checks the configuration of a host.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::options::Options;
use crate::config::{self, Settings};
use crate::terminal::{Table, bad, dim, misuse, note, print, print_json, width};

/// Show and check the configuration of a host.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every setting with its value and where it comes from; passwords are hidden
    #[command(after_help = "Example:\n  guildhall config print --config /etc/guildhall.toml")]
    Print(Print),
    /// Look for mistakes in the file, the variables and the options. The exit code is 0 or 1
    #[command(after_help = "Example:\n  guildhall config check --config /etc/guildhall.toml")]
    Check(Check),
    /// Write a file with every setting, its default and what it means
    #[command(after_help = "Example:\n  guildhall config example > guildhall.toml")]
    Example,
}

/// The options of `print`.
#[derive(Debug, Args)]
pub struct Print {
    #[command(flatten)]
    options: Options,
    /// Only settings that are not the default
    #[arg(long)]
    changed: bool,
    /// Write JSON: `value`, `origin` and `reload` of each setting, by its name
    #[arg(long)]
    json: bool,
}

/// The options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    options: Options,
    /// Write JSON: `file` and `mistakes`
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Runs the command and returns its exit code.
    ///
    /// # Errors
    /// The configuration has mistakes, or the output is closed.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Print(shown) => shown.run()?,
            Self::Check(check) => return check.run(),
            Self::Example => print(config::example().trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Print {
    fn run(&self) -> anyhow::Result<()> {
        let settings = Settings::read(&self.options.given()).map_err(misuse)?;
        if self.json {
            return Ok(print_json(&settings.to_json())?);
        }
        let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
        for (name, value, origin) in settings.rows() {
            let is_default = origin == "default";
            if is_default && self.changed {
                continue;
            }
            let from = if is_default { dim(&origin) } else { origin };
            table.row([name.to_owned(), value, from]);
        }
        Ok(print(table.fit(width()))?)
    }
}

impl Check {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let checked = Settings::read(&self.options.given()).and_then(|settings| settings.check().map(|()| settings));
        if self.json {
            let file = self.options.given().file();
            let mistakes: Vec<&str> = checked.as_ref().err().into_iter().flat_map(|text| text.lines()).collect();
            print_json(&json!({"file": file, "mistakes": mistakes}))?;
            return Ok(ExitCode::from(u8::from(checked.is_err())));
        }
        match checked {
            Ok(settings) => {
                let file =
                    settings.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
                print(format!("no mistakes ({file})"))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(mistakes) => {
                for mistake in mistakes.lines() {
                    note(format!("{} {mistake}", bad("guildhall:")));
                }
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
