//! An OCI registry for tests: Debian's `docker-registry` on loopback, with a temporary folder. Dropping it removes
//! everything.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    /// `127.0.0.1:port`.
    pub address: String,
    server: Child,
    _folder: TempDir,
}

const PROGRAM: &str = "docker-registry";

impl Registry {
    /// Starts a registry. If its program is not installed, prints a line and returns `None`.
    ///
    /// # Panics
    /// If the registry does not start. With `CI` set also if the program is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        let in_path = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&in_path).any(|folder| folder.join(PROGRAM).is_file()) {
            assert!(env::var_os("CI").is_none(), "{PROGRAM} is not installed, and CI must not skip its tests");
            eprintln!("SKIPPED: {PROGRAM} is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (config, log) = (folder.path().join("config.yml"), folder.path().join("log"));
        let storage = folder.path().join("storage");
        let settings = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:0}}\n",
            storage.display()
        );
        std::fs::write(&config, settings).expect("the settings can be written");
        let output = std::fs::File::create(&log).expect("a log can be made");
        let server = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("the registry starts");
        let mut registry = Self { address: String::new(), server, _folder: folder };
        registry.address = registry.listening(&log);
        Some(registry)
    }

    /// Waits until the registry prints its address.
    fn listening(&self, log: &Path) -> String {
        const SAYS: &str = "listening on ";
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let address = said.split(SAYS).nth(1).and_then(|rest| rest.split(['"', ' ', ',']).next());
            if let Some(address) = address.filter(|address| address.starts_with("127.0.0.1:")) {
                return address.to_owned();
            }
            assert!(Instant::now() < end, "the registry does not say `{SAYS}…`: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
