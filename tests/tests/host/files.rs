//! Files of guilds and agents.
#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use guildhall_tests::{Bucket, DEADLINE, Host, Options, Rest, blueprint, eventually};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Runs a test on a server that stores files in a folder, and on one that stores them in a bucket.
async fn in_folder_and_bucket(options: Options, test: impl AsyncFn(&mut Host)) {
    test(&mut Host::spawn(options.clone()).await).await;
    let bucket = Bucket::start().await;
    test(&mut Host::spawn(bucket.options(options, None)).await).await;
}

/// A guild with a file system.
async fn guild(rest: &Rest) -> String {
    let mut spec = blueprint::echo();
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    rest.launch_spec(&spec).await
}

/// Name, file name, content type, content.
type Part<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, file, kind, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let kind = kind.map(|kind| format!("\r\nContent-Type: {kind}")).unwrap_or_default();
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}{kind}\r\n\r\n");
        form.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    form.extend(b"--B--\r\n");
    form
}

async fn post(rest: &Rest, path: &str, form: Vec<u8>) -> (u16, Value) {
    let request = rest.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=B").body(form);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn keep(rest: &Rest, path: &str, name: &str, content: &[u8]) -> (u16, Value) {
    post(rest, path, form(&[("file", Some(name), Some("text/plain"), content)])).await
}

async fn fetch(rest: &Rest, path: &str) -> Response {
    rest.request(Method::GET, path).send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_file_is_kept_listed_fetched_and_removed() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let guild = guild(rest).await;
        let folder = format!("/api/guilds/{guild}/files/");
        let form = form(&[
            ("file_meta", None, None, br#"{"n": 1, "content_type": "x/y", "content_length": 99}"#),
            ("file", Some("a b.md"), Some("text/markdown"), b"# hi"),
        ]);
        let (status, kept) = post(rest, &folder, form).await;
        let url = format!("/rustic{folder}a%20b.md");
        let shape = json!({"guild_id": guild, "filename": "a b.md", "url": url, "content_type": "text/markdown", "content_length": 4});
        assert_eq!((status, &kept), (200, &shape));

        let listed = rest.get(&folder).await.expect(&[200]);
        assert_eq!(listed, rest.get(&folder).await.expect(&[200]), "ids are stable");
        assert_eq!((&listed[0]["name"], &listed[0]["mimetype"]), (&json!("a b.md"), &json!("text/markdown")));
        assert_eq!((&listed[0]["metadata"]["n"], &listed[0]["metadata"]["content_length"]), (&json!(1), &json!(4)));

        let path = format!("{folder}a%20b.md");
        let answer = fetch(rest, &path).await;
        assert_eq!(header(&answer, "content-type"), "text/markdown; charset=utf-8");
        assert_eq!(header(&answer, "content-length"), "4");
        assert_eq!(header(&answer, "content-security-policy"), "sandbox");
        let etag = header(&answer, "etag").to_owned();
        assert_eq!(answer.text().await.unwrap(), "# hi");
        let again = rest.request(Method::GET, &path).header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        let download = fetch(rest, &format!("{path}?download=yes")).await;
        assert_eq!(header(&download, "content-disposition"), "attachment; filename=\"a b.md\"");
        assert_eq!(header(&download, "content-type"), "application/octet-stream");

        rest.delete(&path).await.expect(&[204]);
        rest.delete(&path).await.expect(&[404]);
        assert_eq!(rest.get(&folder).await.expect(&[200]), json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_range_request_returns_a_part_of_a_file() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let folder = format!("/api/guilds/{}/files/", guild(rest).await);
        assert_eq!(keep(rest, &folder, "ten", b"0123456789").await.0, 200);
        let ask = async |range: &'static str, version: Option<&str>| {
            let request = rest.request(Method::GET, &format!("{folder}ten")).header("range", range);
            version
                .into_iter()
                .fold(request, |request, version| request.header("if-range", version))
                .send()
                .await
                .unwrap()
        };
        let whole = fetch(rest, &format!("{folder}ten")).await;
        assert_eq!(header(&whole, "accept-ranges"), "bytes");
        let etag = header(&whole, "etag").to_owned();

        for (range, place, part) in [("bytes=2-4", "bytes 2-4/10", "234"), ("bytes=-3", "bytes 7-9/10", "789")] {
            let answer = ask(range, Some(&etag)).await;
            assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, place));
            assert_eq!(header(&answer, "content-length"), part.len().to_string());
            assert_eq!(answer.text().await.unwrap(), part);
        }
        assert_eq!(ask("bytes=2-4", Some("\"another\"")).await.status(), 200);
        assert_eq!(ask("bytes=1-2,4-5", None).await.status(), 200);
        let beyond = ask("bytes=10-", None).await;
        assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */10"));
        let body: Value = beyond.json().await.unwrap();
        assert_eq!(body["code"], "no_such_part");
    })
    .await;
}

#[tokio::test]
async fn a_file_survives_a_restart_of_the_server() {
    in_folder_and_bucket(super::options(), async |host| {
        let guild = guild(host.rest()).await;
        let folder = format!("/api/guilds/{guild}/files/");
        keep(host.rest(), &folder, "x.txt", b"kept").await;
        host.kill().await;
        host.start_again().await;
        assert_eq!(fetch(host.rest(), &format!("{folder}x.txt")).await.text().await.unwrap(), "kept");
    })
    .await;
}

#[tokio::test]
async fn agents_have_files_of_their_own() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let guild = guild(rest).await;
        let agent = format!("/api/guilds/{guild}/agents/an%20agent/files/");
        assert_eq!(keep(rest, &agent, "x", b"1").await.0, 200);
        assert_eq!(fetch(rest, &format!("{agent}x")).await.text().await.unwrap(), "1");
        rest.get(&format!("/api/guilds/{guild}/files/x")).await.expect(&[404]);
        assert_eq!(rest.get(&format!("/api/guilds/{guild}/agents/other/files/")).await.expect(&[200]), json!([]));
    })
    .await;
}

#[tokio::test]
async fn an_invalid_file_name_is_refused_and_nothing_is_stored() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let guild = guild(rest).await;
        let folder = format!("/api/guilds/{guild}/files/");
        for name in ["../up.txt", "/etc/passwd", "sub/x.txt", "..", ".", "", "a\\b", ".x.txt.meta", &"n".repeat(256)] {
            let (status, body) = keep(rest, &folder, name, b"x").await;
            assert_eq!((status, &body["code"]), (400, &json!("invalid_file_name")), "{name}: {body}");
        }
        for path in ["..%2F..%2Fguildhall.db", "..%5C..%5Cx", "%00", ".x.meta"] {
            rest.get(&format!("{folder}{path}")).await.expect(&[404]);
        }
        let (status, body) = keep(rest, &folder, "x.txt", b"x").await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(keep(rest, &folder, "x.txt", b"y").await.1["code"], "file_exists");
    })
    .await;
}

#[tokio::test]
async fn a_file_above_the_limit_is_refused_with_the_limit_and_its_setting() {
    in_folder_and_bucket(super::options().argument("--set").argument("limits.file_bytes=300000"), async |host| {
        let rest = host.rest();
        let guild = guild(rest).await;
        let folder = format!("/api/guilds/{guild}/files/");
        assert_eq!(keep(rest, &folder, "fits", &[b'x'; 300_000]).await.0, 200);
        let (status, body) = keep(rest, &folder, "over", &[b'x'; 300_001]).await;
        assert_eq!((status, &body["detail"]), (413, &json!("The file is larger than 300000 bytes")));
        assert!(body["hint"].as_str().unwrap().contains("limits.file_bytes"), "{body}");
        rest.get(&format!("{folder}over")).await.expect(&[404]);
    })
    .await;
}

#[tokio::test]
async fn a_guild_without_a_filesystem_has_no_files() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let guild = rest.launch_spec(&blueprint::echo()).await;
        let body = rest.get(&format!("/api/guilds/{guild}/files/")).await.expect(&[404]);
        assert_eq!(body["detail"], format!("Dependency for filesystem not configured for guild {guild}"));
        let unknown = rest.get("/api/guilds/nope/files/").await.expect(&[404]);
        assert_eq!(unknown["detail"], "Guild not found");
    })
    .await;
}

#[tokio::test]
async fn a_broken_form_is_refused_with_a_reason() {
    in_folder_and_bucket(super::options(), async |host| {
        let rest = host.rest();
        let guild = guild(rest).await;
        let folder = format!("/api/guilds/{guild}/files/");
        let file = ("file", Some("x"), None, &b"x"[..]);
        for (form, status, detail) in [
            (b"garbage".to_vec(), 400, "Invalid multipart data."),
            (form(&[file])[..60].to_vec(), 400, "Invalid multipart data."),
            (form(&[]), 422, "missing"),
            (form(&[("file", None, None, b"text")]), 422, "value_error"),
            (form(&[file, ("file_meta", None, None, b"{nope")]), 422, "json_invalid"),
            (form(&[file, ("file_meta", None, None, b"[1]")]), 422, "dict_type"),
        ] {
            let (answered, body) = post(rest, &folder, form).await;
            assert_eq!(answered, status, "{body}");
            let told = body["detail"].as_str().or(body["detail"][0]["type"].as_str());
            assert_eq!(told, Some(detail), "{body}");
        }
        assert_eq!(rest.get(&folder).await.expect(&[200]), json!([]), "nothing was kept");
    })
    .await;
}

#[tokio::test]
async fn a_bucket_stores_a_file_once_and_keeps_no_removed_files() {
    let bucket = Bucket::start().await;
    let host = Host::spawn(bucket.options(super::options(), None)).await;
    let rest = host.rest();
    let folder = format!("/api/guilds/{}/files/", guild(rest).await);
    // Long enough for a multipart upload.
    let content: Vec<u8> = (0..12_000_000_u32).map(|n| (n % 251) as u8).collect();
    let path = format!("{folder}big");
    let keeps: Vec<_> = (0..4).map(|_| keep(rest, &folder, "big", &content)).collect();
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(keeps).await.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    assert!(fetch(rest, &path).await.bytes().await.unwrap() == content, "another content");

    rest.delete(&path).await.expect(&[204]);
    eventually(DEADLINE, "the bucket to be empty", async || match bucket.objects() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    })
    .await;
}

#[tokio::test]
async fn a_server_does_not_start_when_its_bucket_refuses_it() {
    let bucket = Bucket::start().await;
    let said = Host::refused(&bucket.options(super::options(), Some("another secret"))).await;
    assert!(said.contains("--files-url cannot be used") && said.contains("SignatureDoesNotMatch"), "{said}");
}

#[tokio::test]
async fn a_missing_bucket_is_a_server_error() {
    let bucket = Bucket::start().await;
    let host = Host::spawn(bucket.options(super::options(), None)).await;
    let folder = format!("/api/guilds/{}/files/", guild(host.rest()).await);
    assert_eq!(keep(host.rest(), &folder, "x", b"x").await.0, 200);
    bucket.stop().await;
    let (status, body) = keep(host.rest(), &folder, "y", b"y").await;
    assert_eq!((status, &body["code"]), (500, &json!("internal_error")), "{body}");
    host.rest().get(&format!("{folder}x")).await.expect(&[500]);
    assert!(host.stderr_tail().contains("Generic S3 error"), "the operator is told");
}
