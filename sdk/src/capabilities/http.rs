//! Sends HTTP requests, one at a time, and reads each answer to its end. The blueprint lists the allowed origins in
//! `sandbox.http`. Redirects are not followed. For streams and parallel requests use the crates `wasip2` or `wstd`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

use super::Refused;

/// The most bytes that are written to a stream at once.
const PIECE_BYTES: usize = 4 << 10;
const READ_BYTES: u64 = 64 << 10;

/// A request. Its methods add to it until `send`.
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    answer_within: Option<Duration>,
}

/// A response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Creates a request with any method, such as `PATCH`.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            other => Method::Other(other.into()),
        };
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new(), answer_within: None }
    }

    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header. Its value may contain the placeholder of a secret.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and its content type.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Refused> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Refused(format!("the body cannot be written as JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sets how long the first byte of the answer may take. The turn's own deadline still holds.
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = Some(time);
        self
    }

    /// Sends the request and reads the answer, whatever its status is.
    ///
    /// # Errors
    /// The name of a WASI error, such as `HttpRequestDenied`. The agent's log says which grant or setting caused it.
    pub fn send(self) -> Result<Response, Refused> {
        let wrong = |part: &str| Refused(format!("the request's {part} is not valid"));
        let (scheme, authority, path) = parts(&self.url).ok_or_else(|| wrong("address"))?;
        let fields = Fields::from_list(&self.headers).map_err(|error| Refused(format!("{error:?}")))?;
        let request = OutgoingRequest::new(fields);
        request.set_method(&self.method).map_err(|()| wrong("method"))?;
        request.set_scheme(Some(&scheme)).map_err(|()| wrong("scheme"))?;
        request.set_authority(Some(authority)).map_err(|()| wrong("host"))?;
        request.set_path_with_query(Some(path)).map_err(|()| wrong("path"))?;
        let options = self.answer_within.map(|time| {
            let options = RequestOptions::new();
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            // A host that cannot do this waits as long as the turn lasts.
            let _ = options.set_first_byte_timeout(Some(nanos));
            options
        });
        let body = request.body().map_err(|()| wrong("body"))?;
        let sent = outgoing_handler::handle(request, options).map_err(named)?;
        // An error of the body ends the request, whose answer then says what it was.
        if write(&body, &self.body).is_ok() {
            let _ = OutgoingBody::finish(body, None);
        }
        sent.subscribe().block();
        let answer = sent.get().and_then(Result::ok).ok_or_else(|| Refused("there is no answer".into()))?;
        read(answer.map_err(named)?)
    }
}

impl Response {
    /// Returns whether the status is from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// The body does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_slice(&self.body).map_err(|error| Refused(format!("the answer does not fit: {error}")))
    }
}

/// Splits a URL into scheme, authority, and path with query.
fn parts(url: &str) -> Option<(Scheme, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((scheme, authority, if path.is_empty() { "/" } else { path }))
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else { return Err(StreamError::Closed) };
    bytes.chunks(PIECE_BYTES).try_for_each(|piece| stream.blocking_write_and_flush(piece))
}

fn read(answer: IncomingResponse) -> Result<Response, Refused> {
    let (status, headers) = (answer.status(), answer.headers().entries());
    let closed = || Refused("the answer cannot be read".into());
    let body = answer.consume().map_err(|()| closed())?;
    let stream = body.stream().map_err(|()| closed())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(Response { status, headers, body: bytes }),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).map_or_else(|| Refused(error.to_debug_string()), named));
            }
        }
    }
}

fn named(code: ErrorCode) -> Refused {
    Refused(format!("{code:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_three_parts() {
        let shown = |url| parts(url).map(|(_, authority, path)| (authority, path));
        assert_eq!(shown("https://a.example:8443/b?c=d#e"), Some(("a.example:8443", "/b?c=d")));
        assert_eq!(shown("http://a.example"), Some(("a.example", "/")));
        assert_eq!(shown("http://a.example?q"), Some(("a.example", "?q")));
        assert_eq!(shown("ftp://a.example/"), None);
        assert_eq!(shown("a.example"), None);
    }
}
