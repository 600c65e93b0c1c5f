#![no_main]

#[path = "../bounded.rs"]
mod bounded;
#[path = "../foreign.rs"]
mod foreign;

libfuzzer_sys::fuzz_target!(init: bounded::begin(), |bytes: &[u8]| bounded::run(foreign::slips, bytes));
