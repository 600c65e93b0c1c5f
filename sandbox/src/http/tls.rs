//! TLS of requests that leave: the roots of Mozilla, and those that the operator
//! adds.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The configuration that trusts the roots of Mozilla and these.
///
/// # Errors
/// One of these is no certificate of an authority.
pub(crate) fn config(own: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    own.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Reads the certificates of a PEM file, at least one.
///
/// # Errors
/// Words that name the file and what is wrong with it.
pub(crate) fn authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |words: String| format!("`{path}` holds no certificates in PEM: {words}");
    let found = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("it has none".to_owned())) } else { Ok(found) }
}
