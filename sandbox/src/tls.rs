//! The TLS configuration of requests that leave the host. It trusts Mozilla's root certificates and the ones that the
//! operator adds.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Returns a configuration that trusts Mozilla's root certificates and `own`.
///
/// # Errors
/// One of `own` is not a certificate of an authority.
pub(crate) fn config(own: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    own.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Reads the certificates of a PEM file, which must hold at least one.
///
/// # Errors
/// A text that names the file and the error.
pub(crate) fn authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |text: String| format!("`{path}` holds no certificates in PEM: {text}");
    let found = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("it has none".to_owned())) } else { Ok(found) }
}
