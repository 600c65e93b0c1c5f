//! The OpenAPI document: every described operation is served, and the document matches that of the reference. The intended
//! differences are in `data/openapi-differences.json`, with their reasons.
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use guildhall_tests::known::Known;
use reqwest::Method;
use serde_json::{Value, json};

fn data(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data")).join(name)
}

/// An operation with its method and path.
struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    value: &'d Value,
}

/// Returns the operations by their ids.
fn operations(document: &Value) -> BTreeMap<&str, Operation<'_>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        // Each path is served with and without its last slash.
        let path = path.trim_end_matches('/');
        item.as_object().unwrap().iter().map(move |(method, value)| Operation { method, path, value })
    });
    all.map(|operation| (operation.value["operationId"].as_str().unwrap(), operation)).collect()
}

async fn ours(host: &guildhall_tests::Host) -> Value {
    host.rest().get("/openapi.json").await.expect(&[200])
}

#[tokio::test]
async fn every_operation_that_is_described_is_served() {
    let host = super::host().await;
    let document = ours(&host).await;
    for (id, operation) in operations(&document) {
        let path = operation.path.replace(['{', '}'], "");
        let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).unwrap();
        let answer = host.rest().request(method, &path).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let is_served = status != 405 && body["code"] != "no_such_path";
        assert!(is_served, "{id} ({path}) answers {status}: {body}");
    }
}

#[tokio::test]
async fn the_documentation_page_loads_nothing_from_other_hosts() {
    let host = super::host().await;
    let page = host.rest().request(Method::GET, "/docs").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"));
    let redoc = host.rest().request(Method::GET, "/redoc").send().await.unwrap();
    assert_eq!((redoc.status().as_u16(), redoc.text().await.unwrap()), (200, page));
}

#[tokio::test]
async fn the_openapi_document_matches_that_of_the_reference() {
    let host = super::host().await;
    let document = ours(&host).await;
    let reference = std::fs::read_to_string(data("openapi-reference.json")).unwrap();
    let reference: Value = serde_json::from_str(&reference).unwrap();
    let differences = differences(&reference, &document);
    let known = Known::read(&data("openapi-differences.json"));
    let mut wrong = known.unknown(&differences);
    wrong.extend(known.outdated(differences.keys().map(String::as_str), &differences, true));
    assert!(wrong.is_empty(), "{} unexpected:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the differences of two documents. The text of a difference is also its name.
fn differences(reference: &Value, ours: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeSet::new();
    let (theirs_by_id, ours_by_id) = (operations(reference), operations(ours));
    for id in theirs_by_id.keys().filter(|id| !ours_by_id.contains_key(**id)) {
        found.insert(format!("{id} is missing"));
    }
    for (id, our) in &ours_by_id {
        let Some(their) = theirs_by_id.get(id) else {
            found.insert(format!("{id} is besides"));
            continue;
        };
        let (theirs, ours) = (facts(their, reference), facts(our, ours));
        found.extend(theirs.difference(&ours).map(|fact| format!("{id}: no {fact}")));
        found.extend(ours.difference(&theirs).map(|fact| format!("{id}: also {fact}")));
    }
    found.into_iter().map(|difference| (difference, String::new())).collect()
}

/// Returns the compared parts of an operation: its place, parameters, statuses, and the members of bodies and answers.
fn facts(operation: &Operation<'_>, document: &Value) -> BTreeSet<String> {
    let Operation { method, path, value } = operation;
    let mut facts = BTreeSet::from([format!("{method} {path}")]);
    for parameter in value["parameters"].as_array().into_iter().flatten() {
        let is_required = if parameter["required"] == true { "required" } else { "optional" };
        facts.insert(format!(
            "{is_required} {} parameter {}",
            parameter["in"].as_str().unwrap(),
            parameter["name"].as_str().unwrap()
        ));
    }
    for (kind, content) in value["requestBody"]["content"].as_object().into_iter().flatten() {
        facts.insert(format!("body {kind}"));
        facts.extend(members(&content["schema"], document).into_iter().map(|member| format!("body {member}")));
    }
    for (status, answer) in value["responses"].as_object().into_iter().flatten() {
        facts.insert(format!("status {status}"));
        let is_success = status.starts_with('2');
        for (_, content) in answer["content"].as_object().into_iter().flatten().filter(|_| is_success) {
            facts.extend(
                members(&content["schema"], document).into_iter().map(|member| format!("answer {status} {member}")),
            );
        }
    }
    facts
}

/// Returns every member of a schema with its path, and whether it is required.
fn members(schema: &Value, document: &Value) -> BTreeSet<String> {
    let mut found = BTreeMap::new();
    walk(schema, document, "", &[], &mut found);
    found
        .into_iter()
        .flat_map(|(path, is_required)| {
            let required = is_required.then(|| format!("{path} is required"));
            [Some(path), required].into_iter().flatten()
        })
        .collect()
}

fn walk<'d>(schema: &'d Value, document: &'d Value, at: &str, inside: &[&'d str], found: &mut BTreeMap<String, bool>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        if !inside.contains(&name) {
            walk(&document["components"]["schemas"][name], document, at, &[inside, &[name]].concat(), found);
        }
        return;
    }
    // Each part of `allOf` holds, and what a part requires is required.
    for part in schema["allOf"].as_array().into_iter().flatten() {
        walk(part, document, at, inside, found);
    }
    for choice in ["oneOf", "anyOf"].iter().filter_map(|key| schema[key].as_array()) {
        let mut of_all: BTreeMap<String, bool> = BTreeMap::new();
        let choices: Vec<&Value> = choice.iter().filter(|one| one["type"] != "null").collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for one in &choices {
            let mut members = BTreeMap::new();
            walk(one, document, at, inside, &mut members);
            for (path, is_required) in members {
                *seen.entry(path.clone()).or_default() += usize::from(is_required);
                of_all.entry(path).or_default();
            }
        }
        let is_required = |path: &String| seen.get(path) == Some(&choices.len());
        found.extend(of_all.into_keys().map(|path| {
            let required = is_required(&path);
            (path, required)
        }));
    }
    if schema["items"].is_object() {
        walk(&schema["items"], document, &format!("{at}[]"), inside, found);
    }
    if schema["additionalProperties"].is_object() {
        walk(&schema["additionalProperties"], document, &format!("{at}{{}}"), inside, found);
    }
    for (key, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}.{key}");
        let is_required = schema["required"].as_array().is_some_and(|required| required.contains(&json!(key)));
        walk(member, document, &path, inside, found);
        found.insert(path, is_required);
    }
}
