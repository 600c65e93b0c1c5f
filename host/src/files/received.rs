//! Writes the bytes of an upload to the storage.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio_util::task::TaskTracker;

use super::error::FilesError;
use super::key::Folder;
use crate::random::random_id;
use guildhall_model::ids::hex;

/// The part of an upload that is collected before it is written, in bytes: the smallest part that S3 accepts.
const BUFFER_BYTES: usize = 5 << 20;
/// The most bytes of an upload that are in memory: one part is collected while another one is written.
pub const RECEIVE_BYTES: usize = 2 * BUFFER_BYTES;

/// Bytes that are stored and have no name yet. They are removed when this is dropped.
#[derive(Debug)]
pub struct Received {
    id: String,
    bytes: u64,
    sha256: String,
    unless_kept: Option<Remover>,
}

impl Received {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the digest of the bytes, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Keeps the bytes: a file has them now.
    pub(super) fn keep(mut self) {
        if let Some(mut remover) = self.unless_kept.take() {
            remover.location = None;
        }
    }
}

/// Removes an object in the background when it is dropped.
#[derive(Debug)]
struct Remover {
    objects: Arc<dyn ObjectStore>,
    location: Option<Path>,
    tracker: TaskTracker,
}

impl Drop for Remover {
    fn drop(&mut self) {
        let (Some(location), Ok(runtime)) = (self.location.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let objects = self.objects.clone();
        let remove = async move {
            match objects.delete(&location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%error, %location, "the bytes of an unfinished upload cannot be removed"),
            }
        };
        self.tracker.spawn_on(remove, &runtime);
    }
}

/// See [`Files::receive`](super::Files::receive).
pub(super) async fn receive<E>(
    objects: &Arc<dyn ObjectStore>,
    tracker: &TaskTracker,
    limit: u64,
    folder: &Folder,
    chunks: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Received, FilesError> {
    let id = random_id();
    let location = folder.content(&id);
    let remover = Remover { objects: objects.clone(), location: Some(location.clone()), tracker: tracker.clone() };
    let mut writer = BufWriter::with_capacity(objects.clone(), location, BUFFER_BYTES).with_max_concurrency(1);
    match write(&mut writer, limit, chunks).await {
        Ok((bytes, digest)) => Ok(Received { id, bytes, sha256: digest, unless_kept: Some(remover) }),
        Err(error) => {
            if let Err(error) = writer.abort().await {
                tracing::debug!(%error, "an upload was not aborted");
            }
            Err(error)
        }
    }
}

async fn write<E>(
    writer: &mut BufWriter,
    limit: u64,
    chunks: impl Stream<Item = Result<Bytes, E>>,
) -> Result<(u64, String), FilesError> {
    let mut chunks = pin!(chunks);
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| FilesError::Interrupted)?;
        bytes = bytes.saturating_add(chunk.len() as u64);
        if bytes > limit {
            return Err(FilesError::TooLarge { limit });
        }
        digest.update(&chunk);
        writer.put(chunk).await?;
    }
    writer.shutdown().await.map_err(|error| FilesError::Storage(error.to_string()))?;
    Ok((bytes, hex(&digest.finalize())))
}
