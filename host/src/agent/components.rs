//! The components of this host: their bytes on disk, by digest, and the prepared
//! ones in the sandbox. What the catalog says of them is kept elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::ids::Digest;
use crate::sandbox::{Component, Refusal, Sandbox, digest_of};

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
    #[error("the bytes of the component {digest} cannot be read: {error}")]
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

    /// Checks and prepares bytes, and keeps them.
    ///
    /// # Errors
    /// The refusal of the sandbox, or of the disk.
    pub async fn add(&self, bytes: Arc<[u8]>) -> Result<Arc<Component>, Resolve> {
        let component = self.prepare(bytes.clone()).await?;
        let digest = component.digest.clone();
        let file = self.file(&digest);
        let written = async {
            tokio::fs::create_dir_all(&self.dir).await?;
            if tokio::fs::try_exists(&file).await? {
                return Ok(());
            }
            let beside = file.with_extension(format!("{}.tmp", crate::model::ids::random_id()));
            tokio::fs::write(&beside, &bytes).await?;
            tokio::fs::rename(&beside, &file).await
        };
        written.await.map_err(|error| Resolve::Unreadable { digest, error })?;
        Ok(component)
    }

    /// Prepares bytes that are part of this program; they are not kept on disk.
    ///
    /// # Errors
    /// The refusal of the sandbox.
    pub async fn prepare(&self, bytes: Arc<[u8]>) -> Result<Arc<Component>, Resolve> {
        let digest = digest_of(&bytes);
        let prepared = self.sandbox.prepare(&digest, async { Ok(bytes) }).await;
        prepared.map_err(|refusal| Resolve::Refused { digest, refusal })
    }

    /// A component by its digest, prepared.
    ///
    /// # Errors
    /// It was never uploaded, or cannot be prepared any more.
    pub async fn get(&self, digest: &Digest) -> Result<Arc<Component>, Resolve> {
        if let Some(component) = self.sandbox.get(digest) {
            return Ok(component);
        }
        match tokio::fs::read(self.file(digest)).await {
            Ok(bytes) => self.prepare(bytes.into()).await,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Resolve::Unknown(digest.clone())),
            Err(error) => Err(Resolve::Unreadable { digest: digest.clone(), error }),
        }
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        let name: String = digest.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
        self.dir.join(format!("{name}.wasm"))
    }
}
