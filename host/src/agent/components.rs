//! The components of this host: their bytes on disk, by digest, and the prepared
//! ones in the sandbox. What the catalog says of them is kept elsewhere.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::random::random_id;
use guildhall_model::ids::Digest;
use guildhall_sandbox::{Component, Refusal, Sandbox, digest_of};

/// A cheap handle on the components of this host.
#[derive(Clone)]
pub struct Components {
    sandbox: Sandbox,
    dir: PathBuf,
}

/// Why a component is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum Resolve {
    #[error("the component {0} is not on this host: upload it to /catalog/components")]
    Unknown(Digest),
    #[error("the bytes of the component {digest} cannot be kept or read: {error}")]
    Unreadable { digest: Digest, error: std::io::Error },
    #[error("the component {digest} is refused: {refusal}")]
    Refused { digest: Digest, refusal: Refusal },
}

impl Components {
    /// Keeps the bytes of components below `dir`.
    #[must_use]
    pub fn new(sandbox: Sandbox, dir: PathBuf) -> Self {
        Self { sandbox, dir }
    }

    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Prepares bytes that are part of this program, and keeps them: guilds that run
    /// them go on with them when the program brings others.
    ///
    /// # Errors
    /// The refusal of the sandbox, or of the disk.
    pub async fn add(&self, bytes: Bytes) -> Result<Arc<Component>, Resolve> {
        let digest = digest_of(&bytes);
        self.save(&digest, bytes.clone()).await?;
        let prepared = self.sandbox.prepare(&digest, async { Ok(bytes) }).await;
        prepared.map_err(|refusal| Resolve::Refused { digest, refusal })
    }

    /// Keeps bytes on disk under their digest.
    ///
    /// # Errors
    /// The refusal of the disk.
    pub async fn save(&self, digest: &Digest, bytes: Bytes) -> Result<(), Resolve> {
        let (dir, file) = (self.dir.clone(), self.file(digest));
        let written = tokio::task::spawn_blocking(move || keep(&dir, &file, &bytes)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| Resolve::Unreadable { digest: digest.clone(), error })
    }

    /// Whether the bytes are on disk.
    pub async fn has(&self, digest: &Digest) -> bool {
        tokio::fs::try_exists(self.file(digest)).await.unwrap_or(false)
    }

    /// The bytes of a component, to be read.
    ///
    /// # Errors
    /// It was never uploaded, or the disk fails.
    pub async fn open(&self, digest: &Digest) -> Result<tokio::fs::File, Resolve> {
        tokio::fs::File::open(self.file(digest)).await.map_err(|error| unread(digest, error))
    }

    /// Removes the bytes of a component and its code; agents that run it go on.
    ///
    /// # Errors
    /// The refusal of the disk.
    pub async fn remove(&self, digest: &Digest) -> Result<(), Resolve> {
        self.sandbox.forget(digest);
        match tokio::fs::remove_file(self.file(digest)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Resolve::Unreadable { digest: digest.clone(), error })
            }
            _ => Ok(()),
        }
    }

    /// A component by its digest, prepared.
    ///
    /// # Errors
    /// It was never uploaded, or cannot be prepared any more.
    pub async fn get(&self, digest: &Digest) -> Result<Arc<Component>, Resolve> {
        if let Some(component) = self.sandbox.get(digest) {
            return Ok(component);
        }
        if !self.has(digest).await {
            return Err(Resolve::Unknown(digest.clone()));
        }
        let read = async { tokio::fs::read(self.file(digest)).await.map(Bytes::from) };
        let prepared = self.sandbox.prepare(digest, read).await;
        prepared.map_err(|refusal| Resolve::Refused { digest: digest.clone(), refusal })
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        let name: String = digest.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
        self.dir.join(format!("{name}.wasm"))
    }
}

/// Writes a file that is there whole or not at all.
fn keep(dir: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    if fs::exists(file)? {
        return Ok(());
    }
    let beside = file.with_extension(format!("{}.tmp", random_id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn unread(digest: &Digest, error: std::io::Error) -> Resolve {
    match error.kind() {
        ErrorKind::NotFound => Resolve::Unknown(digest.clone()),
        _ => Resolve::Unreadable { digest: digest.clone(), error },
    }
}
