//! Spellings of paths: an escaped letter is the same as the letter; an escaped slash is refused, since it would name
//! another path. The answer to an upload names its file below `/rustic`, where a proxy of the reference server has the API.

use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Middleware that answers 404 to paths with an empty part, with an escaped slash or with an escaped NUL: no resource has
/// such a path. Only the name of a user may have an escaped slash.
///
/// Dropping the future drops the request.
pub async fn refuse_odd(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let free_text = start_of_user_name(path);
    let is_odd = |at: usize| match path[at..].get(..3) {
        Some("%2F" | "%2f") => at < free_text,
        code => code == Some("%00"),
    };
    if path.contains("//") || path.match_indices('%').any(|(at, _)| is_odd(at)) {
        return ApiError::NoRoute.into_response();
    }
    next.run(request).await
}

/// Where the name of a user begins in the path of a user socket: a name is free text and may have slashes. The length of
/// every other path.
fn start_of_user_name(path: &str) -> usize {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["", "ws", "guilds", _, "usercomms", _, name] | ["", "ws", "guilds", _, "usercomms", _, name, ""] => {
            path.trim_end_matches('/').len() - name.len()
        }
        _ => path.len(),
    }
}

/// Unescapes the characters of a path that need no escape (RFC 3986, section 2.3), and takes `/rustic` from the path of a
/// file's URL; `None` when there is neither.
pub fn respelled(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let unescaped = unescaped(path);
    let plain = unescaped.strip_prefix("/rustic").filter(|rest| rest.starts_with("/api/")).unwrap_or(&unescaped);
    if plain == path {
        return None;
    }
    match uri.query() {
        Some(query) => format!("{plain}?{query}").parse().ok(),
        None => plain.parse().ok(),
    }
}

fn unescaped(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = rest[at..].get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.map(char::from) {
            Some(c) if c.is_ascii_alphanumeric() || "-._~".contains(c) => {
                plain.push(c);
                rest = &rest[at + 3..];
            }
            _ => {
                plain.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_user_has_slashes() {
        for (path, from) in [
            ("/ws/guilds/g/usercomms/u/a%2Fb", Some("a%2Fb")),
            ("/ws/guilds/g/usercomms/u/a%2Fb/", Some("a%2Fb/")),
            ("/ws/guilds/g/usercomms/u", None),
            ("/ws/guilds/g/syscomms/a%2Fb", None),
            ("/api/guilds/g/usercomms/u/a%2Fb", None),
        ] {
            let start = start_of_user_name(path);
            assert_eq!(path.get(start..).filter(|rest| !rest.is_empty()), from, "{path}");
        }
    }

    #[test]
    fn letters_that_need_no_escape_lose_it_and_urls_of_files_their_prefix() {
        for (path, plain) in [
            ("/%5F%5Fhealth?a=%5F", Some("/__health?a=%5F")),
            ("/a%20b%2Fc%7e", Some("/a%20b%2Fc~")),
            ("/a%20b", None),
            ("/__health", None),
            ("/rustic/api/guilds/g/files/a%20b?download=1", Some("/api/guilds/g/files/a%20b?download=1")),
            ("/rustic/catalog", None),
            ("/100%", None),
            ("/%é", None),
        ] {
            let Ok(uri) = path.parse() else { continue };
            assert_eq!(respelled(&uri).map(|uri| uri.to_string()).as_deref(), plain, "{path}");
        }
    }
}
