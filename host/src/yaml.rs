//! Documents on disk: JSON, or YAML 1.2 with `!include FILE` (another YAML file) and
//! `!code FILE` (a file's text). For the command line alone: nothing that comes over
//! HTTP is read here. Whatever a document names lies below the folder of the file
//! that was asked for, and how much a document can become is bounded.

mod build;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

/// Bytes of all files of a document, each as often as it is named.
const MAX_BYTES: usize = 4 << 20;
/// How deep files may include one another.
const MAX_INCLUDES: usize = 16;

/// Why a document cannot be read. Each names the file.
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
    /// The text is no YAML, or YAML that has no meaning here.
    #[error("{file}:{line}:{column}: {words}")]
    Syntax { file: PathBuf, line: usize, column: usize, words: String },
}

/// Reads a document and all that it includes. A file that ends in `.json` is read
/// as JSON, any other as YAML.
///
/// # Errors
/// [`YamlError`], for the first thing that is wrong.
pub fn load(path: &Path) -> Result<Value, YamlError> {
    let path = path.canonicalize().map_err(|error| not_there(path, error))?;
    let root = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut loader = Loader { root, open: Vec::new(), bytes: 0, size: 0 };
    if has_extension(&path, &["json"]) {
        let text = loader.text(&path)?;
        return serde_json::from_str(&text).map_err(|error| YamlError::Syntax {
            file: path,
            line: error.line(),
            column: error.column(),
            words: error.to_string(),
        });
    }
    loader.document(path)
}

/// What is read for one document.
struct Loader {
    root: PathBuf,
    /// The files that are being read, each included by the one before it.
    open: Vec<PathBuf>,
    bytes: usize,
    /// How large the document is so far, with what aliases repeat.
    size: usize,
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

    /// The file that is being read.
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

    /// The file that the file which is being read names, without any link on the way.
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
        // A pipe would keep us waiting.
        if !fs::metadata(path).map_err(|error| not_there(path, error))?.is_file() {
            return Err(unreadable(std::io::Error::other("it is no file")));
        }
        let room = MAX_BYTES - self.bytes;
        let mut text = String::new();
        let file = fs::File::open(path).map_err(|error| not_there(path, error))?;
        let read = file.take(room as u64 + 1).read_to_string(&mut text);
        if text.len() > room {
            return Err(YamlError::TooLarge(path.to_owned()));
        }
        read.map_err(unreadable)?;
        self.bytes += text.len();
        Ok(text)
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

/// A path without `.` and `..`, as it is written: what is not there has no other.
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
