//! Files and folders: listed and copied, while others may remove some of them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

/// The names of all files below a folder, as paths in it with `/`. Nothing is found in a folder that does not exist.
///
/// # Errors
/// A folder cannot be read, or a name is no text.
pub fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(inner) = folders.pop() {
        let place = folder.join(&inner);
        let entries = match fs::read_dir(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("{} cannot be read", place.display()))?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("{} is no text", entry.path().display()))?;
            let name = if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(name),
                Ok(kind) if kind.is_file() => found.push(name),
                // It was removed meanwhile, or is none of ours.
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies one file, which is on the disk when this returns. Returns whether it was there.
///
/// # Errors
/// It cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<bool> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    }
    match fs::copy(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        copied => copied.with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?,
    };
    fs::File::open(to)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_folders_of_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert!(files(&dir.path().join("nowhere")).unwrap().is_empty());
        fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
        for name in ["z", "a/y", "a/b/c/x"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        assert_eq!(files(dir.path()).unwrap(), ["a/b/c/x", "a/y", "z"]);
        let to = dir.path().join("d/e");
        assert!(copy(&dir.path().join("z"), &to).unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "z");
        assert!(!copy(&dir.path().join("gone"), &to).unwrap());
    }
}
