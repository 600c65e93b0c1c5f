//! The host names that requests may use. Clients are not authenticated, so a page of another site whose name is made to
//! resolve to this machine (DNS rebinding) would be a client like any other. Its requests carry the other site's name and
//! are refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use guildhall_model::origin::split_port;

/// The setting with the allowed names.
pub const SETTING: &str = "http.hosts";

/// The host names that requests may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Every name.
    #[default]
    Any,
    /// Addresses, `localhost` and names below it, and these names in lower case.
    Local(Arc<[String]>),
}

impl Hosts {
    /// Whether requests may use `host`, which may have a port. A port that is none is never allowed.
    fn allows(&self, host: &str) -> bool {
        let Some((name, _)) = split_port(host) else { return false };
        let Self::Local(named) = self else { return true };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        is_address || name == "localhost" || name.ends_with(".localhost") || named.contains(&name)
    }
}

/// Middleware that answers 421 to requests for another host. Requests without a host do not come from browsers and pass.
///
/// Dropping the future drops the request.
pub async fn refuse_foreign(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = request.uri().authority().map(|authority| authority.as_str()).or(named);
    match named.filter(|host| !hosts.allows(host)) {
        Some(host) => ApiError::ForeignHost(host.chars().take(100).collect()).into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_on_loopback_allows_only_its_own_names() {
        let hosts = Hosts::Local(Arc::from(["guild.example".to_owned()]));
        for own in [
            "localhost",
            "LOCALHOST:8880",
            "a.localhost:1",
            "127.0.0.1:8880",
            "[::1]:8880",
            "[::1]",
            "guild.example.:80",
        ] {
            assert!(hosts.allows(own), "{own}");
        }
        for foreign in ["evil.example", "evil.example:8880", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!hosts.allows(foreign), "{foreign}");
            assert!(Hosts::Any.allows(foreign), "{foreign}");
        }
        for wrong in ["localhost:65616", "127.0.0.1:99999999999", "localhost:http"] {
            assert!(!hosts.allows(wrong) && !Hosts::Any.allows(wrong), "{wrong}");
        }
    }
}
