//! Reads values of settings. An error says what would be right.

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use crate::connections::Address;
use crate::journal::RedisSettings;
use guildhall_model::origin::{Origin, is_host};

/// The value of a setting that may be empty: none.
pub fn optional(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// A path; an empty one is none.
pub fn path(value: &str) -> Option<PathBuf> {
    optional(value).map(PathBuf::from)
}

/// The words that are levels.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The levels of the log.
pub fn levels(value: &str) -> Result<String, String> {
    let wrong =
        |why: String| format!("`{value}` is no level: write error, warn, info, debug, trace, or guildhall=debug{why}");
    let is_directive =
        |one: &str| LEVELS.iter().any(|level| one.eq_ignore_ascii_case(level)) || one.contains(['=', '[']);
    // A word alone would be the name of a module, and silence all others.
    if !value.split(',').map(str::trim).all(is_directive) {
        return Err(wrong(String::new()));
    }
    EnvFilter::try_new(value).map(|_| value.to_owned()).map_err(|error| wrong(format!(" ({error})")))
}

/// Addresses to listen on, with commas between them.
pub fn addresses(value: &str) -> Result<Vec<Address>, String> {
    value.split(',').map(|text| text.trim().parse()).collect()
}

/// The URL of the store; an empty one is none.
pub fn database_url(value: &str) -> Result<Option<String>, String> {
    let is_known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| value.starts_with(scheme));
    match value {
        "" => Ok(None),
        url if is_known => Ok(Some(url.to_owned())),
        // The value may have a password.
        _ => Err("write sqlite://path or postgres://user:password@host/name".to_owned()),
    }
}

/// The URL of the journal's Redis; an empty one is none.
pub fn redis_url(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let settings = RedisSettings { url: value.to_owned(), ..RedisSettings::default() };
    settings.check().map(|()| value.to_owned()).map_err(|error| error.to_string())
}

/// The URL of the bucket of files; an empty one is none.
pub fn files_url(value: &str) -> Result<Option<String>, String> {
    match value.strip_prefix("s3://") {
        None if value.is_empty() => Ok(None),
        Some(bucket) if !bucket.is_empty() => Ok(Some(value.to_owned())),
        _ => Err(format!("`{value}` is not s3://BUCKET")),
    }
}

/// The URL of a host; an empty one is none.
pub fn host_url(value: &str) -> Result<String, String> {
    let is_url = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    match url::Url::parse(value) {
        _ if value.is_empty() => Ok(String::new()),
        Ok(url) if is_url(&url) => Ok(value.trim_end_matches('/').to_owned()),
        _ => Err(format!("`{value}` is no address of a host: write http://NAME:PORT or https://NAME:PORT")),
    }
}

/// What the names of keys begin with. Braces would decide the slot of a cluster.
pub fn key_prefix(value: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    match value.len() {
        1..=64 if value.chars().all(is_fine) => Ok(value.to_owned()),
        _ => Err(format!("`{value}` is no prefix: write up to 64 letters, digits, `-`, `_`, `.` and `:`")),
    }
}

/// Reads origins that are separated by commas, and returns them as browsers write them: in lower case, without the default
/// port of their schemes.
pub fn origins(value: &str) -> Result<Vec<String>, String> {
    let read = |text: &str| match text.contains('*') {
        true => Err(format!("`{text}` is not an origin: write origins without `*`")),
        false => text.parse().map(|origin: Origin| origin.to_string()),
    };
    value.split(',').map(str::trim).map(read).collect()
}

/// Reads names of hosts that are separated by commas, and returns them in lower case.
pub fn host_names(value: &str) -> Result<Vec<String>, String> {
    let wrong =
        |name: &str| format!("`{name}` is no host: write names with commas between them, without ports, or `*`");
    let read = |name: &str| if is_host(name) { Ok(name.to_ascii_lowercase()) } else { Err(wrong(name)) };
    value.split(',').map(str::trim).map(read).collect()
}
