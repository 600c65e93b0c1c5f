//! Walks through pages as a reader does: every command runs, in order, in a fresh copy of the repository with a host of its
//! own, and prints what the page shows. CONTRIBUTING.md describes the marks.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::page::{Block, Mark, blocks};
use super::session::Session;
use super::{pages, root};

/// The languages of fences. The commands of `sh` run; `yaml` and `json` are checked.
const LANGUAGES: [&str; 18] = [
    "sh",
    "text",
    "yaml",
    "json",
    "rust",
    "toml",
    "js",
    "ts",
    "python",
    "html",
    "wit",
    "jsonata",
    "nginx",
    "caddyfile",
    "ini",
    "dockerfile",
    "http",
    "mermaid",
];
/// The host of a page that starts none itself.
const HOST: &str = "exec guildhall serve --demo";

macro_rules! walks {
    ($($test:ident: $page:literal),+ $(,)?) => {
        /// The pages with commands.
        const WALKED: &[&str] = &[$($page),+];
        $(
            #[tokio::test]
            async fn $test() {
                walk($page).await;
            }
        )+
    };
}

walks! {
    the_commands_of_the_readme_work: "README.md",
    the_commands_of_the_page_for_contributors_work: "CONTRIBUTING.md",
    the_commands_of_the_page_about_components_work: "docs/components.md",
    the_commands_of_the_page_about_capabilities_work: "docs/capabilities.md",
    the_commands_of_the_page_for_operators_work: "docs/operating.md",
    the_commands_of_the_page_about_installing_work: "docs/installing.md",
    the_commands_of_the_page_about_the_command_line_work: "docs/cli.md",
    the_commands_of_the_page_about_configuration_work: "docs/configuration.md",
    the_commands_of_the_page_about_proxies_work: "docs/proxies.md",
    the_commands_of_the_page_about_rest_work: "docs/rest.md",
    the_commands_of_the_page_about_several_hosts_work: "docs/scaling.md",
    the_commands_of_the_page_about_measuring_work: "docs/measuring.md",
    the_commands_of_the_first_page_work: "docs/getting-started.md",
    the_commands_of_the_page_about_blueprints_work: "docs/blueprints.md",
    the_commands_of_the_page_for_authors_work: "docs/writing-agents.md",
}

#[test]
fn every_page_with_commands_is_walked() {
    for (path, page) in walkable() {
        let has_commands = read(&path, &page).iter().any(|block| block.language == "sh");
        let is_walked = WALKED.contains(&path.as_str());
        assert_eq!(has_commands, is_walked, "{path} has commands: {has_commands}; `walks!` has it: {is_walked}");
    }
}

#[test]
fn every_block_has_a_known_language_and_a_mark_that_fits() {
    let mut not_run = Vec::new();
    for (path, page) in walkable() {
        let blocks = read(&path, &page);
        for (at, block) in blocks.iter().enumerate() {
            let here = format!("{path}:{}", block.line);
            let is_known = LANGUAGES.contains(&block.language.as_str());
            assert!(is_known, "{here}: a block of `{}` is none of {LANGUAGES:?}", block.language);
            let is_shell = block.language == "sh";
            let fits = match &block.mark {
                Some(Mark::NotRun(reason)) => {
                    not_run.push(format!("{here}: {reason}"));
                    is_shell
                }
                Some(Mark::Host | Mark::Fails) => is_shell,
                Some(Mark::Output) => !is_shell && at > 0 && blocks[at - 1].language == "sh",
                Some(Mark::File(_) | Mark::Part) => !is_shell,
                None => true,
            };
            assert!(fits, "{here}: a block of `{}` cannot have the mark {:?}", block.language, block.mark);
        }
    }
    println!("commands that do not run in a test:\n{}", not_run.join("\n"));
}

#[test]
fn the_documents_of_pages_are_right() {
    for (path, page) in walkable() {
        for block in read(&path, &page) {
            check(&format!("{path}:{}", block.line), &block);
        }
    }
}

/// Checks a block that is a document: it is what its file has, it can be read, and it is a spec without errors.
fn check(here: &str, block: &Block) {
    let file = match &block.mark {
        Some(Mark::File(file)) => {
            let whole = std::fs::read_to_string(root().join(file));
            let whole = whole.unwrap_or_else(|error| panic!("{here}: {file} cannot be read: {error}"));
            assert!(whole.contains(&block.text), "{here}: {file} has another text than the page");
            Some(root().join(file))
        }
        Some(Mark::Output | Mark::Part) => return,
        _ => None,
    };
    if block.language == "json" {
        let read = serde_json::from_str::<Value>(&block.text);
        assert!(read.is_ok(), "{here}: no JSON, and not marked as a part: {}", read.unwrap_err());
    }
    let is_spec = block.text.lines().any(|line| line.starts_with("agents:") || line.contains("\"agents\":"));
    if is_spec && ["json", "yaml"].contains(&block.language.as_str()) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let written = folder.path().join(format!("spec.{}", block.language));
        std::fs::write(&written, &block.text).expect("a file can be written");
        check_spec(here, file.as_deref().unwrap_or(&written));
    }
}

fn check_spec(here: &str, file: &Path) {
    let checked = Command::new(env!("CARGO_BIN_EXE_host")).args(["blueprint", "check"]).arg(file).output();
    let checked = checked.expect("the program starts");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && !said.contains("warning:"), "{here}: {said}");
}

/// The pages that are walked, with their paths in the repository.
fn walkable() -> Vec<(String, String)> {
    let root = root().canonicalize().expect("the repository is there");
    let named = pages().into_iter().map(|(path, page)| {
        let path = path.canonicalize().expect("a page exists");
        (path.strip_prefix(&root).expect("pages are in the repository").display().to_string(), page)
    });
    named.filter(|(path, _)| !path.starts_with('.')).collect()
}

fn read(path: &str, page: &str) -> Vec<Block> {
    blocks(page).unwrap_or_else(|wrong| panic!("{path}: {wrong}"))
}

async fn walk(path: &str) {
    let page = std::fs::read_to_string(root().join(path)).expect("the page can be read");
    let blocks = read(path, &page);
    let mut session = Session::start(&path.replace('/', "-"));
    let starts_its_own = blocks.iter().any(|block| block.mark == Some(Mark::Host));
    let mut printed = String::new();
    for block in &blocks {
        let here = format!("{path}:{}", block.line);
        match (&block.mark, block.language.as_str()) {
            (Some(Mark::NotRun(reason)), _) => println!("{here} is not run: {reason}"),
            (Some(Mark::Host), _) => printed = session.start_host(&block.text).await,
            (Some(Mark::Output), _) => {
                let expected = session.placed(&block.text);
                assert!(is_shown(&expected, &printed), "{here}: the page shows\n{expected}\nand it is\n{printed}");
            }
            (mark, "sh") => {
                if !session.has_host() && !starts_its_own {
                    session.start_host(HOST).await;
                }
                let is_to_fail = *mark == Some(Mark::Fails);
                let text = if is_to_fail { format!("! {{\n{}\n}}\n", block.text) } else { block.text.clone() };
                let ran = session.run(&text).await;
                let wrong = || format!("{here}:\n{}\n{}\n{}", block.text, ran.out, ran.errors);
                assert!(ran.is_well, "the commands fail, in {}, at {}", session.folder().display(), wrong());
                printed = ran.out;
            }
            _ => {}
        }
    }
}

/// Whether a page shows what was printed. `…` stands for any text of a line, and a line of `…` alone for any lines.
fn is_shown(page: &str, printed: &str) -> bool {
    let lines = |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    are_lines_shown(&lines(page), &lines(printed))
}

fn are_lines_shown(page: &[String], printed: &[String]) -> bool {
    match page.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "…" => (0..=printed.len()).any(|at| are_lines_shown(rest, &printed[at..])),
        Some((line, rest)) => {
            printed.first().is_some_and(|first| is_line_shown(line, first)) && are_lines_shown(rest, &printed[1..])
        }
    }
}

fn is_line_shown(page: &str, printed: &str) -> bool {
    let Some((begin, rest)) = page.split_once('…') else { return page == printed };
    let Some(printed) = printed.strip_prefix(begin) else { return false };
    let ends = printed.char_indices().map(|(at, _)| at).chain([printed.len()]);
    ends.into_iter().any(|at| is_line_shown(rest, &printed[at..]))
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    assert!(is_shown("a\nb\n", "a\nb"));
    assert!(is_shown("{\"id\":\"…\"}", "{\"id\":\"x\"}\n"));
    assert!(!is_shown("{\"id\":\"…\"}", "{\"di\":\"x\"}\n"));
    assert!(is_shown("a\n…\nd", "a\nb\nc\nd") && is_shown("…", ""));
    assert!(!is_shown("a\n…\nd", "a\nb\nc") && !is_shown("a", "a\nb"));
}
