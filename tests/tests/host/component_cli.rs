//! `guildhall component inspect|check|call`: the tools for authors, which need no server.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub errors: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}{}", self.out, self.errors))
    }
}

pub fn component(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_host"))
        .arg("component")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that reads no input may have closed it.
    let _ = child.stdin.take().expect("it was piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) }
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("UTF-8")
}

const HOSTILE: &str = env!("HOSTILE_WASM");

#[test]
fn inspect_describes_a_component_and_check_says_whether_it_fits() {
    let shown = component(&["inspect", HOSTILE], "");
    assert_eq!(shown.code, Some(0), "{}", shown.errors);
    for part in ["guildhall.tests.HostileAgent", "guildhall:agent/messaging@0.1.0", "grants     none", "fits       yes"]
    {
        assert!(shown.out.contains(part), "{part} in {}", shown.out);
    }
    let shown = component(&["inspect", "--json", HOSTILE], "").json();
    assert_eq!((&shown["fits"], &shown["description"]["name"]), (&json!(true), &json!("Hostile Agent")));
    let checked = component(&["check", HOSTILE], "");
    assert_eq!(checked.code, Some(0), "{}", checked.out);

    let wants = r#"(component (import "wasi:http/outgoing-handler@9.9.9" (instance)) (instance $a)
        (export "guildhall:agent/agent@0.1.0" (instance $a)))"#;
    let wants = file(&wat::parse_str(wants).expect("WebAssembly text"));
    let shown = component(&["inspect", path(&wants)], "");
    assert_eq!(shown.code, Some(0), "one may look at what does not fit");
    assert!(shown.out.contains("fits       no: "), "{}", shown.out);
    let checked = component(&["check", "--json", path(&wants)], "");
    assert_eq!((checked.code, &checked.json()["fits"]), (Some(1), &json!(false)));

    let module = file(&wat::parse_str("(module)").expect("a module"));
    let checked = component(&["check", path(&module)], "");
    assert_eq!(checked.code, Some(1));
    assert!(checked.out.contains("[not_a_component]") && checked.out.contains("wasm32-wasip2"), "{}", checked.out);
    let missing = component(&["check", "/nowhere/agent.wasm"], "");
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.contains("/nowhere/agent.wasm"), "{}", missing.errors);
}

#[test]
fn call_runs_one_message_and_prints_its_outcome() {
    let called = component(&["call", HOSTILE, "--payload", r#"{"text": "hello"}"#], "");
    assert_eq!(called.code, Some(0), "{}{}", called.out, called.errors);
    assert!(called.out.contains("emit ") && called.out.contains("fuel "), "{}", called.out);
    let told = component(&["call", HOSTILE, "--json"], r#"{"text": "hello"}"#).json();
    assert_eq!((&told["end"], told["emits"].as_array().map(Vec::len)), (&json!("done"), Some(1)), "{told}");
    assert!(told["usage"]["fuel"].as_u64().is_some_and(|fuel| fuel > 0), "{told}");
    assert!(told["usage"]["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{told}");

    let poor = component(&["call", HOSTILE, "--json", "--fuel", "100000"], r#"{"text": "loop"}"#);
    assert_eq!((poor.code, &poor.json()["fault"]["setting"]), (Some(1), &json!("sandbox.fuel")), "{}", poor.out);
    let broken = component(&["call", HOSTILE, "--payload", "[1]"], "");
    assert_eq!(broken.code, Some(2), "{}", broken.out);
    assert!(broken.errors.contains("payload"), "{}", broken.errors);
    let sandboxed = component(&["call", HOSTILE, "--json", "--sandbox", r#"{"fuel": 100000}"#], r#"{"text": "loop"}"#);
    assert_eq!(sandboxed.json()["fault"]["limit"], json!(100_000), "{}", sandboxed.out);
    let greedy = component(&["call", HOSTILE, "--memory-mib", "99999", "--payload", "{}"], "");
    assert!(greedy.errors.contains("`sandbox.memory_mib` is 99999"), "{}", greedy.errors);
}

#[test]
fn call_gives_the_grants_of_the_sandbox() {
    let secrets = tempfile::tempdir().expect("a directory");
    std::fs::write(secrets.path().join("KEY"), "hush").expect("a secret");
    let dir = secrets.path().to_str().expect("UTF-8");
    let reaching = env!("REACHING_WASM");
    // The component imports every capability, so it starts only if all are granted.
    let sandbox = r#"{"http": ["http://127.0.0.1:9"], "config": {"greeting": "good day"}, "secrets": ["KEY"],
        "reveal": ["KEY"], "env": ["PATH"]}"#;
    let ask = |order: &str| {
        let order = json!({"text": order}).to_string();
        component(&["call", reaching, "--json", "--sandbox", sandbox, "--secrets-dir", dir], &order).json()
    };
    assert_eq!(ask("config greeting")["emits"][0]["payload"]["text"], "good day");
    assert_eq!(ask("reveal KEY")["emits"][0]["payload"]["text"], "hush");
    let refused = ask("get http://127.0.0.1:10/");
    assert_eq!(refused["emits"][0]["payload"]["text"], "refused: ErrorCode::HttpRequestDenied", "{refused}");

    let bare = component(&["call", reaching, "--json"], "{}");
    assert_eq!((bare.code, &bare.json()["reason"]["code"]), (Some(1), &json!("missing_capability")));
    let wrong = component(&["call", reaching, "--sandbox", r#"{"htp": []}"#], "{}");
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.errors.contains("sandbox.htp"), "{}", wrong.errors);
    let nowhere = component(&["call", reaching, "--sandbox", r#"{"secrets": ["KEY"]}"#], "{}");
    assert!(nowhere.errors.contains("--secrets-dir"), "{}", nowhere.errors);
}
