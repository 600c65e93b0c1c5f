//! The options of `guildhall serve` that are settings. `guildhall config` takes the same, so that it shows what a host would
//! run with.

use std::path::PathBuf;

use clap::Args;

use crate::config::Given;

/// What a host is configured with. An option is stronger than a variable, which is stronger than the file.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// The configuration file [env: GUILDHALL_CONFIG] [default: guildhall.toml, if it is there]
    #[arg(long, env = "GUILDHALL_CONFIG", hide_env = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen: an address with a port, `localhost:PORT`, `:PORT` or a port of this machine alone, or `unix:/PATH`;
    /// may be repeated [env: GUILDHALL_LISTEN] [default: 127.0.0.1:8880]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// The directory of all data that lasts [env: GUILDHALL_DATA_DIR] [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// The database of the catalog and the guilds, `sqlite://path` or `postgres://user:password@host/name`
    /// [env: GUILDHALL_DATABASE_URL] [default: DATA_DIR/guildhall.db]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The Redis server or cluster of the journal, `redis://user:password@host:port/database`, `rediss://…` over TLS;
    /// several addresses of a cluster with commas between them [env: GUILDHALL_REDIS_URL] [default: DATA_DIR/journal.db]
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// The storage of the guilds' files, `s3://bucket` [env: GUILDHALL_FILES_URL] [default: DATA_DIR/files]
    #[arg(long, value_name = "URL")]
    files_url: Option<String>,
    /// Listen on other addresses than loopback, although clients are not authenticated [env: GUILDHALL_INSECURE]
    #[arg(long)]
    insecure: bool,
    /// What a message in the log survives: a crash of the process (process), a crash of the machine (disk), or no crash
    /// for sure (none) [env: GUILDHALL_DURABILITY] [default: process]
    #[arg(long, value_parser = ["process", "disk", "none"])]
    durability: Option<String>,
    /// The dialect of sockets that do not ask for one [env: GUILDHALL_DIALECT] [default: guide]
    #[arg(long, value_parser = ["guide", "rustic", "ui"])]
    dialect: Option<String>,
    /// The directory of compiled components [env: GUILDHALL_COMPONENT_CACHE] [default: DATA_DIR/cache]
    #[arg(long, value_name = "DIR")]
    component_cache: Option<String>,
    /// Change a setting by the name that errors use; may be repeated. `guildhall config print` lists all settings
    /// [env: GUILDHALL_SET, with `;` between them]
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
}

/// Reads `NAME=VALUE`.
///
/// # Errors
/// A sentence for a text without `=`.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Options {
    /// Returns what the command line says, the weakest first: `--set` is stronger than the option of the same setting.
    #[must_use]
    pub fn given(&self) -> Given {
        let listen = (!self.listen.is_empty()).then(|| self.listen.join(","));
        let named = [
            ("--listen", "serve.listen", listen),
            ("--data-dir", "serve.data_dir", self.data_dir.clone()),
            ("--database-url", "serve.database_url", self.database_url.clone()),
            ("--redis-url", "serve.redis_url", self.redis_url.clone()),
            ("--files-url", "serve.files_url", self.files_url.clone()),
            ("--insecure", "serve.insecure", self.insecure.then(|| "true".to_owned())),
            ("--durability", "serve.durability", self.durability.clone()),
            ("--dialect", "serve.dialect", self.dialect.clone()),
            ("--component-cache", "serve.component_cache", self.component_cache.clone()),
        ];
        let named = named.into_iter().filter_map(|(option, name, value)| Some((option, name.to_owned(), value?)));
        let set = self.settings.iter().map(|(name, value)| ("--set", name.clone(), value.clone()));
        Given { file: self.config.clone(), options: named.chain(set).collect() }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::config::find;

    #[test]
    fn every_option_is_a_setting() {
        let command = Options::augment_args(clap::Command::new("serve"));
        let arguments = "serve --listen 8880 --listen unix:/a --data-dir d --database-url sqlite://x --redis-url redis://h \
                         --files-url s3://b --insecure --durability disk --dialect ui --component-cache c --set a.b=c=d";
        let matches = command.get_matches_from(arguments.split_whitespace());
        let given = Options::from_arg_matches(&matches).unwrap().given();
        assert_eq!(given.options.len(), 10);
        for (option, name, _) in given.options.iter().filter(|(option, ..)| *option != "--set") {
            let setting = find(name).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(format!("--{}", setting.name.trim_start_matches("serve.").replace('_', "-")), *option);
        }
        assert_eq!(given.options[0].2, "8880,unix:/a");
        assert_eq!(given.options[9], ("--set", "a.b".to_owned(), "c=d".to_owned()));
    }
}
