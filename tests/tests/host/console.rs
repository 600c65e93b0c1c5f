//! The console in a real browser: chromium, driven by `tests/browser/console.mjs`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::{component, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");
const LIMIT: Duration = Duration::from_secs(1_200);

/// Returns the browser, or prints why there is none.
fn chromium() -> Option<PathBuf> {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = given.into_iter().chain(["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "chromium is not installed, and CI must not skip its tests");
        eprintln!("SKIPPED: chromium is not installed");
    }
    found
}

/// Copies the scripts beside the packages that they need, which npm installs there once.
async fn installed() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let lock = std::fs::read(folder.join("package-lock.json")).unwrap_or_default();
    for script in std::fs::read_dir(SCRIPTS).expect("the scripts are there").flatten() {
        if script.path().is_file() {
            std::fs::copy(script.path(), folder.join(script.file_name())).expect("a script can be copied");
        }
    }
    let is_new = std::fs::read(folder.join("package-lock.json")).is_ok_and(|now| now != lock);
    if !is_new && folder.join("node_modules/playwright-core").is_dir() {
        return Some(folder);
    }
    let install = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output().await;
    if install.as_ref().is_ok_and(|ended| ended.status.success()) {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "npm does not install playwright-core: {install:?}");
    eprintln!("SKIPPED: npm does not install playwright-core: {install:?}");
    None
}

#[tokio::test]
async fn the_console_is_found_at_other_spellings_of_its_address() {
    let host = super::host().await;
    for path in ["/console", "/console/"] {
        let answer = host.rest().request(reqwest::Method::GET, path).send().await.expect("an answer");
        let to = answer.headers()["location"].to_str().expect("a text");
        assert_eq!(answer.url().join(to).expect("a URL").path(), "/", "{path}");
    }
}

#[tokio::test]
async fn a_person_uses_the_console() {
    let (Some(chromium), Some(folder)) = (chromium(), installed().await) else { return };
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    std::fs::write(files.path().join("hostile.wasm"), component::hostile()).expect("a file can be written");
    let mut host = super::host().await;
    let mut node = Command::new("node");
    node.arg(folder.join("console.mjs")).arg(format!("http://{}", host.rest().authority())).arg(files.path());
    if let Some(pictures) = std::env::var_os("PICTURES") {
        node.arg(pictures);
    }
    node.env("CHROMIUM", chromium).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut node = node.spawn().expect("node starts");
    let mut input = node.stdin.take().expect("it was piped");
    let mut lines = BufReader::new(node.stdout.take().expect("it was piped")).lines();
    let run = async {
        while let Ok(Some(line)) = lines.next_line().await {
            println!("{line}");
            match line.as_str() {
                "KILLED?" => host.kill().await,
                "RUNNING?" => host.start_again_in_place().await,
                _ => continue,
            }
            input.write_all(b"ok\n").await.expect("node reads");
        }
        node.wait().await.expect("node can be waited for")
    };
    let ended = within(LIMIT, "the browser", run).await;
    assert!(ended.success(), "the console fails in the browser, see above");
}
