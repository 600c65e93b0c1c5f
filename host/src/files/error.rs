//! Errors of files.

/// Why a file was not stored, found or read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("no such file")]
    NotFound,
    #[error("there is a file of this name")]
    Exists,
    #[error("file over {limit} bytes")]
    TooLarge { limit: u64 },
    /// The client stopped sending the file.
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
