//! `guildhall db`: a backup beside users who chat, its restore, and what is refused.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_tests::{DEADLINE, Host, Socket, blueprint, chat, frame, within};
use serde_json::{Value, json};
use tokio::process::Command;

use super::faults::{PATIENCE, hostile_component};

fn command(arguments: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command.arg("db").args(arguments).args(paths).env("GUILDHALL_LOG", "error").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn db(arguments: &[&str], paths: &[&Path]) -> Output {
    within(PATIENCE, "the command to end", command(arguments, paths).output()).await.expect("the program starts")
}

async fn done(arguments: &[&str], paths: &[&Path]) -> String {
    let output = db(arguments, paths).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?} {paths:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

async fn refused(arguments: &[&str], paths: &[&Path]) -> String {
    let output = db(arguments, paths).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {paths:?}");
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

async fn backup(host: &Host, folder: &Path) -> String {
    done(&["backup", "--data-dir"], &[&host.data_dir(), folder]).await
}

async fn restored(folder: &Path) -> Host {
    let stopped = Host::stopped(super::options());
    done(&["restore", "--data-dir"], &[&stopped.data_dir(), folder]).await;
    assert!(done(&["check", "--data-dir"], &[&stopped.data_dir()]).await.contains("no defect"));
    let listed = done(&["check", "--json", "--data-dir"], &[&stopped.data_dir()]).await;
    assert_eq!(serde_json::from_str::<Value>(&listed).expect("JSON"), json!({"defects": []}));
    stopped.start().await
}

/// Sends messages and waits for the `Ack` of each, until it is told to stop. Returns the texts that were acknowledged.
async fn chat_on(mut socket: Socket, user: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut said = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let text = format!("{user} says {}", said.len());
        socket.send(&json!({"id": text, "format": "text", "payload": {"text": text}}));
        let is_ack =
            |frame: &Value| frame::format(frame).ends_with("Ack") && frame["payload"]["client_id"] == text.as_str();
        socket.wait_within(DEADLINE, "an Ack", is_ack).await;
        said.push(text);
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_crowd_has_everything_that_was_acknowledged_before_it() {
    let host = super::host().await;
    let rest = host.rest();
    let digest = rest.upload(hostile_component()).await;
    let mut spec = blueprint::hostile(&digest, &json!({}));
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    let memory = rest.launch_spec(&spec).await;
    let mut ann = chat::join(&host, &memory, "ann").await;
    ann.say("remember tea");
    ann.hear("ok: remembered").await;
    drop(ann);
    let form = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"note.txt\"\r\n\r\nbytes\r\n--B--\r\n";
    let path = format!("/api/guilds/{memory}/files/");
    let request = rest.request(reqwest::Method::POST, &path).header("content-type", "multipart/form-data; boundary=B");
    let uploaded = request.body(form).send().await.expect("an answer");
    assert!(uploaded.status().is_success(), "{uploaded:?}");

    let guild = rest.launch_spec(&blueprint::echo()).await;
    let crowd = || async {
        let stop = Arc::<AtomicBool>::default();
        let mut talking = Vec::new();
        for user in 0..4 {
            let url = chat::user_url(&host, &guild, &format!("user{user}"), "?ack=1");
            talking.push(tokio::spawn(chat_on(Socket::connect(&url).await, user, stop.clone())));
        }
        (stop, talking)
    };
    // What is said before the backup, and what is said beside it.
    let (stop, talking) = crowd().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    let before: Vec<Vec<String>> = join_all(talking).await.into_iter().map(Result::unwrap).collect();
    assert!(before.iter().all(|said| !said.is_empty()));
    let (stop, talking) = crowd().await;
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let folders: Vec<_> = (0..3).map(|number| dir.path().join(format!("backup{number}"))).collect();
    for folder in &folders {
        assert!(backup(&host, folder).await.contains("as the data was at one moment"));
    }
    stop.store(true, Ordering::SeqCst);
    join_all(talking).await;
    drop(host);

    for folder in &folders {
        assert!(done(&["check", "--data-dir"], &[folder]).await.contains("no defect"));
        let host = restored(folder).await;
        for (user, said) in before.iter().enumerate() {
            let history = host.rest().history(&guild, &format!("user{user}")).await;
            let texts: Vec<&str> = history.iter().map(frame::text).collect();
            for text in said {
                let times = texts.iter().filter(|found| *found == text).count();
                assert!(times >= 1, "`{text}` is missing in {}", folder.display());
            }
        }
        assert_eq!(host.rest().guild(&memory).await["status"], "running");
        let files = host.rest().get(&format!("/api/guilds/{memory}/files/")).await.expect(&[200]);
        assert!(files.to_string().contains("note.txt"), "{files}");
        chat::join(&host, &guild, "bob").await.echo("after the restore").await;
        let mut ann = chat::join(&host, &memory, "ann").await;
        ann.say("hello");
        ann.hear("ok: hello").await;
    }
}

#[tokio::test]
async fn nothing_is_written_over_data_and_only_whole_backups_are_restored() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("hello").await;
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = |name: &str| dir.path().join(name);
    let whole = path("whole");
    backup(&host, &whole).await;
    let again = refused(&["backup", "--data-dir"], &[&host.data_dir(), &whole]).await;
    assert!(again.contains("not an empty folder"), "{again}");
    let over = refused(&["restore", "--data-dir"], &[&host.data_dir(), &whole]).await;
    assert!(over.contains("not an empty folder"), "{over}");
    let nothing = refused(&["backup", "--data-dir"], &[&path("nowhere"), &path("b")]).await;
    assert!(nothing.contains("no data directory"), "{nothing}");
    let none = refused(&["restore", "--data-dir"], &[&path("new"), &host.data_dir()]).await;
    assert!(none.contains("is no backup"), "{none}");
    let busy = refused(&["prune", "--data-dir"], &[&host.data_dir()]).await;
    assert!(busy.contains("another host uses"), "{busy}");

    // A file of it is damaged, then missing.
    let journal = whole.join("journal.db");
    let bytes = std::fs::read(&journal).expect("it is there");
    std::fs::write(&journal, &bytes[..bytes.len() - 1]).expect("it can be written");
    for what in ["is damaged", "is missing"] {
        let damaged = refused(&["restore", "--data-dir"], &[&path("new"), &whole]).await;
        assert!(damaged.contains(what), "{damaged}");
        let found = refused(&["check", "--data-dir"], &[&whole]).await;
        assert!(found.contains(what), "{found}");
        let _ = std::fs::remove_file(&journal);
    }
    assert!(!path("new").exists() && !path("new.partial").exists() && !path("b").exists());
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_that_looks_whole() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut ann = chat::join(&host, &guild, "ann").await;
    ann.echo("hello").await;
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let (mut killed, mut completed) = (0, 0);
    for round in 0..24_u64 {
        let folder = dir.path().join(format!("backup{}", round / 2));
        if folder.exists() {
            continue;
        }
        let mut child = command(&["backup", "--data-dir"], &[&host.data_dir(), &folder]).spawn().expect("it starts");
        let ended = tokio::time::timeout(Duration::from_millis(round * 8), child.wait()).await;
        if ended.is_err() {
            child.kill().await.expect("it can be killed");
        }
        if folder.exists() {
            assert!(done(&["check", "--data-dir"], &[&folder]).await.contains("no defect"));
            completed += 1;
        } else {
            let new = dir.path().join("new");
            assert!(refused(&["restore", "--data-dir"], &[&new, &folder]).await.contains("is no backup"));
            killed += 1;
        }
    }
    assert!(killed > 0, "{killed} were killed and {completed} completed");
    let last = dir.path().join("last");
    backup(&host, &last).await;
    ann.echo("the host goes on").await;
    chat::join(&restored(&last).await, &guild, "bob").await.echo("restored").await;
}

#[tokio::test]
async fn prune_removes_what_retention_does_not_keep_and_the_data_gets_smaller() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut ann = chat::join(&host, &guild, "ann").await;
    let long = "x".repeat(20_000);
    for number in 0..40 {
        ann.say(&format!("{number} {long}"));
    }
    ann.echo("last").await;
    drop(ann);
    host.ask_to_stop().await;
    host.ended().await;
    let data = host.data_dir();
    let size = || std::fs::metadata(data.join("journal.db")).expect("it is there").len();
    let before = size();
    let said = done(&["prune", "--set", "retention.guild_bytes=10000", "--data-dir"], &[&data]).await;
    assert!(said.contains("messages were removed") && size() < before / 4, "{said} {before} {}", size());
    assert!(done(&["check", "--data-dir"], &[&data]).await.contains("no defect"));
    host.start_again().await;
    chat::join(&host, &guild, "ann").await.echo("after").await;
}
