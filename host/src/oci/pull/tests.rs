use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An answer: the status, a header, and the body.
type Answer = (u16, String, Vec<u8>);

/// A registry that answers each path with what it was given, and 404 otherwise. Returns its address.
async fn registry(answers: impl FnOnce(&str) -> HashMap<String, Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = Arc::new(answers(&address));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                let (mut path, mut is_authorized) = (String::new(), false);
                while let Ok(Some(line)) = lines.next_line().await {
                    if let Some(rest) = line.strip_prefix("GET ") {
                        path = rest.split(['?', ' ']).next().unwrap_or_default().to_owned();
                        is_authorized = false;
                    }
                    is_authorized |= line.eq_ignore_ascii_case("authorization: Bearer sesame");
                    if !line.is_empty() {
                        continue;
                    }
                    let key = if is_authorized { format!("{path} with token") } else { path.clone() };
                    let nothing = (404, String::new(), Vec::new());
                    let (status, header, body) =
                        answers.get(&key).or_else(|| answers.get(&path)).cloned().unwrap_or(nothing);
                    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{header}\r\n", body.len());
                    let sent = [head.as_bytes(), &body].concat();
                    if writer.write_all(&sent).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn layer(kind: &str) -> Value {
    json!({"mediaType": kind, "digest": digest(COMPONENT), "size": COMPONENT.len()})
}

fn ok(body: impl Into<Vec<u8>>) -> Answer {
    (200, String::new(), body.into())
}

fn blob() -> (String, Answer) {
    (format!("/v2/a/b/blobs/{}", digest(COMPONENT)), ok(COMPONENT))
}

/// Answers with a manifest of these layers.
fn with_layers(layers: &Value) -> HashMap<String, Answer> {
    let manifest = json!({"schemaVersion": 2, "layers": layers}).to_string();
    HashMap::from([("/v2/a/b/manifests/1".to_owned(), ok(manifest)), blob()])
}

async fn pulled(address: &str, allowed: Option<&Registries>) -> Result<Vec<u8>, String> {
    let place = Place::read(&format!("{address}/a/b:1")).unwrap();
    pull(&place, &Auth::Anonymous, 1 << 20, allowed).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn layers_of_older_types_are_pulled() {
    let readme = json!({"mediaType": "text/markdown", "digest": digest(b"x"), "size": 1});
    for layers in [
        json!([layer("application/wasm")]),
        json!([layer("application/vnd.wasm.content.layer.v1+wasm")]),
        json!([layer("application/vnd.module.wasm.content.layer.v1+wasm")]),
        json!([layer("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm")]),
        json!([layer("application/octet-stream")]),
        json!([readme, layer("application/wasm")]),
    ] {
        let address = registry(|_| with_layers(&layers)).await;
        assert_eq!(pulled(&address, None).await.as_deref(), Ok(COMPONENT), "{layers}");
    }
    let two = json!([readme, layer("application/octet-stream")]);
    let address = registry(|_| with_layers(&two)).await;
    let refused = pulled(&address, None).await.unwrap_err();
    assert!(refused.contains("application/wasm, only text/markdown, application/octet-stream"), "{refused}");
    let other = registry(|_| {
        let mut answers = with_layers(&json!([{"mediaType": "text/x", "digest": digest(b"no"), "size": 2}]));
        answers.insert(format!("/v2/a/b/blobs/{}", digest(b"no")), ok("no"));
        answers
    });
    assert!(pulled(&other.await, None).await.unwrap_err().contains("text/x is not WebAssembly"));
}

#[tokio::test]
async fn of_an_index_the_manifest_for_webassembly_is_pulled() {
    let manifest = json!({"schemaVersion": 2, "layers": [layer("application/wasm")]}).to_string();
    let index = |entries: Value| {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
        let by_digest = (format!("/v2/a/b/manifests/{}", digest(manifest.as_bytes())), ok(manifest.clone()));
        HashMap::from([("/v2/a/b/manifests/1".to_owned(), ok(index)), by_digest, blob()])
    };
    let entry = |digest: String, os: &str, architecture: &str| json!({"mediaType": "m", "digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}});
    let linux = entry(digest(b"other"), "linux", "amd64");
    let wasm = entry(digest(manifest.as_bytes()), "wasip2", "wasm");
    let address = registry(|_| index(json!([linux, wasm]))).await;
    assert_eq!(pulled(&address, None).await.as_deref(), Ok(COMPONENT));
    let address = registry(|_| index(json!([linux, linux]))).await;
    let refused = pulled(&address, None).await.unwrap_err();
    assert!(refused.contains("no manifest of the architecture wasm, only linux/amd64"), "{refused}");
}

#[tokio::test]
async fn a_registry_gives_a_token_and_redirects_within_the_policy() {
    let other = registry(|_| HashMap::from([("/blob".to_owned(), ok(COMPONENT))])).await;
    let tokens = registry(|_| HashMap::from([("/token".to_owned(), ok(json!({"token": "sesame"}).to_string()))])).await;
    let address = registry(|_| {
        let manifest = json!({"layers": [layer("application/wasm")]}).to_string();
        let challenge = format!("www-authenticate: Bearer realm=\"http://{tokens}/token\",service=\"x\"\r\n");
        let path = "/v2/a/b/manifests/1";
        HashMap::from([
            (path.to_owned(), (401, challenge, Vec::new())),
            (format!("{path} with token"), ok(manifest)),
            (blob().0, (307, format!("location: http://{other}/blob\r\n"), Vec::new())),
        ])
    })
    .await;
    assert_eq!(pulled(&address, None).await.as_deref(), Ok(COMPONENT));
    let allowing = |list: &str| Registries::read(list).unwrap();
    let all = allowing(&format!("{address},{tokens},{other}"));
    assert_eq!(pulled(&address, Some(&all)).await.as_deref(), Ok(COMPONENT));
    for (missing, list) in [(&tokens, format!("{address},{other}")), (&other, format!("{address},{tokens}"))] {
        let refused = pulled(&address, Some(&allowing(&list))).await.unwrap_err();
        assert!(refused.contains(&format!("sends to {missing}")) && refused.contains("oci.registries"), "{refused}");
    }
}

#[tokio::test]
async fn what_a_registry_sends_is_bounded() {
    let long = registry(|_| HashMap::from([("/v2/a/b/manifests/1".to_owned(), ok(vec![b' '; (4 << 20) + 1]))])).await;
    let refused = pulled(&long, None).await.unwrap_err();
    assert!(refused.starts_with("the manifest of ") && refused.ends_with("has more than 4194304 bytes"), "{refused}");
    let around = registry(|address| {
        let to = format!("location: http://{address}/v2/a/b/manifests/1\r\n");
        HashMap::from([("/v2/a/b/manifests/1".to_owned(), (302, to, Vec::new()))])
    });
    assert!(pulled(&around.await, None).await.unwrap_err().contains("more than 5 redirects"));
    let more = registry(|_| {
        let mut answers =
            with_layers(&json!([{"mediaType": "application/wasm", "digest": digest(COMPONENT), "size": 4}]));
        answers.extend([blob()]);
        answers
    });
    assert!(pulled(&more.await, None).await.unwrap_err().contains("has more than 4 bytes"));
    let wrong = registry(|_| {
        let mut answers = with_layers(&json!([layer("application/wasm")]));
        answers.insert(blob().0, ok(&b"\0asmXXXX"[..]));
        answers
    });
    assert!(pulled(&wrong.await, None).await.unwrap_err().contains("bytes with the digest"));
    let large =
        registry(|_| with_layers(&json!([{"mediaType": "application/wasm", "digest": "sha256:0", "size": 2 << 20}])));
    assert!(pulled(&large.await, None).await.unwrap_err().contains("host.component_mib"));
}
