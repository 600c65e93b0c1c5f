//! Why an upload is refused as an agent. Each text is for the author of the component and says what would be right.

use crate::shortened::shortened;
use serde::Serialize;
use serde_json::{Value, json};

use crate::limits::{Limit, Limits};
use guildhall_model::fault::Fault;

/// The longest text of a compiler or of wasmtime in a refusal, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 4 << 10;
/// The longest name of a component in a refusal, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// A grant that an import needs and the agent does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingGrant {
    /// The name of the interface that the component imports.
    pub import: String,
    /// The setting that grants it: `sandbox.…` in the blueprint or `policy.…` of the operator.
    pub grant: &'static str,
}

/// Why an upload is refused as an agent. The fields are the values in the text, by name. Names and texts of the
/// component are cut to a bounded length.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are something else; the text names it.
    #[error("{0}")]
    NotAComponent(String),
    /// It was built for another version of the contract or of WASI.
    #[error("the component was built for `{found}`; this host has `{supported}`: {}", remedy(found))]
    UnsupportedContract { found: String, supported: String },
    /// It is a component of another world.
    #[error(
        "the component does not export `{expected}`, so it is not an agent (it exports {}): implement the world `base` of the agent WIT",
        listed(exports)
    )]
    NotAnAgent { expected: String, exports: Vec<String> },
    /// An agent of this component does not start.
    #[error("{}", list_missing(missing))]
    MissingCapability { missing: Vec<MissingGrant> },
    /// It imports an interface that this host does not have.
    #[error("the component imports `{import}`, which this host does not provide: it provides {}", provided.join(", "))]
    UnknownImport { import: String, provided: Vec<String> },
    /// It is larger than a limit allows.
    #[error("the component's {what} is {value} and may be at most {limit} (`{setting}`)")]
    TooLarge { what: String, limit: u64, value: u64, setting: String },
    /// Its compilation met a limit.
    #[error("compiling the component took more {what} than it may, {limit} (`{setting}`)")]
    CompileLimit { what: String, limit: u64, setting: String },
    /// It describes a class that only components of the host serve.
    #[error("the class `{0}` is reserved for the host; describe a class of your own")]
    ClassReserved(String),
    /// The call of `describe` failed.
    #[error("the component cannot describe itself: {}", .0.message)]
    Undescribed(Box<Fault>),
    /// It does not compile, does not link, or describes itself wrongly.
    #[error("{0}")]
    Invalid(String),
    /// The host failed. Another attempt may succeed.
    #[error("the host could not check the component: {0}")]
    Host(String),
}

impl Refusal {
    /// Returns the stable name of the refusal, for clients.
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
            Self::ClassReserved(_) => "class_reserved",
            Self::Undescribed(_) => "cannot_describe",
            Self::Invalid(_) => "invalid_component",
            Self::Host(_) => "host_error",
        }
    }

    /// Returns the values in the text by name, for programs: an object, or null.
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
            Self::ClassReserved(class) => json!({"class_name": class}),
            Self::Undescribed(fault) => json!(fault),
        }
    }

    /// Returns the refusal of a component that was built for `found`, where this host has `supported`.
    pub(crate) fn unsupported(found: &str, supported: &str) -> Self {
        Self::UnsupportedContract {
            found: shortened(found, MAX_NAME_BYTES),
            supported: shortened(supported, MAX_NAME_BYTES),
        }
    }

    /// Returns the refusal of a component that exports `exports` and not `expected`.
    pub(crate) fn not_an_agent(expected: &str, exports: &[String]) -> Self {
        let mut listed: Vec<_> = exports.iter().take(MAX_LISTED).map(|name| shortened(name, MAX_NAME_BYTES)).collect();
        if exports.len() > MAX_LISTED {
            listed.push("…".to_owned());
        }
        Self::NotAnAgent { expected: expected.to_owned(), exports: listed }
    }

    /// Returns the refusal of a component that imports an unknown interface.
    pub(crate) fn unknown_import(import: &str, provided: Vec<String>) -> Self {
        Self::UnknownImport { import: shortened(import, MAX_NAME_BYTES), provided }
    }

    /// Returns the refusal of a component that does not compile, link or describe itself.
    pub(crate) fn invalid(text: &str) -> Self {
        Self::Invalid(shortened(text, MAX_TEXT_BYTES))
    }

    /// Counts that a limit was met and returns the refusal: `what` is `value` and may be at most `most`.
    pub(crate) fn over(limit: Limit, what: &str, most: u64, value: u64) -> Self {
        limit.count();
        Self::TooLarge { what: what.to_owned(), limit: most, value, setting: limit.row().setting.to_owned() }
    }

    /// Counts that a limit was met and returns the refusal: the compilation used more `what` than it may.
    pub(crate) fn compile(limit: Limit, what: &str, limits: &Limits) -> Self {
        limit.count();
        let setting = limit.row().setting.to_owned();
        Self::CompileLimit { what: what.to_owned(), limit: limits.get(limit), setting }
    }
}

/// What makes a component fit that was built for another version.
fn remedy(found: &str) -> &'static str {
    match found.split('/').next() {
        Some("wasi:keyvalue" | "wasi:config" | "wasi:logging") => "use the interface in this version",
        Some(package) if package.starts_with("wasi:") => "build it for WASI 0.2",
        _ => "rebuild it with the agent WIT of this version",
    }
}

fn list_missing(missing: &[MissingGrant]) -> String {
    let parts = missing.iter().map(|MissingGrant { import, grant }| format!("`{import}` without the grant `{grant}`"));
    format!("the component imports {}", parts.collect::<Vec<_>>().join(", "))
}

/// How many names a refusal lists.
const MAX_LISTED: usize = 8;

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
