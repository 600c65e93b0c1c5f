//! Pulls a component from a registry that may be hostile: every answer is read with a bound, and each host to which the
//! registry sends is judged by the policy. oci_client has neither of both.

use oci_client::secrets::RegistryAuth as Auth;
use reqwest::header::{ACCEPT, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{CONNECT, OciError, Place, Registries, SILENT, WASM, WHOLE, provide_tls};

/// The most bytes of a manifest, as the distribution specification recommends.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// The most bytes of the answer with a token.
const MAX_TOKEN_BYTES: u64 = 1 << 20;
/// How often one request may be sent elsewhere.
const MAX_REDIRECTS: usize = 5;
/// How many types of layers or platforms an error lists.
const MAX_LISTED: usize = 8;
/// The media types of manifests and of indexes.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest, or an index of manifests for several platforms.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

/// Names a blob.
#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// Pulls a component of at most `limit` bytes. Without `allowed`, a registry may send to any host. Cancel safe.
///
/// # Errors
/// The registry fails or sends to a host that is not allowed, or there is no component at the place.
pub(super) async fn pull(
    place: &Place,
    auth: &Auth,
    limit: u64,
    allowed: Option<&Registries>,
) -> Result<Vec<u8>, OciError> {
    provide_tls();
    let client = Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT).read_timeout(SILENT);
    let client = client.build().map_err(|error| place.failed(error))?;
    let mut puller = Puller { client, place, auth, allowed, credential: None };
    match tokio::time::timeout(WHOLE, puller.pull(limit)).await {
        Ok(pulled) => pulled,
        Err(_) => Err(place.failed(format!("it takes more than {} seconds", WHOLE.as_secs()))),
    }
}

struct Puller<'p> {
    client: Client,
    place: &'p Place,
    auth: &'p Auth,
    allowed: Option<&'p Registries>,
    /// With what the registry wants requests to be authorized.
    credential: Option<Credential>,
}

/// What a request is authorized with.
enum Credential {
    Bearer(String),
    Basic(String, String),
}

impl Puller<'_> {
    async fn pull(&mut self, limit: u64) -> Result<Vec<u8>, OciError> {
        let reference = &self.place.reference;
        let named = reference.digest().or(reference.tag()).unwrap_or("latest").to_owned();
        let mut manifest = self.manifest(&named).await?;
        if !manifest.manifests.is_empty() {
            let chosen = of_wasm(&manifest.manifests).map_err(|why| self.no_component(why))?.digest.clone();
            manifest = self.manifest(&chosen).await?;
        }
        let layer = component_of(&manifest.layers).map_err(|why| self.no_component(why))?;
        if layer.size > limit {
            return Err(OciError::TooLarge { reference: self.place.to_string(), size: layer.size, limit });
        }
        let bytes = self.get("blobs", &layer.digest, "*/*", "component", layer.size).await?;
        self.verify(&bytes, &layer.digest)?;
        if !bytes.starts_with(b"\0asm") {
            let kind = if bytes.starts_with(&[0x1F, 0x8B]) { "is compressed" } else { "is not WebAssembly" };
            return Err(self.no_component(format!("its layer of the type {} {kind}", layer.media_type)));
        }
        Ok(bytes)
    }

    fn no_component(&self, why: String) -> OciError {
        OciError::NoComponent { reference: self.place.to_string(), why }
    }

    async fn manifest(&mut self, named: &str) -> Result<Manifest, OciError> {
        let bytes = self.get("manifests", named, MANIFESTS, "manifest", MAX_MANIFEST_BYTES).await?;
        if named.contains(':') {
            self.verify(&bytes, named)?;
        }
        serde_json::from_slice(&bytes).map_err(|error| self.place.failed(format!("its manifest is wrong: {error}")))
    }

    fn verify(&self, bytes: &[u8], digest: &str) -> Result<(), OciError> {
        let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if digest.strip_prefix("sha256:") == Some(found.as_str()) {
            return Ok(());
        }
        Err(self.place.failed(format!("it sent bytes with the digest sha256:{found} for {digest}")))
    }

    /// Reads a manifest or a blob of at most `most` bytes.
    async fn get(
        &mut self,
        kind: &str,
        named: &str,
        accept: &str,
        what: &'static str,
        most: u64,
    ) -> Result<Vec<u8>, OciError> {
        let scheme = if self.place.is_over_http() { "http" } else { "https" };
        let reference = &self.place.reference;
        let (registry, repository) = (reference.resolve_registry(), reference.repository());
        let start = format!("{scheme}://{registry}/v2/{repository}/{kind}/{named}");
        let start = Url::parse(&start).map_err(|error| self.place.failed(error))?;
        let (mut url, mut has_asked) = (start.clone(), false);
        for _ in 0..=MAX_REDIRECTS {
            self.check_host(&url)?;
            let mut request = self.client.get(url.clone()).header(ACCEPT, accept);
            let is_registry = url.origin() == start.origin();
            request = match self.credential.as_ref().filter(|_| is_registry) {
                Some(Credential::Bearer(token)) => request.bearer_auth(token),
                Some(Credential::Basic(user, password)) => request.basic_auth(user, Some(password)),
                None => request,
            };
            let answer = request.send().await.map_err(|error| self.unreachable(&url, &error))?;
            let status = answer.status();
            if status.is_redirection() {
                let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                url = to.and_then(|to| url.join(to).ok()).ok_or_else(|| self.place.failed("a redirect to nowhere"))?;
            } else if status == StatusCode::UNAUTHORIZED && is_registry && !has_asked {
                has_asked = true;
                let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
                self.credential = self.authorize(challenge.unwrap_or_default().to_owned()).await?;
            } else if status.is_success() {
                return self.body(answer, what, most).await;
            } else {
                return Err(self.place.failed(format!("the {what} {named}: {status}")));
            }
        }
        Err(self.place.failed(format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Checks whether the registry may send to a host.
    fn check_host(&self, url: &Url) -> Result<(), OciError> {
        let registry = self.place.reference.resolve_registry();
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let is_its_own = host.eq_ignore_ascii_case(registry.trim_end_matches(":443"));
        let is_secure = url.scheme() == "https" || (url.scheme() == "http" && self.place.is_over_http());
        if is_secure && (is_its_own || self.allowed.is_none_or(|allowed| allowed.allows_host(&host))) {
            return Ok(());
        }
        let host = if is_secure { host } else { format!("{host} over plain HTTP") };
        Err(OciError::SentAway { registry: registry.to_owned(), host })
    }

    /// Returns what a challenge asks for.
    async fn authorize(&self, challenge: String) -> Result<Option<Credential>, OciError> {
        let basic = match self.auth {
            Auth::Basic(user, password) => Some((user, password)),
            Auth::Anonymous => None,
            Auth::Bearer(token) => return Ok(Some(Credential::Bearer(token.clone()))),
        };
        let (scheme, parameters) = challenge.split_once(' ').unwrap_or((&challenge, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(basic.map(|(user, password)| Credential::Basic(user.clone(), password.clone())));
        }
        let parameter = |name: &str| {
            let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let wrong = || self.place.failed("it asks for a token and does not say from where");
        let mut url = parameter("realm").and_then(|realm| Url::parse(realm).ok()).ok_or_else(wrong)?;
        self.check_host(&url)?;
        let scope = format!("repository:{}:pull", self.place.reference.repository());
        if let Some(service) = parameter("service") {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", parameter("scope").unwrap_or(&scope));
        let mut request = self.client.get(url.clone());
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&url, &error))?;
        if !answer.status().is_success() {
            return Err(self.place.failed(format!("it gives no token: {}", answer.status())));
        }
        let body = self.body(answer, "token", MAX_TOKEN_BYTES).await?;
        let body: serde_json::Value = serde_json::from_slice(&body).map_err(|error| self.place.failed(error))?;
        let token = body["token"].as_str().or(body["access_token"].as_str());
        Ok(token.map(|token| Credential::Bearer(token.to_owned())))
    }

    async fn body(&self, mut answer: Response, what: &'static str, limit: u64) -> Result<Vec<u8>, OciError> {
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.place.failed(error))? {
            if (bytes.len() + part.len()) as u64 > limit {
                return Err(OciError::TooLong { reference: self.place.to_string(), what, limit });
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    fn unreachable(&self, url: &Url, error: &reqwest::Error) -> OciError {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        if url.scheme() == "https" && error.is_connect() {
            text.push_str(
                " (it was reached over TLS; for plain HTTP write `http://` before it in `oci.registries`, or give \
                 `--plain-http`)",
            );
        }
        self.place.failed(text)
    }
}

/// Chooses the manifest for WebAssembly from an index: by its platform, or the only one.
fn of_wasm(manifests: &[Descriptor]) -> Result<&Descriptor, String> {
    let is_of_wasm = |entry: &&Descriptor| {
        let platform = entry.platform.as_ref();
        platform.is_some_and(|platform| platform.architecture.starts_with("wasm") || platform.os.starts_with("wasi"))
    };
    match (manifests.iter().find(is_of_wasm), manifests) {
        (Some(found), _) | (None, [found]) => Ok(found),
        _ => {
            let platforms = manifests.iter().take(MAX_LISTED).filter_map(|entry| entry.platform.as_ref());
            let names: Vec<_> =
                platforms.map(|platform| format!("{}/{}", platform.os, platform.architecture)).collect();
            Err(format!("its index has no manifest of the architecture wasm, only {}", names.join(", ")))
        }
    }
}

/// Chooses the layer with the component: by its type, or the only one.
fn component_of(layers: &[Descriptor]) -> Result<&Descriptor, String> {
    let exact = layers.iter().find(|layer| layer.media_type == WASM);
    // The types before the layout of the CNCF: `application/vnd.wasm.content.layer.v1+wasm` and others.
    let older = || layers.iter().find(|layer| layer.media_type.contains("wasm") && !layer.media_type.ends_with("json"));
    match (exact.or_else(older), layers) {
        (Some(found), _) | (None, [found]) => Ok(found),
        (None, []) => Err(format!("it has no layer, and one of the type {WASM} is needed")),
        _ => {
            let types: Vec<_> = layers.iter().take(MAX_LISTED).map(|layer| layer.media_type.as_str()).collect();
            Err(format!("it has no layer of the type {WASM}, only {}", types.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests;
