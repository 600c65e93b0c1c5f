//! The bytes of components beside the files of guilds, for hosts that share guilds.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::error::FilesError;
use super::storage::Files;

/// What the keys of components begin with. No guild has it: a part that begins with `=` is a digest.
const FOLDER: &str = "=components";

impl Files {
    /// Keeps the bytes of a component. Dropping the future may leave them kept.
    ///
    /// # Errors
    /// The storage fails.
    pub async fn put_component(&self, name: &str, bytes: Bytes) -> Result<(), FilesError> {
        self.objects.put(&place(name), bytes.into()).await?;
        Ok(())
    }

    /// Reads the bytes of a component; `None` if they are not kept. Cancel safe.
    ///
    /// # Errors
    /// The storage fails.
    pub async fn component(&self, name: &str) -> Result<Option<Bytes>, FilesError> {
        let read = async { Ok::<_, FilesError>(self.objects.get(&place(name)).await?.bytes().await?) };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FilesError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the bytes of a component. Dropping the future may leave them.
    ///
    /// # Errors
    /// The storage fails.
    pub async fn remove_component(&self, name: &str) -> Result<(), FilesError> {
        match self.objects.delete(&place(name)).await.map_err(FilesError::from) {
            Err(FilesError::NotFound) => Ok(()),
            done => done,
        }
    }
}

fn place(name: &str) -> Path {
    Path::from_iter([FOLDER, name])
}
