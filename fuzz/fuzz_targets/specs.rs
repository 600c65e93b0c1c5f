//! Fuzzes the readers of specs with their configurations.

#![no_main]

#[path = "../bounded.rs"]
mod bounded;
#[expect(dead_code, reason = "a target calls one of the functions")]
#[path = "../foreign.rs"]
mod foreign;

libfuzzer_sys::fuzz_target!(init: bounded::begin(), |bytes: &[u8]| bounded::run(foreign::specs, bytes));
