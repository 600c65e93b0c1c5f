use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use guildhall_model::spec::SandboxSpec;
use http::Response;
use http_body_util::{Empty, Full};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig};

use tokio_util::task::AbortOnDropHandle;

use super::connect::Stream;
use super::exchange::MAX_HEAD_BYTES;
use super::lookup::fixed::name;
use super::*;
use crate::policy::Policy;

/// A server that sends the same answer to every request and keeps the heads of the requests.
struct Server {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
}

async fn server(reply: impl Into<Vec<u8>>) -> Server {
    serve(reply, None).await
}

/// Starts a server; with an acceptor it uses TLS.
async fn serve(reply: impl Into<Vec<u8>>, tls: Option<TlsAcceptor>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (reply, received) = (reply.into(), Arc::<Mutex<Vec<String>>>::default());
    let all = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (reply, received, tls) = (reply.clone(), all.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => answer(stream, &reply, &received).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer(stream, &reply, &received).await;
                        }
                    }
                }
            });
        }
    });
    Server { port, received }
}

async fn answer(mut stream: impl Stream, reply: &[u8], received: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    received.lock().push(String::from_utf8_lossy(&head).into_owned());
    let _ = stream.write_all(reply).await;
    let _ = stream.flush().await;
    // The connection stays open until the client closes it.
    while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        head.clear();
    }
}

impl Server {
    fn received(&self) -> Vec<String> {
        self.received.lock().clone()
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

struct Sender {
    hooks: Hooks,
    logged: Arc<Mutex<Vec<String>>>,
}

impl Sender {
    /// Creates the requests of an agent that asks for `origins`, with the policy of `settings`.
    fn new(origins: &[&str], settings: &[(&str, &str)], limits: &Limits, wait: Duration) -> Self {
        let asked = SandboxSpec {
            http: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
            secrets: vec!["KEY".into()],
            ..SandboxSpec::default()
        };
        let mut policy = Policy::default();
        settings.iter().for_each(|(setting, value)| policy.set(setting, value).unwrap());
        let logged: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = logged.clone();
        let grants = Grants::new(asked, Arc::new(policy), Arc::new(move |line| sink.lock().push(line.text)));
        let requests = Requests::new("guild", Arc::new(grants), limits, Phase::Turn, Instant::now() + wait);
        Self { hooks: requests.hooks, logged }
    }

    /// Creates the requests of an agent that may reach this server.
    fn to(server: &Server, limits: &Limits, wait: Duration) -> Self {
        let origin = format!("http://127.0.0.1:{}", server.port);
        Self::new(&[&origin], &[("policy.http", &origin)], limits, wait)
    }

    async fn send(&mut self, request: Request<WasiBody>) -> Result<Response<Bytes>, Error> {
        let sending = self.hooks.send_request(request, None, Box::new(async { Ok(()) }));
        let (response, driven) = Pin::from(sending).await?;
        let _driven = AbortOnDropHandle::new(tokio::spawn(Pin::from(driven)));
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    async fn get(&mut self, url: &str) -> Result<Response<Bytes>, Error> {
        self.send(request(url)).await
    }

    /// Returns the error of a request and the last line of the agent's log.
    async fn refusal(&mut self, url: &str) -> (String, String) {
        let error = self.get(url).await.map(|response| response.status()).unwrap_err();
        (format!("{error:?}"), self.logged.lock().last().cloned().unwrap_or_default())
    }
}

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn request(url: &str) -> Request<WasiBody> {
    Request::get(url).body(empty()).unwrap()
}

/// Long enough to connect on a busy machine.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_request_needs_the_grant_of_the_blueprint_and_of_the_operator() {
    let server = server(ok("hello")).await;
    let mut sender = Sender::to(&server, &Limits::default(), LONG);
    let url = format!("http://127.0.0.1:{}/path?q=1", server.port);
    let response = sender.get(&url).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"hello"[..]));
    assert!(server.received()[0].starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{:?}", server.received());

    let (error, logged) = sender.refusal("http://127.0.0.1:1/").await;
    assert_eq!(error, "HttpRequestDenied");
    assert!(logged.contains("http://127.0.0.1:1") && logged.contains("`sandbox.http`"), "{logged}");
    let mut sender = Sender::new(&[&url[..url.len() - 9]], &[], &Limits::default(), LONG);
    let (error, logged) = sender.refusal(&url).await;
    assert!(error == "HttpRequestDenied" && logged.contains("`policy.http`"), "{error} {logged}");
    assert_eq!(server.received().len(), 1, "a refused request is not sent");
}

#[tokio::test]
async fn addresses_of_this_network_are_refused_in_any_notation() {
    name("private.test", &[&["10.0.0.1"]]);
    name("metadata.test", &[&["169.254.169.254"]]);
    name("both.test", &[&["1.1.1.1", "127.0.0.1"]]);
    let limits = Limits::default().with(Limit::HttpCalls, 100);
    let all = ["http://*", "http://*:8080"];
    let mut sender = Sender::new(&all, &[("policy.http", &all.join(","))], &limits, LONG);
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "private.test",
        "metadata.test",
        "both.test",
    ] {
        let (error, logged) = sender.refusal(&format!("http://{host}:8080/")).await;
        assert!(
            error == "DestinationIpProhibited" && logged.contains("`policy.addresses`"),
            "{host}: {error} {logged}"
        );
    }
    for url in ["http://user@127.0.0.1/", "http://127.0.0.1:8080@private.test/"] {
        let (error, _) = sender.refusal(url).await;
        assert_eq!(error, "HttpRequestUriInvalid", "{url}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_request_and_checked_each_time() {
    let server = server(ok("hello")).await;
    name("rebinding.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let origin = format!("http://rebinding.test:{}", server.port);
    let policy = [("policy.http", origin.as_str()), ("policy.addresses", "127.0.0.1")];
    let mut sender = Sender::new(&[&origin], &policy, &Limits::default(), LONG);
    // A second lookup for the connection would return the other address.
    assert!(sender.get(&origin).await.is_ok());
    assert_eq!(sender.refusal(&origin).await.0, "DestinationIpProhibited");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_returned_to_the_agent_and_not_followed() {
    let elsewhere = server(ok("secret")).await;
    let location = format!("http://127.0.0.1:{}/", elsewhere.port);
    let server = server(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")).await;
    let mut sender = Sender::to(&server, &Limits::default(), LONG);
    let response = sender.get(&format!("http://127.0.0.1:{}/", server.port)).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["location"].to_str().unwrap()),
        (302, location.as_str())
    );
    assert_eq!(sender.refusal(&location).await.0, "HttpRequestDenied");
    assert!(elsewhere.received().is_empty());
}

/// Crosses one of the limits of requests and checks the error.
pub(crate) async fn cross(limit: Limit) {
    let server = server(ok(&"x".repeat(2 << 10))).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let mut sender = Sender::to(&server, &Limits::default().with(limit, 1), LONG);
    let refused = match limit {
        Limit::HttpCalls => {
            assert!(sender.get(&url).await.is_ok());
            let calls = sender.get(&url).await.map(|_| ());
            assert!(matches!(calls, Err(Error::ConnectionLimitReached)), "{calls:?}");
            assert_eq!(server.received().len(), 1);
            calls
        }
        Limit::HttpRequest => {
            let body = Full::new(Bytes::from(vec![b'x'; 2 << 10])).map_err(|never| match never {}).boxed_unsync();
            let sent = sender.send(Request::post(&url).body(body).unwrap()).await.map(|_| ());
            assert!(matches!(sent, Err(Error::HttpRequestBodySize(Some(1_024)))), "{sent:?}");
            sent
        }
        _ => {
            let read = sender.get(&url).await.map(|_| ());
            assert!(matches!(read, Err(Error::HttpResponseBodySize(Some(1_024)))), "{read:?}");
            read
        }
    };
    assert!(refused.is_err());
    let logged = sender.logged.lock().join("\n");
    assert!(logged.contains(limit.row().setting), "{logged}");
}

#[tokio::test]
async fn a_request_ends_with_its_turn() {
    let silent = server("").await;
    let mut sender = Sender::to(&silent, &Limits::default(), SHORT);
    let (error, _) = sender.refusal(&format!("http://127.0.0.1:{}/", silent.port)).await;
    assert_eq!(error, "ConnectionReadTimeout");
    let stalls = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let mut sender = Sender::to(&stalls, &Limits::default(), SHORT);
    let (error, _) = sender.refusal(&format!("http://127.0.0.1:{}/", stalls.port)).await;
    assert_eq!(error, "ConnectionReadTimeout");
}

#[tokio::test]
async fn an_endless_head_of_a_response_is_an_error() {
    let endless = server(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(2 * MAX_HEAD_BYTES))).await;
    let mut sender = Sender::to(&endless, &Limits::default(), LONG);
    let (error, _) = sender.refusal(&format!("http://127.0.0.1:{}/", endless.port)).await;
    assert!(error.starts_with("Hyper"), "{error}");
}

#[tokio::test]
async fn a_secret_is_filled_in_only_for_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("KEY"), "hush\n").unwrap();
    let (one, two) = (server(ok("")).await, server(ok("")).await);
    let origins = [one.port, two.port].map(|port| format!("http://127.0.0.1:{port}"));
    let secret = format!("KEY@{}", origins[0]);
    let dir = dir.path().display().to_string();
    let both = origins.join(",");
    let policy = [("policy.http", both.as_str()), ("policy.secrets", &secret), ("policy.secrets_dir", &dir)];
    let mut sender = Sender::new(&[&origins[0], &origins[1]], &policy, &Limits::default(), LONG);
    let carrying = |origin: &str, name: &str| {
        let value = format!("Bearer {{{{secret:{name}}}}}");
        Request::get(origin).header("authorization", value).body(empty()).unwrap()
    };
    sender.send(carrying(&origins[0], "KEY")).await.unwrap();
    assert!(one.received()[0].contains("authorization: Bearer hush\r\n"), "{:?}", one.received());

    for (origin, name) in [(&origins[1], "KEY"), (&origins[0], "OTHER"), (&origins[0], "../KEY")] {
        let sent = sender.send(carrying(origin, name)).await;
        assert!(matches!(sent, Err(Error::HttpRequestDenied)), "{name} to {origin}");
    }
    assert_eq!((one.received().len(), two.received().len()), (1, 0));
    let logged = sender.logged.lock().join("\n");
    assert!(!logged.contains("hush") && logged.contains("`policy.secrets`"), "{logged}");
}

#[tokio::test]
async fn https_to_a_server_without_tls_fails() {
    let plain = server(ok("")).await;
    let origin = format!("https://127.0.0.1:{}", plain.port);
    let mut sender = Sender::new(&[&origin], &[("policy.http", &origin)], &Limits::default(), SHORT);
    let (error, _) = sender.refusal(&origin).await;
    assert!(error.starts_with("Tls") || error == "ConnectionTimeout", "{error}");
}

/// Starts a server with a certificate for `name` of a new authority. Returns the authority's certificate in PEM as
/// well.
async fn encrypted_server(name: &str) -> (Server, String) {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut about = rcgen::CertificateParams::new([]).unwrap();
    about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = about.self_signed(&authority).unwrap().pem();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &rcgen::Issuer::new(about, authority)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (serve(ok("hello"), Some(Arc::new(config).into())).await, root)
}

#[tokio::test]
async fn certificates_of_authorities_of_the_operator_are_trusted() {
    let (server, root) = encrypted_server("own.test").await;
    for host in ["own.test", "other.test"] {
        name(host, &[&["127.0.0.1"]]);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root).unwrap();
    let (own, other) = (format!("https://own.test:{}", server.port), format!("https://other.test:{}", server.port));
    let http = format!("{own},{other}");
    let policy = [("policy.http", http.as_str()), ("policy.addresses", "127.0.0.1")];
    let ask = async |settings: &[(&str, &str)], url: &str| {
        let mut sender = Sender::new(&[&own, &other], settings, &Limits::default(), LONG);
        sender.get(url).await.map(|answer| answer.into_body()).map_err(|error| format!("{error:?}"))
    };
    let refused = Err("TlsCertificateError".to_owned());
    assert_eq!(ask(&policy, &own).await, refused, "the authority is not trusted yet");
    let file = file.path().display().to_string();
    let trusting = [policy.as_slice(), &[("policy.ca_file", &file)]].concat();
    assert_eq!(ask(&trusting, &own).await, Ok(Bytes::from("hello")));
    assert_eq!(ask(&trusting, &other).await, refused, "the certificate is for another name");
    assert_eq!(server.received().len(), 1);

    let mut policy = Policy::default();
    assert!(policy.set("policy.ca_file", "/none").unwrap_err().contains("`/none`"));
    std::fs::write(&file, "no PEM").unwrap();
    assert!(policy.set("policy.ca_file", &file).unwrap_err().contains("it has none"));
}

#[tokio::test]
async fn an_agent_sends_no_request_in_describe() {
    let server = server(ok("")).await;
    let mut sender = Sender::to(&server, &Limits::default(), LONG);
    sender.hooks.is_sealed = true;
    let (error, _) = sender.refusal(&format!("http://127.0.0.1:{}/", server.port)).await;
    assert_eq!((error.as_str(), server.received().len()), ("HttpRequestDenied", 0));
}

#[test]
fn a_port_above_65535_is_refused() {
    let origin = |uri: &str| origin_of(&uri.parse().expect("it has the form of a URI"));
    assert!(origin("http://a.example:65616/").is_err());
    assert_eq!(origin("http://a.example:65535/").expect("a port").port(), 65_535);
    assert_eq!(origin("http://a.example/").expect("the default port").port(), 80);
}
