//! Untrusted components: each becomes ready or is refused with a named reason, the compiler stays within its limits, and
//! names and digests do not change.

use std::path::Path;
use std::time::Duration;

use guildhall_tests::component::{agent, of as component};
pub(super) use guildhall_tests::component::{bomb, variant};
use guildhall_tests::rest::Answer;
use guildhall_tests::{DEADLINE, Host, blueprint, chat, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::faults::hostile_component;

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_file_that_is_no_agent_is_refused_before_it_is_compiled() {
    let host = super::host().await;
    let native = b"\x7fELF\x02\x01\x01".to_vec();
    let module = wat::parse_str("(module)").expect("a module");
    let newer = component(r#"(instance $a) (export "guildhall:agent/agent@0.9.0" (instance $a))"#);
    let other = component(r#"(instance $a) (export "wasi:cli/run@0.2.6" (instance $a))"#);
    let wants = |import: &str| agent(&format!(r#"(import "{import}" (instance))"#));
    let hostile = hostile_component();
    for (bytes, status, code, about) in [
        (b"hello".to_vec(), 422, "not_a_component", Value::Null),
        (native, 422, "not_a_component", Value::Null),
        (module, 422, "not_a_component", Value::Null),
        (hostile[..hostile.len() / 2].to_vec(), 422, "invalid_component", Value::Null),
        (
            newer,
            422,
            "unsupported_contract",
            json!({"found": "guildhall:agent/agent@0.9.0", "supported": "guildhall:agent/agent@0.1.0"}),
        ),
        (
            other,
            422,
            "not_an_agent",
            json!({"expected": "guildhall:agent/agent@0.1.0", "exports": ["wasi:cli/run@0.2.6"]}),
        ),
        (
            wants("guildhall:agent/secrets@0.2.0"),
            422,
            "unsupported_contract",
            json!({"found": "guildhall:agent/secrets@0.2.0", "supported": "guildhall:agent/secrets@0.1"}),
        ),
        (
            bomb(250_001, 1),
            413,
            "too_large",
            json!({"what": "number of functions", "limit": 250_000, "value": 250_001, "setting": "host.component_functions"}),
        ),
    ] {
        let answer = host.rest().upload_only("", bytes).await;
        assert_eq!(refused(&answer), (status, code), "{}", answer.body);
        assert_eq!(answer.body.get("context").cloned().unwrap_or_default(), about, "{code}");
        assert!(answer.body["detail"].as_str().is_some_and(|words| !words.is_empty()));
    }
    let unknown = host.rest().upload_only("", wants("acme:telepathy/mind@1.0.0")).await;
    assert_eq!(refused(&unknown), (422, "unknown_import"));
    assert_eq!(unknown.body["context"]["import"], "acme:telepathy/mind@1.0.0");
    let large = Host::spawn(super::options().set("host.component_mib", 1)).await;
    let answer = large.rest().upload_only("", vec![0; (1 << 20) + 1]).await;
    assert_eq!(refused(&answer), (413, "too_large"));
    assert!(answer.body["hint"].as_str().is_some_and(|hint| hint.contains("host.component_mib")), "{}", answer.body);
}

/// Returns the peak memory of a process in MiB.
fn peak_mib(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).expect("the host runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

#[tokio::test]
async fn a_compiler_above_its_limits_is_ended_and_the_server_does_not_grow() {
    // Each component reaches one limit only: time, memory or output.
    for (setting, value, bytes) in [
        ("host.compile_cpu_s", 1, bomb(2_000, 300)),
        ("host.compile_timeout_s", 1, bomb(2_000, 299)),
        ("host.compile_memory_mib", 256, bomb(1, 8_000)),
        ("host.compiled_mib", 1, bomb(200, 300)),
    ] {
        let host = Host::spawn(super::options().set(setting, value)).await;
        let guild = host.rest().launch_spec(&blueprint::echo()).await;
        let mut chat = chat::join(&host, &guild, "ann").await;
        chat.echo("before").await;
        let before = peak_mib(&host);
        let size = bytes.len() as u64 >> 20;
        let made = host.rest().upload_only("?name=bomb&version=1", bytes).await.expect(&[202]);
        assert_eq!(made["names"], json!(["bomb@1"]));
        chat.echo("meanwhile").await;
        let digest = made["digest"].as_str().expect("a digest");
        let ended = host.rest().compiled(digest).await;
        assert_eq!(ended["refusal"]["code"], "compile_limit", "{setting}: {ended}");
        assert_eq!(ended["refusal"]["context"]["setting"], setting);
        assert_eq!(ended["refusal"]["context"]["limit"], value);
        assert!(ended["reason"].as_str().is_some_and(|words| words.contains(setting)), "{ended}");
        assert_eq!(ended["names"], json!([]), "its name is free again");
        let grown = peak_mib(&host).saturating_sub(before);
        assert!(grown < 48 + 6 * size, "{setting}: the host has grown by {grown} MiB for {size}");
        chat.echo("after").await;

        let mut spec = blueprint::echo();
        spec["agents"][0]["component"] = json!(digest);
        let answer = host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, "none")).await;
        assert_eq!(refused(&answer), (400, "component_refused"), "{}", answer.body);
    }
}

/// Returns the compiler process of a server, if one runs.
async fn compiler_of(host: &Host) -> String {
    eventually(DEADLINE, "a compiler", async || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", host.pid())).expect("the host runs");
        let children = tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")));
        let children = children.flatten().collect::<String>();
        children.split_whitespace().next().map(str::to_owned).ok_or("none")
    })
    .await
}

fn is_running(process: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A process that has ended and was not waited for is a zombie.
    state.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[tokio::test]
async fn a_compilation_that_a_kill_interrupted_is_repeated_after_the_next_start() {
    let mut host = super::host().await;
    let slow = host.rest().upload_only("", bomb(400, 300)).await.expect(&[202]);
    let digest = slow["digest"].as_str().expect("a digest").to_owned();
    let agent = host.rest().upload_only("", variant(&hostile_component(), "later")).await.expect(&[202]);
    let compiler = compiler_of(&host).await;
    host.kill().await;
    eventually(DEADLINE, "the compiler to end with its host", async || {
        if is_running(&compiler) { Err(compiler.clone()) } else { Ok(()) }
    })
    .await;
    host.start_again().await;
    let ready = host.rest().compiled(agent["digest"].as_str().expect("a digest")).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    let ended = host.rest().compiled(&digest).await;
    assert_eq!((&ended["state"], &ended["refusal"]["code"]), (&json!("refused"), &json!("invalid_component")));
}

#[tokio::test]
async fn a_stopping_server_ends_its_compiler_and_compiles_after_the_next_start() {
    let mut host = super::host().await;
    let made = host.rest().upload_only("", bomb(400, 301)).await.expect(&[202]);
    let compiler = compiler_of(&host).await;
    // A signal that a terminal sends to the server's process group does not reach the compiler.
    eventually(DEADLINE, "the compiler to have a group of its own", async || {
        let state = std::fs::read_to_string(format!("/proc/{compiler}/stat")).expect("it runs");
        let group = state.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(2)).unwrap_or_default();
        if group == compiler { Ok(()) } else { Err(group.to_owned()) }
    })
    .await;
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    eventually(DEADLINE, "the compiler to end with its host", async || {
        if is_running(&compiler) { Err(compiler.clone()) } else { Ok(()) }
    })
    .await;
    host.start_again().await;
    let path = format!("/catalog/components/{}", made["digest"].as_str().expect("a digest"));
    let row = host.rest().get(&path).await.expect(&[200]);
    assert!(row["state"] == "compiling" || row["refusal"]["code"] == "invalid_component", "{row}");
}

#[tokio::test]
async fn uploads_that_wait_for_a_compiler_are_bounded() {
    let host = Host::spawn(super::options().set("host.compile_queue", 1)).await;
    host.rest().upload_only("", bomb(400, 300)).await.expect(&[202]);
    let answer = host.rest().upload_only("", hostile_component()).await;
    assert_eq!(refused(&answer), (503, "compile_queue_full"), "{}", answer.body);
    assert!(answer.body["hint"].as_str().is_some_and(|hint| hint.contains("host.compile_queue")));
}

#[tokio::test]
async fn a_blueprint_can_name_a_component_that_was_just_uploaded() {
    let host = super::host().await;
    // These are usually not compiled yet.
    let mark = |name: &str| format!("{name} {}", std::process::id() % 64);
    let class = json!({"name": "Hostile", "description": "By its class", "class_name": blueprint::HOSTILE_CLASS});
    let spec = json!({"name": "Hostile", "description": "A guild of the tests", "agents": [class]});
    host.rest().upload_only("", variant(&hostile_component(), &mark("by class"))).await.expect(&[202]);
    host.rest().blueprint(&spec).await;
    let made = host.rest().upload_only("", variant(&hostile_component(), &mark("by digest"))).await.expect(&[202]);
    let digest = made["digest"].as_str().expect("a digest");
    host.rest().launch_spec(&blueprint::hostile(digest, &json!({}))).await;
    let again = host.rest().upload_only("", variant(&hostile_component(), &mark("by digest"))).await;
    assert_eq!((again.status, &again.body["state"]), (200, &json!("ready")));
}

#[tokio::test]
async fn a_name_and_a_version_always_mean_the_same_component() {
    let host = super::host().await;
    let rest = host.rest();
    let (one, two) = (variant(&hostile_component(), "one"), variant(&hostile_component(), "two"));
    let first = rest.upload_only("?name=hostile&version=1", one.clone()).await.expect(&[202]);
    let digest = first["digest"].as_str().expect("a digest").to_owned();
    let taken = rest.upload_only("?name=hostile&version=1", two.clone()).await;
    assert_eq!(refused(&taken), (409, "name_taken"), "{}", taken.body);
    assert_eq!(taken.body["context"]["digest"], digest);
    rest.upload_only("?name=hostile", two.clone()).await.expect(&[422]);
    rest.upload_only("?name=no%40name&version=1", two.clone()).await.expect(&[422]);
    let ready = rest.compiled(&digest).await;
    let second = rest.upload_only("?name=hostile&version=2", two).await.expect(&[202]);
    let other = second["digest"].as_str().expect("a digest").to_owned();

    // Both have the same name and version: it belongs to the first.
    let later = rest.compiled(&other).await;
    let described = format!("{}@{}", ready["name"].as_str().unwrap_or(""), ready["version"].as_str().unwrap_or(""));
    assert_eq!(ready["names"], json!([described, "hostile@1"]));
    assert_eq!(later["names"], json!(["hostile@2"]));

    let spec = blueprint::hostile("hostile@2", &json!({}));
    let made = rest.blueprint(&spec).await;
    let shown = rest.get(&format!("/catalog/blueprints/{made}")).await.expect(&[200]);
    assert_eq!(shown["spec"]["agents"][0]["component"], other);
    let unknown = blueprint::of(&blueprint::hostile("hostile@3", &json!({})), "none");
    let unknown = rest.post("/catalog/blueprints/", &unknown).await;
    assert_eq!(refused(&unknown), (400, "unknown_component"));

    // The name stays reserved after the component is removed.
    rest.delete(&format!("/catalog/components/{other}")).await.expect(&[409]);
    let third = rest.upload_only("?name=free&version=1", variant(&hostile_component(), "three")).await.expect(&[202]);
    let third = third["digest"].as_str().expect("a digest").to_owned();
    rest.compiled(&third).await;
    rest.delete(&format!("/catalog/components/{third}")).await.expect(&[204]);
    rest.get(&format!("/catalog/components/{third}")).await.expect(&[404]);
    rest.get(&format!("/catalog/components/{third}/wasm")).await.expect(&[404]);
    let taken = rest.upload_only("?name=free&version=1", variant(&hostile_component(), "four")).await;
    assert_eq!(refused(&taken), (409, "name_taken"));
}

#[tokio::test]
async fn guilds_and_blueprints_keep_the_component_that_served_their_class() {
    let mut host = super::host().await;
    let one = host.rest().upload(variant(&hostile_component(), "one")).await;
    let two = host.rest().upload(variant(&hostile_component(), "two")).await;
    let class = format!("/catalog/agents/{}/component", blueprint::HOSTILE_CLASS);
    let agent = json!({"name": "Hostile", "description": "d", "class_name": blueprint::HOSTILE_CLASS});
    let spec = json!({"name": "Hostile", "description": "A guild of the tests", "agents": [agent]});
    let old = host.rest().blueprint(&spec).await;
    let guild = host.rest().launch(&old).await;
    host.rest().put(&class, &json!({"component": two})).await.expect(&[204]);
    let new = host.rest().blueprint(&spec).await;
    host.rest().put("/catalog/agents/no.Class/component", &json!({"component": two})).await.expect(&[404]);
    host.rest().put(&class, &json!({"component": "no@1"})).await.expect(&[400]);

    let users = async |host: &Host, digest: &str| {
        let answer = host.rest().delete(&format!("/catalog/components/{digest}")).await;
        assert_eq!(refused(&answer), (409, "component_in_use"), "{}", answer.body);
        let by = answer.body["context"]["by"].as_array().cloned().unwrap_or_default();
        by.into_iter().map(|user| user.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let running = users(&host, &one).await;
    assert_eq!(running, [format!("blueprint {old}"), format!("guild {guild}")]);
    let later = host.rest().launch(&old).await;
    assert!(users(&host, &one).await.contains(&format!("guild {later}")), "an old blueprint launches what it did");
    let newer = host.rest().launch(&new).await;
    let bound = users(&host, &two).await;
    assert_eq!(
        bound,
        [format!("class {}", blueprint::HOSTILE_CLASS), format!("blueprint {new}"), format!("guild {newer}")]
    );
    let listed = host.rest().get(&format!("/catalog/components/{two}/users")).await.expect(&[200]);
    assert_eq!(listed[0], json!({"kind": "class", "id": blueprint::HOSTILE_CLASS}));
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");
    host.rest().get("/catalog/components/sha256:none/users").await.expect(&[404]);
    // Clients receive the spec as it was written.
    assert_eq!(host.rest().guild(&guild).await["agents"][0]["component"], Value::Null);

    host.kill().await;
    host.start_again().await;
    assert!(users(&host, &one).await.contains(&format!("guild {guild}")), "it is so after a restart");
    host.rest().guild_is(&guild, "running").await;
}

/// Calls a function for each path where compiled code of a component is or would be stored.
pub(super) fn in_the_cache(component: &[u8], what: impl Fn(&Path)) {
    let file = guildhall_sandbox::digest_of(component).as_str().replace("sha256:", "") + ".cwasm";
    let folders = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("hosts have been started").flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
    let engines = folders(&cache).into_iter().flat_map(|version| folders(&version));
    engines.for_each(|engine| what(&engine.join(&file)));
}

#[tokio::test]
async fn a_component_that_cannot_be_compiled_fails_and_can_be_uploaded_again() {
    let host = super::host().await;
    let agent = variant(&hostile_component(), &format!("failing {}", std::process::id() % 8));
    // A directory at the path prevents the code from being stored.
    in_the_cache(&agent, |path| {
        let _ = std::fs::remove_file(path);
        std::fs::create_dir_all(path.join("in the way")).expect("a directory");
    });
    let made = host.rest().upload_only("", agent.clone()).await.expect(&[202]);
    let digest = made["digest"].as_str().expect("a digest").to_owned();
    let failed = host.rest().compiled(&digest).await;
    assert_eq!((&failed["state"], &failed["refusal"]), (&json!("failed"), &Value::Null), "{failed}");
    assert!(failed["reason"].as_str().is_some_and(|words| words.contains("upload it again")), "{failed}");
    let spec = blueprint::of(&blueprint::hostile(&digest, &json!({})), "none");
    let answer = host.rest().post("/catalog/blueprints/", &spec).await;
    assert_eq!(refused(&answer), (503, "component_failed"), "{}", answer.body);
    in_the_cache(&agent, |path| std::fs::remove_dir_all(path).expect("it was made above"));
    assert_eq!(host.rest().upload(agent).await, digest);
}

#[tokio::test]
async fn a_client_that_disconnects_during_an_upload_leaves_no_component_that_compiles_forever() {
    const UPLOADS: usize = 20;
    let host = super::host().await;
    for number in 0..UPLOADS {
        let bytes = variant(&agent(""), &format!("hung up {number}"));
        let mut socket = TcpStream::connect(host.rest().authority()).await.expect("the host listens");
        let head = format!(
            "POST /catalog/components HTTP/1.1\r\nhost: x\r\ncontent-type: application/wasm\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        );
        socket.write_all(&[head.as_bytes(), &bytes].concat()).await.expect("the host reads");
        socket.flush().await.expect("it is sent");
        tokio::time::sleep(Duration::from_micros(200 * number as u64)).await;
    }
    // Later requests are handled after them.
    host.rest().upload_only("", variant(&agent(""), "the last")).await.expect(&[202]);
    let rows = eventually(DEADLINE, "all to be compiled", async || {
        let rows = host.rest().get("/catalog/components").await.expect(&[200]);
        let is_over = rows.as_array().expect("a list").iter().all(|row| row["state"] != "compiling");
        if is_over { Ok(rows) } else { Err(rows) }
    })
    .await;
    assert!(rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["state"] == "refused")), "{rows}");
}

#[tokio::test]
async fn built_in_components_have_names_and_a_name_works_wherever_a_digest_does() {
    let host = super::host().await;
    let rest = host.rest();
    let rows = rest.get("/catalog/components").await.expect(&[200]);
    let echo = rows.as_array().expect("a list").iter().find(|row| row["class_name"] == blueprint::ECHO_CLASS);
    let (echo, digest) = (echo.expect("an echo"), echo.expect("an echo")["digest"].clone());
    let name = format!("guildhall:echo@{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(echo["names"], json!([name]));
    let path = format!("/catalog/components/{name}");
    assert_eq!(rest.get(&path).await.expect(&[200])["digest"], digest);
    assert_eq!(rest.get(&format!("{path}/wasm")).await.status, 200);
    rest.get("/catalog/components/guildhall:echo@0").await.expect(&[404]);
    assert_eq!(rest.delete(&path).await.status, 409);
    let taken = rest.upload_only("?name=guildhall:echo&version=9", hostile_component()).await;
    assert_eq!(refused(&taken), (403, "name_reserved"), "{}", taken.body);

    let hostile = rest.upload(hostile_component()).await;
    let mut spec = blueprint::hostile(&name, &json!({}));
    spec["agents"][0]["id"] = json!("changing");
    let guild = rest.launch_spec(&spec).await;
    rest.guild_is(&guild, "running").await;
    assert_eq!(rest.guild(&guild).await["agents"][0]["component"], digest);
    let swap = format!("/api/guilds/{guild}/agents/changing/component");
    rest.put(&swap, &json!({"component": hostile})).await.expect(&[200]);
    let back = rest.put(&swap, &json!({"component": name})).await.expect(&[200]);
    assert_eq!(back["component"], digest);

    let class = format!("/catalog/agents/{}/component", blueprint::HOSTILE_CLASS);
    let answer = rest.put(&class, &json!({"component": name})).await;
    assert_eq!(refused(&answer), (409, "wrong_class"), "{}", answer.body);
    assert_eq!(answer.body["context"]["class_name"], blueprint::ECHO_CLASS);
}

#[tokio::test]
async fn a_memory_limit_below_the_components_initial_memory_is_refused_with_both_numbers() {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let category = host.rest().category().await;
    let made = async |memory_mib: u64| {
        let spec = blueprint::hostile(&digest, &json!({"memory_mib": memory_mib}));
        host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, &category)).await
    };
    let answer = made(1).await;
    assert_eq!(refused(&answer), (400, "invalid_spec"), "{}", answer.body);
    let words = "begins with 2 MiB of memory, and may have 1";
    assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{}", answer.body);
    made(2).await.created();
}

/// A random number generator with the same numbers in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("small")
    }
}

#[tokio::test]
async fn components_with_changed_bytes_are_either_ready_or_refused() {
    let host = Host::spawn(super::options()).await;
    let whole = hostile_component();
    let mut numbers = Numbers(0x5eed);
    for round in 0..super::times("GUILDHALL_MUTATED", 25) {
        let mut bytes = whole.clone();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(bytes.len());
            bytes[at] = u8::try_from(numbers.below(256)).expect("a byte");
        }
        if numbers.below(4) == 0 {
            bytes.truncate(numbers.below(bytes.len()));
        }
        let answer = host.rest().upload_only("", bytes).await;
        if answer.status == 422 {
            assert_ne!(answer.body["code"], "host_error", "round {round}: {}", answer.body);
            continue;
        }
        let made = answer.expect(&[200, 202]);
        let ended = host.rest().compiled(made["digest"].as_str().expect("a digest")).await;
        let code = ended["refusal"]["code"].as_str();
        assert!(ended["state"] == "ready" || code.is_some_and(|code| code != "host_error"), "round {round}: {ended}");
    }
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("still here").await;
}

#[tokio::test]
async fn classes_of_the_host_cannot_be_claimed_by_uploads() {
    let host = super::host().await;
    let rest = host.rest();
    let rows = rest.get("/catalog/components").await.expect(&[200]);
    let echo = rows.as_array().expect("a list").iter().find(|row| row["class_name"] == blueprint::ECHO_CLASS);
    let digest = echo.and_then(|row| row["digest"].as_str()).expect("it is built in").to_owned();
    let bytes = rest.request(reqwest::Method::GET, &format!("/catalog/components/{digest}/wasm")).send().await;
    let bytes = bytes.expect("an answer").bytes().await.expect("a body");
    let squatter = rest.upload_only("?bind=1", variant(&bytes, "squatter")).await.expect(&[202]);
    let ended = rest.compiled(squatter["digest"].as_str().expect("a digest")).await;
    assert_eq!((&ended["state"], &ended["refusal"]["code"]), (&json!("refused"), &json!("class_reserved")), "{ended}");

    let hostile = rest.upload(hostile_component()).await;
    let class = json!({"qualified_class_name": blueprint::ECHO_CLASS, "description": "d", "component": hostile});
    let answer = rest.post("/catalog/agents", &class).await;
    assert_eq!(refused(&answer), (403, "class_reserved"), "{}", answer.body);
    let class = json!({"qualified_class_name": blueprint::ECHO_CLASS, "description": "d", "component": digest});
    rest.post("/catalog/agents", &class).await.expect(&[201]);
    let path = format!("/catalog/agents/{}/component", blueprint::ECHO_CLASS);
    let answer = rest.put(&path, &json!({"component": hostile})).await;
    assert_eq!(refused(&answer), (403, "class_reserved"), "{}", answer.body);
    let guild = rest.launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("still the host's").await;
}

#[tokio::test]
async fn an_upload_says_which_component_serves_its_class_and_can_be_bound_to_it() {
    let host = super::host().await;
    let rest = host.rest();
    let one = rest.upload(variant(&hostile_component(), "one")).await;
    let two = rest.upload(variant(&hostile_component(), "two")).await;
    let shown = async |digest: &str| rest.get(&format!("/catalog/components/{digest}")).await.expect(&[200]);
    let row = shown(&two).await;
    assert_eq!((&row["class_served_by"], &row["name_held_by"]), (&json!(one), &json!(one)), "{row}");
    let warnings = row["warnings"].to_string();
    assert!(warnings.contains("?bind=1") && warnings.contains("another version"), "{warnings}");
    assert_eq!(shown(&one).await.get("warnings"), None);

    let bound = rest.upload_only("?bind=1", variant(&hostile_component(), "two")).await.expect(&[200]);
    assert_eq!(bound.get("class_served_by"), None, "{bound}");
    assert_eq!(shown(&one).await["class_served_by"], json!(two));
    let three = rest.upload_only("?bind=1", variant(&hostile_component(), "three")).await;
    let three = three.expect(&[200, 202])["digest"].as_str().expect("a digest").to_owned();
    rest.compiled(&three).await;
    assert_eq!(shown(&two).await["class_served_by"], json!(three));
    rest.upload_only("?bind=perhaps", variant(&hostile_component(), "three")).await.expect(&[422]);
}
