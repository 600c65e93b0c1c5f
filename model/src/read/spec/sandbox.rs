//! Reads what an agent asks of its sandbox: limits below the operator's ceilings,
//! and what it wants to reach. Unknown keys are refused: a limit that is not
//! understood is a limit that does not hold.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{FieldErrors, boolean, length, list, map, object, whole};
use crate::origin::Origin;
use crate::read::text;
use crate::spec::SandboxSpec;

/// The most that a spec may ask of the sandbox, in the units of [`SandboxSpec`]; the
/// operator's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxCeilings {
    pub fuel: u64,
    pub memory_mib: u64,
    pub timeout_ms: u64,
    pub emits: u64,
    pub http_calls: u64,
    pub http_response_kib: u64,
    pub keyvalue_keys: u64,
    pub keyvalue_kib: u64,
}

impl SandboxCeilings {
    /// No limit may be asked for.
    pub const NOTHING: Self = Self {
        fuel: 0,
        memory_mib: 0,
        timeout_ms: 0,
        emits: 0,
        http_calls: 0,
        http_response_kib: 0,
        keyvalue_keys: 0,
        keyvalue_kib: 0,
    };
}

/// The most origins, names and values of one kind that an agent may ask for.
const MAX_ASKED: usize = 64;
/// The most bytes of its configuration, keys and values.
const MAX_CONFIG_BYTES: usize = 64 << 10;
/// The longest name of a secret or a variable, in characters.
const MAX_NAME: usize = 128;

/// The longest that an agent may be idle before it is unloaded: a year.
const MAX_IDLE_UNLOAD_S: u64 = 365 * 24 * 3_600;

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

/// Reads what one agent asks of the sandbox.
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
        let http = f.or("http", Vec::new(), few(origin));
        let keyvalue = f.or("keyvalue", false, boolean);
        let config = f.optional("config", config);
        let secrets = f.or("secrets", Vec::new(), few(name));
        let reveal = f.or("reveal", Vec::new(), few(name));
        let env = f.or("env", Vec::new(), few(name));
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

/// A list that is not too long.
fn few<T>(
    read: impl Fn(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Vec<T>> {
    |value, errors| {
        let items = list(read)(value, errors)?;
        if items.len() > MAX_ASKED {
            return errors.refuse(&format!("there may be {MAX_ASKED} of these, not {}", items.len()), value);
        }
        Some(items)
    }
}

fn origin(value: &Value, errors: &mut FieldErrors) -> Option<Origin> {
    text(value, errors)?.trim().parse().map_or_else(|wrong: String| errors.refuse(&wrong, value), Some)
}

/// The name of a secret or of a variable.
fn name(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    let name = length(1, MAX_NAME)(value, errors)?;
    if crate::origin::is_name(&name) {
        return Some(name);
    }
    errors.refuse("a name has letters, digits, `_`, `-` and `.`, and begins with none of the last two", value)
}

fn config(value: &Value, errors: &mut FieldErrors) -> Option<BTreeMap<String, String>> {
    let config: BTreeMap<String, String> = map(text)(value, errors)?.into_iter().collect();
    let bytes: usize = config.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_CONFIG_BYTES {
        return errors.refuse(&format!("a configuration may have {MAX_CONFIG_BYTES} bytes, not {bytes}"), value);
    }
    Some(config)
}
