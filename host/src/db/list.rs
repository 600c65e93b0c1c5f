//! The list of the files of a backup, `backup.json`. A folder without it is no backup.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tree;
use guildhall_model::ids::hex;

/// The name of the list in the folder of a backup.
const NAME: &str = "backup.json";
/// The form of backups that this program writes, and the newest that it reads.
const FORM: u32 = 1;

/// What a backup has.
#[derive(Debug, Serialize, Deserialize)]
pub struct List {
    form: u32,
    /// The version of the program that wrote it.
    pub guildhall: String,
    /// When it was begun, in UTC.
    pub began: String,
    /// Whether the store is in it. One of PostgreSQL is not.
    pub has_store: bool,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Entry {
    fn of(file: &Path) -> std::io::Result<Self> {
        let (mut reader, mut hash, mut bytes) = (fs::File::open(file)?, Sha256::new(), 0);
        let mut part = vec![0; 1 << 16];
        loop {
            match reader.read(&mut part)? {
                0 => return Ok(Self { bytes, sha256: hex(&hash.finalize()) }),
                read => {
                    hash.update(&part[..read]);
                    bytes += read as u64;
                }
            }
        }
    }
}

impl List {
    /// Writes the list of the files that a folder has.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn write(folder: &Path, began: String, has_store: bool) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        for name in tree::files(folder)? {
            let entry = Entry::of(&folder.join(&name)).with_context(|| format!("{name} cannot be read"))?;
            files.insert(name, entry);
        }
        let list = Self { form: FORM, guildhall: env!("CARGO_PKG_VERSION").to_owned(), began, has_store, files };
        let mut file = fs::File::create(folder.join(NAME))?;
        file.write_all(&serde_json::to_vec_pretty(&list)?)?;
        file.sync_all()?;
        Ok(list)
    }

    /// Whether a folder is that of a backup.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(NAME).exists()
    }

    /// Reads the list of a backup, and compares the files with it.
    ///
    /// # Errors
    /// The folder is no whole backup, or a newer program wrote it.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let place = folder.join(NAME);
        let text = fs::read(&place).with_context(|| {
            format!("{} is no backup, or one that was not completed: {NAME} cannot be read", folder.display())
        })?;
        let list: Self = serde_json::from_slice(&text).with_context(|| format!("{} is damaged", place.display()))?;
        ensure!(
            list.form <= FORM,
            "{} has the form {}, and this program reads forms up to {FORM}: use the program that wrote it (guildhall {})",
            folder.display(),
            list.form,
            list.guildhall
        );
        for (name, wanted) in &list.files {
            let file = folder.join(name);
            match Entry::of(&file) {
                Ok(entry) if entry == *wanted => {}
                Ok(_) => bail!("{} is damaged: it is not the file that was backed up", file.display()),
                Err(error) => return Err(error).with_context(|| format!("{} is missing", file.display())),
            }
        }
        Ok(list)
    }

    /// The names of the files, as paths in the folder.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.bytes).sum()
    }
}
