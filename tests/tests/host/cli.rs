//! The commands that work with a running host: the real program against a real host.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use guildhall_tests::{Host, blueprint, chat, component, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::faults::{PATIENCE, hostile_component};

/// How long a command may take: a component may have to be compiled.
const COMMAND: Duration = Duration::from_secs(180);

/// What a command has printed.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// The output of a command that succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// The JSON of a command that succeeded.
    pub fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}"))
    }

    /// The errors of a command that ended with this code.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self.err
    }
}

/// The program, without the variables and profiles of whoever runs the tests.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GUILDHALL_")) {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nowhere").env("GUILDHALL_LOG", "warn").kill_on_drop(true);
    command
}

/// Runs a command without input until it ends.
pub async fn run(command: &mut Command) -> Done {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = within(COMMAND, "the command to end", command.output()).await.expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn url(host: &Host) -> String {
    format!("http://{}", host.rest().authority())
}

/// Runs a command of words and of one last argument that may have blanks.
async fn on(host: &Host, words: &str) -> Done {
    run(program().args(words.split_whitespace()).args(["--url", &url(host)])).await
}

fn written(folder: &Path, name: &str, document: &Value) -> String {
    let file = folder.join(name);
    std::fs::write(&file, document.to_string()).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

/// A chat whose lines are written one after the other.
struct Talk {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    fn begin(arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(["guild", "chat"]).args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, input, lines }
    }

    async fn say(&mut self, text: &str) {
        self.input.write_all(format!("{text}\n").as_bytes()).await.expect("it reads");
    }

    /// Waits for a line with a text. Returns all lines up to it.
    async fn hear(&mut self, text: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let next = within(PATIENCE, &format!("`{text}`"), self.lines.next_line()).await.expect("it is read");
            let line = next.unwrap_or_else(|| panic!("the chat ended before `{text}`: {heard:?}"));
            heard.push(line);
            if heard.last().is_some_and(|line| line.contains(text)) {
                return heard;
            }
        }
    }

    /// Ends the input and waits for the end.
    async fn end(self) -> (Option<i32>, Vec<String>) {
        let Self { mut child, input, mut lines } = self;
        drop(input);
        let mut rest = Vec::new();
        while let Some(line) = within(PATIENCE, "the output to end", lines.next_line()).await.expect("it is read") {
            rest.push(line);
        }
        (child.wait().await.expect("it ends").code(), rest)
    }
}

#[tokio::test]
async fn a_guild_is_launched_shown_used_stopped_started_and_removed_by_name() {
    let host = super::host().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(folder.path(), "echo.json", &blueprint::echo());
    let push = format!("blueprint push {file} --name Parrot --exposure public --new-category Birds --json");
    let pushed = on(&host, &push).await.json();
    let listed = on(&host, "blueprint ls").await.ok();
    assert!(listed.contains("Parrot") && listed.contains("Birds") && listed.contains("operator"), "{listed}");
    let same = on(&host, &push).await;
    assert!(same.err.contains("has the same name and version"), "{}", same.err);
    let same = same.json()["id"].as_str().expect("an id").to_owned();
    on(&host, &format!("blueprint rm {same} --yes")).await.ok();
    assert!(on(&host, &push.replace("Parrot", "Second")).await.json()["id"].is_string(), "the category exists");
    assert_eq!(host.rest().get("/catalog/categories").await.expect(&[200]).as_array().map(Vec::len), Some(1));

    let launched = on(&host, "guild launch Parrot --name Polly --config volume=3").await;
    assert!(launched.err.contains("Polly is ready"), "{}", launched.err);
    assert!(launched.err.contains("configuration.volume: this key is unknown"), "{}", launched.err);
    let id = launched.ok().trim().to_owned();
    let listed = on(&host, "guild ls").await.ok();
    assert!(listed.contains(&id) && listed.contains("Polly") && listed.contains("running"), "{listed}");
    assert_eq!(on(&host, "guild ls --status stopped --json").await.json(), json!([]));
    let shown = on(&host, "guild show Polly").await.ok();
    assert!(shown.contains("EchoAgent") && shown.contains(blueprint::ECHO_CLASS), "{shown}");
    assert_eq!(on(&host, "guild show Polly --json").await.json()["id"], id.as_str());
    let spec =
        on(&host, &format!("guild launch --spec {file} --org acme --id own --name Own --no-wait --json")).await.json();
    assert_eq!(spec["id"], "own");
    assert_eq!(host.rest().guild("own").await["name"], "Own");

    let mut talk = Talk::begin(&["Polly", "--url", &url(&host)]);
    talk.say("Hello").await;
    assert_eq!(talk.hear("Echo: Hello").await, ["EchoAgent: Echo: Hello"]);
    assert_eq!(talk.end().await, (Some(0), Vec::new()));

    on(&host, "guild stop Polly").await.ok();
    assert_eq!(on(&host, "guild show Polly --json").await.json()["status"], "stopped");
    let refused = on(&host, "guild chat Polly").await.failed(1);
    assert!(refused.contains("guild start Polly"), "{refused}");
    let started = on(&host, "guild start Polly").await.ok();
    assert!(started.contains("Polly is running"), "{started}");

    let asked = on(&host, "guild rm Polly --stop").await.failed(2);
    assert!(asked.contains("--yes"), "nothing is removed without a question: {asked}");
    assert!(on(&host, "guild rm Polly --yes").await.failed(1).contains("--stop"), "it runs");
    on(&host, "guild rm Polly --stop --yes").await.ok();
    host.rest().get(&format!("/api/guilds/{id}")).await.expect(&[404]);
    on(&host, &format!("blueprint rm {} --yes", pushed["id"].as_str().expect("an id"))).await.ok();
    assert!(!on(&host, "blueprint ls").await.ok().contains("Parrot"));
}

#[tokio::test]
async fn a_component_is_uploaded_listed_bound_swapped_and_removed() {
    let host = super::host().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, mark: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, component::variant(&component::hostile(), mark)).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (one, two) = (file("one.wasm", "one"), file("two.wasm", "two"));
    let first = on(&host, &format!("component upload {one} --name first --version 1.0.0")).await.ok();
    let first = first.trim();
    assert!(first.starts_with("sha256:"), "{first}");
    let second = on(&host, &format!("component upload {two} --json")).await.json();
    assert_eq!(second["state"], "ready", "{second}");
    assert!(second["warnings"][0].as_str().is_some_and(|text| text.contains("is served by")), "{second}");
    let listed = on(&host, "component ls").await.ok();
    assert!(listed.contains("first@1.0.0") && listed.contains(&first[7..19]), "{listed}");

    let second = second["digest"].as_str().expect("a digest");
    on(&host, &format!("component bind {} {}", blueprint::HOSTILE_CLASS, &second[7..19])).await.ok();
    let guild = host.rest().launch_spec(&blueprint::hostile(first, &json!({}))).await;
    let swapped = on(&host, &format!("component swap {guild} Hostile {second} --json")).await.json();
    assert_eq!(swapped["component"], second, "{swapped}");
    let needed = on(&host, &format!("component rm {second} --yes")).await.failed(1);
    assert!(needed.contains("409"), "{needed}");
    let third = file("three.wasm", "three");
    on(&host, &format!("component upload {third} --name third --version 1.0.0")).await.ok();
    on(&host, "component rm third --yes").await.ok();
    let unknown = on(&host, "component rm frist@1.0.0 --yes").await.failed(1);
    assert!(unknown.contains("there is no component `frist@1.0.0`; did you mean `first@1.0.0`?"), "{unknown}");
    let module = folder.path().join("module.wasm");
    std::fs::write(&module, wat::parse_str("(module)").expect("a module")).expect("written");
    let refused = on(&host, &format!("component upload {}", module.display())).await.failed(1);
    assert!(refused.contains("not_a_component"), "{refused}");
}

#[tokio::test]
async fn dead_letters_logs_and_events_are_shown_and_handled() {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let mut events = program()
        .args(["guild", "events", &guild, "--json", "--url", &url(&host)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut told = BufReader::new(events.stderr.take().expect("piped")).lines();
    within(PATIENCE, "events to be shown", told.next_line()).await.expect("it is read");
    let mut chat = chat::join(&host, &guild, "ann").await;
    for number in 0..2 {
        chat.say(&format!("reject {number}"));
        let is_last = |frame: &Value| frame["payload"]["dead_lettered"] == true;
        chat.socket.wait_within(PATIENCE, "the message to be given up", is_last).await;
    }
    let mut shown = BufReader::new(events.stdout.take().expect("piped")).lines();
    loop {
        let line = within(PATIENCE, "the event", shown.next_line()).await.expect("it is read").expect("it goes on");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        if event["event"] == "agent.dead_lettered" {
            break;
        }
    }

    let list = format!("guild dead-letters list {guild}");
    let table = on(&host, &list).await.ok();
    assert!(table.contains("rejected") && table.contains("Hostile"), "{table}");
    let letters = on(&host, &format!("{list} --json")).await.json();
    let ids: Vec<String> = letters.as_array().expect("a list").iter().map(|letter| letter["id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "{letters}");
    let shown = on(&host, &format!("guild dead-letters show {guild} {} --json", ids[0])).await.json();
    assert_eq!(shown["message"]["payload"]["text"], "reject 0", "{shown}");
    on(&host, &format!("guild dead-letters discard {guild} {}", ids[0])).await.failed(2);
    on(&host, &format!("guild dead-letters discard {guild} {} --yes", ids[0])).await.ok();
    let replayed = on(&host, &format!("guild dead-letters replay {guild} --all")).await.ok();
    assert!(replayed.starts_with(&format!("{} is replayed", ids[1])), "{replayed}");
    let gone = on(&host, &format!("guild dead-letters show {guild} {} --json", ids[0])).await.failed(1);
    let gone: Value = serde_json::from_str(&gone).expect("the error of the host is JSON, too");
    assert_eq!(gone["code"], "dead_letter_not_found", "{gone}");

    let logs = on(&host, &format!("guild logs {guild} Hostile --json --level debug")).await.ok();
    for line in logs.lines() {
        let line: Value = serde_json::from_str(line).expect("one object a line");
        assert_eq!(line["agent"]["name"], "Hostile", "{line}");
    }
    let unknown = on(&host, &format!("guild logs {guild} Hostil")).await.failed(1);
    assert!(unknown.contains("did you mean `Hostile`?"), "{unknown}");
}

#[tokio::test]
async fn a_chat_goes_on_after_a_break_without_losing_or_doubling_a_line() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut talk = Talk::begin(&[&guild, "--url", &url(&host)]);
    talk.say("one").await;
    assert_eq!(talk.hear("Echo: one").await, ["EchoAgent: Echo: one"]);
    host.kill().await;
    assert!(talk.hear("connecting again").await.len() == 1);
    talk.say("two").await;
    host.start_again_in_place().await;
    let heard = talk.hear("Echo: two").await;
    assert_eq!(heard.iter().filter(|line| line.contains("Echo")).count(), 1, "{heard:?}");
    talk.say("three").await;
    assert_eq!(talk.hear("Echo: three").await, ["EchoAgent: Echo: three"]);
    assert_eq!(talk.end().await, (Some(0), Vec::new()));
    let history = host.rest().history(&guild, "demo_user").await;
    let said = |text: &str| history.iter().filter(|message| message["payload"]["text"] == text).count();
    assert_eq!([said("one"), said("two"), said("three"), said("Echo: two")], [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_question_is_answered_in_the_terminal() {
    let host = super::host().await;
    let mut spec = blueprint::echoes_with_rule("{'title': 'Which?', 'options': ['Red', 'Green']}");
    spec["routes"]["steps"][1]["transformer"]["output_format"] =
        "rustic_ai.core.ui_protocol.types.QuestionFormat".into();
    spec["agents"].as_array_mut().expect("agents").truncate(1);
    let guild = host.rest().launch_spec(&spec).await;
    let mut talk = Talk::begin(&[&guild, "--url", &url(&host)]);
    talk.say("ask me").await;
    let asked = talk.hear("2. Green").await;
    assert!(asked[0].contains("Which?") && asked.iter().any(|line| line == "  1. Red"), "{asked:?}");
    talk.hear("Answer with a number").await;
    talk.say("2").await;
    talk.hear("2. Green").await;
    let history = host.rest().history(&guild, "demo_user").await;
    let answer = history.iter().find(|message| message["format"] == "questionResponse");
    assert_eq!(answer.map(|message| &message["payload"]), Some(&json!({"data": "Green"})), "{history:?}");
}

#[tokio::test]
async fn a_guild_in_error_ends_a_chat_with_its_cause() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    spec["agents"][0]["class_name"] = "no.such.Class".into();
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(folder.path(), "broken.json", &spec);
    let launched = on(&host, &format!("guild launch --spec {file}")).await;
    let id = launched.out.trim().to_owned();
    let refused = launched.failed(1);
    assert!(refused.contains("is in error") && refused.contains("no.such.Class"), "{refused}");
    let ended = on(&host, &format!("guild chat {id}")).await.failed(1);
    assert!(ended.contains("is in error") && ended.contains("no.such.Class"), "{ended}");
    let shown = on(&host, &format!("guild show {id}")).await.ok();
    assert!(shown.contains("no.such.Class"), "{shown}");
    let mistakes = written(folder.path(), "wrong.json", &json!({"name": "", "agents": [{}]}));
    let refused = on(&host, &format!("guild launch --spec {mistakes}")).await.failed(1);
    assert!(refused.contains("\n  body.spec.name: ") && refused.contains("\n  body.spec.description: "), "{refused}");
}

#[tokio::test]
async fn wrong_names_addresses_and_options_are_told_with_what_is_right() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    spec["name"] = "Support".into();
    host.rest().post("/api/guilds", &json!({"org_id": "acme", "spec": spec})).await.created();
    let unknown = on(&host, "guild show Suport").await.failed(1);
    assert!(unknown.contains("there is no guild `Suport`; did you mean `Support`?"), "{unknown}");
    let unknown = on(&host, "guild lunch x").await.failed(2);
    assert!(unknown.contains("launch"), "{unknown}");
    let gone = run(program().args(["guild", "ls", "--url", "http://127.0.0.1:1"])).await.failed(1);
    assert!(gone.contains("the host at http://127.0.0.1:1 cannot be reached"), "{gone}");
    for arguments in [["guild", "show", ""], ["guild", "rm", ""], ["blueprint", "rm", ""]] {
        let empty = run(program().args(arguments).args(["--url", "http://127.0.0.1:1"])).await.failed(2);
        assert!(empty.contains("is empty"), "{arguments:?}: {empty}");
    }
    let nowhere = run(program().args(["db", "check", "--data-dir", "/nowhere"])).await.failed(2);
    assert!(nowhere.contains("/nowhere is no directory"), "{nowhere}");
    let folder = tempfile::tempdir().expect("a folder");
    let spek = written(folder.path(), "spek.json", &json!({"name": "B", "description": "d", "spek": {"name": "G"}}));
    for command in ["validate", "push"] {
        let spek = run(program().args(["blueprint", command, &spek, "--json"])).await;
        assert_ne!(spek.code, Some(0));
        assert!((spek.out + &spek.err).contains("did you mean `spec`?"), "{command}");
    }
    let unread = run(program().args(["blueprint", "check", "nowhere.yaml"])).await.failed(2);
    assert!(unread.contains("there is no such file"), "{unread}");
    let wrong = run(program().args(["guild", "ls", "--url", "ftp://a"])).await.failed(2);
    assert!(wrong.contains("unix:/path"), "{wrong}");

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("guildhall")).expect("made");
    let profiles = format!("[work]\nurl = \"{}\"\ntoken = \"secret\"\n", url(&host));
    std::fs::write(folder.path().join("guildhall/profiles.toml"), profiles).expect("written");
    let with_profile = |name: &str| {
        let mut command = program();
        command.args(["guild", "ls", "--profile", name]).env("XDG_CONFIG_HOME", folder.path());
        // Another host in a variable does not matter to who names a profile.
        command.env("GUILDHALL_URL", "http://127.0.0.1:1");
        command
    };
    assert!(run(&mut with_profile("work")).await.ok().contains("Support"));
    assert!(run(&mut with_profile("wrok")).await.failed(2).contains("did you mean `work`?"));
    let by_variable = run(program().args(["guild", "ls"]).env("GUILDHALL_URL", url(&host))).await.ok();
    assert!(by_variable.contains("Support"), "{by_variable}");
}

/// A TLS server before a host, with a certificate of its own for `localhost`. Returns its port and the certificate.
async fn tls_before(host: &Host) -> (u16, String) {
    guildhall::oci::provide_tls();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = host.rest().authority().to_owned();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(tcp).await.ok()?;
                let mut server = TcpStream::connect(target).await.ok()?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn https_and_wss_work_with_an_authority_of_ones_own() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let (port, certificate) = tls_before(&host).await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate).expect("written");
    let (url, ca) = (format!("https://localhost:{port}"), ca.to_str().expect("UTF-8"));
    let listed = run(program().args(["guild", "ls", "--url", &url, "--ca", ca])).await.ok();
    assert!(listed.contains(&guild), "{listed}");
    let refused = run(program().args(["guild", "ls", "--url", &url])).await.failed(1);
    assert!(refused.contains("ertificate") || refused.contains("UnknownIssuer"), "{refused}");
    let mut talk = Talk::begin(&[&guild, "--url", &url, "--ca", ca]);
    talk.say("in secret").await;
    talk.hear("Echo: in secret").await;
    assert_eq!(talk.end().await.0, Some(0));
}

#[tokio::test]
async fn completions_and_manual_pages_are_written() {
    let bash = run(program().args(["completion", "bash"])).await.ok();
    assert!(bash.contains("dead-letters"), "the completions know the commands");
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("man1");
    run(program().args(["man", dir.to_str().expect("UTF-8")])).await.ok();
    for page in ["guildhall.1", "guildhall-guild-launch.1", "guildhall-config-print.1"] {
        assert!(dir.join(page).is_file(), "{page}");
    }
    let help = run(program().args(["serve", "--help"])).await.ok();
    for part in ["possible values: process, disk, none", "GUILDHALL_LISTEN", "Examples:", "[default: 127.0.0.1:8880]"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    assert!(run(program().arg("--help")).await.ok().contains("Exit codes: 0 done, 1 failed, 2"));
}
