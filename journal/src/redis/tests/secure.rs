//! TLS with own roots, and users with passwords and few rights.

use super::*;

/// What a user needs: its keys, no dangerous commands but two that read.
const RIGHTS: &str =
    "on >secret ~guildhall:* -@all +@read +@write +@scripting +@connection +@transaction +info +config|get -@blocking";

#[tokio::test]
async fn a_user_with_few_rights_is_enough() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let set: Vec<&str> = ["ACL", "SETUSER", "guild"].into_iter().chain(RIGHTS.split(' ')).collect();
    assert_eq!(redis.command(&set), "OK");
    assert_eq!(redis.command(&["ACL", "SETUSER", "default", "off"]), "OK");
    let url = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    let storage = open(&url("guild:secret")).await;
    storage.recover().await.unwrap();
    let new = crate::step::SideWrite::NewGuild { id: "g".into() };
    let step = Step { guild: GuildKey(1), side_writes: vec![new], ..Step::default() };
    assert!(storage.commit(&[step]).await.unwrap().is_empty());
    let wrong = RedisStorage::open(settings(&url("guild:wrong")), Durability::Process).await.unwrap_err().to_string();
    assert!(!wrong.contains("wrong@"), "{wrong}");
}

#[tokio::test]
async fn a_server_over_tls_is_trusted_by_its_root() {
    if !Redis::is_installed() {
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(path("cert.pem"), own.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), own.signing_key.serialize_pem()).unwrap();
    let tls_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (cert, key, port) = (path("cert.pem"), path("key.pem"), tls_port.to_string());
    let redis = Redis::start(&[
        "--appendonly",
        "yes",
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &cert,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{tls_port}");
    let trusting = RedisSettings { tls_roots: Some(cert.into()), ..settings(&url) };
    RedisStorage::open(trusting, Durability::Process).await.unwrap();
    RedisStorage::open(settings(&url), Durability::Process).await.unwrap_err();
    drop(redis);
}
