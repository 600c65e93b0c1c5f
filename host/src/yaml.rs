//! Reads documents on disk: JSON, or YAML 1.2 with `!include FILE` (another YAML file) and `!code FILE` (the text of a file).
//! Only the command line uses it; documents of requests are not read here. All files of a document are below the folder of
//! the first one, and the size of a document is bounded. Files are UTF-8 or UTF-16, with or without a byte-order mark.

mod build;
mod error;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use guildhall_model::encoding;

use build::{Growth, Source};
pub use error::YamlError;
use error::{MAX_BYTES, MAX_INCLUDES};

/// Reads a document with all files that it includes. A file whose name ends in `.json` is read as JSON, any other as YAML.
///
/// # Errors
/// The first error of the document.
pub fn load(path: &Path) -> Result<Value, YamlError> {
    let path = path.canonicalize().map_err(|error| not_there(path, error))?;
    let root = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut loader = Loader { root, open: Vec::new(), bytes: 0, size: Growth::default() };
    if has_extension(&path, &["json"]) {
        let text = loader.text(&path)?;
        return serde_json::from_str(&text).map_err(|error| YamlError::Syntax {
            file: path,
            line: error.line(),
            column: error.column(),
            problem: error.to_string(),
        });
    }
    loader.document(path)
}

/// The state of reading one document.
struct Loader {
    root: PathBuf,
    /// The files that are being read, each included by the one before it.
    open: Vec<PathBuf>,
    /// The bytes of all files so far.
    bytes: usize,
    /// The size of the document so far, with everything that aliases repeat.
    size: Growth,
}

impl Loader {
    fn document(&mut self, path: PathBuf) -> Result<Value, YamlError> {
        if self.open.contains(&path) {
            return Err(YamlError::Circular(path));
        }
        if self.open.len() == MAX_INCLUDES {
            return Err(YamlError::TooDeep(path));
        }
        let text = self.text(&path)?;
        self.open.push(path);
        let value = build::document(&text, self)?;
        self.open.pop();
        Ok(value)
    }

    /// The path of a file that the current file names, with all links resolved.
    fn find(&self, named: &str) -> Result<PathBuf, YamlError> {
        let file = self.file();
        let path = file.parent().unwrap_or(&self.root).join(named);
        let outside = || YamlError::OutsideRoot { file, named: named.to_owned(), root: self.root.clone() };
        match path.canonicalize() {
            Ok(path) if path.starts_with(&self.root) => Ok(path),
            Ok(_) => Err(outside()),
            Err(_) if !without_dots(&path).starts_with(&self.root) => Err(outside()),
            Err(error) => Err(not_there(&path, error)),
        }
    }

    fn text(&mut self, path: &Path) -> Result<String, YamlError> {
        let unreadable = |error| YamlError::Unreadable { file: path.to_owned(), error };
        // Reading a pipe might never end.
        if !fs::metadata(path).map_err(|error| not_there(path, error))?.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a file")));
        }
        let room = MAX_BYTES - self.bytes;
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| not_there(path, error))?;
        let read = file.take(room as u64 + 1).read_to_end(&mut bytes);
        if bytes.len() > room {
            return Err(YamlError::TooLarge(path.to_owned()));
        }
        read.map_err(unreadable)?;
        self.bytes += bytes.len();
        encoding::text(bytes).map_err(|error| unreadable(std::io::Error::other(error)))
    }
}

impl Source for Loader {
    fn file(&self) -> PathBuf {
        self.open.last().cloned().unwrap_or_default()
    }

    fn include(&mut self, named: &str) -> Result<Value, YamlError> {
        let path = self.find(named)?;
        if !has_extension(&path, &["yaml", "yml"]) {
            return Err(YamlError::IncludeNeedsYaml { file: self.file(), named: named.to_owned() });
        }
        self.document(path)
    }

    fn code(&mut self, named: &str) -> Result<String, YamlError> {
        let path = self.find(named)?;
        self.text(&path)
    }

    fn size(&mut self) -> &mut Growth {
        &mut self.size
    }
}

fn not_there(path: &Path, error: std::io::Error) -> YamlError {
    match error.kind() {
        std::io::ErrorKind::NotFound => YamlError::FileNotFound(path.to_owned()),
        _ => YamlError::Unreadable { file: path.to_owned(), error },
    }
}

fn has_extension(path: &Path, wanted: &[&str]) -> bool {
    let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(extension))
}

/// A path without `.` and `..`, by its text: a file that does not exist has no canonical path.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}
