//! The address of a host: `http://`, `https://`, or `unix:` with the path of a socket.

use std::path::PathBuf;

/// Where a host listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A URL without its last slash; it may have a path, when the host is behind a prefix of a proxy.
    Web(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Reads an address. Without a scheme it is `http://`; a port is one of this machine.
    ///
    /// # Errors
    /// A sentence that says what an address looks like.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address of a host: write http://host:port, https://host or unix:/path");
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        let is_port = text.parse::<u16>().is_ok();
        let text = if is_port { format!("localhost:{text}") } else { text.to_owned() };
        let text = if text.contains("://") { text } else { format!("http://{text}") };
        let url = reqwest::Url::parse(&text).map_err(|_| wrong())?;
        let is_fine = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        if is_fine { Ok(Self::Web(url.as_str().trim_end_matches('/').to_owned())) } else { Err(wrong()) }
    }

    /// Returns what URLs of requests begin with.
    #[must_use]
    pub fn base(&self) -> &str {
        match self {
            Self::Web(url) => url,
            Self::Unix(_) => "http://localhost",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Web(url) => f.write_str(url),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_or_is_http() {
        for (text, wanted) in [
            ("http://127.0.0.1:8880/", "http://127.0.0.1:8880"),
            ("localhost:8880", "http://localhost:8880"),
            ("8880", "http://localhost:8880"),
            ("https://guild.example/prefix/", "https://guild.example/prefix"),
            ("unix:/run/guildhall.sock", "unix:/run/guildhall.sock"),
            ("unix:///run/guildhall.sock", "unix:/run/guildhall.sock"),
        ] {
            assert_eq!(Place::read(text).unwrap().to_string(), wanted, "{text}");
        }
        for text in ["", "ftp://a", "http://", "unix:", "http://a/?q=1"] {
            assert!(Place::read(text).unwrap_err().contains("unix:/path"), "{text}");
        }
    }
}
