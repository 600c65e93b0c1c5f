//! Where the data of a host is: as its configuration says.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, Given, Settings};
use crate::terminal::misuse;

/// The options that say where the data of a host is.
#[derive(Debug, Args)]
pub struct Data {
    /// The configuration file of the host [env: GUILDHALL_CONFIG] [default: guildhall.toml, if it is there]
    #[arg(long, env = "GUILDHALL_CONFIG", hide_env = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the host's data [env: GUILDHALL_DATA_DIR] [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// The database of the catalog and the guilds [env: GUILDHALL_DATABASE_URL] [default: DATA_DIR/guildhall.db]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Data {
    /// Reads the configuration; `settings` are stronger than the file and the variables.
    ///
    /// # Errors
    /// A line for each mistake.
    pub fn read(&self, settings: &[(String, String)]) -> anyhow::Result<Config> {
        let named = [
            ("--data-dir", "serve.data_dir", self.data_dir.clone()),
            ("--database-url", "serve.database_url", self.database_url.clone()),
        ];
        let named = named.into_iter().filter_map(|(option, name, value)| Some((option, name.to_owned(), value?)));
        let set = settings.iter().map(|(name, value)| ("--set", name.clone(), value.clone()));
        let given = Given { file: self.config.clone(), options: named.chain(set).collect() };
        Ok(Settings::read(&given).map_err(misuse)?.config)
    }
}
