//! The files of guilds and of their agents, in an object store: a folder, or a bucket.
//! It knows nothing of HTTP and does not ask whether a guild is there. The only place
//! that names `object_store`.
//!
//! A file is two objects: its bytes under a random id, and its entry under its name. The
//! entry is written last, and only where there is none: a file is there whole or not at
//! all, and of two uploads of one name one wins.

mod key;
mod name;
mod received;
mod sweep;

use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use key::Folder;
pub use name::{BadName, FileName};
pub use received::Received;

/// How often, and for how long, a bucket is asked again that fails or is not there: a client waits meanwhile.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(10);

/// Why a file was not kept, found or read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("no such file")]
    NotFound,
    #[error("there is a file of this name")]
    Exists,
    #[error("file over {limit} bytes")]
    TooLarge { limit: u64 },
    /// Whoever sends the file does not go on.
    #[error("the file ended early")]
    Interrupted,
    #[error("file storage: {0}")]
    Storage(String),
}

impl From<object_store::Error> for FilesError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            object_store::Error::AlreadyExists { .. } => Self::Exists,
            other => Self::Storage(other.to_string()),
        }
    }
}

/// What is known of a file besides its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Random; never that of another file, also not of a later one of the same name.
    pub id: String,
    pub name: FileName,
    /// What the sender said it is.
    pub media_type: Option<String>,
    /// What the sender said of it.
    pub metadata: Map<String, Value>,
    pub bytes: u64,
    pub sha256: String,
    pub uploaded_ms: u64,
}

/// All files of a host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    objects: Arc<dyn ObjectStore>,
    /// Where they are, when that is a folder.
    folder: Option<PathBuf>,
    limit: u64,
    /// Removes what uploads left that nobody finished.
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl Files {
    /// Keeps files in a folder, which is made when it is not there. A file may have `limit` bytes; one that is kept
    /// survives the end of the machine.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn in_folder(folder: &FsPath, limit: u64) -> Result<Self, FilesError> {
        std::fs::create_dir_all(folder).map_err(|error| FilesError::Storage(error.to_string()))?;
        let objects = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        Ok(Self::new(objects, Some(folder.to_owned()), limit))
    }

    /// Keeps files in a bucket, `s3://bucket`. Keys and region come from the environment, as the
    /// tools of S3 know them (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT`, …).
    ///
    /// # Errors
    /// When the URL or the environment is no description of a bucket, or the bucket cannot be read.
    pub async fn in_bucket(url: &str, limit: u64) -> Result<Self, FilesError> {
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env().with_url(url).with_retry(retry).build()?;
        // Nothing is there; asking shows that the bucket answers and the keys are right.
        bucket.list(Some(&Path::from("start"))).try_next().await?;
        Ok(Self::new(Arc::new(bucket), None, limit))
    }

    fn new(objects: Arc<dyn ObjectStore>, folder: Option<PathBuf>, limit: u64) -> Self {
        Self { objects, folder, limit, tracker: TaskTracker::new(), closing: CancellationToken::new() }
    }

    /// The most bytes that a file may have.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Waits until what unfinished uploads left is gone.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// All files of the folder but those whose name begins with a dot, by name.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn list(&self, folder: &Folder) -> Result<Vec<Entry>, FilesError> {
        let entries = self.objects.list(Some(&folder.entries())).map_err(FilesError::from);
        let read = entries.map(async |entry| match self.entry_at(&entry?.location).await {
            // It was removed meanwhile.
            Err(FilesError::NotFound) => Ok(None),
            read => read.map(Some),
        });
        let found: Vec<Option<Entry>> = read.buffer_unordered(16).try_collect().await?;
        let mut shown: Vec<Entry> = found.into_iter().flatten().filter(|entry| !entry.name.is_hidden()).collect();
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shown)
    }

    /// What is known of a file.
    ///
    /// # Errors
    /// [`FilesError::NotFound`], or the storage fails.
    pub async fn entry(&self, folder: &Folder, name: &FileName) -> Result<Entry, FilesError> {
        self.entry_at(&folder.entry(name)).await
    }

    async fn entry_at(&self, location: &Path) -> Result<Entry, FilesError> {
        let bytes = self.objects.get(location).await?.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| FilesError::Storage(format!("{location}: {error}")))
    }

    /// The bytes of a file, or a part of them that is not empty and not beyond its end, piece by piece.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] when it was removed meanwhile, or the storage fails.
    pub async fn read(
        &self,
        folder: &Folder,
        entry: &Entry,
        part: Option<Range<u64>>,
    ) -> Result<impl Stream<Item = Result<Bytes, FilesError>> + Send + use<>, FilesError> {
        let options = GetOptions { range: part.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.objects.get_opts(&folder.content(&entry.id), options).await?;
        Ok(found.into_stream().map_err(FilesError::from))
    }

    /// Writes the bytes of a file to be, a few MiB at a time. It is not seen before it is [kept](Self::keep), and
    /// removed when the result is dropped instead.
    ///
    /// # Errors
    /// [`FilesError::TooLarge`], the stream's own error, or the storage fails.
    pub async fn receive<E>(
        &self,
        folder: &Folder,
        chunks: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, FilesError> {
        received::receive(self, folder, chunks).await
    }

    /// Gives what was received its name.
    ///
    /// # Errors
    /// [`FilesError::Exists`] when the name is taken, or the storage fails.
    pub async fn keep(&self, folder: &Folder, received: Received, about: About) -> Result<Entry, FilesError> {
        let entry = Entry {
            id: received.id().to_owned(),
            name: about.name,
            media_type: about.media_type,
            metadata: about.metadata,
            bytes: received.bytes(),
            sha256: received.sha256().to_owned(),
            uploaded_ms: about.now_ms,
        };
        let text = serde_json::to_vec(&entry).map_err(|error| FilesError::Storage(error.to_string()))?;
        self.objects.put_opts(&folder.entry(&entry.name), text.into(), PutMode::Create.into()).await?;
        received.keep();
        Ok(entry)
    }

    /// Removes a file; its name is free afterwards.
    ///
    /// # Errors
    /// [`FilesError::NotFound`], or the storage fails.
    pub async fn remove(&self, folder: &Folder, name: &FileName) -> Result<(), FilesError> {
        let entry = self.entry(folder, name).await?;
        self.objects.delete(&folder.entry(name)).await?;
        match self.objects.delete(&folder.content(&entry.id)).await.map_err(FilesError::from) {
            Ok(()) | Err(FilesError::NotFound) => Ok(()),
            // The file is gone for everybody; only its bytes are left.
            Err(error) => {
                tracing::warn!(%error, id = entry.id, "the bytes of a removed file are left");
                Ok(())
            }
        }
    }
}

/// What the sender says of a file.
#[derive(Debug)]
pub struct About {
    pub name: FileName,
    pub media_type: Option<String>,
    pub metadata: Map<String, Value>,
    pub now_ms: u64,
}

#[cfg(test)]
mod tests;
