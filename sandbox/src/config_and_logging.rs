//! `wasi:config` and `wasi:logging`. Both are drafts, whose versions must match exactly, so each is linked under every
//! name that guests use.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use crate::guest::Guest;
use crate::stdio::LogLevel;

const CONFIG: [&str; 2] = ["wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-draft"];
const LOGGING: [&str; 2] = ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"];

/// The error of the interface. It never happens here.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum ConfigError {
    #[component(name = "upstream")]
    #[expect(dead_code, reason = "a case of the interface")]
    Upstream(String),
    #[component(name = "io")]
    #[expect(dead_code, reason = "a case of the interface")]
    Io(String),
}

/// A level of `wasi:logging`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[expect(dead_code, reason = "guests create the values")]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace | Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error | Level::Critical => Self::Error,
        }
    }
}

/// Links both interfaces.
///
/// # Errors
/// Wasmtime refuses a name or a type: an error of this crate.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for name in CONFIG {
        let mut config = linker.instance(name)?;
        config.func_wrap("get", |store: StoreContextMut<'_, Guest>, (key,): (String,)| {
            let guest = store.data();
            guest.unsealed("wasi:config")?;
            let value = guest.grants.config().find(|(other, _)| **other == key).map(|(_, value)| value.clone());
            Ok((Ok::<_, ConfigError>(value),))
        })?;
        config.func_wrap("get-all", |store: StoreContextMut<'_, Guest>, (): ()| {
            let guest = store.data();
            guest.unsealed("wasi:config")?;
            let all: Vec<_> = guest.grants.config().map(|(key, value)| (key.clone(), value.clone())).collect();
            Ok((Ok::<_, ConfigError>(all),))
        })?;
    }
    for name in LOGGING {
        let log = |store: StoreContextMut<'_, Guest>, (level, context, message): (Level, String, String)| {
            let guest = store.data();
            guest.unsealed("wasi:logging")?;
            let text = if context.is_empty() { message } else { format!("{context}: {message}") };
            guest.console().log(level.into(), &text);
            Ok(())
        };
        linker.instance(name)?.func_wrap("log", log)?;
    }
    Ok(())
}
