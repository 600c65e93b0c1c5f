//! Requests to a host.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::{Body, Frame, SizeHint};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, Response};
use rustls::ClientConfig;
use serde_json::Value;

use super::error::HostError;
use super::place::Place;
use crate::terminal::{Progress, misuse};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take: a swap waits for a turn.
const ANSWER: Duration = Duration::from_secs(150);
/// How long an upload may take.
const UPLOAD: Duration = Duration::from_secs(1_800);
/// What is sent of an upload at once.
const PART_BYTES: usize = 64 << 10;
/// The most pages of a list, so that a host whose lists have no end is left.
const MOST_PAGES: usize = 10_000;

/// What needs no escape in a part of a path (RFC 3986, section 2.3).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Escapes a part of a path or of a query.
#[must_use]
pub fn encode(text: &str) -> String {
    // A URL would lose these two.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        text => utf8_percent_encode(text, PART).to_string(),
    }
}

/// Talks to one host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) place: Place,
    pub(super) token: Option<HeaderValue>,
    pub(super) tls: Arc<ClientConfig>,
    http: reqwest::Client,
}

impl Client {
    /// Returns a client that has sent nothing yet.
    ///
    /// # Errors
    /// The token has characters that no header has.
    pub(super) fn new(place: Place, token: Option<String>, tls: ClientConfig) -> anyhow::Result<Self> {
        let token = token.map(|token| bearer(&token)).transpose()?;
        let mut headers = HeaderMap::new();
        headers.extend(token.clone().map(|token| (header::AUTHORIZATION, token)));
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .no_proxy()
            // A token is not sent to where a host points.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("guildhall/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls.clone())
            .default_headers(headers);
        if let Place::Unix(path) = &place {
            builder = builder.unix_socket(path.clone());
        }
        let http = builder.build().context("the HTTP client cannot be made")?;
        Ok(Self { place, token, tls: Arc::new(tls), http })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.place.base())).timeout(ANSWER)
    }

    async fn answered(&self, method: Method, path: &str, request: RequestBuilder) -> anyhow::Result<Response> {
        let sent = request.send().await;
        let answer = sent.with_context(|| {
            format!(
                "the host at {} cannot be reached (start one with `guildhall serve`, or name another with --url)",
                self.place
            )
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let named = format!("{method} {path}");
        anyhow::ensure!(
            !status.is_redirection(),
            "{named} of {} is redirected ({status}): name the host itself",
            self.place
        );
        let body = answer.bytes().await.unwrap_or_default();
        Err(HostError::new(status.as_u16(), &body, named).into())
    }

    async fn json(&self, method: Method, path: &str, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = self.answered(method, path, request).await?;
        read(answer, path).await
    }

    /// Answers `GET path`. Cancel safe.
    ///
    /// # Errors
    /// The host cannot be reached, or its [`HostError`].
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json(Method::GET, path, self.request(Method::GET, path)).await
    }

    /// Answers `GET path`, or `None` when there is no such thing. Cancel safe.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.downcast_ref::<HostError>().is_some_and(|error| error.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the whole list of `GET path`, following the `Link` of each page. Cancel safe.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut found, mut next) = (Vec::new(), path.to_owned());
        for _ in 0..MOST_PAGES {
            let answer = self.answered(Method::GET, &next, self.request(Method::GET, &next)).await?;
            let link = answer.headers().get(header::LINK).and_then(|link| link.to_str().ok()).and_then(next_page);
            match read(answer, &next).await? {
                Value::Array(page) => found.extend(page),
                other => anyhow::bail!("{path} is no list: {other}"),
            }
            match link {
                Some(link) => next = followed(path, &link),
                None => return Ok(found),
            }
        }
        anyhow::bail!("{path} has more than {MOST_PAGES} pages")
    }

    /// Answers `POST path` with a JSON body. Dropping the future may leave the request carried out.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.json(Method::POST, path, self.request(Method::POST, path).json(body)).await
    }

    /// Answers `PUT path` with a JSON body. Dropping the future may leave the request carried out.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.json(Method::PUT, path, self.request(Method::PUT, path).json(body)).await
    }

    /// Carries out `DELETE path`. Dropping the future may leave the request carried out.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.answered(Method::DELETE, path, self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Begins `GET path`, whose answer may last. Cancel safe.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn stream(&self, path: &str) -> anyhow::Result<Lines> {
        let request = self.http.get(format!("{}{path}", self.place.base()));
        Ok(Lines { answer: self.answered(Method::GET, path, request).await?, rest: Vec::new() })
    }

    /// Sends a component, with a bar on standard error. Dropping the future may leave it uploaded.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn upload(&self, path: &str, bytes: Bytes) -> anyhow::Result<Value> {
        let progress = Progress::bytes("uploading", bytes.len() as u64);
        let body = Counted { bytes, bar: progress.bar() };
        let request = self.request(Method::POST, path).timeout(UPLOAD);
        let request = request.header(header::CONTENT_TYPE, "application/wasm").body(reqwest::Body::wrap(body));
        self.json(Method::POST, path, request).await
    }
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| misuse("the token has characters that no header has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The JSON of an answer; `Null` without a body.
async fn read(answer: Response, path: &str) -> anyhow::Result<Value> {
    let bytes = answer.bytes().await.with_context(|| format!("the answer of {path} breaks off"))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).with_context(|| format!("the answer of {path} is no JSON: is this a Guildhall?"))
}

/// The next page of a `Link` header.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\"") || part.contains("rel=next"))?;
    let (_, rest) = next.split_once('<')?;
    rest.split_once('>').map(|(target, _)| target.to_owned())
}

/// The path of a link in the answer of `path`: a query of the same path, or a path.
fn followed(path: &str, link: &str) -> String {
    match link.strip_prefix('?') {
        Some(query) => format!("{}?{query}", path.split('?').next().unwrap_or(path)),
        None => link.to_owned(),
    }
}

/// An answer of one JSON value a line.
#[derive(Debug)]
pub struct Lines {
    answer: Response,
    rest: Vec<u8>,
}

impl Lines {
    /// The next value, or `None` when the answer has ended. Cancel safe.
    ///
    /// # Errors
    /// The connection breaks, or a line is no JSON.
    pub async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line).context("the host sent a line that is no JSON")?));
            }
            match self.answer.chunk().await.context("the connection broke")? {
                Some(part) => self.rest.extend_from_slice(&part),
                None => return Ok(None),
            }
        }
    }
}

/// The body of an upload. A bar counts what is sent.
struct Counted {
    bytes: Bytes,
    bar: indicatif::ProgressBar,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let most = self.bytes.len().min(PART_BYTES);
        let part = self.bytes.split_to(most);
        self.bar.inc(part.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_keeps_its_meaning() {
        for (text, wanted) in
            [("demo-1.a_b~", "demo-1.a_b~"), ("a/b ?#%", "a%2Fb%20%3F%23%25"), ("..", "%2E%2E"), ("ž", "%C5%BE")]
        {
            assert_eq!(encode(text), wanted);
        }
    }

    #[test]
    fn the_next_page_is_the_one_of_the_link() {
        assert_eq!(next_page("<?limit=5&after=a>; rel=\"next\"").as_deref(), Some("?limit=5&after=a"));
        assert_eq!(next_page("</x>; rel=\"prev\", </y>; rel=next").as_deref(), Some("/y"));
        assert_eq!(next_page("<?after=a>; rel=\"prev\""), None);
        assert_eq!(followed("/a/b?limit=2", "?after=c"), "/a/b?after=c");
        assert_eq!(followed("/a/b", "/c?after=d"), "/c?after=d");
    }
}
