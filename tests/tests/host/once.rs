//! Requests with an `Idempotency-Key`: what is sent twice is made once.
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use guildhall_tests::{Rest, blueprint};
use reqwest::{Method, Response};
use serde_json::{Value, json};

async fn post(rest: &Rest, path: &str, key: &str, body: &Value) -> (u16, bool, Value) {
    let request = rest.request(Method::POST, path).header("idempotency-key", key).json(body);
    read(request.send().await.unwrap()).await
}

async fn read(answer: Response) -> (u16, bool, Value) {
    let is_replayed = answer.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
    (answer.status().as_u16(), is_replayed, answer.json().await.unwrap())
}

#[tokio::test]
async fn a_launch_that_is_repeated_launches_one_guild_also_after_a_kill() {
    let mut host = super::host().await;
    let blueprint = host.rest().blueprint(&blueprint::echo()).await;
    let path = format!("/catalog/blueprints/{blueprint}/guilds");
    let launch = json!({"guild_name": "G", "user_id": "testuser123", "org_id": "testorg456"});
    let first = post(host.rest(), &path, "key 1", &launch).await;
    assert_eq!((first.0, first.1), (201, false));
    host.kill().await;
    host.start_again().await;
    let again = post(host.rest(), &path, "key 1", &launch).await;
    assert_eq!(again, (201, true, first.2.clone()));
    // Many at once: one of them launches it.
    let rest = host.rest();
    let answers = futures_util::future::join_all((0..8).map(|_| post(rest, &path, "key 2", &launch))).await;
    let ids: Vec<&Value> = answers.iter().map(|(_, _, body)| &body["id"]).collect();
    assert!(answers.iter().all(|(status, ..)| *status == 201) && ids.iter().all(|id| *id == ids[0]), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, is_replayed, _)| !is_replayed).count(), 1);
    let guilds = rest.get("/api/guilds").await.expect(&[200]);
    assert_eq!(guilds.as_array().unwrap().len(), 2);

    let mut other = launch.clone();
    other["guild_name"] = json!("another");
    let (status, _, body) = post(rest, &path, "key 1", &other).await;
    assert_eq!((status, &body["code"]), (422, &json!("idempotency_key_reused")));
    let (status, _, body) = post(rest, &path, "", &launch).await;
    assert_eq!((status, &body["code"]), (400, &json!("bad_idempotency_key")));
}

#[tokio::test]
async fn specs_blueprints_and_files_are_made_once() {
    let host = super::host().await;
    let rest = host.rest();
    let mut spec = blueprint::echo();
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    let launch = json!({"spec": spec, "org_id": "o"});
    let (first, again) = (post(rest, "/api/guilds", "k", &launch).await, post(rest, "/api/guilds", "k", &launch).await);
    assert_eq!((first.0, &first.2), (201, &again.2));
    assert!(again.1);
    let made = blueprint::of(&blueprint::echo(), &rest.category().await);
    let path = "/catalog/blueprints/";
    let (one, two) = (post(rest, path, "k", &made).await, post(rest, path, "k", &made).await);
    assert_eq!((one.0, two.0, &one.2, two.1), (201, 201, &two.2, true));

    let guild = first.2["id"].as_str().unwrap().to_owned();
    let upload = async |key: Option<&str>, content: &str| {
        let form = format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\n\r\n{content}\r\n--B--\r\n"
        );
        let request = rest.request(Method::POST, &format!("/api/guilds/{guild}/files/"));
        let request = request.header("content-type", "multipart/form-data; boundary=B").body(form);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        read(request.send().await.unwrap()).await
    };
    let (stored, repeated) = (upload(Some("k"), "x").await, upload(Some("k"), "x").await);
    assert_eq!((stored.0, repeated.0, &stored.2, repeated.1), (200, 200, &repeated.2, true));
    assert_eq!(upload(Some("k"), "y").await.0, 422, "the key came with another file");
    assert_eq!(upload(None, "x").await.0, 409, "the name is taken");
    assert_eq!(upload(Some("l"), "x").await.0, 409);
}
