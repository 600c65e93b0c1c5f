//! A disk of a few MiB, which a test can fill: a tmpfs. Dropping it unmounts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted disk.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

/// The name of the file that fills the disk.
const BALLAST: &str = "ballast";

impl SmallDisk {
    /// Mounts a new disk on a folder, which is made if needed. Returns `None`, and prints a line, where this is not
    /// allowed.
    ///
    /// # Panics
    /// If the folder cannot be made.
    #[must_use]
    pub fn mount(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("the folder can be made");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "none"]).arg(folder).output();
        if mount.is_ok_and(|ended| ended.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("a tmpfs cannot be mounted here (this needs root)");
        None
    }

    /// Writes a file until the disk is full.
    ///
    /// # Panics
    /// If the file cannot be made.
    pub fn fill(&self) {
        use std::io::Write;
        let mut ballast = fs::File::create(self.0.join(BALLAST)).expect("a file can be made");
        for piece in [64 << 10, 4 << 10, 1] {
            let bytes = vec![b'x'; piece];
            while ballast.write_all(&bytes).is_ok() {}
        }
    }

    /// Removes that file.
    ///
    /// # Panics
    /// If the disk was not filled.
    pub fn clear(&self) {
        fs::remove_file(self.0.join(BALLAST)).expect("the disk was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
