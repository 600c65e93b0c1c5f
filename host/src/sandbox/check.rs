//! Looks at an upload before anything is compiled: is it a component, does it fit
//! the contract, does it want something that is not granted. The words say what
//! would be right. What is accepted here is compiled, linked and asked to describe
//! itself, which finds the rest.

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;

use super::limits::{Limit, Limits};

/// The interface that an agent exports.
pub const CONTRACT: &str = "guildhall:agent/agent@0.1.0";

const PACKAGE: &str = "guildhall:agent";
const CONTRACT_SERIES: &str = "0.1.";
const WASI_SERIES: &str = "0.2.";
const MAX_NESTING: u32 = 32;
const MAX_FUNCTIONS: u64 = 250_000;

/// Why bytes are not taken as an agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    NotAComponent(String),
    #[error(
        "the component was built for `{found}`; this host needs `{supported}`: rebuild it with the agent WIT of this version"
    )]
    UnsupportedContract { found: String, supported: String },
    #[error(
        "the component imports `{import}`, which is not granted to it: it needs `{grant}` in its blueprint and from the operator"
    )]
    MissingCapability { import: String, grant: String },
    #[error("the component imports `{import}`, which this host does not provide")]
    UnknownImport { import: String },
    #[error("the component's {what} is {value} and may be at most {limit} (`{setting}`)")]
    TooLarge { what: String, limit: u64, value: u64, setting: String },
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
            Self::MissingCapability { .. } => "missing_capability",
            Self::UnknownImport { .. } => "unknown_import",
            Self::TooLarge { .. } => "too_large",
            Self::Invalid(_) => "invalid_component",
            Self::Host(_) => "host_error",
        }
    }
}

/// Checks an upload; returns the names of what it imports.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<Vec<String>, Refusal> {
    check_kind(bytes)?;
    let most = limits.get(Limit::Component) << 20;
    if bytes.len() as u64 > most {
        let setting = Limit::Component.row().setting.to_owned();
        return Err(Refusal::TooLarge {
            what: "size in bytes".into(),
            limit: most,
            value: bytes.len() as u64,
            setting,
        });
    }
    let outline = outline(bytes)?;
    check_contract(&outline.exports)?;
    for import in &outline.imports {
        check_import(import)?;
    }
    Ok(outline.imports)
}

fn check_kind(bytes: &[u8]) -> Result<(), Refusal> {
    let not = |words: &str| Err(Refusal::NotAComponent(words.to_owned()));
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return not(
            "this is a core WebAssembly module, not a component: build for `wasm32-wasip2`, or run `wasm-tools component new`",
        );
    }
    if Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return not("this is native code, which is never taken from outside: upload the component itself");
    }
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"(component") || start.starts_with(b"(module") || start.starts_with(b";;") {
        return not("this is WebAssembly text: turn it into a binary with `wasm-tools parse`");
    }
    not("this is not WebAssembly: upload the bytes of a component, built for `wasm32-wasip2`")
}

struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// What the outermost component imports and exports.
fn outline(bytes: &[u8]) -> Result<Outline, Refusal> {
    let mut outline = Outline { imports: Vec::new(), exports: Vec::new() };
    let malformed =
        |error: wasmparser::BinaryReaderError| Refusal::Invalid(format!("the component is malformed: {error}"));
    // How deep the parser is inside nested modules and components.
    let mut depth = 0_u32;
    let mut functions = 0_u64;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::FunctionSection(section) => functions += u64::from(section.count()),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    outline.imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    outline.exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
        if depth > MAX_NESTING || functions > MAX_FUNCTIONS {
            return Err(Refusal::Invalid(format!(
                "the component nests more than {MAX_NESTING} deep or has more than {MAX_FUNCTIONS} functions"
            )));
        }
    }
    Ok(outline)
}

fn check_contract(exports: &[String]) -> Result<(), Refusal> {
    let of_agent = |name: &&String| name.split('@').next() == Some("guildhall:agent/agent");
    match exports.iter().find(of_agent) {
        Some(found) if is_in_series(found, CONTRACT_SERIES) => Ok(()),
        Some(found) => Err(Refusal::UnsupportedContract { found: found.clone(), supported: CONTRACT.into() }),
        None => Err(Refusal::Invalid(format!(
            "the component does not export `{CONTRACT}`, so it is no agent: implement the world `base` of the agent WIT"
        ))),
    }
}

/// Whether the host links this import to every agent.
fn check_import(import: &str) -> Result<(), Refusal> {
    let (path, _) = import.split_once('@').unwrap_or((import, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    let missing = |grant: &str| Err(Refusal::MissingCapability { import: import.to_owned(), grant: grant.to_owned() });
    match (package, interface) {
        (PACKAGE, "secrets" | "reveal") => missing("sandbox.secrets"),
        ("wasi:http", _) => missing("sandbox.http"),
        ("wasi:keyvalue", _) => missing("sandbox.keyvalue"),
        ("wasi:config", _) => missing("sandbox.config"),
        ("wasi:logging", _) => missing("sandbox.logging"),
        (PACKAGE, "types" | "messaging" | "context" | "expressions") if is_in_series(import, CONTRACT_SERIES) => Ok(()),
        (PACKAGE, "types" | "messaging" | "context" | "expressions") => {
            Err(Refusal::UnsupportedContract { found: import.to_owned(), supported: format!("{path}@0.1.0") })
        }
        ("wasi:cli" | "wasi:io" | "wasi:clocks" | "wasi:random" | "wasi:filesystem" | "wasi:sockets", _)
            if is_in_series(import, WASI_SERIES) =>
        {
            Ok(())
        }
        _ => Err(Refusal::UnknownImport { import: import.to_owned() }),
    }
}

fn is_in_series(name: &str, series: &str) -> bool {
    name.split_once('@').is_some_and(|(_, version)| version.starts_with(series))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(wat: &str) -> Refusal {
        check(&wat::parse_str(wat).unwrap(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn what_is_no_component_is_named_for_what_it_is() {
        let words = |bytes: &[u8]| check(bytes, &Limits::default()).unwrap_err().to_string();
        assert!(words(&wat::parse_str("(module)").unwrap()).contains("core WebAssembly module"));
        assert!(words(b" (component)").contains("text"));
        assert!(words(b"\x7fELF\x02").contains("native code"));
        assert!(words(b"hello").contains("not WebAssembly"));
        assert!(words(b"").contains("not WebAssembly"));
        let code = Engine::default().precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
        assert!(words(&code).contains("native code"));
    }

    #[test]
    fn an_agent_exports_the_contract_in_this_version() {
        assert_eq!(refusal("(component)").code(), "invalid_component");
        let newer = refusal(r#"(component (instance $i) (export "guildhall:agent/agent@0.2.0" (instance $i)))"#);
        assert_eq!(newer.code(), "unsupported_contract");
        assert!(
            newer.to_string().contains("`guildhall:agent/agent@0.2.0`; this host needs `guildhall:agent/agent@0.1.0`")
        );
    }

    #[test]
    fn an_import_is_linked_granted_or_unknown() {
        for linked in ["wasi:cli/exit@0.2.6", "wasi:sockets/tcp@0.2.12", "guildhall:agent/context@0.1.3"] {
            assert_eq!(check_import(linked), Ok(()), "{linked}");
        }
        let code = |import| check_import(import).unwrap_err().code();
        assert_eq!(code("wasi:http/outgoing-handler@0.2.6"), "missing_capability");
        assert_eq!(code("guildhall:agent/secrets@0.1.0"), "missing_capability");
        assert_eq!(code("guildhall:agent/messaging@0.2.0"), "unsupported_contract");
        assert_eq!(code("other:thing/secrets@1.0.0"), "unknown_import");
        assert_eq!(code("wasi:cli/exit@0.3.0"), "unknown_import");
    }

    #[test]
    fn what_nested_components_import_is_their_own_business() {
        let nested = r#"(component (component (import "a:b/c@1.0.0" (instance))) (instance $i)
            (export "guildhall:agent/agent@0.1.0" (instance $i)))"#;
        assert_eq!(check(&wat::parse_str(nested).unwrap(), &Limits::default()), Ok(Vec::new()));
    }

    #[test]
    fn a_large_component_is_refused_by_its_size() {
        let mut bytes = wat::parse_str("(component)").unwrap();
        bytes.resize((1 << 20) + 1, 0);
        let refused = check(&bytes, &Limits::default().with(Limit::Component, 1)).unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit: 1_048_576, value: 1_048_577, .. }));
    }
}
