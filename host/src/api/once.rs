//! `Idempotency-Key`: a client that repeats a request with the same key gets the answer to the first one, and nothing is
//! made twice. The id of what is made comes from the key, so this holds across an end of the host, and as long as what was
//! made exists.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::random::random_id;
use guildhall_model::ids::{hex, short_uuid};

/// The header with the key.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer to a request that was made before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
const MAX_KEY: usize = 255;

/// The key of a request, if it has one.
pub struct Once(Option<[u8; 32]>);

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut keys = parts.headers.get_all(KEY).iter();
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        let is_text = key.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte));
        if keys.next().is_some() || key.is_empty() || key.len() > MAX_KEY || !is_text {
            return Err(ApiError::BadKey);
        }
        let path = parts.uri.path().trim_end_matches('/');
        let mut digest = Sha256::new();
        // A key of one path is another key on another path.
        for part in [path.as_bytes(), b"\0", key.as_bytes()] {
            digest.update(part);
        }
        Ok(Self(Some(digest.finalize().into())))
    }
}

impl Once {
    /// Returns the id of what the request makes: that of the key, or a random one.
    pub fn id(&self) -> String {
        match &self.0 {
            Some(key) => short_uuid(u128::from_be_bytes(std::array::from_fn(|index| key[index]))),
            None => random_id(),
        }
    }

    /// Returns the text under which the request is stored with what it makes; `None` without a key. `body` is what the
    /// request asks for.
    pub fn request(&self, body: &Value) -> Option<String> {
        self.of_digest(&hex(&Sha256::digest(body.to_string())))
    }

    /// As [`Self::request`], for content of which a digest is known.
    pub fn of_digest(&self, digest: &str) -> Option<String> {
        self.0.map(|key| format!("{} {digest}", hex(&key)))
    }

    /// Returns whether a request that finds its work done was answered before. `stored` is the request that made what is
    /// there.
    ///
    /// # Errors
    /// `KeyReused` if the same key came with another body.
    pub fn is_repeat(request: Option<&str>, stored: Option<&str>) -> Result<bool, ApiError> {
        let (Some(request), Some(stored)) = (request, stored) else { return Ok(false) };
        let key = |text: &str| text.split(' ').next().map(str::to_owned);
        match (key(request) == key(stored), request == stored) {
            (true, true) => Ok(true),
            (true, false) => Err(ApiError::KeyReused),
            (false, _) => Ok(false),
        }
    }
}

/// Marks the answer to a request that was made before.
pub fn replayed(answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;

    async fn once(path: &str, keys: &[&str]) -> Result<Once, ApiError> {
        let request = keys.iter().fold(Request::post(path), |request, key| request.header(KEY, *key));
        Once::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_key_stands_for_one_id_on_one_path() {
        let id = async |path, keys: &[&str]| once(path, keys).await.unwrap().id();
        assert_eq!(id("/a", &["k"]).await, id("/a/", &["k"]).await);
        assert_ne!(id("/a", &["k"]).await, id("/b", &["k"]).await);
        assert_ne!(id("/a", &["k"]).await, id("/a", &["l"]).await);
        assert_ne!(id("/a", &[]).await, id("/a", &[]).await);
        let long = "x".repeat(256);
        for keys in [&["a", "b"][..], &[""], &[long.as_str()], &["ü"]] {
            assert!(once("/a", keys).await.is_err(), "{keys:?}");
        }
    }

    #[tokio::test]
    async fn a_repeat_has_the_same_body() {
        let (one, other) = (once("/a", &["k"]).await.unwrap(), once("/a", &["l"]).await.unwrap());
        let (first, second) = (one.request(&json!({"a": 1})), one.request(&json!({"a": 2})));
        assert!(matches!(Once::is_repeat(first.as_deref(), first.as_deref()), Ok(true)));
        assert!(matches!(Once::is_repeat(first.as_deref(), second.as_deref()), Err(ApiError::KeyReused)));
        let others = other.request(&json!({"a": 1}));
        assert!(matches!(Once::is_repeat(first.as_deref(), others.as_deref()), Ok(false)));
        assert!(matches!(Once::is_repeat(None, first.as_deref()), Ok(false)));
    }
}
