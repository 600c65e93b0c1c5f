//! The host's program, built with the tests so that they find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    guildhall::cli::main()
}
