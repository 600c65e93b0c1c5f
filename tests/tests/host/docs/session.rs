//! A shell that runs the commands of one page, one block after another, in a fresh copy of the repository. Variables, the
//! folder and background processes last from block to block, as in the terminal of a reader. Beside it runs a host.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::within;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long one block may take. Some build an agent.
const BLOCK: Duration = Duration::from_secs(600);
/// How long a host may take to listen.
const START: Duration = Duration::from_secs(180);
/// The address that pages write.
const WRITTEN: [&str; 2] = ["localhost:8880", "127.0.0.1:8880"];
/// How pages run the host from a clone; the test has built it already.
const FROM_CLONE: &str = "cargo run --release -- ";
/// Ends what the shell has started, in order, when its input ends: also when the test is killed.
const UNTIL_INPUT_ENDS: &str = "read -r _ || true; trap '' TERM; kill -TERM 0; wait";
/// The folders of the repository that no page needs.
const NOT_COPIED: [&str; 4] = ["target", ".git", "node_modules", "data"];

/// How a block ended.
pub struct Ran {
    pub is_well: bool,
    pub out: String,
    pub errors: String,
}

/// The shell of a page, and its host.
pub struct Session {
    folder: PathBuf,
    shell: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    host: Option<Child>,
    address: Option<String>,
    blocks: usize,
}

impl Session {
    /// Copies the repository and starts the shell. `name` is the folder's.
    pub fn start(name: &str) -> Self {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tmp.join("pages").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("the folder of an earlier run can be removed");
        }
        copy(&super::root().canonicalize().expect("the repository is there"), &folder);
        std::fs::create_dir_all(folder.join(".walk/bin")).expect("a folder can be made");
        // An author's build is kept from run to run: the libraries that it needs are always the same.
        let built = tmp.join("pages-target").join(name);
        std::fs::create_dir_all(&built).expect("a folder can be made");
        std::os::unix::fs::symlink(built, folder.join("examples/own-agent/target")).expect("a link can be made");
        let program = folder.join(".walk/bin/guildhall");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_host"), program).expect("a link can be made");
        // An answer with an error ends the command, which a reader would notice too.
        std::fs::write(folder.join(".walk/.curlrc"), "fail-with-body\nshow-error\n").expect("a file can be written");
        let mut shell = command("bash", &folder);
        // Everything that the page starts is in one group of processes, so that it can be ended.
        shell.args(["--noprofile", "--norc"]).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut shell = shell.spawn().expect("bash is installed");
        let input = shell.stdin.take().expect("it was piped");
        let output = BufReader::new(shell.stdout.take().expect("it was piped")).lines();
        Self { folder, shell, input, output, host: None, address: None, blocks: 0 }
    }

    /// The folder that the page's commands begin in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A text of the page with the address of this page's host and the program that was built with the tests.
    pub fn placed(&self, text: &str) -> String {
        let text = text.replace(FROM_CLONE, "guildhall ");
        let Some(address) = &self.address else { return text };
        WRITTEN.iter().fold(text, |text, written| text.replace(written, address))
    }

    /// Runs a block in the shell. After a block that did not end well, the shell has ended.
    pub async fn run(&mut self, text: &str) -> Ran {
        self.blocks += 1;
        let walk = self.folder.join(".walk");
        let file = |kind: &str| walk.join(format!("{}.{kind}", self.blocks));
        std::fs::write(file("sh"), self.placed(text)).expect("a file can be written");
        let variables = self.address.as_ref().map_or_else(String::new, |address| {
            format!("export GUILDHALL_URL=http://{address} GUILDHALL_LISTEN=127.0.0.1:0\n")
        });
        let [script, out, errors] = ["sh", "out", "err"].map(|kind| file(kind).display().to_string());
        let order =
            format!("{variables}set -euo pipefail\n. '{script}' >'{out}' 2>'{errors}' </dev/null\necho walked\n");
        // A shell that has ended is noticed when it says nothing.
        let _ = self.input.write_all(order.as_bytes()).await;
        let said = within(BLOCK, "the commands of a block", self.output.next_line()).await;
        let read = |path: &str| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Ran { is_well: matches!(said, Ok(Some(_))), out: read(&out), errors: read(&errors) }
    }

    /// Starts the host with the commands of a block, after the host that ran before has ended in order. Returns what it
    /// prints until it listens.
    pub async fn start_host(&mut self, text: &str) -> String {
        self.stop_host().await;
        let errors = std::fs::File::create(self.folder.join(".walk/host.err")).expect("a file can be made");
        let mut host = command("bash", &self.folder);
        host.env("GUILDHALL_LISTEN", "127.0.0.1:0").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let order = format!("(\n{}\n) </dev/null &\n{UNTIL_INPUT_ENDS}", self.placed(text));
        host.args(["--noprofile", "--norc", "-uc", &order]).process_group(0);
        let mut host = host.spawn().expect("bash is installed");
        let mut output = host.stdout.take().expect("it was piped");
        let mut printed = String::new();
        let mut part = [0; 4096];
        // The welcome is printed at once, when everything is ready.
        let length = within(START, "the host of a page", output.read(&mut part)).await.unwrap_or_default();
        printed.push_str(&String::from_utf8_lossy(&part[..length]));
        let address = printed.lines().find_map(|line| line.strip_prefix("listening on http://"));
        let errors = || std::fs::read_to_string(self.folder.join(".walk/host.err")).unwrap_or_default();
        let address = address.unwrap_or_else(|| panic!("the host of the page does not start: {}", errors()));
        self.address = Some(address.trim().to_owned());
        self.host = Some(host);
        tokio::spawn(async move { while output.read(&mut part).await.is_ok_and(|length| length > 0) {} });
        printed
    }

    /// Whether a host runs.
    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }

    async fn stop_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            drop(host.stdin.take());
            let _ = within(Duration::from_secs(60), "the host of a page to end", host.wait()).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in self.host.iter().chain([&self.shell]) {
            kill_group(child);
        }
    }
}

fn command(program: &str, folder: &Path) -> Command {
    let tools = folder.join(".walk/bin").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.current_dir(folder).env("PATH", format!("{tools}:{path}")).env("CURL_HOME", folder.join(".walk"));
    command.env("GUILDHALL_COMPONENT_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/components"));
    // What the test itself was built with is not what a reader has.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") || name == "RUSTFLAGS") {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true);
    command
}

fn kill_group(child: &Child) {
    if let Some(id) = child.id() {
        let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).status();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read").flatten() {
        let name = entry.file_name();
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() && !NOT_COPIED.iter().any(|not| name == *not) {
            copy(&entry.path(), &to.join(&name));
        } else if kind.is_file() && name != ".git" {
            std::fs::copy(entry.path(), to.join(&name)).expect("a file can be copied");
            // A file that has not changed is not built again.
            let changed = entry.metadata().and_then(|metadata| metadata.modified()).expect("a file has a time");
            let copied = std::fs::File::options().append(true).open(to.join(&name));
            copied.and_then(|copied| copied.set_modified(changed)).expect("a copy can be given a time");
        }
    }
}
