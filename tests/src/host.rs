//! Starts a server in a process of its own, with its own port and data directory. Dropping it removes both. Its standard
//! error goes to a file, and the end of that file is printed when a test fails.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, watch};

use crate::rest::Rest;
use crate::wait::{DEADLINE, within};

/// How long a start may take. A debug build needs long to compile the built-in components and the evaluator.
const START_DEADLINE: Duration = Duration::from_secs(180);
const LISTENING: &str = "listening on ";
const TAIL_BYTES: usize = 8 << 10;

/// The configuration of a server before it is started.
#[derive(Clone, Debug)]
pub struct Options {
    program: PathBuf,
    listen: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Options {
    /// Uses a program with the command line of `guildhall`: `program serve --listen …`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), listen: "127.0.0.1:0".to_owned(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Adds an argument of `serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `--set key=value`.
    #[must_use]
    pub fn set(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.argument("--set").argument(format!("{key}={value}"))
    }

    /// Stores compiled components in a directory that several servers may share.
    #[must_use]
    pub fn component_cache(self, directory: impl AsRef<Path>) -> Self {
        self.argument("--component-cache").argument(directory.as_ref().display().to_string())
    }
}

/// A running server. Dropping it kills the process and removes its data.
pub struct Host {
    options: Options,
    directory: TempDir,
    running: Running,
}

/// The data directory of a server that does not run.
pub struct Stopped {
    options: Options,
    directory: TempDir,
}

impl Stopped {
    /// Returns the data directory, which does not exist yet.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Starts a server that is expected to fail, and returns its standard error.
    ///
    /// # Panics
    /// If the process does not end, or ends with exit code 0.
    pub async fn refused_again(&self, arguments: &[&str]) -> String {
        refused(&self.options, self.directory.path(), arguments).await
    }

    /// Starts the server.
    pub async fn start(self) -> Host {
        let running = start(&self.options, self.directory.path()).await;
        Host { options: self.options, directory: self.directory, running }
    }
}

async fn refused(options: &Options, directory: &Path, arguments: &[&str]) -> String {
    let mut command = command(options, directory);
    let ended = within(START_DEADLINE, "the host to end", command.args(arguments).status()).await;
    let errors = tail(&stderr_file(directory));
    assert!(!ended.expect("the host can be run").success(), "the host ended well: {errors}");
    errors
}

struct Running {
    child: Child,
    rest: Rest,
    lines: watch::Receiver<Arc<Vec<String>>>,
}

impl Host {
    /// Starts a server with a new data directory and waits until it listens.
    pub async fn spawn(options: Options) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let running = start(&options, directory.path()).await;
        Self { options, directory, running }
    }

    /// Starts a server that is expected to fail, and returns its standard error.
    ///
    /// # Panics
    /// If the process does not end, or ends with exit code 0.
    pub async fn refused(options: &Options) -> String {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        refused(options, directory.path(), &[]).await
    }

    /// Makes the data directory of a server that is not started.
    #[must_use]
    pub fn stopped(options: Options) -> Stopped {
        Stopped { options, directory: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    /// Starts the server again, as [`Host::start_again`], and expects that to fail. Returns its standard error.
    ///
    /// # Panics
    /// If the process does not end, or ends with exit code 0.
    pub async fn refused_again(&self, arguments: &[&str]) -> String {
        refused(&self.options, self.directory.path(), arguments).await
    }

    /// Starts the server again with the same data, after [`Host::kill`] or an orderly stop. It listens on another port.
    pub async fn start_again(&mut self) {
        self.running = start(&self.options, self.directory.path()).await;
    }

    /// Does the same as [`Host::start_again`], on the port that it had.
    pub async fn start_again_in_place(&mut self) {
        let listen = self.rest().authority().to_owned();
        self.options.listen = listen;
        self.start_again().await;
    }

    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.running.rest
    }

    /// Returns the WebSocket URL of `path`.
    #[must_use]
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.running.rest.authority())
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.child.id().expect("the process has not been waited for")
    }

    /// Returns the data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Returns the standard output so far.
    #[must_use]
    pub fn printed(&self) -> Arc<Vec<String>> {
        self.running.lines.borrow().clone()
    }

    /// Kills the process (SIGKILL) and waits until it has ended.
    pub async fn kill(&mut self) {
        within(DEADLINE, "the killed host to be gone", self.running.child.kill())
            .await
            .expect("the host can be killed");
    }

    /// Sends SIGTERM.
    pub async fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().await;
        assert!(asked.expect("`kill` runs").success(), "the host has gone before it was asked to");
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        within(Duration::from_secs(30), "the host to end", self.running.child.wait())
            .await
            .expect("a child can be waited for")
    }

    /// Returns the end of the standard error, of all starts together.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        tail(&stderr_file(self.directory.path()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- standard error of the host ---\n{}\n---", self.stderr_tail());
        }
    }
}

fn stderr_file(directory: &Path) -> PathBuf {
    directory.join("stderr.log")
}

fn tail(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]).into_owned()
}

/// Whether a server of this test process has evaluated an expression. The first one waits for the evaluator to be compiled;
/// the others share its cache.
static EXPRESSIONS: OnceCell<()> = OnceCell::const_new();

async fn evaluate_one(rest: &Rest) {
    let rule = json!({"agent_type": "a.B", "transformer": {"expression_type": "jsonata", "expression": "("}});
    let spec = json!({"name": "n", "description": "d", "agents": [], "routes": {"steps": [rule]}});
    let request = rest.request(reqwest::Method::POST, "/api/guilds").json(&json!({"org_id": "o", "spec": spec}));
    let answer = within(START_DEADLINE, "the first expression", request.send()).await;
    let status = answer.expect("the host answers").status();
    assert!(status.is_client_error(), "an expression that is none is answered with {status}");
}

fn command(options: &Options, directory: &Path) -> Command {
    let stderr = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(stderr_file(directory))
        .expect("the log file can be opened");
    let mut command = Command::new(&options.program);
    command
        .args(["serve", "--listen", &options.listen, "--data-dir"])
        .arg(directory.join("data"))
        .args(&options.arguments)
        .env("RUST_BACKTRACE", "1")
        .envs(options.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true);
    command
}

async fn start(options: &Options, directory: &Path) -> Running {
    let mut child = command(options, directory)
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", options.program.display()));

    let stdout = child.stdout.take().expect("it was piped");
    let (sender, mut lines) = watch::channel(Arc::new(Vec::new()));
    // The thread ends with the process, after it has read all output.
    tokio::spawn(async move {
        let mut reader = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            sender.send_modify(|lines| Arc::make_mut(lines).push(line));
        }
    });

    let listening = |lines: &Arc<Vec<String>>| lines.iter().any(|line| line.starts_with(LISTENING));
    let waited = tokio::time::timeout(START_DEADLINE, lines.wait_for(listening)).await;
    let is_listening = matches!(waited, Ok(Ok(_)));
    drop(waited);
    if !is_listening {
        let printed = lines.borrow().join("\n");
        let errors = tail(&stderr_file(directory));
        panic!("the host does not say `{LISTENING}…`; it printed\n{printed}\nand to its standard error\n{errors}");
    }
    let url = lines.borrow().iter().find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
    let rest = Rest::new(url.expect("just waited for").trim());
    EXPRESSIONS.get_or_init(|| evaluate_one(&rest)).await;
    Running { child, rest, lines }
}
