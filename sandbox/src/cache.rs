//! Compiled code on disk. It is native code, so only what this host wrote is ever
//! loaded: each file has a seal beside it, made with a key that never leaves the
//! directory, and the directory is its owner's alone.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use guildhall_model::ids::Digest;

const WASMTIME: &str = "48.0.8";
const KEY_BYTES: usize = 32;

/// A directory of compiled components, for one version and one configuration of
/// the engine.
pub(super) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
}

impl Cache {
    /// Opens or makes the cache; the first time also its key. Removes what hosts that
    /// were killed have left unfinished.
    pub(super) fn open(root: &Path, engine: &Engine) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let dir = root.join(WASMTIME).join(format!("{:016x}", hasher.finish()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        remove_unfinished(&dir)?;
        Ok(Self { dir, key: key(root)? })
    }

    /// The compiled component, if it is here and sealed by this host. Whatever
    /// does not fit is removed.
    pub(super) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let seal = self.seal(digest, File::open(&path).ok()?);
        let sealed = seal
            .and_then(|seal| Ok((seal, fs::read(seal_path(&path))?)))
            .is_ok_and(|(seal, kept)| seal.verify_slice(&kept).is_ok());
        if !sealed {
            tracing::warn!(path = %path.display(), "compiled code was not sealed by this host: removed");
            self.remove(digest);
            return None;
        }
        load(engine, &path)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "compiled code does not load: removed");
                self.remove(digest);
            })
            .ok()
    }

    /// A new file for code that is being made.
    pub(super) fn begin(&self) -> io::Result<Unfinished> {
        Unfinished::new(&self.dir)
    }

    /// Loads what was just kept; if it does not fit this engine it is removed.
    pub(super) fn load_kept(&self, engine: &Engine, digest: &Digest) -> wasmtime::Result<Component> {
        load(engine, &self.path(digest)).inspect_err(|_| self.remove(digest))
    }

    /// Keeps compiled code. The seal is there before the code is.
    pub(super) fn keep(&self, digest: &Digest, code: Unfinished) -> io::Result<()> {
        let path = self.path(digest);
        let seal = self.seal(digest, File::open(&code.path)?)?;
        let mut sealed = self.begin()?;
        sealed.file.write_all(&seal.finalize().into_bytes())?;
        sealed.rename(&seal_path(&path))?;
        code.rename(&path)
    }

    /// Removes code, if it is there.
    pub(super) fn remove(&self, digest: &Digest) {
        let path = self.path(digest);
        let _ = fs::remove_file(seal_path(&path));
        let _ = fs::remove_file(path);
    }

    /// A digest's file; digests are the host's own, 64 hex digits.
    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.as_str().trim_start_matches("sha256:")).with_extension("cwasm")
    }

    /// Seals the code together with its name, so that no file passes for another.
    fn seal(&self, digest: &Digest, code: impl Read) -> io::Result<Hmac<Sha256>> {
        let seal = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        let mut seal = seal.chain_update(digest.as_str());
        let mut code = BufReader::with_capacity(READ_BYTES, code);
        loop {
            let part = code.fill_buf()?;
            if part.is_empty() {
                return Ok(seal);
            }
            seal.update(part);
            let read = part.len();
            code.consume(read);
        }
    }
}

/// How much of a file is in memory while it is sealed.
const READ_BYTES: usize = 64 << 10;

/// A file that is not yet what it will be; dropped as it is, it is removed.
pub(super) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    fn new(dir: &Path) -> io::Result<Self> {
        let path = dir.join(format!("{:032x}.tmp", rand::random::<u128>()));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// The file, for whoever writes it.
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that nobody has written to for this long is nobody's: no compiler has as
/// much time, and other hosts may share the directory.
const UNFINISHED: Duration = Duration::from_secs(24 * 3_600);

fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_old = || entry.metadata()?.modified()?.elapsed().map_err(io::Error::other);
        if entry.path().extension().is_some_and(|end| end == "tmp") && is_old().is_ok_and(|age| age > UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn seal_path(path: &Path) -> PathBuf {
    path.with_extension("seal")
}

/// Reads the key, or makes one. Of two hosts that make it at once one wins, and
/// both use that.
fn key(root: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = root.join("key");
    if !path.exists() {
        let mut made = Unfinished::new(root)?;
        made.file.write_all(&rand::random::<[u8; KEY_BYTES]>())?;
        match fs::hard_link(&made.path, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let bytes = fs::read(&path)?;
    bytes.try_into().map_err(|_| io::Error::other(format!("{} is not a key of {KEY_BYTES} bytes", path.display())))
}

#[expect(unsafe_code, reason = "compiled code is loaded as it is; the caller knows that this host wrote it")]
pub(super) fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was kept by `Cache::keep`, which its seal proves, into
    // a directory that nobody else may write to.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Cache {
        fn store(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
            let mut file = self.begin()?;
            file.file.write_all(code)?;
            self.keep(digest, file)
        }
    }

    fn compiled(engine: &Engine) -> Vec<u8> {
        engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_kept_leaves_nothing_behind() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let cache = Cache::open(dir.path(), &engine).unwrap();
        drop(cache.begin().unwrap());
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 0);
        let (old, young) = (cache.dir.join("old.tmp"), cache.dir.join("young.tmp"));
        for (path, age) in [(&old, 2 * UNFINISHED), (&young, Duration::ZERO)] {
            File::create(path).unwrap().set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        Cache::open(dir.path(), &engine).unwrap();
        assert!(!old.exists() && young.exists());
        fs::remove_file(young).unwrap();
        cache.store(&Digest::from("sha256:aa"), b"code").unwrap();
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 2);
    }

    #[test]
    fn what_was_stored_is_loaded_also_by_the_next_process() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let digest = Digest::from("sha256:aa");
        let cache = Cache::open(dir.path(), &engine).unwrap();
        assert!(cache.load(&engine, &digest).is_none());
        cache.store(&digest, &compiled(&engine)).unwrap();
        assert!(Cache::open(dir.path(), &engine).unwrap().load(&engine, &digest).is_some());
    }

    #[test]
    fn a_file_that_was_changed_or_renamed_is_removed() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let (one, two) = (Digest::from("sha256:aa"), Digest::from("sha256:bb"));
        let cache = Cache::open(dir.path(), &engine).unwrap();
        cache.store(&one, &compiled(&engine)).unwrap();

        fs::copy(cache.path(&one), cache.path(&two)).unwrap();
        fs::copy(seal_path(&cache.path(&one)), seal_path(&cache.path(&two))).unwrap();
        assert!(cache.load(&engine, &two).is_none());
        assert!(!cache.path(&two).exists());

        let mut code = fs::read(cache.path(&one)).unwrap();
        *code.last_mut().unwrap() ^= 1;
        fs::write(cache.path(&one), code).unwrap();
        assert!(cache.load(&engine, &one).is_none());
        assert!(!cache.path(&one).exists());
    }

    #[test]
    fn everything_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        let digest = Digest::from("sha256:aa");
        let cache = Cache::open(dir.path(), &engine).unwrap();
        cache.store(&digest, b"code").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&cache.dir), 0o700);
        for path in [cache.path(&digest), seal_path(&cache.path(&digest)), dir.path().join("key")] {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}
