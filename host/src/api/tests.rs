//! The API in process: the document's own requests, and the shapes of errors.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::agent::Components;
use crate::files::Files;
use crate::guild::Guilds;
use crate::room::ByteRoom;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::ids::GuildId;
use guildhall_model::status::GuildStatus;

const CLASS: &str = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";
const OWN_CLASS: &str = "acme.echo.of.the.same.length.as.the.class1.EchoAgent";
const NOW: u64 = 1_736_935_200_005;

/// A server with a store of its own, in memory.
struct Server {
    router: Router,
    store: Store,
    guilds: Guilds,
    components: Components,
    _dir: tempfile::TempDir,
}

/// Guilds, and the components that they run on.
pub(super) async fn guilds(store: &Store, clock: &Clock, dir: &std::path::Path) -> (Guilds, Components) {
    let (limits, retention) = (crate::journal::JournalLimits::default(), crate::journal::Retention::default());
    let durability = crate::journal::Durability::None;
    let file = dir.join("journal.db");
    let sandbox = guildhall_sandbox::SandboxConfig { max_agents: 4, ..Default::default() };
    let components = Components::new(guildhall_sandbox::Sandbox::new(sandbox).unwrap(), dir.join("components"));
    let guilds = Guilds::new(crate::guild::Setup {
        store: store.clone(),
        journal: crate::journal::Journal::open(&file, durability, limits, retention, clock.clone()).await.unwrap(),
        components: components.clone(),
        registries: crate::oci::Registries::default(),
        clock: clock.clone(),
        hop_limit: 1_000,
        bounds: Default::default(),
        guild_memory_bytes: 64 << 20,
        dialect: guildhall_model::dialect::Dialect::Guide,
        idle_unload: None,
        guild_sleep: None,
        metrics: crate::metrics::Metrics::new().unwrap(),
    });
    guilds.resume().await.unwrap();
    (guilds, components)
}

/// A component that is one. Its class is [`OWN_CLASS`], since that of the built-in echo is reserved.
fn component() -> &'static [u8] {
    static COMPONENT: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let echo = crate::server::built_in::BUILT_IN.iter().find(|(name, _)| *name == "echo");
        let mut bytes = echo.expect("there is an echo").1.to_vec();
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(CLASS.as_bytes())).collect();
        assert!(!places.is_empty(), "the class is in the component");
        for at in places {
            bytes[at..at + OWN_CLASS.len()].copy_from_slice(OWN_CLASS.as_bytes());
        }
        bytes
    });
    &COMPONENT
}

struct Answered {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Server {
    async fn new() -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let clock = Clock::fixed(NOW);
        let dir = tempfile::TempDir::new().unwrap();
        let (guilds, components) = guilds(&store, &clock, dir.path()).await;
        let evaluations = components.sandbox().evaluations();
        let state = ApiState {
            store: store.clone(),
            guilds: guilds.clone(),
            files: Files::in_folder(&dir.path().join("files"), 1_000_000).unwrap(),
            clock,
            evaluations,
            schemas: guildhall_sandbox::Limits::default().schemas(),
            ceilings: guildhall_sandbox::Limits::default().ceilings(),
            limits: ApiLimits {
                body_bytes: 4096,
                component_bytes: 2_000_000,
                body_within: std::time::Duration::from_secs(5),
            },
            room: ByteRoom::new(3_000_000),
        };
        let visitors = Visitors {
            pages: AllowedPages::new(["https://ui.example".to_owned()]),
            hosts: Hosts::Local(["guild.example".to_owned()].into()),
        };
        let router = router(state, axum::Router::new(), visitors, Access::Debug, None);
        Self { router, store, guilds, components, _dir: dir }
    }

    /// Makes the components of the program known, as a server does when it starts.
    async fn with_built_in(self) -> Self {
        let mut built_in = Vec::new();
        for (name, bytes) in crate::server::built_in::BUILT_IN {
            built_in.push((*name, self.components.add((*bytes).into()).await.unwrap()));
        }
        self.guilds.add_built_in(built_in).await.unwrap();
        self
    }

    async fn delete(&self, path: &str) -> Answered {
        self.call("DELETE", path, None, Body::empty()).await
    }

    async fn send(&self, request: Request<Body>) -> Answered {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) };
        Answered { status: parts.status, headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str, kind: Option<&str>, body: impl Into<Body>) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn upload(&self, query: &str, bytes: impl Into<Body>) -> Answered {
        self.call("POST", &format!("/catalog/components{query}"), Some("application/wasm"), bytes).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, None, Body::empty()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answered {
        self.call("POST", path, Some("application/json"), body.to_string()).await
    }

    /// The document's phase 1, up to the id of the blueprint.
    async fn blueprint(&self, exposure: &str) -> String {
        self.post("/catalog/agents", &documents_agent()).await;
        let made = self.post("/catalog/blueprints/", &documents_blueprint(exposure, &json!("none"))).await;
        made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
    }
}

fn documents_agent() -> Value {
    json!({
        "qualified_class_name": CLASS,
        "description": "Agent that echoes messages back to the sender",
        "properties_schema": {},
        "dependencies": [],
    })
}

fn documents_blueprint(exposure: &str, category: &Value) -> Value {
    json!({
        "name": "EchoTestBlueprint",
        "description": "Echo agent for integration testing",
        "version": "v1",
        "author_id": "test_author",
        "organization_id": "testorg456",
        "exposure": exposure,
        "category_id": category,
        "spec": {
            "name": "EchoTestBlueprint",
            "description": "Echo agent for integration testing",
            "agents": [{
                "name": "EchoAgent",
                "description": "Agent that echoes messages",
                "class_name": CLASS,
                "additional_topics": ["echo_topic"],
                "listen_to_default_topic": false,
            }],
            "properties": {
                "messaging": {
                    "backend_module": "rustic_ai.redis.messaging.backend",
                    "backend_class": "RedisMessagingBackend",
                    "backend_config": {"redis_client": {"host": "localhost", "port": 6379}},
                },
                "execution_engine": "rustic_ai.core.guild.execution.sync.sync_exec_engine.SyncExecutionEngine",
            },
        },
    })
}

fn documents_launch() -> Value {
    json!({"guild_name": "EchoTestGuild", "user_id": "testuser123", "org_id": "testorg456", "description": "My test guild"})
}

#[tokio::test]
async fn the_documents_flow_works_to_the_letter() {
    let server = Server::new().await;
    let registered = server.post("/catalog/agents", &documents_agent()).await;
    assert_eq!((registered.status, &registered.body), (StatusCode::CREATED, &Value::Null));
    assert_eq!(server.post("/catalog/agents", &documents_agent()).await.status, StatusCode::CONFLICT);

    let category = json!({"name": "Testing", "description": "Category for integration testing blueprints"});
    let category = server.post("/catalog/categories/", &category).await.body["id"].clone();
    let sent = documents_blueprint("private", &category);
    let made = server.post("/catalog/blueprints/", &sent).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.body["warnings"].as_array().unwrap().len(), 3, "two parts are not used, no component serves it");

    let id = made.body["id"].as_str().unwrap();
    let blueprint = server.get(&format!("/catalog/blueprints/{id}")).await.body;
    assert_eq!(blueprint["spec"].to_string(), sent["spec"].to_string(), "the spec comes back as it was sent");
    assert_eq!(blueprint["category_name"], "Testing");
    assert_eq!(blueprint["created_at"], "2025-01-15T10:00:00.005000");

    let launched = server.post(&format!("/catalog/blueprints/{id}/guilds"), &documents_launch()).await;
    assert_eq!(launched.status, StatusCode::CREATED);
    let guild = launched.body["id"].as_str().unwrap();
    let shown = server.get(&format!("/api/guilds/{guild}")).await.body;
    assert_eq!((&shown["name"], &shown["description"]), (&json!("EchoTestGuild"), &json!("My test guild")));
    assert_eq!(shown["properties"], sent["spec"]["properties"]);
    // No component serves the agent's class, so the guild may be on its way to an error by now.
    let statuses = ["requested", "not_launched", "starting", "unknown", "error"];
    assert!(statuses.iter().any(|status| shown["status"] == *status), "{}", shown["status"]);
    assert_eq!(shown["agents"][0]["additional_topics"], json!(["echo_topic"]));
    assert_eq!(shown["agents"][1]["id"], format!("{guild}#manager_agent"));
    assert_eq!(shown["agents"][1]["properties"]["guild_spec"]["id"], guild);

    let listed = server.get("/api/guilds").await.body;
    assert_eq!((&listed[0]["id"], &listed[0]["blueprint_id"]), (&json!(guild), &json!(id)));
    let history = format!("/api/guilds/{guild}/testuser123/messages");
    assert_eq!(server.get(&history).await.body, json!([]));
    let compressed = Request::get(&history).header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
    let compressed = server.send(compressed).await;
    assert_eq!(compressed.status, StatusCode::OK);
    assert_eq!(compressed.headers[header::CONTENT_ENCODING], "gzip");
}

#[tokio::test]
async fn an_error_says_what_why_and_where_to_look() {
    let server = Server::new().await;
    let request = Request::get("/api/guilds/nope")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(Body::empty())
        .unwrap();
    let answered = server.send(request).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answered.body,
        json!({
            "detail": "Guild not found", "code": "guild_not_found", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        })
    );
    assert_eq!(server.get("/api/guilds/nope/u/messages").await.body["code"], "guild_not_found");
    assert_eq!(server.get("/catalog/categories/nope").await.body["detail"], "Category nope not found");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_too() {
    let server = Server::new().await;
    let path = server.get("/nope").await;
    assert_eq!((path.status, &path.body["detail"]), (StatusCode::NOT_FOUND, &json!("Not Found")));
    let method = server.call("PUT", "/catalog/agents", None, Body::empty()).await;
    assert_eq!((method.status, &method.body["detail"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("Method Not Allowed")));
    let allow = method.headers[header::ALLOW].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    assert_eq!(server.get("/catalog/agents/%ff").await.body["code"], "bad_request");
}

#[tokio::test]
async fn the_last_slash_does_not_matter_and_head_is_get() {
    let server = Server::new().await;
    for path in
        ["/catalog/categories", "/catalog/categories/", "/catalog/agents", "/api/guilds/", "/__health/", "/readyz"]
    {
        assert_eq!(server.get(path).await.status, StatusCode::OK, "{path}");
        let head = server.call("HEAD", path, None, Body::empty()).await;
        assert_eq!((head.status, head.body), (StatusCode::OK, Value::Null), "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_told_what_is_wrong() {
    let server = Server::new().await;
    let json = Some("application/json");
    for (kind, body, expected) in [
        (json, "", json!([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": null}])),
        (json, "null", json!([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": null}])),
        (
            json,
            "{\"name\": NaN}",
            json!([{"type": "json_invalid", "loc": ["body", 9], "msg": "JSON decode error", "input": {},
                    "ctx": {"error": "Not a finite number"}}]),
        ),
        (
            json,
            "{\"name\": \"\\ud800\"}",
            json!([{"type": "json_invalid", "loc": ["body", 10], "msg": "JSON decode error", "input": {},
                    "ctx": {"error": "Lone surrogate"}}]),
        ),
        (
            Some("text/plain"),
            "{}",
            json!([{"type": "model_attributes_type", "loc": ["body"],
                    "msg": "Input should be a valid dictionary or object to extract fields from", "input": "{}"}]),
        ),
    ] {
        let answered = server.call("POST", "/catalog/categories/", kind, body).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answered.body["detail"], expected, "{body}");
        assert_eq!(answered.body["code"], "invalid_body");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_told_the_limit() {
    let server = Server::new().await;
    let answered = server.post("/catalog/categories/", &json!({"name": "n".repeat(5000)})).await;
    assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answered.body["detail"], "The body is larger than 4096 bytes");
    assert!(!answered.headers.contains_key(header::CONNECTION), "it was read");
    let wasm = server.call("POST", "/catalog/components", Some("application/wasm"), vec![0; 2_000_001]).await;
    assert_eq!(wasm.body["detail"], "The body is larger than 2000000 bytes");
    assert_eq!(wasm.headers[header::CONNECTION], "close", "what was not read is no next request");
}

#[tokio::test]
async fn bodies_that_are_in_memory_at_once_have_a_bounded_room() {
    let server = Server::new().await;
    let part = || vec![0; 1_900_000];
    let first = stream::iter([Ok::<_, std::io::Error>(part())]).chain(stream::pending());
    let mut slow = std::pin::pin!(server.upload("", Body::from_stream(first)));
    // As far as it comes without its end.
    for _ in 0..10 {
        assert!(futures_util::poll!(slow.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    let refused = server.upload("", part()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    assert_eq!(
        (&refused.body["code"], &refused.body["context"]["setting"]),
        (&json!("busy"), &json!("limits.bodies_bytes"))
    );
    let small = server.post("/catalog/categories/", &json!({"name": "small", "description": "d"})).await;
    assert_eq!(small.status, StatusCode::CREATED, "small bodies need no room: {}", small.body);
    slow.set(server.upload("", Body::empty()));
    assert_eq!(server.upload("", part()).await.body["code"], "not_a_component", "there is room again");
}

#[tokio::test]
async fn a_component_is_uploaded_and_found_by_its_digest() {
    let server = Server::new().await;
    let made = server.upload("", component()).await;
    assert_eq!((made.status, &made.body["state"]), (StatusCode::ACCEPTED, &json!("compiling")));
    let digest = made.body["digest"].as_str().unwrap();
    let ready = server.get(&format!("/catalog/components/{digest}?wait=30")).await.body;
    assert_eq!((&ready["state"], &ready["class_name"]), (&json!("ready"), &json!(OWN_CLASS)));
    assert_eq!(ready["grants"], json!([]));
    assert!(ready["imports"].as_array().unwrap().contains(&json!("guildhall:agent/messaging@0.1.0")), "{ready}");
    let mut listed = ready.clone();
    listed["description"] = json!(null);
    assert_eq!(server.get("/catalog/components").await.body, json!([listed]), "a list has no descriptions");
    let again = server.upload("", component()).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &ready));
    let bytes = server.get(&format!("/catalog/components/{digest}/wasm")).await;
    assert_eq!(bytes.headers[header::CONTENT_LENGTH], component().len().to_string());

    let refused = server.call("POST", "/catalog/components", Some("application/wasm"), "hello").await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("not_a_component")));
    let form = server.call("POST", "/catalog/components", Some("multipart/form-data"), "hello").await;
    assert_eq!(form.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let bound = json!({"qualified_class_name": "acme.A", "component": digest});
    assert_eq!(server.post("/catalog/agents", &bound).await.status, StatusCode::CREATED);
    assert_eq!(server.get("/catalog/agents/acme.A").await.body["component"], digest);
    let unknown = json!({"qualified_class_name": "acme.B", "component": format!("sha256:{}", "0".repeat(64))});
    assert_eq!(server.post("/catalog/agents", &unknown).await.body["code"], "unknown_component");
}

#[tokio::test]
async fn a_blueprint_needs_classes_or_components_that_are_known() {
    let server = Server::new().await;
    let blueprint = documents_blueprint("private", &json!(null));
    let refused = server.post("/catalog/blueprints/", &blueprint).await;
    assert_eq!(refused.body["detail"], format!("Agent not found for class_name: {CLASS}"));

    let made = server.upload("", component()).await;
    let mut with_component = blueprint;
    with_component["spec"]["agents"][0]["component"] = made.body["digest"].clone();
    assert_eq!(server.post("/catalog/blueprints/", &with_component).await.status, StatusCode::CREATED);
    with_component["spec"]["agents"][0]["component"] = json!(format!("sha256:{}", "0".repeat(64)));
    assert_eq!(server.post("/catalog/blueprints/", &with_component).await.body["code"], "unknown_component");
}

#[tokio::test]
async fn a_spec_that_cannot_be_obeyed_is_refused() {
    let server = Server::new().await;
    server.post("/catalog/agents", &documents_agent()).await;
    let with = |key: &str, value: Value| {
        let mut blueprint = documents_blueprint("public", &json!(null));
        blueprint["spec"][key] = value;
        blueprint
    };
    let agent = json!({"id": "same", "name": "A", "description": "d", "class_name": CLASS});
    let over = json!({"name": "A", "description": "d", "class_name": CLASS, "sandbox": {"memory_mib": 4096}});
    for (key, value, code, words) in [
        ("configuration", json!({"a": 1}), "invalid_configuration", "configuration_schema is required"),
        ("routes", json!({"steps": [{"agent_type": "x", "transformer": {}}]}), "invalid_spec", "transformer"),
        ("agents", json!([agent, agent]), "duplicate_agent_id", "same"),
        ("agents", json!({"a": 1}), "invalid_spec", "Invalid GuildSpec: 1 validation error for GuildSpec\nagents"),
        (
            "agents",
            json!([over]),
            "invalid_spec",
            "agents.0.sandbox.memory_mib\n  Input should be less than or equal to 64",
        ),
        ("name", json!(""), "invalid_spec", "name\n  String should have at least 1 character"),
    ] {
        let refused = server.post("/catalog/blueprints/", &with(key, value)).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{key}");
        assert!(refused.body["detail"].as_str().unwrap().contains(words), "{}", refused.body);
    }
    assert_eq!(server.get("/api/guilds").await.body, json!([]));
}

#[tokio::test]
async fn a_private_blueprint_is_for_its_author_and_its_organisation() {
    let server = Server::new().await;
    let path = format!("/catalog/blueprints/{}/guilds", server.blueprint("private").await);
    for (user, org, status) in [
        ("testuser123", "testorg456", StatusCode::CREATED),
        ("test_author", "elsewhere", StatusCode::CREATED),
        ("testuser123", "elsewhere", StatusCode::FORBIDDEN),
    ] {
        let answered = server.post(&path, &json!({"guild_name": "g", "user_id": user, "org_id": org})).await;
        assert_eq!(answered.status, status, "{user} of {org}");
    }
    let unknown = server.post("/catalog/blueprints/nope/guilds", &documents_launch()).await;
    assert_eq!((unknown.status, &unknown.body["detail"]), (StatusCode::NOT_FOUND, &json!("Blueprint not found")));
}

#[tokio::test]
async fn a_launch_that_fails_leaves_nothing() {
    let server = Server::new().await;
    let path = format!("/catalog/blueprints/{}/guilds", server.blueprint("public").await);
    let launch = |name: &str, id: Value| json!({"guild_name": name, "user_id": "u", "org_id": "o", "guild_id": id});
    let long = server.post(&path, &launch(&"n".repeat(65), Value::Null)).await;
    assert_eq!((long.status, &long.body["detail"][0]["loc"]), (StatusCode::BAD_REQUEST, &json!(["name"])));
    assert_eq!(server.get("/api/guilds").await.body, json!([]));

    let chosen = server.post(&path, &launch("g", json!("mine"))).await;
    assert_eq!(chosen.body["id"], "mine");
    assert_eq!(server.post(&path, &launch("g", json!("mine"))).await.status, StatusCode::CONFLICT);
    let fresh = server.post(&path, &launch("g", json!(""))).await;
    assert_eq!(fresh.body["id"].as_str().unwrap().len(), 22, "an empty id is none");
}

#[tokio::test]
async fn a_stopped_guild_is_not_relaunched() {
    let server = Server::new().await;
    let body = json!({"spec": {"id": "g", "name": "G", "description": "d"}, "org_id": "o"});
    let made = server.post("/api/guilds", &body).await.body;
    assert_eq!((&made["id"], made["warnings"].as_array().map(Vec::len)), (&json!("g"), Some(1)), "no agents: {made}");
    assert_eq!(server.post("/api/guilds/g/relaunch", &Value::Null).await.body, json!({"is_relaunching": false}));
    server.store.set_guild_status(&GuildId::from("g"), GuildStatus::Stopped, 1).await.unwrap();
    let stopped = server.post("/api/guilds/g/relaunch", &Value::Null).await;
    assert_eq!(
        (stopped.status, &stopped.body["detail"]),
        (StatusCode::BAD_REQUEST, &json!("Guild is already stopped"))
    );
}

#[tokio::test]
async fn pages_of_this_machine_and_of_allowed_origins_read_answers() {
    let server = Server::new().await;
    for (origin, allowed) in [
        ("http://localhost:3000", true),
        ("http://localhost:5173", true),
        ("https://ui.example", true),
        ("http://evil.example", false),
    ] {
        let request = Request::get("/__health").header(header::ORIGIN, origin).body(Body::empty()).unwrap();
        let answered = server.send(request).await;
        assert_eq!(answered.body, json!({"message": "All is well"}));
        assert_eq!(answered.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
        let exposed = answered.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        assert!(exposed.contains("etag") && exposed.contains("content-disposition"), "{exposed}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = Server::new().await;
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = Request::post("/api/guilds/none/relaunch").header(header::HOST, "localhost:8880");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.send(request.body(Body::empty()).unwrap()).await
    };
    let let_in: [&[(&str, &str)]; 4] = [
        &[],
        &[("origin", "http://localhost:8880"), ("sec-fetch-site", "same-origin")],
        &[("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in let_in {
        assert_eq!(ask(headers).await.body["code"], "guild_not_found", "{headers:?}");
    }
    let foreign: [&[(&str, &str)]; 4] = [
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost.evil.example"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        let refused = ask(headers).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::FORBIDDEN, &json!("foreign_origin")));
        assert!(refused.body["hint"].as_str().unwrap().contains("cors.origin"), "{}", refused.body);
    }
    let page = server.get("/docs").await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn a_body_without_a_type_is_told_what_to_send() {
    let server = Server::new().await;
    for media_type in [None, Some("application/x-www-form-urlencoded"), Some("text/plain")] {
        let answered = server.call("POST", "/catalog/categories/", media_type, "{\"name\": \"a\"}").await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{media_type:?}: {}", answered.body);
        assert_eq!(answered.body["hint"], "send `content-type: application/json`", "{media_type:?}");
    }
    let untyped = server.call("POST", "/catalog/components", None, component()).await;
    assert_eq!((untyped.status, &untyped.body["code"]), (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("not_wasm")));
    let query = server.get("/catalog/components/none?wait=long").await;
    assert_eq!((query.status, &query.body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_query")));
}

async fn boom() -> StatusCode {
    panic!("boom")
}

#[tokio::test]
async fn a_panic_is_an_answer_and_not_the_end() {
    let server = Server::new().await;
    let broken: Router = Router::new()
        .route("/boom", axum::routing::get(boom))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(error::finish));
    let server = Server { router: broken, ..server };
    let answered = server.get("/boom").await;
    assert_eq!(
        (answered.status, &answered.body["code"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &json!("internal_error"))
    );
    assert_eq!(answered.body["detail"], "Internal Server Error");
}

mod catalog;
mod edges;
