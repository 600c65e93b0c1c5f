//! The pages of this repository: their lines are short, and what they name exists. Pages are README.md and its
//! neighbours, `docs/`, the templates of `.github/` and the README of the example. `walk` runs their commands.
#![expect(clippy::unwrap_used, reason = "a page that cannot be read fails the test")]

mod page;
mod session;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use guildhall::config::Config;

/// The longest line of a page, in characters. Tables and lines with a web address may be longer.
const MAX_COLUMNS: usize = 120;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All pages with their texts.
fn pages() -> Vec<(PathBuf, String)> {
    let patterns = ["*.md", "docs/*.md", "examples/*/README.md", ".github/*.md", ".github/*/*.md"];
    let paths = patterns.iter().flat_map(|pattern| glob::glob(root().join(pattern).to_str().unwrap()).unwrap());
    let pages: Vec<_> = paths.map(|path| path.unwrap()).map(|path| (path.clone(), read(&path))).collect();
    assert!(pages.len() > 10, "the pages are found: {}", pages.len());
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The texts between single backticks of a page, without its blocks of code.
fn code_spans(page: &str) -> Vec<&str> {
    let texts = page.split("```").step_by(2);
    texts.flat_map(|text| text.split('`').skip(1).step_by(2)).collect()
}

/// The lines of the blocks of code of a page; a line that ends with `\` is joined with the next one.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_lines_of_pages_have_at_most_120_columns() {
    let mut long = Vec::new();
    for (path, page) in pages() {
        for (number, line) in page.lines().enumerate() {
            let may_be_long = line.starts_with('|') || line.contains("://");
            if line.chars().count() > MAX_COLUMNS && !may_be_long {
                long.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "lines with more than {MAX_COLUMNS} columns:\n{}", long.join("\n"));
}

#[test]
fn the_files_that_pages_name_exist() {
    let folders = [
        "model/",
        "sandbox/",
        "journal/",
        "store/",
        "host/",
        "expressions/",
        "wit/",
        "sdk/",
        "agents/",
        "tests/",
        "fuzz/",
        "docs/",
        "examples/",
        "packaging/",
    ];
    let mut missing = BTreeSet::new();
    for (path, page) in pages() {
        for span in code_spans(&page) {
            let is_path = folders.iter().any(|folder| span.starts_with(folder))
                && !span.contains(|c: char| c.is_whitespace() || "{}<>…".contains(c));
            let found =
                || glob::glob(root().join(span).to_str().unwrap()).is_ok_and(|mut found| found.next().is_some());
            if is_path && !found() {
                missing.insert(format!("{} names `{span}`", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_links_between_pages_lead_to_files_and_headings() {
    let mut broken = Vec::new();
    for (path, page) in pages() {
        let texts: String = page.split("```").step_by(2).collect();
        for link in texts.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let leads_there = target.exists() && (heading.is_empty() || headings(&read(&target)).contains(heading));
            if !leads_there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The anchors of a page's headings, as GitHub writes them.
fn headings(page: &str) -> BTreeSet<String> {
    let titles = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |title: &str| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    titles.map(anchor).collect()
}

/// Each `guildhall` command of the pages has options that its own help lists.
#[test]
fn the_commands_of_pages_have_options_that_the_program_knows() {
    let mut checked = 0;
    for (path, page) in pages() {
        for line in commands(&page) {
            let command = line.trim_start_matches("$ ").split(['|', '#']).next().unwrap_or_default();
            let Some(start) = command.find("guildhall ").filter(|start| command[..*start].trim().is_empty()) else {
                continue;
            };
            let words: Vec<&str> = command[start..].split_whitespace().skip(1).collect();
            let is_name = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
            let count = if words[0] == "serve" { 1 } else { words.iter().take(2).take_while(is_name).count() };
            let help = Command::new(env!("CARGO_BIN_EXE_host")).args(&words[..count]).arg("--help").output().unwrap();
            let help = String::from_utf8(help.stdout).unwrap();
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap();
                assert!(help.contains(name), "{}: `{line}` has an unknown option {name}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked >= 10, "the pages have commands: {checked}");
}

/// `cargo … -p NAME` names a package of the repository, and `--test NAME` a file or folder of tests.
#[test]
fn the_cargo_commands_of_pages_name_packages_and_tests() {
    let manifests = ["*/Cargo.toml", "sdk/macros/Cargo.toml"].map(|pattern| root().join(pattern));
    let manifests = manifests.iter().flat_map(|pattern| glob::glob(pattern.to_str().unwrap()).unwrap());
    let manifests: String = manifests.map(|manifest| read(&manifest.unwrap())).collect();
    let mut checked = 0;
    for (path, page) in pages() {
        for line in commands(&page).iter().filter(|line| line.starts_with("cargo ")) {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            for pair in words.windows(2) {
                let exists = match pair[0] {
                    "-p" => manifests.contains(&format!("name = \"{}\"", pair[1])),
                    "--test" => {
                        let pattern = root().join(format!("*/tests/{}*", pair[1]));
                        glob::glob(pattern.to_str().unwrap()).unwrap().next().is_some()
                    }
                    _ => continue,
                };
                assert!(exists, "{}: `{line}` names {}", path.display(), pair[1]);
                checked += 1;
            }
        }
    }
    assert!(checked >= 10, "the pages have commands of cargo: {checked}");
}

#[test]
fn the_settings_of_pages_exist() {
    let mut checked = 0;
    for (path, page) in pages() {
        for rest in page.split("--set ").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || "._".contains(*c)).collect();
            if !name.contains('.') || name.ends_with('.') {
                continue;
            }
            let error = Config::default().set(&format!("{name}=x")).err().unwrap_or_default();
            assert!(!error.contains("there is no setting"), "{}: {error}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 5, "the pages have settings: {checked}");
}
