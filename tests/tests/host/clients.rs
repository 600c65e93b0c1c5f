//! The clients of this repository, as they are published, and clients that others generate from the descriptions. The
//! scripts are in `tests/clients`.

use std::path::{Path, PathBuf};

use guildhall_tests::programs::{chromium, node_folder, python, run, run_beside};
use guildhall_tests::{Host, component};
use tokio::process::Command;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
const TYPESCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/typescript");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python");

/// A folder that stays between runs.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The scripts beside the packages that they need.
async fn scripts() -> Option<PathBuf> {
    node_folder(Path::new(SCRIPTS), &kept("clients")).await
}

fn url(host: &Host) -> String {
    format!("http://{}", host.rest().authority())
}

/// Node with a `WebSocket`, and a script.
fn node(folder: &Path, script: &str) -> Command {
    let mut node = Command::new("node");
    // From version 22 on the option is on.
    node.arg("--experimental-websocket").arg(folder.join(script)).current_dir(folder);
    node
}

/// Python with the packages of `tests/clients/requirements.txt`.
async fn interpreter() -> Option<PathBuf> {
    python(&Path::new(SCRIPTS).join("requirements.txt"), &kept("clients-python")).await
}

#[tokio::test]
async fn linters_accept_the_descriptions() {
    let Some(folder) = scripts().await else { return };
    let host = super::host().await;
    println!("{}", run(node(&folder, "lint.mjs").arg(url(&host))).await);
}

#[tokio::test]
async fn the_types_of_the_typescript_client_are_those_of_the_descriptions() {
    let Some(folder) = scripts().await else { return };
    let host = super::host().await;
    let (kept, new) = (Path::new(TYPESCRIPT).join("src/generated"), folder.join("generated"));
    std::fs::copy(Path::new(TYPESCRIPT).join("generate.mjs"), folder.join("generate.mjs"))
        .expect("a file can be copied");
    run(node(&folder, "generate.mjs").arg(url(&host)).arg(&new)).await;
    for name in ["openapi.ts", "frames.ts"] {
        let written = std::fs::read_to_string(new.join(name)).expect("it was written");
        if std::env::var_os("WRITE_TYPES").is_some() {
            std::fs::write(kept.join(name), &written).expect("it can be written");
        }
        let is_same = std::fs::read_to_string(kept.join(name)).is_ok_and(|kept| kept == written);
        assert!(
            is_same,
            "{name} is not that of the host: run this test with WRITE_TYPES=1, and look at the difference"
        );
    }
}

#[tokio::test]
async fn the_typescript_client_misses_nothing_when_the_host_is_killed_in_node_and_in_a_browser() {
    let Some(folder) = scripts().await else { return };
    println!("{}", run(node(&folder, "pack.mjs").arg(TYPESCRIPT)).await);
    let mut host = super::host().await;
    let digest = host.rest().upload(component::hostile()).await;
    run_beside(node(&folder, "node.mjs").args([url(&host), digest.clone()]), &mut host).await;
    let readme = Path::new(TYPESCRIPT).join("README.md");
    println!("{}", run(node(&folder, "readme.mjs").arg(readme).arg(url(&host))).await);
    let Some(chromium) = chromium() else { return };
    run_beside(node(&folder, "browser.mjs").args([url(&host), digest]).env("CHROMIUM", chromium), &mut host).await;
}

#[tokio::test]
async fn the_python_client_misses_nothing_when_the_host_is_killed() {
    let (Some(folder), Some(python)) = (scripts().await, interpreter().await) else { return };
    let build = tempfile::tempdir().expect("a temporary directory can be made");
    let sources = build.path().join("sources");
    run(Command::new("cp").arg("-r").arg(PYTHON).arg(&sources)).await;
    let module = |name: &str| {
        let mut command = Command::new(&python);
        command.args(["-m", name]).current_dir(&sources);
        command
    };
    run(module("mypy").args(["--strict", "src"])).await;
    run(module("build").args(["--no-isolation", "--outdir"]).arg(build.path())).await;
    let wheel = build.path().join("guildhall_client-0.1.0-py3-none-any.whl");
    run(module("pip").args(["install", "--quiet", "--no-deps", "--force-reinstall"]).arg(wheel)).await;
    let mut host = super::host().await;
    let digest = host.rest().upload(component::hostile()).await;
    let script = folder.join("python_client.py");
    run_beside(Command::new(&python).arg(script).args([url(&host), digest]), &mut host).await;
    let readme = Path::new(PYTHON).join("README.md");
    println!("{}", run(node(&folder, "readme.mjs").arg(readme).arg(url(&host)).arg(&python)).await);
}

#[tokio::test]
async fn a_python_client_that_is_generated_uploads_and_launches() {
    let (Some(folder), Some(python)) = (scripts().await, interpreter().await) else { return };
    let host = super::host().await;
    let generated = tempfile::tempdir().expect("a temporary directory can be made");
    let bin = python.parent().expect("it is in a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = generated.path().join("client");
    let mut generate = Command::new(bin.join("openapi-python-client"));
    generate.args(["generate", "--url", &format!("{}/openapi.json", url(&host)), "--output-path"]).arg(&output);
    let printed = run(generate.env("PATH", path)).await;
    assert!(!printed.contains("will not be generated"), "{printed}");
    let component = generated.path().join("component.wasm");
    std::fs::write(&component, component::hostile()).expect("a file can be written");
    let script = folder.join("generated_client.py");
    run(Command::new(&python).arg(script).arg(url(&host)).arg(component).env("PYTHONPATH", output)).await;
}

#[tokio::test]
async fn the_react_kit_shows_texts_tables_files_errors_and_dates() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("kit");
    let (Some(chromium), Some(folder)) = (chromium(), node_folder(&scripts, &kept("kit")).await) else { return };
    let host = super::host().await;
    println!("{}", run(node(&folder, "kit.mjs").arg(url(&host)).env("CHROMIUM", chromium)).await);
}
