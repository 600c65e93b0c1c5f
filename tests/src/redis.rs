//! A Redis server for tests: in a temporary folder, on a socket of that folder and a port that the system picks. Dropping
//! it removes everything. The tests of `journal` use this file too.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;

/// A Redis server, which may be killed and started again with the same data.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    directives: Vec<String>,
    server: Child,
}

impl Redis {
    /// Whether the program is installed. If not, prints a line.
    ///
    /// # Panics
    /// With `CI` set if the program is not installed.
    #[must_use]
    pub fn is_installed() -> bool {
        let is_installed = program().is_some();
        if !is_installed {
            assert!(env::var_os("CI").is_none(), "Redis is not installed, and CI must not skip its tests");
            eprintln!("SKIPPED: Redis is not installed (no redis-server in PATH)");
        }
        is_installed
    }

    /// Starts a server with directives such as `--appendonly yes`.
    ///
    /// # Panics
    /// If the program is not installed or does not start.
    #[must_use]
    pub fn start(directives: &[&str]) -> Self {
        let program = program().expect("redis-server is installed");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let directives: Vec<String> = directives.iter().map(|directive| (*directive).to_owned()).collect();
        let (port, server) = serve_on_free_port(&program, folder.path(), &directives);
        Self { program, folder, port, directives, server }
    }

    /// Starts a server whose commands survive its end. With `everysec` it may answer before it writes.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn durable() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "no"])
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the id of the server's process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.server.id()
    }

    /// Kills the server at once.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self) {
        self.server.kill().expect("the server runs");
        self.server.wait().expect("a child can be waited for");
    }

    /// Starts the server with the same data, after [`Redis::kill`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&mut self) {
        self.start_again_with(&[]);
    }

    /// Starts the server with the same data and some more directives, after [`Redis::kill`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again_with(&mut self, directives: &[&str]) {
        let all: Vec<String> =
            self.directives.iter().cloned().chain(directives.iter().map(|text| (*text).to_owned())).collect();
        self.server = serve(&self.program, self.folder.path(), self.port, &all);
        assert!(is_ready(&mut self.server, self.port), "Redis does not start again: {}", log_of(self.folder.path()));
    }

    /// Runs a command and returns its answer as redis-cli prints it.
    ///
    /// # Panics
    /// If redis-cli does not run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new(self.program.with_file_name("redis-cli"))
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(arguments)
            .output()
            .expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Starts a server on a port that nobody uses. Another program may take the port first; then it is tried again.
fn serve_on_free_port(program: &Path, folder: &Path, directives: &[String]) -> (u16, Child) {
    for _ in 0..20 {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port();
        let mut server = serve(program, folder, port, directives);
        if is_ready(&mut server, port) {
            return (port, server);
        }
        let _ = server.kill();
        let _ = server.wait();
    }
    panic!("Redis does not start: {}", log_of(folder));
}

fn serve(program: &Path, folder: &Path, port: u16, directives: &[String]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log can be made");
    Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"])
        .arg(folder)
        .args(directives)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts")
}

/// Waits until the server accepts connections and has read its data; false if it ends.
fn is_ready(server: &mut Child, port: u16) -> bool {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if server.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        if answers(port) {
            return true;
        }
        assert!(Instant::now() < end, "the server is not ready after a minute");
        thread::sleep(Duration::from_millis(5));
    }
}

fn answers(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = [0; 32];
    let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.read(&mut answer));
    // With a password or over TLS it answers with an error, but it is there.
    asked.is_ok_and(|length| length > 0 && !answer.starts_with(b"-LOADING"))
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|program| program.is_file())
}
