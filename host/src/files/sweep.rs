//! Removes bytes that no entry names: those of uploads that were interrupted by the end of the host, and those that could not
//! be removed with their file.

use std::collections::{HashMap, HashSet};
use std::path::Path as FsPath;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::error::FilesError;
use super::storage::Files;

/// Younger bytes may belong to an upload that still runs, on this host or on another host of the same bucket.
const LEAST_AGE: Duration = Duration::from_secs(3600);

impl Files {
    /// Removes bytes without an entry that are older than an hour, once, in the background. [`close`](Self::close) ends it.
    pub fn begin_sweep(&self, now: SystemTime) {
        let files = self.clone();
        let before = now.checked_sub(LEAST_AGE).unwrap_or(SystemTime::UNIX_EPOCH);
        self.tracker.spawn(async move {
            match files.closing.run_until_cancelled(sweep(&files, before)).await {
                Some(Ok(0)) | None => {}
                Some(Ok(removed)) => tracing::info!(removed, "bytes without an entry were removed"),
                Some(Err(error)) => tracing::warn!(%error, "bytes without an entry were not all removed"),
            }
        });
    }
}

/// Removes bytes without an entry that are older than `before`. Returns the number of removed objects.
///
/// Dropping the future leaves the rest to a later sweep.
pub(super) async fn sweep(files: &Files, before: SystemTime) -> Result<usize, FilesError> {
    let mut removed = 0;
    if let Some(folder) = files.folder.clone() {
        let parts = tokio::task::spawn_blocking(move || remove_parts(&folder, before));
        removed += parts.await.map_err(|error| FilesError::Storage(error.to_string()))?;
    }
    for parent in with_more_contents(files).await? {
        let named = named(files, &parent.clone().join("entries")).await?;
        let mut contents = files.objects.list(Some(&parent.join("content")));
        while let Some(content) = contents.try_next().await? {
            let is_named = content.location.filename().is_some_and(|id| named.contains(id));
            if !is_named && SystemTime::from(content.last_modified) < before {
                files.objects.delete(&content.location).await?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// The folders with more contents than entries. Other folders have no bytes without an entry, since an entry is written after
/// its content and removed before it.
async fn with_more_contents(files: &Files) -> Result<Vec<Path>, FilesError> {
    let mut more: HashMap<String, i64> = HashMap::new();
    let mut objects = files.objects.list(None);
    while let Some(object) = objects.try_next().await? {
        let mut parts = object.location.as_ref().rsplitn(3, '/').skip(1);
        let counted = match parts.next() {
            Some("content") => 1,
            Some("entries") => -1,
            Some(_) | None => continue,
        };
        *more.entry(parts.next().unwrap_or_default().to_owned()).or_default() += counted;
    }
    let more = more.into_iter().filter(|(_, more)| *more > 0);
    more.map(|(parent, _)| Path::parse(&parent).map_err(|error| FilesError::Storage(error.to_string()))).collect()
}

/// The ids that the entries of a folder name.
async fn named(files: &Files, entries: &Path) -> Result<HashSet<String>, FilesError> {
    let mut named = HashSet::new();
    let mut listed = files.objects.list(Some(entries));
    while let Some(entry) = listed.try_next().await? {
        match files.entry_at(&entry.location).await {
            Ok(entry) => drop(named.insert(entry.id)),
            Err(FilesError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(named)
}

/// Removes the temporary files of the object store, `<object>#<number>`, which its lists do not contain.
fn remove_parts(folder: &FsPath, before: SystemTime) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let removed = entries.flatten().map(|entry| {
        let (path, name) = (entry.path(), entry.file_name());
        let number = name.to_str().and_then(|name| name.rsplit_once('#')).map_or("", |(_, number)| number);
        let is_part = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match entry.metadata() {
            Ok(found) if found.is_dir() => remove_parts(&path, before),
            Ok(found) if is_part && found.modified().is_ok_and(|modified| modified < before) => {
                usize::from(std::fs::remove_file(&path).is_ok())
            }
            Ok(_) | Err(_) => 0,
        }
    });
    removed.sum()
}
