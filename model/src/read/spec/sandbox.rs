//! Reads the limits and grants that an agent asks for. A limit above the operator's ceiling is refused. An unknown key
//! is refused too, because a misspelt limit would not be enforced.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::origin::Origin;
use crate::read::{FieldErrors, boolean, length, list, map, object, text, whole};
use crate::spec::SandboxSpec;

/// The operator's ceilings: the highest limits that a spec may ask for, in the units of [`SandboxSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxCeilings {
    /// The fuel of one turn.
    pub fuel: u64,
    /// The MiB of linear memory of an instance.
    pub memory_mib: u64,
    /// The milliseconds of one turn.
    pub timeout_ms: u64,
    /// The messages that one turn may emit.
    pub emits: u64,
    /// The HTTP requests of one turn.
    pub http_calls: u64,
    /// The KiB of HTTP responses of one turn.
    pub http_response_kib: u64,
    /// The keys of a bucket.
    pub keyvalue_keys: u64,
    /// The KiB of a bucket.
    pub keyvalue_kib: u64,
    /// The rules of a guild.
    pub slip_rules: u64,
    /// The bytes of the rules of a guild, as they are stored.
    pub slip_bytes: u64,
}

impl SandboxCeilings {
    /// Ceilings of 0, so that a spec may ask for no limit. The bounds of routing rules are the defaults.
    pub const NOTHING: Self = Self {
        fuel: 0,
        memory_mib: 0,
        timeout_ms: 0,
        emits: 0,
        http_calls: 0,
        http_response_kib: 0,
        keyvalue_keys: 0,
        keyvalue_kib: 0,
        slip_rules: 1_000,
        slip_bytes: 64 << 10,
    };
}

/// The most origins, secrets or variables that an agent may ask for.
const MAX_ITEMS: usize = 64;
/// The largest configuration, in bytes of keys and values.
const MAX_CONFIG_BYTES: usize = 64 << 10;
/// The longest name of a secret or of a variable, in characters.
const MAX_NAME: usize = 128;

/// The longest time without a message before an instance is dropped: a year, in seconds.
const MAX_IDLE_UNLOAD_S: u64 = 365 * 24 * 3_600;

/// The known keys.
const KEYS: [&str; 15] = [
    "fuel",
    "memory_mib",
    "timeout_ms",
    "emits",
    "http_calls",
    "http_response_kib",
    "keyvalue_keys",
    "keyvalue_kib",
    "idle_unload_s",
    "http",
    "keyvalue",
    "config",
    "secrets",
    "reveal",
    "env",
];

/// Reads the limits and grants of one agent.
pub fn sandbox(value: &Value, errors: &mut FieldErrors, ceilings: &SandboxCeilings) -> Option<SandboxSpec> {
    object(|f| {
        let fuel = f.optional("fuel", whole(1, ceilings.fuel));
        let memory_mib = f.optional("memory_mib", whole(1, ceilings.memory_mib));
        let timeout_ms = f.optional("timeout_ms", whole(1, ceilings.timeout_ms));
        let emits = f.optional("emits", whole(1, ceilings.emits));
        let http_calls = f.optional("http_calls", whole(1, ceilings.http_calls));
        let http_response_kib = f.optional("http_response_kib", whole(1, ceilings.http_response_kib));
        let keyvalue_keys = f.optional("keyvalue_keys", whole(1, ceilings.keyvalue_keys));
        let keyvalue_kib = f.optional("keyvalue_kib", whole(1, ceilings.keyvalue_kib));
        let idle_unload_s = f.optional("idle_unload_s", whole(0, MAX_IDLE_UNLOAD_S));
        let http = f.or("http", Vec::new(), short_list(origin));
        let keyvalue = f.or("keyvalue", false, boolean);
        let config = f.optional("config", config);
        let secrets = f.or("secrets", Vec::new(), short_list(name));
        let reveal = f.or("reveal", Vec::new(), short_list(name));
        let env = f.or("env", Vec::new(), short_list(name));
        f.forbid_others(&KEYS)?;
        Some(SandboxSpec {
            fuel: fuel?,
            memory_mib: memory_mib?,
            timeout_ms: timeout_ms?,
            emits: emits?,
            http_calls: http_calls?,
            http_response_kib: http_response_kib?,
            keyvalue_keys: keyvalue_keys?,
            keyvalue_kib: keyvalue_kib?,
            idle_unload_s: idle_unload_s?,
            http: http?,
            keyvalue: keyvalue?,
            config: config?,
            secrets: secrets?,
            reveal: reveal?,
            env: env?,
        })
    })(value, errors)
}

/// Returns a reader for a list of at most [`MAX_ITEMS`].
fn short_list<T>(
    read: impl Fn(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Vec<T>> {
    |value, errors| {
        let items = list(read)(value, errors)?;
        if items.len() > MAX_ITEMS {
            return errors.refuse(&format!("the list may have {MAX_ITEMS} items, not {}", items.len()), value);
        }
        Some(items)
    }
}

fn origin(value: &Value, errors: &mut FieldErrors) -> Option<Origin> {
    text(value, errors)?.trim().parse().map_or_else(|error: String| errors.refuse(&error, value), Some)
}

/// Reads the name of a secret or of a variable.
fn name(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    let name = length(1, MAX_NAME)(value, errors)?;
    if crate::origin::is_name(&name) {
        return Some(name);
    }
    errors.refuse("a name has letters, digits, `_`, `-` and `.`, and does not start with `-` or `.`", value)
}

fn config(value: &Value, errors: &mut FieldErrors) -> Option<BTreeMap<String, String>> {
    let config: BTreeMap<String, String> = map(text)(value, errors)?.into_iter().collect();
    let bytes: usize = config.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_CONFIG_BYTES {
        return errors.refuse(&format!("a configuration may have {MAX_CONFIG_BYTES} bytes, not {bytes}"), value);
    }
    Some(config)
}
