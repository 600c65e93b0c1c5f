//! Faults of the disk and of the clock of one server. It is started with a library that stands between it and the
//! system (`tests/faults/shim.c`), and a small file, which both map, says what happens.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::host::Options;

/// What can be done to one server.
#[derive(Debug)]
pub struct Trouble {
    folder: TempDir,
    file: File,
}

/// How a write to a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    Succeed,
    /// No space is left.
    Full,
    /// The disk reports an error.
    Fail,
    /// They wait until this changes.
    Hang,
    /// They take longer by milliseconds.
    Slow(i32),
}

/// The layout of `struct faults` in the library: places and sizes in bytes.
const WRITES_AT: u64 = 8;
const PART_AT: u64 = 20;
const PART_BYTES: usize = 64;
const SIZE: u64 = 88;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

impl Trouble {
    /// Compiles the library. There is no fault yet.
    ///
    /// # Panics
    /// If there is no C compiler. Rust's linker needs one too.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/faults/shim.c");
        let mut compiler = Command::new("cc");
        let compiler = compiler.args(["-shared", "-fPIC", "-O1", source, "-o"]).arg(folder.path().join("shim.so"));
        assert!(compiler.status().expect("cc starts").success(), "cc compiles {source}");
        let file = File::create(folder.path().join("faults")).expect("a file can be made");
        file.set_len(SIZE).expect("a file can be made");
        Self { folder, file }
    }

    /// Adds the library to what a server is started with.
    #[must_use]
    pub fn options(&self, options: Options) -> Options {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        options
            .variable("LD_PRELOAD", &path("shim.so").display().to_string())
            .variable("GUILDHALL_TEST_FAULTS", &path("faults").display().to_string())
    }

    /// Says how writes to files end that have `part` in their path. Flushes are writes too.
    ///
    /// # Panics
    /// If `part` has 64 bytes or more.
    pub fn writes(&self, part: &str, writes: Writes) {
        let (error, hangs, delay_ms) = match writes {
            Writes::Succeed => (0, 0, 0),
            Writes::Full => (ENOSPC, 0, 0),
            Writes::Fail => (EIO, 0, 0),
            Writes::Hang => (0, 1, 0),
            Writes::Slow(ms) => (0, 0, ms),
        };
        let mut name = [0; PART_BYTES];
        assert!(part.len() < PART_BYTES, "{part} is too long");
        name[..part.len()].copy_from_slice(part.as_bytes());
        self.put(PART_AT, &name);
        self.put(WRITES_AT, &[error, hangs, delay_ms].map(i32::to_ne_bytes).concat());
    }

    /// Moves the clock: the time of day is that of the machine and these seconds.
    pub fn shift_clock(&self, seconds: i64) {
        self.put(0, &seconds.to_ne_bytes());
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).expect("the file can be written");
    }
}

impl Default for Trouble {
    fn default() -> Self {
        Self::new()
    }
}
