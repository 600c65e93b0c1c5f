//! Which web pages may open sockets. Programs send no `Origin`; a browser always
//! does, and nothing else keeps a page on some other site from a host that listens
//! on the visitor's own machine.

use axum::http::{HeaderMap, header};

/// Whether the origin of a request is none, this host itself, a page on the same
/// machine, or the one that the operator has named.
pub fn is_welcome(headers: &HeaderMap, allowed: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    origin == allowed || text(header::HOST) == Some(authority) || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "guild.example:8880".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_welcome(&headers, "https://ui.example")
    }

    #[test]
    fn pages_of_other_sites_are_not_welcome() {
        for origin in
            [None, Some("https://ui.example"), Some("http://guild.example:8880"), Some("http://localhost:3000")]
        {
            assert!(welcome(origin), "{origin:?}");
        }
        for origin in ["https://evil.example", "http://localhost.evil.example", "null", "http://guild.example:1"] {
            assert!(!welcome(Some(origin)), "{origin}");
        }
    }
}
