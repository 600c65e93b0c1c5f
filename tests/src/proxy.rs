//! nginx and Caddy before a host, with the configuration files of `packaging/`: only ports, folders and certificates are
//! replaced. Dropping a proxy ends it and removes its folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::wait::{DEADLINE, eventually, within};

/// The name whose root is the host.
pub const NAME: &str = "guild.example";
/// The name below whose prefix `/guildhall/` the host is.
pub const PREFIXED: &str = "intranet.example";

/// A socket through a proxy.
pub type ProxiedSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The program of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Nginx,
    Caddy,
}

impl Program {
    /// Whether the program is installed. If not, prints a line.
    ///
    /// # Panics
    /// With `CI` set if the program is not installed.
    #[must_use]
    pub fn is_installed(self) -> bool {
        let is_installed = self.path().is_some();
        if !is_installed {
            assert!(env::var_os("CI").is_none(), "{self:?} is not installed, and CI must not skip its tests");
            eprintln!("SKIPPED: {self:?} is not installed");
        }
        is_installed
    }

    fn path(self) -> Option<PathBuf> {
        let name = match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        };
        let path = env::var_os("PATH")?;
        // Debian keeps nginx out of the PATH of users.
        let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }
}

/// A proxy that runs.
pub struct Proxy {
    folder: TempDir,
    port: u16,
    process: Child,
    tls: Arc<rustls::ClientConfig>,
}

/// The certificate of both names, and what trusts it.
struct Certificate {
    chain: String,
    key: String,
    client: Arc<rustls::ClientConfig>,
}

impl Proxy {
    /// Starts the program before a host and waits until it answers.
    ///
    /// # Panics
    /// If the program is not installed or does not start.
    pub async fn start(program: Program, host: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let certificate = certificate();
        fs::write(folder.path().join("chain.pem"), &certificate.chain).expect("a file can be written");
        fs::write(folder.path().join("key.pem"), &certificate.key).expect("a file can be written");
        let [port, plain] = free_ports();
        let configuration = match program {
            Program::Nginx => nginx(folder.path(), host, port, plain),
            Program::Caddy => caddy(folder.path(), host, port, plain),
        };
        let file = folder.path().join("configuration");
        fs::write(&file, configuration).expect("a file can be written");
        let log = fs::File::create(folder.path().join("log")).expect("a file can be made");
        let mut command = Command::new(program.path().expect("the proxy is installed"));
        match program {
            Program::Nginx => command.args(["-e", "stderr", "-g", "daemon off;", "-p"]).arg(folder.path()).arg("-c"),
            Program::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]),
        };
        command.arg(&file).env("HOME", folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("the proxy starts");
        let proxy = Self { folder, port, process, tls: certificate.client };
        proxy.answers().await;
        proxy
    }

    async fn answers(&self) {
        eventually(Duration::from_secs(30), "the proxy to answer", async || {
            let answer = self.curl(&["-o", "/dev/null", "-w", "%{http_code}", &self.url(NAME, "/healthz")]).await;
            if answer == "200" { Ok(()) } else { Err(format!("{answer} {}", self.log())) }
        })
        .await;
    }

    /// The end of what the proxy logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    }

    /// Returns an address of the proxy.
    #[must_use]
    pub fn url(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.port)
    }

    /// Returns the origin of pages of this name.
    #[must_use]
    pub fn origin(&self, name: &str) -> String {
        self.url(name, "")
    }

    /// Returns the port of the proxy.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs curl, which trusts the certificate, and returns what it prints.
    ///
    /// # Panics
    /// If curl is not installed.
    pub async fn curl(&self, arguments: &[&str]) -> String {
        let mut curl = tokio::process::Command::new("curl");
        curl.arg("-sS").arg("--cacert").arg(self.folder.path().join("chain.pem"));
        for name in [NAME, PREFIXED] {
            curl.arg("--resolve").arg(format!("{name}:{}:127.0.0.1", self.port));
        }
        let output = curl.args(arguments).kill_on_drop(true).output().await.expect("curl is installed");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Opens a socket as a page of `origin` does.
    ///
    /// # Errors
    /// The HTTP status with which the handshake is refused.
    ///
    /// # Panics
    /// If the proxy cannot be reached.
    pub async fn socket(&self, name: &str, path: &str, origin: &str) -> Result<ProxiedSocket, u16> {
        let url = format!("wss://{name}:{}{path}", self.port);
        let mut request = url.as_str().into_client_request().expect("an address");
        request.headers_mut().insert("origin", origin.parse().expect("an origin"));
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).await;
        let stream = stream.expect("the proxy accepts");
        let connector = Connector::Rustls(self.tls.clone());
        let opened = client_async_tls_with_config(request, stream, None, Some(connector));
        match within(DEADLINE, "the handshake", opened).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{url}: {error}"),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Killed, the master of nginx would leave its workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn nginx(folder: &Path, host: &str, port: u16, plain: u16) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut text = packaged("nginx.conf");
    for name in [NAME, PREFIXED] {
        replace(&mut text, &format!("/etc/ssl/{name}/fullchain.pem"), &file("chain.pem"));
        replace(&mut text, &format!("/etc/ssl/{name}/key.pem"), &file("key.pem"));
    }
    replace(&mut text, "/run/nginx.pid", &file("pid"));
    replace(&mut text, "/var/log/nginx/access.log", &file("access"));
    replace(&mut text, "127.0.0.1:8880", host);
    replace(&mut text, "listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
    replace(&mut text, "listen 80 ", &format!("listen 127.0.0.1:{plain} "));
    // The folders for bodies, which a user who is not root cannot write elsewhere. Root runs the workers itself.
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    replace(&mut text, "server_tokens off;", &folders.join(" "));
    let user = if is_root() { "user root;\n" } else { "" };
    format!("{user}{text}")
}

fn caddy(folder: &Path, host: &str, port: u16, plain: u16) -> String {
    let mut text = packaged("Caddyfile");
    replace(&mut text, "127.0.0.1:8880", host);
    let tls = format!("tls {} {}", folder.join("chain.pem").display(), folder.join("key.pem").display());
    for name in [NAME, PREFIXED] {
        replace(&mut text, &format!("\n{name} {{"), &format!("\n{name} {{\n\t{tls}"));
    }
    format!("{{\n\tadmin off\n\thttps_port {port}\n\thttp_port {plain}\n\tauto_https disable_redirects\n}}\n{text}")
}

fn packaged(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name);
    fs::read_to_string(file).expect("the configuration file is there")
}

fn replace(text: &mut String, what: &str, with: &str) {
    assert!(text.contains(what), "the configuration has `{what}`");
    *text = text.replace(what, with);
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Two ports that nobody uses.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it listens").port())
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned(), PREFIXED.to_owned()]);
    let made = made.expect("a certificate can be made");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Certificate { chain: made.cert.pem(), key: made.signing_key.serialize_pem(), client: Arc::new(client) }
}
