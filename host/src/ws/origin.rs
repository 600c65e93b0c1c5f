//! Which web pages may open sockets. A browser always sends the `Origin` of the page; other programs send none. CORS does
//! not apply to sockets, so only this check keeps pages of other sites away from a host on the user's own machine.

use axum::http::{HeaderMap, header};

use guildhall_model::origin::AllowedPages;

/// Whether a request has no origin, or that of this host, of a page on the same machine, or one that the operator allowed.
pub fn is_allowed(headers: &HeaderMap, allowed: &AllowedPages) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin.to_str().is_ok_and(|origin| allowed.lets_in(origin, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "guild.example:8880".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_allowed(&headers, &AllowedPages::new(["https://ui.example".to_owned()]))
    }

    #[test]
    fn pages_of_other_sites_may_not_open_sockets() {
        for origin in
            [None, Some("https://ui.example"), Some("http://guild.example:8880"), Some("http://localhost:3000")]
        {
            assert!(allowed(origin), "{origin:?}");
        }
        for origin in ["https://evil.example", "http://localhost.evil.example", "null", "http://guild.example:1"] {
            assert!(!allowed(Some(origin)), "{origin}");
        }
    }
}
