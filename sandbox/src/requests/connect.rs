//! Connects a request: looks the name up, checks every address, connects, and encrypts the connection.

use std::net::IpAddr;

use guildhall_model::origin::Origin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use wasmtime_wasi_http::Error;

use super::lookup::look_up;
use super::wait::Wait;
use crate::addresses::not_public;
use crate::grants::Grants;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// Looks a host up, checks all of its addresses, and connects to one of these addresses. The name is not looked up
/// again, so it cannot change between the check and the connection. Cancel safe.
///
/// # Errors
/// The name is unknown, an address may not be reached, or nothing answers in time.
pub(super) async fn connect(guild: &str, origin: &Origin, grants: &Grants, wait: Wait) -> Result<TcpStream, Error> {
    let host = origin.host();
    let looked_up = timeout_at(wait.connected.into(), look_up(guild, &host, origin.port()));
    let addresses = looked_up.await.map_err(|_| Error::DnsTimeout)?.map_err(|error| {
        grants.warn_once(format!("`{host}` cannot be looked up: {error}"));
        Error::DnsError { rcode: None, info_code: None }
    })?;
    for address in &addresses {
        check_address(address.ip(), origin, grants)?;
    }
    let mut failed = Error::DestinationNotFound;
    for address in addresses {
        match timeout_at(wait.connected.into(), TcpStream::connect(address)).await {
            Err(_) => return Err(Error::ConnectionTimeout),
            Ok(Err(error)) => failed = Error::Connect(error),
            Ok(Ok(stream)) => {
                refuse_this_machine(&stream, origin, grants)?;
                stream.set_nodelay(true).map_err(Error::Connect)?;
                return Ok(stream);
            }
        }
    }
    Err(failed)
}

fn check_address(address: IpAddr, origin: &Origin, grants: &Grants) -> Result<(), Error> {
    match not_public(address) {
        Some(what) if !grants.policy.allows_address(address, origin) => {
            let request = format!("a request to {origin}, whose address {address} is {what}");
            grants.log_refusal(&request, "policy.addresses");
            Err(Error::DestinationIpProhibited)
        }
        _ => Ok(()),
    }
}

/// Refuses a connection to a public address of this machine. Both ends of such a connection have the same address.
fn refuse_this_machine(stream: &TcpStream, origin: &Origin, grants: &Grants) -> Result<(), Error> {
    let (here, there) = (stream.local_addr().map_err(Error::Connect)?, stream.peer_addr().map_err(Error::Connect)?);
    if here.ip() == there.ip() && !grants.policy.allows_address(there.ip(), origin) {
        grants.log_refusal(&format!("a request to {origin}, which is this machine"), "policy.addresses");
        return Err(Error::DestinationIpProhibited);
    }
    Ok(())
}

/// Encrypts a connection and checks the certificate. Dropping the future closes the connection.
///
/// # Errors
/// The handshake fails or the certificate is not trusted.
pub(super) async fn encrypted(stream: TcpStream, origin: &Origin, grants: &Grants) -> Result<impl Stream, Error> {
    let config = grants.policy.tls().map_err(|error| Error::InternalError(Some(error)))?;
    let name = match origin.address() {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(origin.host()).map_err(|_| Error::HttpRequestUriInvalid)?,
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
            _ => Error::Tls(error),
        }
    })
}
