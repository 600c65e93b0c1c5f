//! Errors of documents on disk, and the bounds of their files.

use std::path::PathBuf;

/// The most bytes of all files of a document, each counted as often as it is named.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting of includes.
pub(super) const MAX_INCLUDES: usize = 16;

/// Why a document cannot be read. Each error names the file.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    #[error("{0}: there is no such file")]
    FileNotFound(PathBuf),
    #[error("{file}: {named} lies outside of {root}, the folder of the document")]
    OutsideRoot { file: PathBuf, named: String, root: PathBuf },
    #[error("{0}: includes itself")]
    Circular(PathBuf),
    #[error("{file}: !include takes a .yaml or .yml file, not {named}")]
    IncludeNeedsYaml { file: PathBuf, named: String },
    #[error("{0}: files include one another more than {MAX_INCLUDES} deep")]
    TooDeep(PathBuf),
    #[error("{0}: the files of the document have more than {MAX_BYTES} bytes")]
    TooLarge(PathBuf),
    #[error("{file}: cannot be read: {error}")]
    Unreadable { file: PathBuf, error: std::io::Error },
    /// The text is not YAML, or YAML that has no meaning here.
    #[error("{file}:{line}:{column}: {problem}")]
    Syntax { file: PathBuf, line: usize, column: usize, problem: String },
}

impl YamlError {
    /// Whether a file cannot be read at all.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::FileNotFound(_) | Self::Unreadable { .. })
    }
}
