//! Lists by pages, histories from their ends, tags of what is polled, compression.
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use guildhall_tests::{Rest, blueprint, chat};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

async fn get(rest: &Rest, path: &str, headers: &[(&str, &str)]) -> Response {
    let request =
        headers.iter().fold(rest.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// The query of the next page.
fn next(answer: &Response) -> Option<String> {
    let link = header(answer, "link");
    Some(link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?.to_owned())
}

/// All items of a list, read page by page as its `Link` headers say.
async fn walk(rest: &Rest, path: &str, query: &str) -> Vec<Value> {
    let (mut items, mut query) = (Vec::new(), query.to_owned());
    loop {
        let answer = get(rest, &format!("{path}{query}"), &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}{query}");
        let following = next(&answer);
        items.extend(answer.json::<Vec<Value>>().await.unwrap());
        match following {
            Some(following) => query = following,
            None => return items,
        }
    }
}

#[tokio::test]
async fn every_list_has_pages_in_both_orders() {
    let host = super::host().await;
    let rest = host.rest();
    let blueprint = rest.blueprint(&blueprint::echo()).await;
    for _ in 0..5 {
        let guild = rest.launch(&blueprint).await;
        // Its status does not change meanwhile.
        rest.guild_is(&guild, "running").await;
        rest.category().await;
    }
    for path in [
        "/api/guilds",
        "/catalog/categories/",
        "/catalog/components",
        "/catalog/users/testuser123/guilds/",
        "/catalog/organizations/testorg456/guilds/",
        "/catalog/blueprints/",
    ] {
        let whole = rest.get(path).await.expect(&[200]).as_array().unwrap().clone();
        assert_eq!(walk(rest, path, "?limit=2").await, whole, "{path}");
        let mut newest = walk(rest, path, "?order=desc&limit=2").await;
        newest.reverse();
        assert_eq!(newest, whole, "{path}");
    }
    // Other parameters stay in the link.
    let answer = get(rest, "/catalog/users/testuser123/guilds/?statuses=running&org_id=testorg456&limit=1", &[]).await;
    assert!(
        next(&answer).is_none_or(|query| query.contains("statuses=running") && query.contains("org_id=testorg456"))
    );
    for wrong in ["limit=0", "limit=1001", "limit=x", "after=nothing", "order=sideways"] {
        let answer = rest.get(&format!("/api/guilds?{wrong}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!("invalid_query")), "{wrong}");
    }
    let classes = rest.get("/catalog/agents?limit=1").await.expect(&[200]);
    assert!(classes.as_object().unwrap().len() <= 1);
}

#[tokio::test]
async fn a_history_is_read_from_its_end() {
    let host = super::host().await;
    let rest = host.rest();
    let guild = rest.launch_spec(&blueprint::echo()).await;
    let mut user = chat::join(&host, &guild, "ann").await;
    for n in 0..5 {
        user.echo(&format!("message {n}")).await;
    }
    let path = format!("/api/guilds/{guild}/ann/messages");
    let mut newest = rest.history(&guild, "ann").await;
    newest.reverse();
    assert!(newest.len() >= 10);
    assert_eq!(rest.get(&format!("{path}?order=desc")).await.expect(&[200]), json!(newest));
    assert_eq!(walk(rest, &path, "?order=desc&limit=3").await, newest);
    let before = newest[2]["id"].clone();
    let rest_of_it = rest.get(&format!("{path}?order=desc&after={before}&limit=2")).await.expect(&[200]);
    assert_eq!(rest_of_it, json!(newest[3..5]));
}

/// The most messages of a history whose client asks for no page.
const UNPAGED: usize = 10_000;

#[tokio::test]
async fn a_history_that_is_longer_than_an_answer_says_so() {
    let host = super::host().await;
    let rest = host.rest();
    let guild = rest.launch_spec(&blueprint::echo()).await;
    let mut user = chat::join(&host, &guild, "ann").await;
    for n in 0..=UNPAGED / 2 {
        user.echo(&n.to_string()).await;
    }
    let path = format!("/api/guilds/{guild}/ann/messages");
    let answer = get(rest, &path, &[]).await;
    let following = next(&answer).expect("there is a next page");
    let first = answer.json::<Vec<Value>>().await.unwrap();
    assert_eq!(first.len(), UNPAGED);
    let others = walk(rest, &path, &following).await;
    assert!(!others.is_empty() && others[0]["id"].as_u64() > first[UNPAGED - 1]["id"].as_u64());
    let mut whole = walk(rest, &path, "?order=desc&limit=500").await;
    whole.reverse();
    assert_eq!([first, others].concat(), whole);
}

#[tokio::test]
async fn what_is_polled_is_sent_once_and_a_change_may_have_a_condition() {
    let host = super::host().await;
    let rest = host.rest();
    let category = rest.category().await;
    for path in ["/catalog/categories/".to_owned(), format!("/catalog/categories/{category}")] {
        let first = get(rest, &path, &[]).await;
        let tag = header(&first, "etag");
        assert!(tag.starts_with('"'), "{path} has the tag {tag}");
        let again = get(rest, &path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }
    let list = header(&get(rest, "/catalog/categories/", &[]).await, "etag");
    rest.category().await;
    let changed = get(rest, "/catalog/categories/", &[("if-none-match", &list)]).await;
    assert_eq!(changed.status(), StatusCode::OK, "the list has changed");

    let path = format!("/catalog/categories/{category}");
    let remove = async |tag: &str| rest.request(Method::DELETE, &path).header("if-match", tag).send().await.unwrap();
    let refused = remove("\"other\"").await;
    assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
    let told: Value = refused.json().await.unwrap();
    let tag = header(&get(rest, &path, &[]).await, "etag");
    assert_eq!((&told["code"], &told["context"]["etag"]), (&json!("has_changed"), &json!(tag)));
    assert_eq!(remove(&tag).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn long_texts_are_compressed_for_who_wants_it() {
    let host = super::host().await;
    let rest = host.rest();
    for path in ["/openapi.json", "/console/console.css"] {
        let plain = get(rest, path, &[]).await;
        assert_eq!(header(&plain, "content-encoding"), "");
        let plain = plain.bytes().await.unwrap();
        let packed = get(rest, path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(header(&packed, "content-encoding"), "gzip", "{path}");
        assert!(header(&packed, "vary").to_lowercase().contains("accept-encoding"));
        let tag = header(&packed, "etag");
        let bytes = packed.bytes().await.unwrap();
        assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() * 2 < plain.len(), "{path}: {} bytes", bytes.len());
        let again = get(rest, path, &[("accept-encoding", "gzip"), ("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path} {tag}");
    }
    let head = rest.request(Method::HEAD, "/openapi.json").header("accept-encoding", "gzip").send().await.unwrap();
    let plain = get(rest, "/openapi.json", &[]).await;
    assert_eq!((header(&head, "content-encoding"), header(&head, "etag")), (String::new(), header(&plain, "etag")));
    assert_eq!(header(&head, "content-length"), plain.bytes().await.unwrap().len().to_string());
    let short = get(rest, "/healthz", &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&short, "content-encoding"), "");
}
