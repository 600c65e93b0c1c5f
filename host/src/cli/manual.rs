//! `guildhall completion` and `guildhall man`: what shells and `man` need to know of the commands.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::terminal::print;

/// The options of `completion`.
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The options of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The directory that gets a page for each command; without it, the first page is written to standard output
    directory: Option<PathBuf>,
}

impl Completion {
    /// Writes the completions.
    ///
    /// # Errors
    /// The output is closed.
    pub fn run(&self, mut command: Command) -> anyhow::Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "guildhall", &mut text);
        Ok(std::io::stdout().write_all(&text)?)
    }
}

impl Man {
    /// Writes the pages.
    ///
    /// # Errors
    /// A file or the output cannot be written.
    pub fn run(&self, command: Command) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            return Ok(std::io::stdout().write_all(&page)?);
        };
        let cannot = || format!("the pages cannot be written to {}", directory.display());
        std::fs::create_dir_all(directory).with_context(cannot)?;
        clap_mangen::generate_to(command, directory).with_context(cannot)?;
        Ok(print(format!(
            "the pages are in {}; `man -l {}/guildhall.1` shows the first one",
            directory.display(),
            directory.display()
        ))?)
    }
}
