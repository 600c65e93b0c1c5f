//! Checks an upload before it is compiled: whether it is a component, has a size that can be compiled, fits the
//! contract, and imports only what the host has. Compiling, linking and `describe` find the remaining errors.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentType,
    ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload,
};
use wasmtime::Engine;

use crate::imports;
use crate::limits::{Limit, Limits};
use crate::refusal::Refusal;

/// The interface that an agent exports.
pub const CONTRACT: &str = "guildhall:agent/agent@0.1.0";

/// What the bytes of a component show before it is compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The names of what the outermost component imports.
    pub imports: Vec<String>,
    /// The names of what the outermost component exports.
    pub exports: Vec<String>,
    /// How many modules and components it contains and how many instances it creates of them.
    pub parts: u64,
    /// How many functions all its modules have.
    pub functions: u64,
    /// The longest function, in bytes.
    pub longest_function: u64,
    /// How many types, imports, exports and other declarations it has.
    pub items: u64,
    /// The first feature of WebAssembly in its interfaces that the host does not have, and what to do about it.
    feature: Option<&'static str>,
}

impl Outline {
    /// Reads the outline of a component.
    ///
    /// # Errors
    /// The bytes are not a component, are malformed, or hold more than these limits allow.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        check_kind(bytes)?;
        let most = limits.get(Limit::Component) << 20;
        if bytes.len() as u64 > most {
            return Err(Refusal::over(Limit::Component, "size in bytes", most, bytes.len() as u64));
        }
        let mut outline = Self::default();
        // How deep the parser is inside nested modules and components.
        let mut depth = 0_u64;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(malformed)?;
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            outline.count(&payload);
            outline.check_size(depth, limits)?;
            // The check before bounds how many names there are.
            outline.feature = outline.feature.or(missing_feature(&payload).map_err(malformed)?);
            if depth == 1 {
                outline.name(payload).map_err(malformed)?;
            }
        }
        Ok(outline)
    }

    fn count(&mut self, payload: &Payload<'_>) {
        let items = match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => return self.parts += 1,
            Payload::InstanceSection(section) => return self.parts += u64::from(section.count()),
            Payload::ComponentInstanceSection(section) => return self.parts += u64::from(section.count()),
            Payload::FunctionSection(section) => return self.functions += u64::from(section.count()),
            Payload::CodeSectionEntry(body) => {
                return self.longest_function = self.longest_function.max(body.range().len() as u64);
            }
            Payload::TypeSection(section) => section.count(),
            Payload::ImportSection(section) => section.count(),
            Payload::TableSection(section) => section.count(),
            Payload::MemorySection(section) => section.count(),
            Payload::TagSection(section) => section.count(),
            Payload::GlobalSection(section) => section.count(),
            Payload::ExportSection(section) => section.count(),
            Payload::ElementSection(section) => section.count(),
            Payload::DataSection(section) => section.count(),
            Payload::CoreTypeSection(section) => section.count(),
            Payload::ComponentTypeSection(section) => section.count(),
            Payload::ComponentAliasSection(section) => section.count(),
            Payload::ComponentCanonicalSection(section) => section.count(),
            Payload::ComponentImportSection(section) => section.count(),
            Payload::ComponentExportSection(section) => section.count(),
            // Names, starts and the ends of sections. The compiler refuses unknown sections.
            _ => 1,
        };
        self.items += u64::from(items);
    }

    fn check_size(&self, depth: u64, limits: &Limits) -> Result<(), Refusal> {
        let function_bytes = limits.get(Limit::FunctionSize) << 10;
        for (limit, what, most, value) in [
            (Limit::Nesting, "depth of nesting", limits.get(Limit::Nesting), depth),
            (Limit::Parts, "number of modules, components and instances", limits.get(Limit::Parts), self.parts),
            (Limit::Functions, "number of functions", limits.get(Limit::Functions), self.functions),
            (Limit::FunctionSize, "longest function in bytes", function_bytes, self.longest_function),
            (Limit::Items, "number of types, imports, exports and the like", limits.get(Limit::Items), self.items),
        ] {
            if value > most {
                return Err(Refusal::over(limit, what, most, value));
            }
        }
        Ok(())
    }

    /// Adds the imports and exports of the outermost component.
    fn name(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks whether it is an agent that this host can link.
    ///
    /// # Errors
    /// It was built for another version of the contract or another world, or imports what the host does not have.
    pub fn fits(&self) -> Result<(), Refusal> {
        if let Some(feature) = self.feature {
            return Err(Refusal::invalid(&format!("the component uses {feature}")));
        }
        let of_agent = |name: &&String| name.split('@').next() == CONTRACT.split('@').next();
        match self.exports.iter().find(of_agent) {
            Some(found) if found.split_once('@').is_some_and(|(_, v)| v.starts_with(imports::CONTRACT_SERIES)) => {}
            Some(found) => {
                return Err(Refusal::unsupported(found, CONTRACT));
            }
            None => return Err(Refusal::not_an_agent(CONTRACT, &self.exports)),
        }
        self.imports.iter().try_for_each(|import| imports::check(import))
    }
}

/// The words for each feature of interfaces that the host does not have.
const ASYNC: &str = "async functions, which this host does not have: build it with the synchronous ABI, such as with the \
                     option `--sync` of its tool";
const STREAM: &str = "the types `stream` and `future` (async), which this host does not have: build it for WASI 0.2";
const MAP: &str = "the type `map`, which this host does not have: use a list of pairs in its WIT";
const FIXED_LIST: &str = "lists of a fixed length, which this host does not have: use a list or a tuple in its WIT";

/// Returns the words for a feature in a section of types or functions.
fn missing_feature(payload: &Payload<'_>) -> Result<Option<&'static str>, BinaryReaderError> {
    match payload {
        Payload::ComponentTypeSection(section) => {
            for ty in section.clone() {
                if let Some(feature) = feature_of(&ty?) {
                    return Ok(Some(feature));
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            for function in section.clone() {
                let options = match function? {
                    CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => options,
                    _ => continue,
                };
                if options.contains(&CanonicalOption::Async) {
                    return Ok(Some(ASYNC));
                }
            }
        }
        _ => {}
    }
    Ok(None)
}

/// Returns the words for a feature in a type. The parser bounds how deep types are nested.
fn feature_of(ty: &ComponentType<'_>) -> Option<&'static str> {
    match ty {
        ComponentType::Defined(ComponentDefinedType::Map(..)) => Some(MAP),
        ComponentType::Defined(ComponentDefinedType::FixedLengthList(..)) => Some(FIXED_LIST),
        ComponentType::Defined(ComponentDefinedType::Future(_) | ComponentDefinedType::Stream(_)) => Some(STREAM),
        ComponentType::Func(function) => function.async_.then_some(ASYNC),
        ComponentType::Component(parts) => parts.iter().find_map(|part| match part {
            ComponentTypeDeclaration::Type(ty) => feature_of(ty),
            _ => None,
        }),
        ComponentType::Instance(parts) => parts.iter().find_map(|part| match part {
            InstanceTypeDeclaration::Type(ty) => feature_of(ty),
            _ => None,
        }),
        ComponentType::Defined(_) | ComponentType::Resource { .. } => None,
    }
}

fn malformed(error: BinaryReaderError) -> Refusal {
    Refusal::invalid(&format!("the component is malformed: {error}"))
}

fn check_kind(bytes: &[u8]) -> Result<(), Refusal> {
    let not = |text: &str| Err(Refusal::NotAComponent(text.to_owned()));
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return not(
            "this is a core WebAssembly module, not a component: build for `wasm32-wasip2`, or run `wasm-tools component new`",
        );
    }
    if Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return not("this is native code, which the host never accepts: upload the component itself");
    }
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"(component") || start.starts_with(b"(module") || start.starts_with(b";;") {
        return not("this is WebAssembly text: turn it into a binary with `wasm-tools parse`");
    }
    not("this is not WebAssembly: upload the bytes of a component, built for `wasm32-wasip2`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8], limits: &Limits) -> Result<Outline, Refusal> {
        let outline = Outline::read(bytes, limits)?;
        outline.fits().map(|()| outline)
    }

    fn refusal(wat: &str) -> Refusal {
        check(&wat::parse_str(wat).unwrap(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn bytes_of_another_kind_are_refused_with_their_kind() {
        let text = |bytes: &[u8]| check(bytes, &Limits::default()).unwrap_err().to_string();
        assert!(text(&wat::parse_str("(module)").unwrap()).contains("core WebAssembly module"));
        assert!(text(b" (component)").contains("text"));
        assert!(text(b"\x7fELF\x02").contains("native code"));
        assert!(text(b"hello").contains("not WebAssembly"));
        assert!(text(b"").contains("not WebAssembly"));
        let code = Engine::default().precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
        assert!(text(&code).contains("native code"));
    }

    #[test]
    fn an_agent_exports_the_contract_in_this_version() {
        let other = refusal(r#"(component (instance $i) (export "wasi:cli/run@0.2.6" (instance $i)))"#);
        assert_eq!(other.code(), "not_an_agent");
        assert!(other.to_string().contains("it exports wasi:cli/run@0.2.6"), "{other}");
        let newer = refusal(r#"(component (instance $i) (export "guildhall:agent/agent@0.2.0" (instance $i)))"#);
        assert_eq!(newer.code(), "unsupported_contract");
        assert!(
            newer.to_string().contains("`guildhall:agent/agent@0.2.0`; this host has `guildhall:agent/agent@0.1.0`")
        );
    }

    #[test]
    fn a_feature_that_the_host_does_not_have_is_named() {
        let with = |part: &str| {
            let text =
                format!(r#"(component {part} (instance $i) (export "guildhall:agent/agent@0.1.0" (instance $i)))"#);
            refusal(&text).to_string()
        };
        let imported = |ty: &str| format!(r#"(import "a:b/c" (instance (type $t {ty}) (export "t" (type (eq $t)))))"#);
        assert!(with(&imported("(map string u8)")).contains("the type `map`"));
        assert!(with(&imported("(stream u8)")).contains("async"));
        assert!(with(&imported("(future)")).contains("async"));
        assert!(with(&imported("(list u8 4)")).contains("fixed length"));
        assert!(with("(type (func async))").contains("--sync"));
    }

    #[test]
    fn imports_of_nested_components_do_not_count() {
        let nested = r#"(component (component (import "a:b/c@1.0.0" (instance))) (instance $i)
            (export "guildhall:agent/agent@0.1.0" (instance $i)))"#;
        let outline = check(&wat::parse_str(nested).unwrap(), &Limits::default()).unwrap();
        assert_eq!((outline.imports.len(), outline.parts), (0, 2));
    }

    /// Returns the setting of the limit that a component meets, with the limit and the value.
    fn too_large(wat: &str, limits: &Limits) -> (String, u64, u64) {
        match check(&wat::parse_str(wat).unwrap(), limits) {
            Err(Refusal::TooLarge { setting, limit, value, .. }) => (setting, limit, value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_component_that_is_too_large_is_refused_with_the_setting() {
        let mut bytes = wat::parse_str("(component)").unwrap();
        bytes.resize((1 << 20) + 1, 0);
        let refused = check(&bytes, &Limits::default().with(Limit::Component, 1)).unwrap_err();
        assert!(matches!(refused, Refusal::TooLarge { limit: 1_048_576, value: 1_048_577, .. }));

        let nested = |depth| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        assert_eq!(too_large(&nested(40), &Limits::default()), ("host.component_nesting".into(), 32, 33));
        let modules = format!("(component {})", "(core module)".repeat(11));
        let few = Limits::default().with(Limit::Parts, 10);
        assert_eq!(too_large(&modules, &few), ("host.component_parts".into(), 10, 11));
        let functions = format!("(component (core module {}))", "(func)".repeat(11));
        let few = Limits::default().with(Limit::Functions, 10);
        assert_eq!(too_large(&functions, &few), ("host.component_functions".into(), 10, 11));
        let types = format!("(component {})", "(type u32)".repeat(11));
        let few = Limits::default().with(Limit::Items, 10);
        assert_eq!(too_large(&types, &few).0, "host.component_items");
        let long = format!("(component (core module (func {})))", "nop ".repeat(2_000));
        let short = Limits::default().with(Limit::FunctionSize, 1);
        let (setting, limit, value) = too_large(&long, &short);
        assert_eq!((setting.as_str(), limit), ("host.function_kib", 1_024));
        assert!(value > 2_000);
    }

    fn agent() -> bytes::Bytes {
        crate::tests::build(&crate::tests::Script::default())
    }

    #[test]
    fn a_component_that_ends_early_is_malformed_wherever_it_ends() {
        let whole = &agent()[..];
        assert!(check(whole, &Limits::default()).is_ok());
        // Only names follow the first part, and they may be missing.
        for end in 8..4_000 {
            let refused = check(&whole[..end], &Limits::default());
            assert!(refused.is_err(), "the first {end} bytes of {} are accepted", whole.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        /// A changed component is accepted or refused, and nothing panics.
        #[test]
        fn a_component_with_changed_bytes_is_accepted_or_refused(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            end in any::<prop::sample::Index>(),
            is_cut in any::<bool>(),
        ) {
            let mut bytes = agent().to_vec();
            for (at, byte) in changes {
                // Most of the structure is at the beginning.
                let places = bytes.len() / if byte % 2 == 0 { 1 } else { 4 };
                bytes[at.index(places)] = byte;
            }
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
            if let Err(refusal) = check(&bytes, &Limits::default()) {
                prop_assert!(refusal.code() != "host_error" && !refusal.to_string().is_empty());
            }
        }
    }
}
