//! PgBouncer for tests: in transaction mode, before a PostgreSQL server of [`crate::postgres`], with its socket beside
//! that of the server. Dropping it stops it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::postgres::{Postgres, USER, command};

/// A running PgBouncer.
#[derive(Debug)]
pub struct PgBouncer {
    folder: PathBuf,
    server: Child,
}

/// What happens to prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// Each client finds its own. Needs PgBouncer 1.21.
    Kept,
    /// They stay in whichever session prepared them.
    Lost,
}

const PROGRAM: &str = "pgbouncer";
const PORT: u16 = 6432;

impl PgBouncer {
    /// Starts PgBouncer with two connections to the server. If its program is not installed, or is older than
    /// `statements` needs, prints a line and returns `None`.
    ///
    /// # Panics
    /// If PgBouncer does not start. With `CI` set also if its program is not installed.
    #[must_use]
    pub fn start(postgres: &Postgres, statements: Statements) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(env::var_os("CI").is_none(), "{PROGRAM} is not installed, and CI must not skip its tests");
            eprintln!("SKIPPED: {PROGRAM} is not installed");
            return None;
        };
        let setting = match (statements, knows_statements(&programs)) {
            (Statements::Kept, true) => "max_prepared_statements = 200",
            (Statements::Lost, true) => "max_prepared_statements = 0",
            (Statements::Lost, false) => "",
            (Statements::Kept, false) => {
                eprintln!("SKIPPED: this {PROGRAM} is older than 1.21");
                return None;
            }
        };
        let folder = postgres.folder().to_owned();
        let server = serve(&programs, &folder, setting);
        let mut started = Self { folder, server };
        started.wait_until_ready();
        Some(started)
    }

    /// Returns the URL of a database of the server, through PgBouncer.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        format!("postgres://{USER}@localhost:{PORT}/{name}?host={}", self.folder.display())
    }

    fn wait_until_ready(&mut self) {
        let socket = self.folder.join(format!(".s.PGSQL.{PORT}"));
        let end = Instant::now() + Duration::from_secs(60);
        while !socket.exists() {
            let said = || fs::read_to_string(self.folder.join("pgbouncer.log")).unwrap_or_default();
            assert!(Instant::now() < end, "{PROGRAM} is not ready after a minute: {}", said());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn serve(programs: &Path, folder: &Path, setting: &str) -> Child {
    let (settings, users) = (folder.join("pgbouncer.ini"), folder.join("users"));
    let shown = folder.display();
    let text = format!(
        "[databases]\n* = host={shown}\n[pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {shown}\nauth_type = trust\n\
         auth_file = {}\npool_mode = transaction\ndefault_pool_size = 2\n\
         ignore_startup_parameters = extra_float_digits\n{setting}\n",
        users.display()
    );
    fs::write(&settings, text).expect("the settings can be written");
    fs::write(&users, format!("\"{USER}\" \"\"\n")).expect("the users can be written");
    command(programs, PROGRAM)
        .arg(&settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("pgbouncer.log")).expect("a log can be made"))
        .spawn()
        .expect("PgBouncer starts")
}

/// Whether the program follows prepared statements: from 1.21 on.
fn knows_statements(programs: &Path) -> bool {
    let output = Command::new(programs.join(PROGRAM)).arg("--version").output().expect("PgBouncer starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(1), Some(21))
}

/// Returns the folder of the program. Debian keeps it where only root looks.
fn programs() -> Option<PathBuf> {
    let in_path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&in_path).chain([PathBuf::from("/usr/sbin")]);
    folders.find(|folder| folder.join(PROGRAM).is_file())
}
