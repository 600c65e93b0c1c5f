//! Pushes components to OCI registries, as artifacts of one layer, and pulls them by the digest of their manifest. The only
//! place that names oci_client. A registry on this machine is reached over plain HTTP, every other one over TLS.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciDescriptor;
use oci_client::{Client, Reference};
use serde_json::json;
use tokio::io::AsyncWrite;

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
    #[error("{0} is not a component: it has no layer of the type {WASM}")]
    NoComponent(String),
    #[error("the component {reference} has {size} bytes and may have {limit} (`host.component_mib`)")]
    TooLarge { reference: String, size: u64, limit: u64 },
    #[error("the registry failed with {reference}: {why}")]
    Registry { reference: String, why: String },
}

/// The setting that names the registries.
pub const SETTING: &str = "oci.registries";

/// The registries that a host may pull from: `host[:port]` or `host[:port]/path`. None unless the operator allows them.
#[derive(Clone, Debug, Default)]
pub struct Registries(Vec<String>);

impl Registries {
    /// Reads a list that is separated by commas.
    ///
    /// # Errors
    /// A sentence about the first entry that is not a registry.
    pub fn read(list: &str) -> Result<Self, String> {
        let read = |entry: &str| {
            let entry = entry.trim().trim_end_matches('/');
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
            let (registry, path) = entry.split_once('/').unwrap_or((entry, "x"));
            let is_whole = path.split('/').all(|part| !part.is_empty() && part.chars().all(is_part));
            if is_registry(registry) && registry.chars().all(is_part) && is_whole {
                return Ok(entry.to_owned());
            }
            Err(format!(
                "`{entry}` is no registry: write `ghcr.io`, `ghcr.io/acme` or `localhost:5000`, with commas between"
            ))
        };
        list.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }

    fn allows(&self, place: &Place) -> bool {
        let whole = format!("{}/{}", place.0.registry(), place.0.repository());
        self.0.iter().any(|entry| {
            whole.strip_prefix(entry.as_str()).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        })
    }

    /// Checks that a place is in an allowed registry.
    ///
    /// # Errors
    /// The registry is not allowed.
    pub fn check(&self, place: &Place) -> Result<(), OciError> {
        if self.allows(place) { Ok(()) } else { Err(OciError::Denied { registry: place.0.registry().to_owned() }) }
    }

    /// Pulls a component of at most `limit` bytes from an allowed registry. Cancel safe.
    ///
    /// # Errors
    /// The registry is not allowed or fails, or there is no component at the place.
    pub async fn pull(&self, place: &Place, limit: u64) -> Result<Vec<u8>, OciError> {
        self.check(place)?;
        pull(place, &Auth::Anonymous, limit).await
    }
}

/// Installs the cryptography for TLS, once for the process. HTTP clients cannot be created before.
pub fn provide_tls() {
    // It may be installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The place of a component: a registry, a repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Reference);

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
        bare.parse().map(Self).map_err(|error| wrong(&format!("{error}")))
    }

    fn is_local(&self) -> bool {
        let registry = self.0.resolve_registry();
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    }

    fn client(&self) -> Client {
        provide_tls();
        Client::new(ClientConfig {
            protocol: if self.is_local() { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENT),
            ..ClientConfig::default()
        })
    }

    fn failed(&self, why: impl ToString) -> OciError {
        OciError::Registry { reference: self.to_string(), why: why.to_string() }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "oci://{}", self.0.whole())
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
        client.push(&place.0, &[layer], config, auth, None).await?;
        client.fetch_manifest_digest(&place.0, auth).await
    };
    let digest = within(place, whole).await?;
    let reference = Reference::with_digest(place.0.registry().to_owned(), place.0.repository().to_owned(), digest);
    Ok(Place(reference))
}

/// Pulls a component of at most `limit` bytes. Cancel safe.
///
/// # Errors
/// The registry fails, the artifact is not a component, or the component is too large.
pub async fn pull(place: &Place, auth: &Auth, limit: u64) -> Result<Vec<u8>, OciError> {
    let client = place.client();
    let (manifest, _) = within(place, client.pull_image_manifest(&place.0, auth)).await?;
    let layer: &OciDescriptor = manifest
        .layers
        .iter()
        .find(|layer| layer.media_type == WASM)
        .ok_or_else(|| OciError::NoComponent(place.to_string()))?;
    let size = u64::try_from(layer.size).unwrap_or(u64::MAX);
    if size > limit {
        return Err(OciError::TooLarge { reference: place.to_string(), size, limit });
    }
    let mut bytes = Bounded { bytes: Vec::new(), most: size };
    within(place, client.pull_blob(&place.0, layer, &mut bytes)).await?;
    Ok(bytes.bytes)
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

/// A buffer with a bound: a registry may send more bytes than its manifest names.
struct Bounded {
    bytes: Vec<u8>,
    most: u64,
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, part: &[u8]) -> Poll<std::io::Result<usize>> {
        if (self.bytes.len() + part.len()) as u64 > self.most {
            return Poll::Ready(Err(std::io::Error::other("there are more bytes than its manifest names")));
        }
        self.bytes.extend_from_slice(part);
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
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
        assert!(!allows("localhost") && !allows("localhost:1/ac") && !allows("localhost:12"));
        let failed = Registries::read("localhost:1").unwrap().pull(&place, 1).await.unwrap_err();
        assert!(matches!(failed, OciError::Registry { .. }), "{failed}");
    }
}
