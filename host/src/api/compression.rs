//! Compresses long texts for clients that accept gzip. Files and streams that a client follows are sent as they are.

use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::{CompressionLayer, Predicate};

use super::conditional::COMPRESSED;

/// The shortest text that is compressed, in bytes.
const MIN_BYTES: u64 = 1 << 10;
/// The kinds of text that are compressed.
const KINDS: [&str; 6] =
    ["application/json", "text/html", "text/javascript", "text/css", "image/svg+xml", "text/plain; version=0.0.4"];

/// Says which answers are compressed.
#[derive(Clone, Copy)]
pub struct LongTexts;

impl Predicate for LongTexts {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        is_long_text(response.headers(), response.body().size_hint().exact())
    }
}

fn is_long_text(headers: &HeaderMap, bytes: Option<u64>) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A file may be asked for in ranges, which count its own bytes.
    let is_file = headers.contains_key(header::ACCEPT_RANGES);
    KINDS.iter().any(|known| kind.starts_with(known)) && !is_file && bytes.is_none_or(|bytes| bytes >= MIN_BYTES)
}

/// The layer that compresses. The quickest level takes a tenth of the bytes of a history, and few of them more than the best.
pub fn layer() -> CompressionLayer<LongTexts> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(LongTexts)
}

/// Middleware outside of [`layer`]: a compressed answer has a tag of its own. A request for the head alone gets the head of
/// the plain answer, whose length is known.
///
/// Dropping the future drops the request.
pub async fn rename_tag(mut request: Request, next: Next) -> Response {
    if *request.method() == Method::HEAD {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return answer;
    }
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let renamed = tag.and_then(|tag| Some(format!("{}{COMPRESSED}\"", tag.strip_suffix('"')?)));
    if let Some(renamed) = renamed.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        headers.insert(header::ETAG, renamed);
    }
    answer
}
