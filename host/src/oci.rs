//! Pushes components to OCI registries, as artifacts of one layer, and pulls them by the digest of their manifest. The only
//! place that names oci_client. A registry on this machine, or one that the operator names with `http://`, is reached
//! over plain HTTP, every other one over TLS.

mod pull;

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::{Client, Reference};
use serde_json::json;

use guildhall_model::clock::rfc3339_ms;

/// The credentials for a registry: none, or a user with a password.
pub use oci_client::secrets::RegistryAuth as Auth;

/// The media types of the layer with the component and of the config, by the Wasm OCI artifact layout of the CNCF.
const WASM: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The time to connect to a registry.
const CONNECT: Duration = Duration::from_secs(10);
/// The time that a registry may send nothing.
const SILENT: Duration = Duration::from_secs(30);
/// The time for a whole push or pull.
const WHOLE: Duration = Duration::from_secs(300);

/// Why a component was not pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    #[error("{reference} is not a reference: {why}")]
    Reference { reference: String, why: String },
    #[error("the registry {registry} is not one that this host may reach: the operator allows it with `{SETTING}`")]
    Denied { registry: String },
    #[error(
        "the registry {registry} sends to {host}, which this host may not reach: the operator allows it with `{SETTING}`"
    )]
    SentAway { registry: String, host: String },
    #[error("{reference} is not a component: {why}")]
    NoComponent { reference: String, why: String },
    #[error("the component {reference} has {size} bytes and may have {limit} (`host.component_mib`)")]
    TooLarge { reference: String, size: u64, limit: u64 },
    #[error("the {what} of {reference} has more than {limit} bytes")]
    TooLong { reference: String, what: &'static str, limit: u64 },
    #[error("the registry failed with {reference}: {why}")]
    Registry { reference: String, why: String },
}

/// The setting that names the registries.
pub const SETTING: &str = "oci.registries";

/// What stands before a registry that is reached over plain HTTP.
const PLAIN: &str = "http://";

/// The registries that a host may pull from: `host[:port]` or `host[:port]/path`, with `http://` before it for plain
/// HTTP. None unless the operator allows them.
#[derive(Clone, Debug, Default)]
pub struct Registries(Vec<String>);

impl Registries {
    /// Reads a list that is separated by commas.
    ///
    /// # Errors
    /// A sentence about the first entry that is not a registry.
    pub fn read(list: &str) -> Result<Self, String> {
        let read = |entry: &str| {
            // Not the slashes of `http://`.
            let entry = entry.trim();
            let entry = if entry == PLAIN { entry } else { entry.trim_end_matches('/') };
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
            let bare = entry.strip_prefix(PLAIN).unwrap_or(entry);
            let (registry, path) = bare.split_once('/').unwrap_or((bare, "x"));
            let is_whole = path.split('/').all(|part| !part.is_empty() && part.chars().all(is_part));
            if (is_registry(registry) || bare != entry)
                && !registry.is_empty()
                && registry.chars().all(is_part)
                && is_whole
            {
                return Ok(entry.to_owned());
            }
            Err(format!(
                "`{entry}` is no registry: write `ghcr.io`, `ghcr.io/acme` or `localhost:5000`, with commas between"
            ))
        };
        list.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the entry that allows a place.
    fn entry_of(&self, place: &Place) -> Option<&str> {
        let whole = format!("{}/{}", place.reference.registry(), place.reference.repository());
        let is_below = |entry: &&str| {
            let bare = entry.strip_prefix(PLAIN).unwrap_or(entry);
            whole.strip_prefix(bare).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        };
        self.0.iter().map(String::as_str).find(is_below)
    }

    fn allows(&self, place: &Place) -> bool {
        self.entry_of(place).is_some()
    }

    /// Whether a registry may send to a host: the operator names it, with any path.
    fn allows_host(&self, host: &str) -> bool {
        self.0.iter().any(|entry| entry.strip_prefix(PLAIN).unwrap_or(entry).split('/').next() == Some(host))
    }

    /// Checks that a place is in an allowed registry.
    ///
    /// # Errors
    /// The registry is not allowed.
    pub fn check(&self, place: &Place) -> Result<(), OciError> {
        if self.allows(place) {
            Ok(())
        } else {
            Err(OciError::Denied { registry: place.reference.registry().to_owned() })
        }
    }

    /// Pulls a component of at most `limit` bytes from an allowed registry. Cancel safe.
    ///
    /// # Errors
    /// The registry is not allowed or fails, or there is no component at the place.
    pub async fn pull(&self, place: &Place, limit: u64) -> Result<Vec<u8>, OciError> {
        self.check(place)?;
        let is_plain = self.entry_of(place).is_some_and(|entry| entry.starts_with(PLAIN));
        let place = Place { is_plain: place.is_plain || is_plain, ..place.clone() };
        pull::pull(&place, &Auth::Anonymous, limit, Some(self)).await
    }
}

/// Installs the cryptography for TLS, once for the process. HTTP clients cannot be created before.
pub fn provide_tls() {
    // It may be installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The place of a component: a registry, a repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    reference: Reference,
    /// Whether the registry is reached over plain HTTP although it is not on this machine.
    is_plain: bool,
}

/// Whether the first part of a reference is a registry, and not the first part of a repository in a default registry.
fn is_registry(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost"
}

impl Place {
    /// Reads `[oci://]registry/repository[:tag][@sha256:…]`.
    ///
    /// # Errors
    /// The text does not have this form, or names no registry.
    pub fn read(text: &str) -> Result<Self, OciError> {
        let wrong = |why: &str| OciError::Reference { reference: text.to_owned(), why: why.to_owned() };
        let bare = text.strip_prefix("oci://").unwrap_or(text);
        let first = bare.split('/').next().unwrap_or_default();
        if !bare.contains('/') || !is_registry(first) {
            return Err(wrong("it begins with a registry, such as ghcr.io/acme/greeter:1.0"));
        }
        let reference = bare.parse().map_err(|error| wrong(&format!("{error}")))?;
        Ok(Self { reference, is_plain: false })
    }

    /// Returns the same place, reached over plain HTTP.
    #[must_use]
    pub fn over_plain_http(self) -> Self {
        Self { is_plain: true, ..self }
    }

    fn is_over_http(&self) -> bool {
        self.is_plain || is_loopback(self.reference.resolve_registry())
    }

    fn client(&self) -> Client {
        provide_tls();
        Client::new(ClientConfig {
            protocol: if self.is_over_http() { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENT),
            ..ClientConfig::default()
        })
    }

    fn failed(&self, why: impl ToString) -> OciError {
        OciError::Registry { reference: self.to_string(), why: why.to_string() }
    }
}

/// Whether a registry is on this machine: `localhost` and the names below it (RFC 6761, section 6.3), 127.0.0.0/8 or
/// `[::1]`, with or without a port.
fn is_loopback(registry: &str) -> bool {
    let port = registry.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    let host = port.map_or(registry, |(host, _)| host).to_ascii_lowercase();
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host == "localhost" || host.ends_with(".localhost") || address.is_some_and(|address| address.is_loopback())
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "oci://{}", self.reference.whole())
    }
}

/// Pushes a component. Returns its place, with the digest of its manifest.
///
/// Dropping the future may leave parts of the component in the registry.
///
/// # Errors
/// The registry fails or refuses the component.
pub async fn push(
    place: &Place,
    auth: &Auth,
    component: Vec<u8>,
    imports: &[String],
    exports: &[String],
    now_ms: u64,
) -> Result<Place, OciError> {
    let layer = ImageLayer::new(component, WASM.to_owned(), None);
    let config = json!({
        "created": rfc3339_ms(now_ms), "architecture": "wasm", "os": "wasip2",
        "layerDigests": [layer.sha256_digest()], "component": {"imports": imports, "exports": exports},
    });
    let config = Config::new(config.to_string(), CONFIG.to_owned(), None);
    let client = place.client();
    let whole = async {
        client.push(&place.reference, &[layer], config, auth, None).await?;
        client.fetch_manifest_digest(&place.reference, auth).await
    };
    let digest = within(place, whole).await?;
    let reference =
        Reference::with_digest(place.reference.registry().to_owned(), place.reference.repository().to_owned(), digest);
    Ok(Place { reference, is_plain: place.is_plain })
}

/// Pulls a component of at most `limit` bytes, from whatever hosts the registry sends to. Cancel safe.
///
/// # Errors
/// The registry fails, the artifact is not a component, or the component is too large.
pub async fn pull(place: &Place, auth: &Auth, limit: u64) -> Result<Vec<u8>, OciError> {
    pull::pull(place, auth, limit, None).await
}

async fn within<T>(
    place: &Place,
    done: impl Future<Output = Result<T, oci_client::errors::OciDistributionError>>,
) -> Result<T, OciError> {
    match tokio::time::timeout(WHOLE, done).await {
        Ok(done) => done.map_err(|error| place.failed(error)),
        Err(_) => Err(place.failed(format!("it takes more than {} seconds", WHOLE.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_registry() {
        for (text, whole) in [
            ("ghcr.io/acme/greeter:1.0", "oci://ghcr.io/acme/greeter:1.0"),
            ("oci://localhost:5000/greeter:1.0", "oci://localhost:5000/greeter:1.0"),
        ] {
            assert_eq!(Place::read(text).unwrap().to_string(), whole);
        }
        for (registry, is_local) in [
            ("localhost:5000", true),
            ("k3d-registry.localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.0.2", true),
            ("ghcr.io", false),
            ("localhost.example.org", false),
            ("10.0.0.5:5000", false),
        ] {
            let place = Place::read(&format!("{registry}/acme/greeter:1")).unwrap();
            assert_eq!(place.is_over_http(), is_local, "{registry}");
            assert!(place.over_plain_http().is_over_http());
        }
        assert!(is_loopback("[::1]:5000") && is_loopback("[::1]") && !is_loopback("[2001:db8::1]:5000"));
        for wrong in ["greeter", "acme/greeter:1", "oci://", "ghcr.io/", "ghcr.io/UPPER", "ghcr.io/a@sha256:00"] {
            assert!(Place::read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_registry_that_is_not_allowed_gets_no_request() {
        let place = Place::read("localhost:1/acme/greeter:1").unwrap();
        let denied = Registries::default().pull(&place, 1).await.unwrap_err();
        assert!(
            denied.to_string().contains("localhost:1") && denied.to_string().contains("oci.registries"),
            "{denied}"
        );
        let allows = |list: &str| Registries::read(list).unwrap().allows(&place);
        assert!(allows("ghcr.io, localhost:1") && allows("localhost:1/acme/") && allows("localhost:1/acme/greeter"));
        assert!(allows("http://localhost:1") && Registries::read("http://registry").is_ok());
        assert!(Registries::read("registry").is_err() && Registries::read("http://").is_err());
        assert!(!allows("localhost") && !allows("localhost:1/ac") && !allows("localhost:12"));
        let failed = Registries::read("localhost:1").unwrap().pull(&place, 1).await.unwrap_err();
        assert!(matches!(failed, OciError::Registry { .. }), "{failed}");
    }
}
