//! A PostgreSQL server for tests: a cluster in a temporary folder with a socket in it. Dropping it removes everything. The
//! tests of `host` use this file too.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    server: Child,
}

/// The user that runs the server, because it refuses to run as root. This user exists on every system.
const NOBODY: u32 = 65534;
/// The user of the databases.
pub const USER: &str = "guildhall";
/// The programs that are needed. All are in one folder.
const PROGRAMS: [&str; 5] = ["initdb", "postgres", "pg_isready", "createdb", "psql"];

impl Postgres {
    /// Starts a server. If its programs are not installed, prints a line and returns `None`.
    ///
    /// # Panics
    /// If the server does not start. With `CI` set also if the programs are not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(env::var_os("CI").is_none(), "PostgreSQL is not installed, and CI must not skip its tests");
            eprintln!("SKIPPED: PostgreSQL is not installed (no initdb in PATH or /usr/lib/postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root can give a folder away");
        }
        let data = folder.path().join("data");
        let initdb = command(&programs, "initdb")
            .args(["--username", USER, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C", "-D"])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .expect("initdb starts");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let server = serve(&programs, folder.path());
        let started = Self { programs, folder, server };
        started.wait_until_ready();
        Some(started)
    }

    /// Stops the server at once. Its data stays.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn stop(&mut self) {
        let asked = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "the server runs");
        self.server.wait().expect("a child can be waited for");
    }

    /// Starts the server with the same data, after [`Postgres::stop`].
    ///
    /// # Panics
    /// If the server does not start.
    pub fn start_again(&mut self) {
        self.server = serve(&self.programs, self.folder.path());
        self.wait_until_ready();
    }

    /// Sends a signal, such as `STOP`, to all processes of the server.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn signal(&self, signal: &str) {
        let server = self.server.id().to_string();
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).expect("the server runs");
        let all = std::iter::once(server.as_str()).chain(children.split_whitespace());
        // One that has ended in between needs no signal.
        let _ = Command::new("kill").arg(format!("-{signal}")).args(all).stderr(Stdio::null()).status();
    }

    /// Says whether a database takes connections. Where it does not, those that exist end.
    ///
    /// # Panics
    /// If the server does not do it.
    pub fn allow_connections(&self, database: &str, allow: bool) {
        let alter = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allow}");
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
        let sql = |text: &str| self.run("psql", &["--username", USER, "--quiet", "-c", text, "postgres"]);
        assert!(sql(&alter) && (allow || sql(&end)), "the server does not take: {alter}");
    }

    fn wait_until_ready(&self) {
        let log = self.folder.path().join("log");
        let end = Instant::now() + Duration::from_secs(60);
        while !self.run("pg_isready", &["--quiet"]) {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < end, "the server is not ready after a minute: {}", said());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// If a database of this name exists.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        assert!(self.run("createdb", &["--username", USER, name]), "the database {name} cannot be made");
        format!("postgres://{USER}@localhost/{name}?host={}", self.folder.path().display())
    }

    /// Returns the folder of the server's socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(self.programs.join(program));
        let command = command.arg("--host").arg(self.folder.path()).args(arguments).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    /// Stops the server at once; its data is not needed any more.
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// Starts the program of the server on the data in a folder.
fn serve(programs: &Path, folder: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
    command(programs, "postgres")
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=300", "-k"])
        .arg(folder)
        .arg("-D")
        .arg(folder.join("data"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("a log can be made"))
        .spawn()
        .expect("the server starts")
}

/// Returns a command that runs a program of a folder as the user that runs the server.
#[must_use]
pub fn command(programs: &Path, name: &str) -> Command {
    let mut command = Command::new(programs.join(name));
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Returns the folder of the server's programs: the one in `PATH`, else that of the newest installed version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    installed.sort_by_key(|path| path.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
    let in_path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&in_path).chain(installed.into_iter().rev());
    folders.find(|folder| PROGRAMS.iter().all(|program| folder.join(program).is_file()))
}
