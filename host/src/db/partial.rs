//! A folder that is being made. It has another name until it is complete, so that nobody takes a part of it for the whole.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// What the name of an incomplete folder ends with.
const END: &str = ".partial";

/// A folder that is being made beside its place.
#[derive(Debug)]
pub struct Partial {
    place: PathBuf,
    folder: PathBuf,
    /// Tells others that this program is at it.
    lock: fs::File,
}

impl Partial {
    /// Begins to make a folder at a place where there is nothing, or an empty folder. What an earlier program left
    /// incomplete is removed.
    ///
    /// # Errors
    /// There is something at the place, another program makes the same folder, or the disk fails.
    pub fn begin(place: &Path) -> anyhow::Result<Self> {
        let name = place.file_name().with_context(|| format!("{} is no name of a folder", place.display()))?;
        let beside = |end: &str| {
            let mut beside = OsString::from(name);
            beside.push(end);
            place.with_file_name(beside)
        };
        ensure!(
            !place.exists() || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none()),
            "{} is there and is not an empty folder: nothing is written over it",
            place.display()
        );
        let (folder, lock) = (beside(END), beside(".lock"));
        let lock_file = fs::File::create(&lock).with_context(|| format!("{} cannot be created", lock.display()))?;
        if lock_file.try_lock().is_err() {
            bail!("another program writes to {}", folder.display());
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        // Chats are for nobody else on this machine.
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("{} cannot be created", folder.display()))?;
        Ok(Self { place: place.to_owned(), folder, lock: lock_file })
    }

    /// Where the folder is made.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the complete folder its name.
    ///
    /// # Errors
    /// The disk fails, or there is something at the place by now.
    pub fn finish(self) -> anyhow::Result<()> {
        fs::File::open(&self.folder)?.sync_all()?;
        // This replaces an empty folder, and no other.
        fs::rename(&self.folder, &self.place)
            .with_context(|| format!("{} cannot get the name {}", self.folder.display(), self.place.display()))?;
        let parent = self.place.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What was not finished is removed; what cannot be removed does not look whole.
        let _ = fs::remove_dir_all(&self.folder);
        let mut lock = self.place.clone().into_os_string();
        lock.push(".lock");
        let _ = fs::remove_file(lock);
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_its_name_only_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("b");
        let partial = Partial::begin(&place).unwrap();
        fs::write(partial.folder().join("x"), "x").unwrap();
        assert!(Partial::begin(&place).unwrap_err().to_string().contains("another program"));
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");

        // A program that was killed leaves a part.
        fs::create_dir(dir.path().join("b.partial")).unwrap();
        fs::write(dir.path().join("b.partial/old"), "old").unwrap();
        fs::create_dir(&place).unwrap();
        let partial = Partial::begin(&place).unwrap();
        fs::write(partial.folder().join("x"), "x").unwrap();
        partial.finish().unwrap();
        assert_eq!((fs::read_dir(dir.path()).unwrap().count(), fs::read_dir(&place).unwrap().count()), (1, 1));
        assert!(Partial::begin(&place).unwrap_err().to_string().contains("not an empty folder"));
    }
}
