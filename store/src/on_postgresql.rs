//! Runs the conformance suite of the store on a PostgreSQL server of its own.

use std::process::Command;

#[path = "../../tests/src/postgres.rs"]
#[expect(dead_code, reason = "only tests from outside stop and restart the server")]
mod postgres;

#[test]
fn the_store_passes_its_suite_on_postgresql() {
    let Some(postgres) = postgres::Postgres::start() else { return };
    let suite = Command::new(std::env::current_exe().unwrap())
        .args(["tests::", "--test-threads", "4"])
        .env("GUILDHALL_TEST_DATABASE", postgres.database("suite"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&suite.stdout);
    assert!(suite.status.success(), "{said}");
    assert!(!said.contains(" 0 passed"), "the suite is not there: {said}");
}
