//! Storing, listing, reading and removing files.

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

use super::error::FilesError;
use super::key::{Folder, all_of};
use super::name::FileName;
use super::received::{self, Received};
use guildhall_model::ids::GuildId;

/// How often, and for how long, a request to a bucket is repeated when it fails. The client waits for it.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(10);

/// The entry of a file: all that is stored about it besides its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Random. No other file has it, not even a later one with the same name.
    pub id: String,
    pub name: FileName,
    /// The media type that the client sent.
    pub media_type: Option<String>,
    /// The metadata that the client sent.
    pub metadata: Map<String, Value>,
    /// The size in bytes.
    pub bytes: u64,
    /// The digest of the bytes, in hexadecimal.
    pub sha256: String,
    pub uploaded_ms: u64,
    /// The request that wanted it to be stored once, if it had a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// All files of a host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// The folder, when the files are not in a bucket.
    pub(super) folder: Option<PathBuf>,
    limit: u64,
    /// Tracks the tasks that remove the bytes of unfinished uploads.
    pub(super) tracker: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Files {
    /// Stores files in a folder, which is created when it does not exist. A file has at most `limit` bytes. A stored file
    /// survives a crash of the machine.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn in_folder(folder: &FsPath, limit: u64) -> Result<Self, FilesError> {
        std::fs::create_dir_all(folder).map_err(|error| FilesError::Storage(error.to_string()))?;
        let objects = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        Ok(Self::new(objects, Some(folder.to_owned()), limit))
    }

    /// Stores files in a bucket, `s3://bucket`. Keys and region are read from the environment variables of S3 tools
    /// (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT`, …). Cancel safe.
    ///
    /// # Errors
    /// When the URL or the environment does not describe a bucket, or the bucket cannot be read.
    pub async fn in_bucket(url: &str, limit: u64) -> Result<Self, FilesError> {
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env().with_url(url).with_retry(retry).build()?;
        // Lists a prefix without objects, to check that the bucket answers and the keys are valid.
        bucket.list(Some(&Path::from("start"))).try_next().await?;
        Ok(Self::new(Arc::new(bucket), None, limit))
    }

    fn new(objects: Arc<dyn ObjectStore>, folder: Option<PathBuf>, limit: u64) -> Self {
        Self { objects, folder, limit, tracker: TaskTracker::new(), closing: CancellationToken::new() }
    }

    /// Returns the largest size of a file, in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Waits until the bytes of unfinished uploads are removed.
    ///
    /// Dropping the future leaves them to the sweep of a later start.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Returns the files of a folder, by name, without those whose name begins with a dot. Cancel safe.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn list(&self, folder: &Folder) -> Result<Vec<Entry>, FilesError> {
        let entries = self.objects.list(Some(&folder.entries())).map_err(FilesError::from);
        let read = entries.map(async |entry| match self.entry_at(&entry?.location).await {
            // The file was removed in the meantime.
            Err(FilesError::NotFound) => Ok(None),
            read => read.map(Some),
        });
        let found: Vec<Option<Entry>> = read.buffer_unordered(16).try_collect().await?;
        let mut shown: Vec<Entry> = found.into_iter().flatten().filter(|entry| !entry.name.is_hidden()).collect();
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shown)
    }

    /// Returns the entry of a file. Cancel safe.
    ///
    /// # Errors
    /// [`FilesError::NotFound`], or the storage fails.
    pub async fn entry(&self, folder: &Folder, name: &FileName) -> Result<Entry, FilesError> {
        self.entry_at(&folder.entry(name)).await
    }

    pub(super) async fn entry_at(&self, location: &Path) -> Result<Entry, FilesError> {
        let bytes = self.objects.get(location).await?.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| FilesError::Storage(format!("{location}: {error}")))
    }

    /// Streams the bytes of a file, or those of `part`, which is not empty and inside of the file. Cancel safe.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] when the file was removed in the meantime, or the storage fails.
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

    /// Writes the bytes of a new file, a few MiB at a time. The file exists when it is [kept](Self::keep); until then, its
    /// bytes are removed when the result is dropped.
    ///
    /// Dropping the future removes what was written.
    ///
    /// # Errors
    /// [`FilesError::TooLarge`], [`FilesError::Interrupted`] when the stream fails, or the storage fails.
    pub async fn receive<E>(
        &self,
        folder: &Folder,
        chunks: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, FilesError> {
        received::receive(&self.objects, &self.tracker, self.limit, folder, chunks).await
    }

    /// Gives received bytes their name, so that they become a file.
    ///
    /// Dropping the future removes the bytes, unless the entry is already written.
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
            request: about.request,
        };
        let text = serde_json::to_vec(&entry).map_err(|error| FilesError::Storage(error.to_string()))?;
        self.objects.put_opts(&folder.entry(&entry.name), text.into(), PutMode::Create.into()).await?;
        received.keep();
        Ok(entry)
    }

    /// Removes the files of a guild and of its agents. Nobody stores files of the guild meanwhile. Cancel safe: a second call
    /// removes the rest.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn remove_all(&self, guild: &GuildId) -> Result<(), FilesError> {
        let places = self.objects.list(Some(&all_of(guild))).map_ok(|object| object.location).boxed();
        let mut removed = self.objects.delete_stream(places);
        while let Some(one) = removed.next().await {
            match one.map_err(FilesError::from) {
                Ok(_) | Err(FilesError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes a file. Its name is free afterwards.
    ///
    /// Dropping the future may leave its bytes to the sweep of a later start.
    ///
    /// # Errors
    /// [`FilesError::NotFound`], or the storage fails.
    pub async fn remove(&self, folder: &Folder, name: &FileName) -> Result<(), FilesError> {
        let entry = self.entry(folder, name).await?;
        self.objects.delete(&folder.entry(name)).await?;
        match self.objects.delete(&folder.content(&entry.id)).await.map_err(FilesError::from) {
            Ok(()) | Err(FilesError::NotFound) => Ok(()),
            // The file no longer exists; only its bytes are left.
            Err(error) => {
                tracing::warn!(%error, id = entry.id, "the bytes of a removed file are left");
                Ok(())
            }
        }
    }
}

/// What a client sends about a file, and the time of the upload.
#[derive(Debug)]
pub struct About {
    pub name: FileName,
    pub media_type: Option<String>,
    pub metadata: Map<String, Value>,
    pub now_ms: u64,
    /// The request that wants it to be stored once, if it has a key.
    pub request: Option<String>,
}
