#![no_main]

#[path = "../foreign.rs"]
mod foreign;

libfuzzer_sys::fuzz_target!(init: guildhall::sandbox::install_expressions(), |bytes: &[u8]| foreign::patches(bytes));
