//! The options that every command with a host has.

use std::path::PathBuf;

use clap::Args;

use super::http::Client;
use super::place::Place;
use super::profile::{self, Given};
use super::tls;
use crate::terminal::misuse;

/// Which host a command talks to, and how it answers.
#[derive(Clone, Debug, Args)]
pub struct Remote {
    /// The address of the host: http://…, https://…, or unix:/path [env: GUILDHALL_URL] [default: http://127.0.0.1:8880]
    #[arg(long, help_heading = "Host")]
    url: Option<String>,
    /// What is sent as `Authorization: Bearer TOKEN` [env: GUILDHALL_TOKEN]
    #[arg(long, help_heading = "Host")]
    token: Option<String>,
    /// A host of guildhall/profiles.toml in your configuration directory [env: GUILDHALL_PROFILE]
    #[arg(long, help_heading = "Host", value_name = "NAME", conflicts_with = "url")]
    profile: Option<String>,
    /// A file with certificate authorities (PEM) that are trusted besides those of the system [env: GUILDHALL_CA]
    #[arg(long, help_heading = "Host", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Write JSON: what the host answers, or one object a line
    #[arg(long)]
    pub json: bool,
}

impl Remote {
    /// Returns a client of the host that the options, the variables or a profile name. Nothing is sent yet.
    ///
    /// # Errors
    /// An address, a profile or a file of certificates is not valid.
    pub fn client(&self) -> anyhow::Result<Client> {
        let profiles = profile::file().map(|file| profile::load(&file)).transpose().map_err(misuse)?;
        let options = Given {
            url: self.url.clone(),
            token: self.token.clone(),
            profile: self.profile.clone(),
            ca: self.ca.clone(),
        };
        let chosen = profile::choose(options, Given::of_variables(), &profiles.unwrap_or_default()).map_err(misuse)?;
        let place = Place::read(&chosen.url).map_err(misuse)?;
        let tls = tls::config(chosen.ca.as_deref()).map_err(misuse)?;
        Client::new(place, chosen.token, tls)
    }
}
