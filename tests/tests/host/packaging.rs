//! The unit of systemd in `packaging/`, as systemd itself reads and rates it.

use std::process::{Command, Output};

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/guildhall.service");
/// The most exposure that the unit may have, in tenths of the rating of systemd: 0 is none, 100 is all.
const MOST_EXPOSURE: &str = "20";

/// Runs `systemd-analyze` on the unit, whose program is the one that was built with the tests. Returns nothing, and prints
/// a line, if it is not installed.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let unit = std::fs::read_to_string(UNIT).expect("the unit can be read");
    let program = "/usr/local/bin/guildhall";
    assert!(unit.contains(program), "the unit starts {program}");
    let placed = folder.path().join("guildhall.service");
    std::fs::write(&placed, unit.replace(program, env!("CARGO_BIN_EXE_host"))).expect("a file can be written");
    match Command::new("systemd-analyze").args(arguments).arg(&placed).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "systemd-analyze does not run, and CI must not skip its tests");
            eprintln!("SKIPPED: systemd-analyze does not run: {error}");
            None
        }
    }
}

#[test]
fn systemd_reads_the_unit_without_a_warning() {
    let Some(output) = analyze(&["verify", "--man=no"]) else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("guildhall.service"), "{said}");
}

#[test]
fn the_unit_exposes_little() {
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    let Some(output) = analyze(&["security", "--offline=yes", "--no-pager", &threshold]) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
