//! The log of this process, on standard error. Its levels may change while it runs.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Error;

use crate::config::LogConfig;

/// Replaces the levels of the log that was begun.
type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), Error> + Send + Sync>;

static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

fn filter(levels: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(levels).map_err(|error| format!("`log.level` is `{levels}`: {error}"))
}

/// Begins to write the log.
///
/// # Errors
/// A sentence about levels that cannot be read.
pub fn begin(config: &LogConfig) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&config.level)?).with_writer(std::io::stderr);
    let set: SetFilter = if config.is_json {
        let builder = builder.json().with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter))
    } else {
        let builder = builder.with_ansi(std::io::stderr().is_terminal()).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter))
    };
    let _ = SET_FILTER.set(set);
    Ok(())
}

/// Changes the levels of the log.
///
/// # Errors
/// A sentence about levels that cannot be read.
pub fn set_levels(levels: &str) -> Result<(), String> {
    let filter = filter(levels)?;
    SET_FILTER.get().map_or(Ok(()), |set| set(filter)).map_err(|error| error.to_string())
}
