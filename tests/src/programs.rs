//! The programs that tests start beside the host, and the packages that those need. Without a program a test is skipped
//! with a line that says so; where `CI` is set, that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::host::Host;
use crate::wait::within;

/// How long packages may take to be installed, and a program to run.
const LIMIT: Duration = Duration::from_secs(600);

/// Says that a test is skipped.
///
/// # Panics
/// If `CI` is set.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}, and CI must not skip its tests");
    eprintln!("SKIPPED: {why}");
}

/// Returns chromium, or says why there is none.
#[must_use]
pub fn chromium() -> Option<PathBuf> {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = given.into_iter().chain(["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        skip("chromium is not installed");
    }
    found
}

/// Keeps other tests, which are processes of their own, from installing at the same place. Blocks.
fn alone(place: &Path) -> std::fs::File {
    std::fs::create_dir_all(place).expect("a folder can be made");
    let lock = std::fs::File::create(place.join("in-use")).expect("a file can be made");
    lock.lock().expect("a file can be locked");
    lock
}

/// Copies a folder of scripts to `place`, and lets npm install there what their `package-lock.json` names, once.
pub async fn node_folder(scripts: &Path, place: &Path) -> Option<PathBuf> {
    let _alone = alone(place);
    let lock = place.join("package-lock.json");
    let installed = place.join("installed.json");
    copy(scripts, place);
    let due = std::fs::read(&lock).expect("the scripts have a lock");
    if std::fs::read(&installed).is_ok_and(|is| is == due) {
        return Some(place.to_owned());
    }
    let install =
        Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(place).output();
    let install = within(LIMIT, "npm ci", install).await;
    if !install.as_ref().is_ok_and(|ended| ended.status.success()) {
        skip(&format!("npm does not install the packages of {}: {install:?}", scripts.display()));
        return None;
    }
    std::fs::write(&installed, due).expect("a file can be written");
    Some(place.to_owned())
}

/// Makes a virtual environment at `place` with the packages of a list, once, and returns its Python.
pub async fn python(requirements: &Path, place: &Path) -> Option<PathBuf> {
    let _alone = alone(place);
    let (program, installed) = (place.join("bin/python"), place.join("installed.txt"));
    let due = std::fs::read(requirements).expect("the list is there");
    if std::fs::read(&installed).is_ok_and(|is| is == due) {
        return Some(program);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(place).output();
    let made = within(LIMIT, "a virtual environment", made).await;
    if !made.as_ref().is_ok_and(|ended| ended.status.success()) {
        skip(&format!("python3 makes no virtual environment: {made:?}"));
        return None;
    }
    let install = Command::new(&program)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements)
        .output();
    let install = within(LIMIT, "pip install", install).await;
    if !install.as_ref().is_ok_and(|ended| ended.status.success()) {
        skip(&format!("pip does not install {}: {install:?}", requirements.display()));
        return None;
    }
    std::fs::write(&installed, due).expect("a file can be written");
    Some(program)
}

/// Copies the files of a folder, without its folders.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for file in std::fs::read_dir(from).expect("the folder is there").flatten() {
        if file.path().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).expect("a file can be copied");
        }
    }
}

/// Runs a program to its end and returns what it printed.
///
/// # Panics
/// If it fails.
pub async fn run(command: &mut Command) -> String {
    let output = within(LIMIT, "a program", command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let Output { status, stdout, stderr } = output.expect("the program starts");
    let printed = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{command:?} fails:\n{printed}\n{}", String::from_utf8_lossy(&stderr));
    printed
}

/// Runs a program to its end. When it prints `KILLED?` the host is killed, and when it prints `RUNNING?` the host is
/// started again in the same place; then the program gets a line.
///
/// # Panics
/// If it fails.
pub async fn run_beside(command: &mut Command, host: &mut Host) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("it was piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    let run = async {
        while let Ok(Some(line)) = lines.next_line().await {
            println!("{line}");
            match line.as_str() {
                "KILLED?" => host.kill().await,
                "RUNNING?" => host.start_again_in_place().await,
                _ => continue,
            }
            input.write_all(b"ok\n").await.expect("it reads");
        }
        child.wait().await.expect("it can be waited for")
    };
    let ended = within(LIMIT, "a program", run).await;
    assert!(ended.success(), "{command:?} fails, see above");
}
