//! Reads the cases of a folder. A file holds the cases of one area by their names; a file with a single case that names
//! its own area is read too, so that folders of other projects can be run as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use serde_json::Value;

/// One vector: an input and the result that is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub area: String,
    /// Unique within its area.
    pub name: String,
    pub input: Value,
    pub expected: Value,
    /// Whether this project wrote the case. Otherwise a program wrote it while it ran the reference server.
    pub is_ours: bool,
}

impl Case {
    /// Returns `area__name`, the name by which the list of differences refers to the case.
    pub fn id(&self) -> String {
        format!("{}__{}", self.area, self.name)
    }
}

/// A case as a file of an area holds it, under its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    source: Option<Source>,
    input: Value,
    expected: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Ours,
}

/// A file that is one case.
#[derive(Deserialize)]
struct Single {
    area: String,
    name: String,
    input: Value,
    expected: Value,
}

/// Returns the folder of this project's cases.
pub fn own_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/cases")
}

/// Returns the folder that `CASES_DIR` names, if it names one.
pub fn other_folder() -> Option<PathBuf> {
    env::var_os("CASES_DIR").map(PathBuf::from)
}

/// Reads all cases of a folder, in the order of their files and names.
///
/// # Panics
/// If the folder or a file in it cannot be read, or if it holds no case.
pub fn read(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let cases: Vec<Case> = paths.iter().flat_map(|path| read_file(path)).collect();
    assert!(!cases.is_empty(), "{} holds no cases", folder.display());
    cases
}

fn read_file(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    cases_of(path, &text).unwrap_or_else(|error| panic!("{} holds neither a case nor an area: {error}", path.display()))
}

fn cases_of(path: &Path, text: &str) -> Result<Vec<Case>, serde_json::Error> {
    let file: Value = serde_json::from_str(text)?;
    if file["area"].is_string() {
        let Single { area, name, input, expected } = serde_json::from_value(file)?;
        return Ok(vec![Case { area, name, input, expected, is_ours: false }]);
    }
    let area = path.file_stem().unwrap_or_default().to_string_lossy();
    let entries: BTreeMap<String, Entry> = serde_json::from_value(file)?;
    let case = |(name, Entry { source, input, expected })| {
        let is_ours = matches!(source, Some(Source::Ours));
        Case { area: area.clone().into_owned(), name, input, expected, is_ours }
    };
    Ok(entries.into_iter().map(case).collect())
}
