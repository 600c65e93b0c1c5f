//! Why bytes are not taken as an agent, in words that say what would be right.

use serde::Serialize;
use serde_json::{Value, json};

use super::limits::{Limit, Limits};
use guildhall_model::fault::Fault;

/// The most of what was said about a component that is told.
pub(super) const MAX_WORDS_BYTES: usize = 4 << 10;
/// The most of a name out of a component that is told.
const MAX_NAME_BYTES: usize = 256;

/// The beginning of a text, with an ellipsis when there is more.
pub(super) fn shortened(text: &str, most_bytes: usize) -> String {
    if text.len() <= most_bytes {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most_bytes)])
}

/// A grant that an import needs and the agent has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingGrant {
    pub import: String,
    pub grant: &'static str,
}

/// Why bytes are not taken as an agent. Names and words that come out of the component are cut to a length
/// that can be told.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    NotAComponent(String),
    /// It was made for another version of the contract, or of WASI.
    #[error(
        "the component was built for `{found}`; this host has `{supported}`: rebuild it with the agent WIT of this version"
    )]
    UnsupportedContract { found: String, supported: String },
    /// It is a component of some other world.
    #[error(
        "the component does not export `{expected}`, so it is no agent (it exports {}): implement the world `base` of the agent WIT",
        listed(exports)
    )]
    NotAnAgent { expected: String, exports: Vec<String> },
    /// An agent of it does not start.
    #[error("{}", in_words(missing))]
    MissingCapability { missing: Vec<MissingGrant> },
    #[error("the component imports `{import}`, which this host does not provide: it provides {}", provided.join(", "))]
    UnknownImport { import: String, provided: Vec<String> },
    #[error("the component's {what} is {value} and may be at most {limit} (`{setting}`)")]
    TooLarge { what: String, limit: u64, value: u64, setting: String },
    /// The compiler met one of its limits.
    #[error("compiling the component took more {what} than it may, {limit} (`{setting}`)")]
    CompileLimit { what: String, limit: u64, setting: String },
    #[error("the component cannot describe itself: {}", .0.message)]
    Undescribed(Box<Fault>),
    #[error("{0}")]
    Invalid(String),
    /// Not the component's fault: it may be taken later.
    #[error("the host could not check the component: {0}")]
    Host(String),
}

impl Refusal {
    /// A stable name, for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent(_) => "not_a_component",
            Self::UnsupportedContract { .. } => "unsupported_contract",
            Self::NotAnAgent { .. } => "not_an_agent",
            Self::MissingCapability { .. } => "missing_capability",
            Self::UnknownImport { .. } => "unknown_import",
            Self::TooLarge { .. } => "too_large",
            Self::CompileLimit { .. } => "compile_limit",
            Self::Undescribed(_) => "cannot_describe",
            Self::Invalid(_) => "invalid_component",
            Self::Host(_) => "host_error",
        }
    }

    /// What the words speak of, by name, for programs: an object, or null.
    #[must_use]
    pub fn context(&self) -> Value {
        match self {
            Self::NotAComponent(_) | Self::Invalid(_) | Self::Host(_) => Value::Null,
            Self::UnsupportedContract { found, supported } => json!({"found": found, "supported": supported}),
            Self::NotAnAgent { expected, exports } => json!({"expected": expected, "exports": exports}),
            Self::MissingCapability { missing } => json!({"missing": missing}),
            Self::UnknownImport { import, provided } => json!({"import": import, "provided": provided}),
            Self::TooLarge { what, limit, value, setting } => {
                json!({"what": what, "limit": limit, "value": value, "setting": setting})
            }
            Self::CompileLimit { what, limit, setting } => json!({"what": what, "limit": limit, "setting": setting}),
            Self::Undescribed(fault) => json!(fault),
        }
    }

    /// It was built for `found`, not for what is `supported` here.
    pub(super) fn unsupported(found: &str, supported: &str) -> Self {
        Self::UnsupportedContract {
            found: shortened(found, MAX_NAME_BYTES),
            supported: shortened(supported, MAX_NAME_BYTES),
        }
    }

    /// It exports these, and not what is `expected`.
    pub(super) fn not_an_agent(expected: &str, exports: &[String]) -> Self {
        let mut told: Vec<_> = exports.iter().take(MAX_LISTED).map(|name| shortened(name, MAX_NAME_BYTES)).collect();
        if exports.len() > MAX_LISTED {
            told.push("…".to_owned());
        }
        Self::NotAnAgent { expected: expected.to_owned(), exports: told }
    }

    pub(super) fn unknown_import(import: &str, provided: Vec<String>) -> Self {
        Self::UnknownImport { import: shortened(import, MAX_NAME_BYTES), provided }
    }

    /// It does not compile, link or describe itself.
    pub(super) fn invalid(words: &str) -> Self {
        Self::Invalid(shortened(words, MAX_WORDS_BYTES))
    }

    /// Something is more than this limit allows.
    pub(super) fn over(limit: Limit, what: &str, most: u64, value: u64) -> Self {
        limit.count();
        Self::TooLarge { what: what.to_owned(), limit: most, value, setting: limit.row().setting.to_owned() }
    }

    /// What wasmtime says of a component for which the pool of instances has no room:
    /// its errors have no types.
    pub(super) fn misfit(error: &wasmtime::Error, limits: &Limits) -> Self {
        let words = format!("{error:#}");
        let number = |mark: &str, after: usize| -> Option<u64> {
            let rest = &words[words.find(mark)? + after..];
            let digits = rest.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
            digits.parse().ok()
        };
        let transitively = "transitively contains";
        for (limit, kind, what) in [
            (Limit::Instances, "core module instances", "number of core instances"),
            (Limit::Memories, "Wasm linear memories", "number of memories"),
            (Limit::Tables, "tables", "number of tables"),
        ] {
            if let Some(value) = number(transitively, transitively.len())
                && words.contains(&format!("{transitively} {value} {kind}"))
            {
                return Self::over(limit, what, limits.get(limit), value);
            }
        }
        for (limit, mark, what) in [
            (Limit::Memories, "defined memories count of", "number of memories of one module"),
            (Limit::Tables, "defined tables count of", "number of tables of one module"),
        ] {
            if let Some(value) = number(mark, 0) {
                return Self::over(limit, what, limits.get(limit), value);
            }
        }
        if let Some(bytes) = number("minimum byte size of", 0) {
            return Self::over(
                Limit::Memory,
                "least memory in MiB",
                limits.get(Limit::Memory),
                bytes.div_ceil(1 << 20),
            );
        }
        if let Some(elements) = number("minimum element size of", 0) {
            let most = limits.get(Limit::TableElements);
            return Self::over(Limit::TableElements, "least table in elements", most, elements);
        }
        Self::invalid(&format!("the component does not fit this host: {words}"))
    }

    /// Compiling met this limit.
    pub(super) fn compile(limit: Limit, what: &str, limits: &Limits) -> Self {
        limit.count();
        let setting = limit.row().setting.to_owned();
        Self::CompileLimit { what: what.to_owned(), limit: limits.get(limit), setting }
    }
}

fn in_words(missing: &[MissingGrant]) -> String {
    let parts = missing.iter().map(|MissingGrant { import, grant }| format!("`{import}` without the grant `{grant}`"));
    format!("the component imports {}", parts.collect::<Vec<_>>().join(", "))
}

/// The most names that a refusal lists.
const MAX_LISTED: usize = 8;

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
