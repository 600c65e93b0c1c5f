//! Components in a registry, with a real one on loopback.

use guildhall_tests::registry::Registry;
use guildhall_tests::{Host, blueprint, chat};
use serde_json::{Value, json};

use super::component_cli::component;
use super::faults::hostile_component;

#[tokio::test]
async fn a_component_is_pushed_pulled_and_named_by_a_blueprint() {
    let Some(registry) = Registry::start() else { return };
    let place = format!("{}/acme/hostile", registry.address);
    let pushed = component(&["push", &format!("{place}:1"), env!("HOSTILE_WASM")], "");
    assert_eq!(pushed.code, Some(0), "{}", pushed.errors);
    let reference = pushed.out.trim();
    assert!(reference.starts_with(&format!("oci://{place}@sha256:")), "{reference}");
    let again = component(&["push", &format!("{place}:1"), env!("HOSTILE_WASM"), "--json"], "");
    assert_eq!(again.code, Some(0), "{}", again.errors);
    let again: serde_json::Value = serde_json::from_str(&again.out).expect("JSON");
    let named = again["reference"].as_str().expect("a text");
    assert!(named.starts_with(&format!("oci://{place}@sha256:")) && again["digest"].is_string(), "{again}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("pulled.wasm");
    for wanted in [format!("{place}:1"), reference.to_owned()] {
        let pulled = component(&["pull", &wanted, file.to_str().expect("UTF-8")], "");
        assert_eq!(pulled.code, Some(0), "{}", pulled.errors);
        assert_eq!(std::fs::read(&file).expect("it was written"), hostile_component());
    }
    let missing = component(&["pull", &format!("{place}:none"), file.to_str().expect("UTF-8")], "");
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.contains(&place), "{}", missing.errors);

    let make = async |host: &Host, named: &str| {
        let spec = blueprint::hostile(named, &json!({}));
        host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, "none")).await
    };
    let alone = super::host().await;
    let denied = make(&alone, reference).await;
    assert_eq!((denied.status, &denied.body["code"]), (403, &json!("registry_not_allowed")));
    let words = denied.body["detail"].as_str().unwrap_or_default();
    assert!(words.contains("oci.registries") && words.contains(&registry.address), "{words}");

    let host = Host::spawn(super::options().set("oci.registries", &registry.address)).await;
    let moving = make(&host, &format!("oci://{place}:1")).await;
    assert_eq!(moving.status, 400, "{}", moving.body);
    assert!(moving.body.to_string().contains("a tag may move"), "{}", moving.body);
    let nothing = make(&host, &format!("oci://{place}@sha256:{}", "0".repeat(64))).await;
    assert_eq!((nothing.status, &nothing.body["code"]), (502, &json!("registry_failed")), "{}", nothing.body);

    let blueprint = make(&host, reference).await.created();
    let shown = host.rest().get(&format!("/catalog/blueprints/{blueprint}")).await.expect(&[200]);
    let digest = shown["spec"]["agents"][0]["component"].as_str().expect("a digest").to_owned();
    let known = host.rest().get(&format!("/catalog/components/{digest}")).await.expect(&[200]);
    assert!(known["names"].as_array().is_some_and(|names| names.contains(&Value::from(reference))), "{known}");
    // A pulled component stays stored.
    drop(registry);
    make(&host, reference).await.created();
    let guild = host.rest().launch(&blueprint).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("burn 1");
    chat.socket.wait_for("an answer", |frame| guildhall_tests::frame::text(frame).starts_with("burnt")).await;
}
