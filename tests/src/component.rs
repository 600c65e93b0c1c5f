//! The components that tests upload.

/// Returns the hostile agent of `tests/guests`.
///
/// # Panics
/// If the build script of this crate has not built it.
#[must_use]
pub fn hostile() -> Vec<u8> {
    built(env!("HOSTILE_WASM"))
}

/// Returns the agent of `tests/guests` that uses the capabilities a message names.
///
/// # Panics
/// If the build script of this crate has not built it.
#[must_use]
pub fn reaching() -> Vec<u8> {
    built(env!("REACHING_WASM"))
}

fn built(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the same component with another digest.
#[must_use]
pub fn variant(component: &[u8], mark: &str) -> Vec<u8> {
    let name = sized(&[], mark.as_bytes());
    [component, &sized(&[0], &name)].concat()
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn sized(id: &[u8], content: &[u8]) -> Vec<u8> {
    [id, &leb128(content.len()), content].concat()
}

/// Returns a component that looks like an agent, with this many functions of this many branches each.
#[must_use]
pub fn bomb(functions: usize, branches: usize) -> Vec<u8> {
    // `local.get 0`, then repeatedly `(if (result i32) (local.get 0) …)` and `i32.add`.
    let branch = [0x20, 0, 0x04, 0x7f, 0x20, 0, 0x05, 0x20, 0, 0x0b, 0x6a];
    let body = sized(&[], &[&[0, 0x20, 0][..], &branch.repeat(branches), &[0x0b]].concat());
    let types = sized(&[1], &[1, 0x60, 1, 0x7f, 1, 0x7f]);
    let declared = sized(&[3], &[leb128(functions), vec![0; functions]].concat());
    let code = sized(&[10], &[leb128(functions), body.repeat(functions)].concat());
    let module = [&b"\0asm\x01\0\0\0"[..], &types, &declared, &code].concat();
    let agent = agent("");
    let (header, exports) = agent.split_at(8);
    [header, &sized(&[1], &module), exports].concat()
}

/// Returns a component of these items of WebAssembly text, with an export that has the name of the contract.
#[must_use]
pub fn agent(items: &str) -> Vec<u8> {
    of(&format!(r#"{items} (instance $agent) (export "guildhall:agent/agent@0.1.0" (instance $agent))"#))
}

/// Returns a component of these items of WebAssembly text.
///
/// # Panics
/// If the text is not valid.
#[must_use]
pub fn of(items: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {items})")).expect("WebAssembly text")
}
