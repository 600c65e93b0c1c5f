//! Reads errors of wasmtime that have no public type, by their text. Every such match of the crate is in this file, and
//! each has a test that makes wasmtime return the error, so the tests fail when a new version changes a text.

use wasmtime::component::ResourceTableError;

use crate::limits::{Limit, Limits};
use crate::refusal::Refusal;

/// Whether the guest holds more resources than `host.handles` allows. The host's own table has a typed error; the error
/// of the component's table has none.
pub(crate) fn is_handle_limit(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || error.root_cause().to_string().contains("store handle limit exceeded")
}

/// Whether the guest copies more in one call than `host.copy_bytes` allows. The error's type is private to wasmtime.
pub(crate) fn is_copy_limit(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

/// Returns why a component does not fit the pool of instances. These errors have no types; their texts name the value.
pub(crate) fn misfit(error: &wasmtime::Error, limits: &Limits) -> Refusal {
    let text = format!("{error:#}");
    let number = |mark: &str, after: usize| -> Option<u64> {
        let rest = &text[text.find(mark)? + after..];
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
            && text.contains(&format!("{transitively} {value} {kind}"))
        {
            return Refusal::over(limit, what, limits.get(limit), value);
        }
    }
    for (limit, mark, what) in [
        (Limit::Memories, "defined memories count of", "number of memories of one module"),
        (Limit::Tables, "defined tables count of", "number of tables of one module"),
    ] {
        if let Some(value) = number(mark, 0) {
            return Refusal::over(limit, what, limits.get(limit), value);
        }
    }
    if let Some(bytes) = number("minimum byte size of", 0) {
        let most = limits.get(Limit::Memory);
        return Refusal::over(Limit::Memory, "least memory in MiB", most, bytes.div_ceil(1 << 20));
    }
    if let Some(elements) = number("minimum element size of", 0) {
        let most = limits.get(Limit::TableElements);
        return Refusal::over(Limit::TableElements, "least table in elements", most, elements);
    }
    Refusal::invalid(&format!("the component does not fit this host: {text}"))
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker};
    use wasmtime::{Engine, Store};

    use super::*;
    use crate::engine;

    /// Calls the export `run` of a component that imports nothing but `take`, which takes a string.
    fn error_of(wat: &str, configure: impl FnOnce(&mut Store<()>)) -> wasmtime::Error {
        let engine = Engine::default();
        let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
        let mut linker = Linker::new(&engine);
        linker.root().func_wrap("take", |_, (_,): (String,)| Ok(())).unwrap();
        let mut store = Store::new(&engine, ());
        configure(&mut store);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        run.call(&mut store, ()).unwrap_err()
    }

    #[test]
    fn a_component_with_too_many_handles_of_its_own_meets_the_handle_limit() {
        let wat = r#"(component
            (type $thing (resource (rep i32)))
            (core func $new (canon resource.new $thing))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (func (export "run") (loop $more (drop (call $new (i32.const 0))) (br $more))))
            (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func (export "run") (canon lift (core func $i "run"))))"#;
        let error = error_of(wat, |store| store.set_max_component_handles(8));
        assert!(is_handle_limit(&error) && !is_copy_limit(&error), "{error:#}");
    }

    #[test]
    fn a_component_that_copies_too_much_in_one_call_meets_the_copy_limit() {
        let wat = r#"(component
            (import "take" (func $take (param "text" string)))
            (core module $memory (memory (export "memory") 1))
            (core instance $memory (instantiate $memory))
            (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
            (core module $m
                (import "" "take" (func $take (param i32 i32)))
                (func (export "run") (call $take (i32.const 0) (i32.const 1000))))
            (core instance $i (instantiate $m (with "" (instance (export "take" (func $take))))))
            (func (export "run") (canon lift (core func $i "run"))))"#;
        let error = error_of(wat, |store| store.set_hostcall_fuel(100));
        assert!(is_copy_limit(&error) && !is_handle_limit(&error), "{error:#}");
    }

    #[test]
    fn a_component_that_the_pool_cannot_hold_is_refused_with_the_setting_and_the_value() {
        let limits = Limits::allowed();
        let engine = engine::engine(4, &limits).unwrap();
        let module = |body: &str, count: usize| {
            let instances = "(core instance (instantiate $m))".repeat(count);
            format!("(component (core module $m {body}) {instances})")
        };
        for (wat, setting, value) in [
            (module("", 65), "host.instances", 65),
            (module("(memory 1)", 5), "host.memories", 5),
            (module("(table 1 funcref)", 17), "host.tables", 17),
            (module(&"(memory 1)".repeat(5), 1), "host.memories", 5),
            (module(&"(table 1 funcref)".repeat(17), 1), "host.tables", 17),
            (module("(memory 20000)", 1), "sandbox.memory_mib", 1_250),
            (module("(table 200000 funcref)", 1), "host.table_elements", 200_000),
        ] {
            let error = Component::new(&engine, wat::parse_str(wat).unwrap()).map(|_| ()).unwrap_err();
            match misfit(&error, &limits) {
                Refusal::TooLarge { setting: named, value: found, .. } => {
                    assert_eq!((named.as_str(), found), (setting, value), "{error:#}");
                }
                other => panic!("{setting}: {other}"),
            }
        }
    }
}
