//! Sends random requests. Each is answered with JSON and never with a 5xx, and the server keeps running. `FUZZ_SEED` repeats a
//! failed run, `FUZZ_REQUESTS` sets the number of requests.
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use guildhall_tests::blueprint;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

/// Any request.
#[derive(Debug)]
struct Request {
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
}

/// Any JSON, with the member names of this API's bodies.
fn json_value(names: Vec<String>) -> impl Strategy<Value = Value> {
    let leaf = proptest::prop_oneof![
        proptest::strategy::Just(Value::Null),
        proptest::bool::ANY.prop_map(Value::from),
        proptest::num::i64::ANY.prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        select(vec!["", "\u{0}", "../../x", "{{x}}", "a.B", "nope", "%ff"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let member = (select(names.clone()), inner.clone());
        proptest::prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::from),
            proptest::collection::vec(member, 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A valid body with one value in it replaced.
fn spoiled(valid: Value, at: usize, with: Value) -> Value {
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found))
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found))
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    places(&valid, "", &mut found);
    let mut spoiled = valid;
    if let Some(place) = spoiled.pointer_mut(&found[at % found.len()]) {
        *place = with;
    }
    spoiled
}

fn names_in(document: &Value) -> Vec<String> {
    let schemas = document["components"]["schemas"].as_object().unwrap().values();
    let names =
        schemas.filter_map(|schema| schema["properties"].as_object()).flat_map(|members| members.keys().cloned());
    names.chain(["".to_owned(), "x/~y".to_owned()]).collect()
}

/// The described paths, each with every method.
fn paths_in(document: &Value) -> Vec<(Method, String)> {
    let described = document["paths"].as_object().unwrap().keys();
    let methods = [Method::GET, Method::POST, Method::POST, Method::DELETE, Method::PUT, Method::PATCH, Method::HEAD];
    described.flat_map(|path| methods.iter().map(|method| (method.clone(), path.clone()))).collect()
}

const PARTS: &[&str] =
    &["x", "", "%00", "%ff", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%F0%9F%98%80", "a%20b", "%", "GUILD", "sha256:00"];
const QUERIES: &[&str] = &[
    "",
    "?",
    "?%ff=%ff",
    "?download=maybe",
    "?statuses=x&statuses=",
    "?message_format=%00",
    "?class_names=&a=b&a",
    "?guild_id=GUILD",
    "?limit=-1&after=x&level=%00",
];
const TYPES: &[Option<&str>] = &[
    Some("application/json"),
    Some("application/json"),
    Some("application/json; charset=utf-16"),
    Some("text/plain"),
    Some("multipart/form-data; boundary=B"),
    Some("multipart/form-data"),
    Some("application/x-www-form-urlencoded"),
    Some("application/wasm"),
    None,
];

fn request(document: &Value) -> impl Strategy<Value = Request> {
    let valid = vec![
        blueprint::of(&blueprint::echo(), "c"),
        json!({"spec": blueprint::echo(), "org_id": "o"}),
        json!({"guild_name": "g", "user_id": "u", "org_id": "o", "configuration": {"a": 1}}),
        json!({"qualified_class_name": "a.B", "description": "d", "properties_schema": {}, "dependencies": []}),
    ];
    let any = || json_value(names_in(document));
    let spoiled =
        (select(valid), proptest::num::usize::ANY, any()).prop_map(|(valid, at, with)| spoiled(valid, at, with));
    let text = proptest::prop_oneof![any(), spoiled].prop_map(|value| value.to_string().into_bytes());
    let cut = (text, proptest::num::usize::ANY, proptest::bool::ANY).prop_map(|(mut text, at, is_cut)| {
        if is_cut && at % 4 == 0 {
            text.truncate(at % (text.len() + 1));
        }
        text
    });
    let form = "--B\r\nContent-Disposition: form-data; name=\"(file|file_meta|x)\"(; filename=\".{0,12}\")?\r\n\r\n\\PC{0,30}\r\n--B(--)?\r\n";
    let form = proptest::string::string_regex(form).unwrap().prop_map(String::into_bytes);
    let body =
        proptest::prop_oneof![4 => cut, 1 => form, 1 => proptest::collection::vec(proptest::num::u8::ANY, 0..200)];
    let parts = proptest::collection::vec(select(PARTS), 4);
    (select(paths_in(document)), parts, select(QUERIES), select(TYPES), body).prop_map(
        |((method, path), parts, query, content_type, body)| {
            let mut parts = parts.into_iter();
            let filled =
                path.split('/').map(|part| if part.starts_with('{') { parts.next().unwrap_or("x") } else { part });
            let path = filled.collect::<Vec<_>>().join("/") + query;
            Request { method, path, content_type, body }
        },
    )
}

#[tokio::test]
async fn every_request_is_answered_with_json_and_never_with_a_5xx() {
    let host = super::host().await;
    let rest = host.rest();
    let mut spec = blueprint::echo();
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    let guild = rest.launch_spec(&spec).await;
    let document = rest.get("/openapi.json").await.expect(&[200]);

    let seed = u64::try_from(super::times("FUZZ_SEED", 7)).unwrap();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let requests = request(&document);
    for _ in 0..super::times("FUZZ_REQUESTS", 1_000) {
        let request = requests.new_tree(&mut runner).unwrap().current();
        let Request { method, path, content_type, body } = &request;
        let path = path.replace("GUILD", &guild);
        let mut sent = rest.request(method.clone(), &path).body(body.clone());
        if let Some(content_type) = content_type {
            sent = sent.header("content-type", *content_type);
        }
        let shown = || format!("{method} {path} {content_type:?} {:?}", String::from_utf8_lossy(body));
        let answer = sent.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", shown()));
        let (status, headers) = (answer.status(), answer.headers().clone());
        assert!(!status.is_server_error(), "{status} to {}", shown());
        let bytes = answer.bytes().await.unwrap();
        let is_error = status.is_client_error();
        if bytes.is_empty() {
            assert!(!is_error || *method == Method::HEAD, "nothing said, {status} to {}", shown());
            continue;
        }
        let is_file = (path.contains("/files/") || path.starts_with("/metrics")) && status == 200;
        assert!(
            is_file || headers["content-type"] == "application/json",
            "{:?} to {}",
            headers["content-type"],
            shown()
        );
        let said: Value = if is_file {
            json!({})
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JSON to {}", shown()))
        };
        assert!(!is_error || (said["code"].is_string() && said["trace_id"].is_string()), "{said} to {}", shown());
    }
    let errors = host.stderr_tail();
    assert!(!errors.contains("panicked"), "{errors}");
    rest.get("/readyz").await.expect(&[200]);
}
