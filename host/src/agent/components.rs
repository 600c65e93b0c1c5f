//! The components of this host: their bytes on disk, by digest, and the prepared ones in the sandbox. The catalog's
//! rows about them are kept in the store.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::random::random_id;
use guildhall_model::ids::Digest;
use guildhall_sandbox::{Component, Refusal, Sandbox, digest_of};

/// A cheap handle on the components of this host.
#[derive(Clone)]
pub struct Components {
    sandbox: Sandbox,
    dir: PathBuf,
    shared: Option<Arc<dyn SharedBytes>>,
}

/// Where hosts that share guilds share the bytes of components. Each function is cancel safe; its error is a text for the log.
pub trait SharedBytes: Send + Sync {
    /// Keeps bytes under a name.
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), String>>;
    /// Reads bytes; `None` if there are none of this name.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, String>>;
    /// Removes bytes, if there are any.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Its bytes are not on this host.
    #[error("the component {0} is not on this host: upload it to /catalog/components")]
    Unknown(Digest),
    /// The bytes on the disk are not those of the component.
    #[error("the file of the component {0} is damaged: upload the component again to repair it")]
    Damaged(Digest),
    /// The disk failed.
    #[error("the bytes of the component {digest} cannot be kept or read: {error}")]
    Unreadable { digest: Digest, error: std::io::Error },
    /// The sandbox refuses it.
    #[error("the component {digest} is refused: {refusal}")]
    Refused { digest: Digest, refusal: Refusal },
}

impl Components {
    /// Uses a sandbox, and keeps the bytes of components below `dir`.
    #[must_use]
    pub fn new(sandbox: Sandbox, dir: PathBuf) -> Self {
        Self { sandbox, dir, shared: None }
    }

    /// Shares the bytes with other hosts.
    #[must_use]
    pub fn shared_by(self, shared: Arc<dyn SharedBytes>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// The sandbox that prepares and runs the components.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Prepares a component that is part of this program, and keeps its bytes: guilds that run it go on with it when a
    /// later program contains another one. Cancel safe: a second call completes what a dropped one began.
    ///
    /// # Errors
    /// The sandbox refuses it, or the disk fails.
    pub async fn add(&self, bytes: Bytes) -> Result<Arc<Component>, ResolveError> {
        let digest = digest_of(&bytes);
        // Not shared: each host has those of its own program.
        self.save_here(&digest, bytes.clone()).await?;
        let prepared = self.sandbox.prepare(&digest, async { Ok(bytes) }).await;
        prepared.map_err(|refusal| ResolveError::Refused { digest, refusal })
    }

    /// Keeps bytes under their digest: on the disk, and where other hosts find them. Dropping the future does not end the write
    /// to the disk.
    ///
    /// # Errors
    /// The disk or the shared storage fails.
    pub async fn save(&self, digest: &Digest, bytes: Bytes) -> Result<(), ResolveError> {
        if let Some(shared) = &self.shared {
            shared.put(&name_of(digest), bytes.clone()).await.map_err(|error| of_shared(digest, error))?;
        }
        self.save_here(digest, bytes).await
    }

    async fn save_here(&self, digest: &Digest, bytes: Bytes) -> Result<(), ResolveError> {
        let (dir, file) = (self.dir.clone(), self.file(digest));
        let written = tokio::task::spawn_blocking(move || write_file(&dir, &file, &bytes)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| ResolveError::Unreadable { digest: digest.clone(), error })
    }

    /// Whether the bytes are on disk and are those of the digest. Cancel safe.
    pub async fn is_whole(&self, digest: &Digest) -> bool {
        self.fetch(digest).await;
        self.read(digest).await.is_ok()
    }

    /// Whether the bytes are on disk, or can be had from where other hosts keep theirs. Cancel safe.
    pub async fn has(&self, digest: &Digest) -> bool {
        self.fetch(digest).await;
        self.is_here(digest).await
    }

    async fn is_here(&self, digest: &Digest) -> bool {
        tokio::fs::try_exists(self.file(digest)).await.unwrap_or(false)
    }

    /// Copies the bytes of a component to the disk that another host has shared.
    async fn fetch(&self, digest: &Digest) {
        let Some(shared) = &self.shared else { return };
        if self.is_here(digest).await {
            return;
        }
        let fetched = match shared.get(&name_of(digest)).await {
            // What is not of the digest is not taken.
            Ok(Some(bytes)) if digest_of(&bytes) == *digest => {
                self.save_here(digest, bytes).await.map_err(|error| error.to_string())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = fetched {
            tracing::error!(%digest, error, "a component of another host cannot be fetched");
        }
    }

    /// Opens the bytes of a component for reading, after they were compared with the digest. Cancel safe.
    ///
    /// # Errors
    /// It was never uploaded, the file is damaged, or the disk fails.
    pub async fn open(&self, digest: &Digest) -> Result<tokio::fs::File, ResolveError> {
        self.fetch(digest).await;
        self.read(digest).await?;
        tokio::fs::File::open(self.file(digest)).await.map_err(|error| open_error(digest, error))
    }

    /// Reads the bytes of a component and compares them with the digest.
    async fn read(&self, digest: &Digest) -> Result<Bytes, ResolveError> {
        let (file, wanted) = (self.file(digest), digest.clone());
        let reading = tokio::task::spawn_blocking(move || read_file(&file, &wanted)).await;
        reading.unwrap_or_else(|error| {
            Err(ResolveError::Unreadable { digest: digest.clone(), error: std::io::Error::other(error) })
        })
    }

    /// Removes the bytes of a component and its code. Agents that run it go on. Dropping the future may leave the
    /// bytes.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn remove(&self, digest: &Digest) -> Result<(), ResolveError> {
        self.sandbox.forget(digest);
        if let Some(shared) = &self.shared {
            shared.remove(&name_of(digest)).await.map_err(|error| of_shared(digest, error))?;
        }
        match tokio::fs::remove_file(self.file(digest)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(ResolveError::Unreadable { digest: digest.clone(), error })
            }
            _ => Ok(()),
        }
    }

    /// The prepared component of a digest. It may take as long as a compiler does. Cancel safe.
    ///
    /// # Errors
    /// It was never uploaded, or it can no longer be prepared.
    pub async fn get(&self, digest: &Digest) -> Result<Arc<Component>, ResolveError> {
        if let Some(component) = self.sandbox.get(digest) {
            return Ok(component);
        }
        if !self.has(digest).await {
            return Err(ResolveError::Unknown(digest.clone()));
        }
        let read = async { self.read(digest).await.map_err(std::io::Error::other) };
        let prepared = self.sandbox.prepare(digest, read).await;
        prepared.map_err(|refusal| ResolveError::Refused { digest: digest.clone(), refusal })
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.dir.join(name_of(digest))
    }
}

/// The name of the file of a component.
fn name_of(digest: &Digest) -> String {
    let name: String = digest.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{name}.wasm")
}

fn of_shared(digest: &Digest, error: String) -> ResolveError {
    ResolveError::Unreadable { digest: digest.clone(), error: std::io::Error::other(error) }
}

/// Writes a file. It is there in full or not at all, also after a crash.
fn write_file(dir: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    // A file that differs is damaged.
    if fs::read(file).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    let beside = file.with_extension(format!("{}.tmp", random_id()));
    let written = write_synced(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    // The rename is on the disk as well.
    written.and_then(|()| fs::File::open(dir)?.sync_all())
}

fn write_synced(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = fs::File::create(file)?;
    new.write_all(bytes)?;
    new.sync_all()
}

fn read_file(file: &Path, digest: &Digest) -> Result<Bytes, ResolveError> {
    let bytes = fs::read(file).map_err(|error| open_error(digest, error))?;
    if digest_of(&bytes) != *digest {
        return Err(ResolveError::Damaged(digest.clone()));
    }
    Ok(bytes.into())
}

/// Returns the damaged files among the components of a folder, each as a sentence.
#[must_use]
pub fn damaged_components(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".wasm")) else { continue };
        let is_whole = |bytes: &[u8]| {
            let digest = digest_of(bytes);
            digest.as_str().chars().filter(char::is_ascii_alphanumeric).eq(name.chars())
        };
        match fs::read(&path) {
            Ok(bytes) if is_whole(&bytes) => {}
            Ok(_) => found.push(format!("{} is damaged: upload the component again", path.display())),
            Err(error) => found.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    found.sort();
    found
}

fn open_error(digest: &Digest, error: std::io::Error) -> ResolveError {
    match error.kind() {
        ErrorKind::NotFound => ResolveError::Unknown(digest.clone()),
        _ => ResolveError::Unreadable { digest: digest.clone(), error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sandbox::SandboxConfig;

    #[tokio::test]
    async fn a_damaged_file_is_found_and_is_repaired_by_saving_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let components = Components::new(Sandbox::new(SandboxConfig::default()).unwrap(), dir.path().to_owned());
        let bytes = Bytes::from(wat::parse_bytes(b"(component)").unwrap().into_owned());
        let digest = digest_of(&bytes);
        components.save(&digest, bytes.clone()).await.unwrap();
        assert!(damaged_components(dir.path()).is_empty());

        fs::write(components.file(&digest), &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(damaged_components(dir.path()).len(), 1);
        assert!(!components.is_whole(&digest).await);
        assert!(matches!(components.open(&digest).await, Err(ResolveError::Damaged(_))));
        let error = components.get(&digest).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");

        components.save(&digest, bytes).await.unwrap();
        assert!(components.is_whole(&digest).await);
        assert!(damaged_components(dir.path()).is_empty());
    }
}
