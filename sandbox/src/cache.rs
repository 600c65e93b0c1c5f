//! The cache of compiled code on disk. Compiled code is native code, so the host loads only files that it wrote itself:
//! each file has a seal (an HMAC) beside it, made with a key in the cache's directory. Only the owner of the directory
//! can read or write it.

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

/// The version of wasmtime, which names a directory of the cache.
const WASMTIME: &str = "48.0.8";
const KEY_BYTES: usize = 32;

/// A directory of compiled components, for one version and one configuration of the engine.
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
}

impl Cache {
    /// Opens or creates the cache and its key. Removes unfinished files of hosts that were killed.
    ///
    /// # Errors
    /// The directory or the key cannot be read or created.
    pub(crate) fn open(root: &Path, engine: &Engine) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let dir = root.join(WASMTIME).join(format!("{:016x}", hasher.finish()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        remove_unfinished(&dir)?;
        Ok(Self { dir, key: key(root)? })
    }

    /// Loads a compiled component. Returns `None` when there is none. Removes the file when its seal is wrong or when
    /// it does not fit the engine.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let seal = self.seal(digest, File::open(&path).ok()?);
        let sealed = seal
            .and_then(|seal| Ok((seal, fs::read(seal_path(&path))?)))
            .is_ok_and(|(seal, kept)| seal.verify_slice(&kept).is_ok());
        if !sealed {
            tracing::warn!(path = %path.display(), "compiled code without a valid seal of this host was removed");
            self.remove(digest);
            return None;
        }
        load(engine, &path)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "compiled code that does not load was removed");
                self.remove(digest);
            })
            .ok()
    }

    /// Creates a file for code that is being compiled.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn begin(&self) -> io::Result<Unfinished> {
        Unfinished::new(&self.dir)
    }

    /// Loads code that was just added with [`Self::keep`]. Removes it when it does not fit the engine.
    ///
    /// # Errors
    /// The code does not fit the engine.
    pub(crate) fn load_kept(&self, engine: &Engine, digest: &Digest) -> wasmtime::Result<Component> {
        load(engine, &self.path(digest)).inspect_err(|_| self.remove(digest))
    }

    /// Adds compiled code to the cache. The seal is written before the code.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn keep(&self, digest: &Digest, code: Unfinished) -> io::Result<()> {
        let path = self.path(digest);
        let seal = self.seal(digest, File::open(&code.path)?)?;
        let mut sealed = self.begin()?;
        sealed.file.write_all(&seal.finalize().into_bytes())?;
        sealed.rename(&seal_path(&path))?;
        code.rename(&path)
    }

    /// Removes code, if it is there.
    pub(crate) fn remove(&self, digest: &Digest) {
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

/// How many bytes of a file are in memory while its seal is computed.
const READ_BYTES: usize = 64 << 10;

/// A file that is not complete. It is removed when it is dropped.
pub(crate) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    fn new(dir: &Path) -> io::Result<Self> {
        let path = dir.join(format!("{:032x}.tmp", rand::random::<u128>()));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Returns a handle for writing the file.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        // On the disk before it has its name: a crash of the machine leaves no half of a file.
        self.file.sync_all()?;
        fs::rename(&self.path, to)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// An unfinished file that has not changed for this long is removed. No compiler runs for as long, and a younger file
/// may belong to another host that shares the directory.
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

/// Reads the key, or creates one. If two hosts create it at the same time, both use the key of the first. A file that is
/// no key is replaced: what was sealed with another key is compiled again.
fn key(root: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = root.join("key");
    if fs::metadata(&path).is_ok_and(|file| file.len() != KEY_BYTES as u64) {
        tracing::warn!(path = %path.display(), "the key of the cache is damaged; it is replaced");
        fs::remove_file(&path)?;
    }
    if !path.exists() {
        let mut new = Unfinished::new(root)?;
        new.file.write_all(&rand::random::<[u8; KEY_BYTES]>())?;
        new.file.sync_all()?;
        match fs::hard_link(&new.path, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let bytes = fs::read(&path)?;
    bytes.try_into().map_err(|_| io::Error::other(format!("{} is not a key of {KEY_BYTES} bytes", path.display())))
}

/// Loads compiled code from a file that this host wrote.
///
/// # Errors
/// The code does not fit the engine.
#[expect(unsafe_code, reason = "wasmtime trusts compiled code; the caller knows that this host wrote it")]
pub(crate) fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: `Cache::keep` wrote the file, which its seal proves, into a directory that no other user may write to.
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
    fn code_that_is_not_kept_leaves_no_file() {
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
    fn kept_code_is_loaded_by_the_next_process() {
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
    fn an_empty_key_is_replaced() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), Engine::default());
        fs::write(dir.path().join("key"), "").unwrap();
        let digest = Digest::from("sha256:aa");
        Cache::open(dir.path(), &engine).unwrap().store(&digest, &compiled(&engine)).unwrap();
        assert!(Cache::open(dir.path(), &engine).unwrap().load(&engine, &digest).is_some());
    }

    #[test]
    fn only_the_owner_may_read_the_cache() {
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
