//! Origins: the scheme, the host and the port of an agent's HTTP requests. Blueprints ask for origins and operators
//! grant them; the host sends a request only if both cover its origin.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The scheme of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the name in URLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the default port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The longest host name, in bytes.
const MAX_HOST: usize = 253;

/// An origin, or a pattern of origins: `https://api.example.com`, `http://10.0.0.5:8080`, `https://*.example.com` (all
/// names below `example.com`, without `example.com` itself) or `https://*` (every host). Without a port it has the
/// default port of the scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    /// Every host.
    Any,
    /// Every name that ends with a dot and this name.
    Below(String),
    /// A name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Origin {
    /// Returns the origin of a request. `host` is a name, an IPv4 address or an IPv6 address in brackets.
    ///
    /// # Errors
    /// A sentence when `host` is none of these.
    pub fn of(scheme: Scheme, host: &str, port: Option<u16>) -> Result<Self, String> {
        match Host::read(host)? {
            Host::Any | Host::Below(_) => Err(format!("`{host}` is not a host")),
            host => Ok(Self { scheme, host, port: port.unwrap_or_else(|| scheme.port()) }),
        }
    }

    /// Returns whether this origin covers every origin that `other` covers.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.port == other.port && self.host.covers(&other.host)
    }

    /// Returns whether one of two origins covers the other.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address if the host is an address.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Address(address) => Some(address),
            _ => None,
        }
    }

    /// Returns the host for a name lookup, without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Address(address) => address.to_string(),
            host => host.to_string(),
        }
    }
}

impl Host {
    fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return match (address, bare) {
                (IpAddr::V6(_), None) | (IpAddr::V4(_), Some(_)) => Err(format!("`{text}` is not a host")),
                _ => Ok(Self::Address(address)),
            };
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |rest| (rest, true));
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() > MAX_HOST || !name.split('.').all(is_label) {
            return Err(format!("`{text}` is not a host: write names in ASCII (`xn--…`), IPv6 addresses in brackets"));
        }
        Ok(if is_below { Self::Below(name) } else { Self::Name(name) })
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(end), Self::Name(name) | Self::Below(name)) => {
                name.strip_suffix(end.as_str()).is_some_and(|rest| rest.ends_with('.'))
                    || matches!(other, Self::Below(other) if other == end)
            }
            (this, other) => this == other,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| format!("`{text}` is not an origin ({why}): write `https://host` or `http://host:port`");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong("its scheme is neither http nor https")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("it has more than scheme, host and port"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            // The colon belongs to an IPv6 address.
            Some((_, after)) if after.contains(']') => (rest, None),
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let port = match port.map(str::parse::<u16>) {
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(wrong("its port is not a number from 1 to 65535")),
            None => scheme.port(),
        };
        Ok(Self { scheme, host: Host::read(host).map_err(|why| wrong(&why))?, port })
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

/// The origins whose pages may use this server, besides its own pages and those of servers on the same machine. Cheap to
/// clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedPages(Arc<[String]>);

impl AllowedPages {
    /// Allows the pages of some origins, as browsers write them.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(origins.into_iter().collect())
    }

    /// Returns whether a page of `origin`, as browsers write it, is let in. `host` is the name under which the request
    /// reaches this server, with its port.
    #[must_use]
    pub fn lets_in(&self, origin: &str, host: Option<&str>) -> bool {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let Some((name, _)) = split_port(authority) else { return false };
        let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        is_local || host == Some(authority) || self.0.iter().any(|allowed| allowed == origin)
    }
}

/// Splits a host from its port, if it has one. `None`: the port is not a number up to 65,535.
#[must_use]
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        // The colon belongs to an IPv6 address.
        Some((_, after)) if after.contains(']') => Some((authority, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(port.parse().ok()?))),
        Some(_) => None,
        None => Some((authority, None)),
    }
}

/// Returns whether a text is a host name, an address, or `*` for every host.
#[must_use]
pub fn is_host(text: &str) -> bool {
    Host::read(text).is_ok_and(|host| !matches!(host, Host::Below(_)))
}

/// Returns whether a text may be the name of a secret or of a variable. Such a name cannot be a path.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.bytes().all(is_inner) && text.bytes().next().is_some_and(|first| !matches!(first, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_origin_is_written_as_it_was_read() {
        for text in
            ["https://a.example", "http://10.0.0.5:8080", "https://*.a.example:8443", "https://*", "http://[::1]"]
        {
            assert_eq!(origin(text).to_string(), text);
        }
        assert_eq!(origin("HTTPS://A.Example.:443/").to_string(), "https://a.example");
    }

    #[test]
    fn an_invalid_origin_is_refused_with_a_reason() {
        let wrong = [
            "a.example",
            "ftp://a.example",
            "https://a.example/path",
            "https://user@a.example",
            "https://a.example:0",
            "https://a..example",
            "https://",
            "https://é.example",
            "https://*a.example",
            "https://::1",
            "https://a.*.b",
        ];
        for text in wrong {
            assert!(text.parse::<Origin>().is_err_and(|error| error.contains("https://host")), "{text}");
        }
    }

    #[test]
    fn an_origin_covers_the_hosts_of_its_pattern_only() {
        let covers = |one: &str, other: &str| origin(one).covers(&origin(other));
        assert!(covers("https://*", "https://a.example") && covers("https://*", "https://*.example"));
        assert!(covers("https://*.example", "https://a.b.example") && covers("https://*.example", "https://*.example"));
        assert!(covers("https://a.example", "https://A.example"));
        assert!(!covers("https://*.example", "https://example") && !covers("https://*.example", "https://badexample"));
        assert!(
            !covers("https://a.example", "http://a.example") && !covers("https://a.example", "https://a.example:8443")
        );
        assert!(!covers("https://*.0.0.1", "https://127.0.0.1"), "an address is not a name below another");
        assert!(origin("https://*.example").meets(&origin("https://a.example")));
    }

    #[test]
    fn pages_of_other_sites_are_not_let_in() {
        let allowed = AllowedPages::new(["https://ui.example", "https://other.example"].map(str::to_owned));
        let is_let_in = |origin| allowed.lets_in(origin, Some("guild.example:8880"));
        for own in [
            "https://ui.example",
            "https://other.example",
            "http://guild.example:8880",
            "http://localhost:3000",
            "http://[::1]",
        ] {
            assert!(is_let_in(own), "{own}");
        }
        for other in [
            "https://evil.example",
            "http://localhost.evil.example",
            "null",
            "http://guild.example:1",
            "http://localhost:65616",
        ] {
            assert!(!is_let_in(other), "{other}");
        }
    }

    #[test]
    fn a_port_is_a_number_up_to_65535() {
        assert_eq!(split_port("a.example:65535"), Some(("a.example", Some(65_535))));
        assert_eq!((split_port("[::1]"), split_port("[::1]:1")), (Some(("[::1]", None)), Some(("[::1]", Some(1)))));
        assert_eq!(split_port("a.example:"), Some(("a.example", None)));
        for wrong in ["a.example:65536", "a.example:99999999999", "a.example:x"] {
            assert_eq!(split_port(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_host_of_a_request_cannot_be_a_pattern() {
        assert!(Origin::of(Scheme::Https, "*", None).is_err());
        assert!(Origin::of(Scheme::Https, "*.example", None).is_err());
        assert_eq!(Origin::of(Scheme::Http, "[::1]", Some(81)).unwrap().host(), "::1");
    }
}
