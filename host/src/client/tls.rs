//! What servers are trusted by: the certificate authorities of the system, and those of a file.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::oci::provide_tls;

/// Returns the configuration of a client. `ca` is a file with more certificate authorities, in PEM.
///
/// # Errors
/// The file cannot be read or has no certificate.
pub fn config(ca: Option<&Path>) -> Result<ClientConfig, String> {
    provide_tls();
    let mut roots = RootCertStore::empty();
    // A system without certificates still reaches hosts without TLS, and those of the file.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca {
        let wrong = |why: String| format!("{} of --ca: {why}", file.display());
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let given: Vec<CertificateDer<'static>> = read.map_err(|error| wrong(error.to_string()))?;
        if given.is_empty() {
            return Err(wrong("it has no certificate".to_owned()));
        }
        for certificate in given {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
