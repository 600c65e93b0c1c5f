//! Reads recordings and sends their requests again.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use super::bindings::Bindings;
use crate::rest::Rest;
use crate::wait::{DEADLINE, within};

/// A recorded exchange with its name and the requests that have to be sent before it.
#[derive(Debug)]
pub struct Recording {
    pub name: String,
    pub setup: Vec<Exchange>,
    pub exchange: Exchange,
    seq: u64,
}

/// A request and the answer to it.
#[derive(Debug)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

impl Exchange {
    pub(super) fn is_redirected_write(&self) -> bool {
        self.response.status == 307 && self.request.method != Method::GET
    }

    pub(super) fn is_refused_removal(&self) -> bool {
        self.response.status == 405 && self.request.method == Method::DELETE
    }

    /// Returns the guild that this server launched, from its answer.
    pub(super) fn launched<'a>(&self, ours: &'a Response) -> Option<&'a str> {
        let is_launch =
            self.request.method == Method::POST && self.request.path.trim_end_matches('/').ends_with("/guilds");
        match &ours.body {
            Content::Json(body) if is_launch && ours.status == 201 => body["id"].as_str(),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: BTreeMap<String, String>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Json(Value),
    Text(String),
    /// A body that was too long to be recorded: a form with one file of this name, type and size.
    File {
        name: String,
        media_type: String,
        bytes: usize,
    },
}

/// An answer: a recorded one or one of this server.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

/// Reads the recordings of a folder in their order, with the requests that have to be sent before them: those of the
/// folder's `setup.json`, or else those of `otherwise` that belong to a recording.
///
/// # Panics
/// If a file cannot be read.
#[must_use]
pub fn read_folder(folder: &Path, otherwise: &Path) -> Vec<Recording> {
    let rest = folder.join("rest");
    let entries = fs::read_dir(&rest).unwrap_or_else(|error| panic!("{}: {error}", rest.display()));
    let files = entries.map(|entry| entry.expect("the folder can be read").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let recorded: HashMap<String, Value> =
        files.map(|path| read(&path)).map(|value| (text(&value["name"]), value)).collect();
    let mut recordings: Vec<Recording> = recorded.values().map(recording).collect();
    recordings.sort_by_key(|recording| recording.seq);

    let own = folder.join("setup.json");
    let steps = read(if own.exists() { &own } else { otherwise });
    for step in steps.as_array().expect("a setup is a list") {
        let name = text(&step["before"]);
        let recording = recordings.iter_mut().find(|recording| recording.name == name);
        match (recording, filled(step, &recorded)) {
            (Some(recording), Some(step)) => recording.setup.push(exchange(&step)),
            (Some(_), None) | (None, _) => assert!(!own.exists(), "setup.json is about more than is recorded: {step}"),
        }
    }
    recordings
}

/// Returns a step of a setup with its references replaced by recorded values. `@name/response/body/0/id` is a value of the
/// recording `name`. A text is split at its slashes, so `@name/request/path/3` is the fourth part of a path. Returns `None`
/// if a value does not exist.
fn filled(step: &Value, recorded: &HashMap<String, Value>) -> Option<Value> {
    Some(match step {
        Value::String(text) => match text.strip_prefix('@') {
            Some(reference) => referred(reference, recorded)?,
            None => step.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, recorded)).collect::<Option<_>>()?,
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| Some((key.clone(), filled(value, recorded)?));
            Value::Object(members.iter().map(member).collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

fn referred(reference: &str, recorded: &HashMap<String, Value>) -> Option<Value> {
    let mut steps = reference.split('/');
    let start = recorded.get(steps.next()?)?.clone();
    steps.try_fold(start, |value, step| match value {
        Value::String(text) => text.split('/').nth(step.parse().ok()?).map(Value::from),
        other => other.pointer(&format!("/{step}")).cloned(),
    })
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&without_broken(&text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Numbers in recordings that JSON does not allow. Where one is the beginning of another, the longer one comes first.
const NO_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Returns JSON text in which invalid numbers and unpaired surrogates are replaced by values that can be read.
fn without_broken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_in_string = false;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if is_in_string && first == '\\' {
            length = match (surrogate(rest), surrogate(rest.get(6..).unwrap_or_default())) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
                (Some(half), _) => {
                    write!(out, "\u{27ea}{half:04x}\u{27eb}").expect("a string takes everything");
                    rest = &rest[6..];
                    continue;
                }
                (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            };
        } else if first == '"' {
            is_in_string = !is_in_string;
        } else if let Some(word) = NO_NUMBERS.iter().find(|word| !is_in_string && rest.starts_with(**word)) {
            write!(out, "\"\u{27ea}{word}\u{27eb}\"").expect("a string takes everything");
            rest = &rest[word.len()..];
            continue;
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Returns the unpaired surrogate of an escape at the beginning of a text.
fn surrogate(text: &str) -> Option<u16> {
    let code = u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

/// Restores the values that the reader replaced.
fn with_broken(text: &str) -> String {
    let numbers = |text: String, word: &&str| text.replace(&format!("\"\u{27ea}{word}\u{27eb}\""), word);
    let text = NO_NUMBERS.iter().fold(text.to_owned(), numbers);
    text.replace('\u{27ea}', "\\u").replace('\u{27eb}', "")
}

fn recording(value: &Value) -> Recording {
    let seq = value["seq"].as_u64().expect("a recording has its place");
    Recording { name: text(&value["name"]), setup: Vec::new(), exchange: exchange(value), seq }
}

fn exchange(value: &Value) -> Exchange {
    let (request, response) = (&value["request"], &value["response"]);
    Exchange { request: Request::new(request, response), response: Response::recorded(response) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn headers(value: &Value) -> BTreeMap<String, String> {
    let headers = value["headers"].as_object().expect("headers are an object");
    headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

impl Request {
    fn new(request: &Value, response: &Value) -> Self {
        let body = match request["body_kind"].as_str() {
            Some("none") => Body::None,
            Some("json") => Body::Json(request["body"].clone()),
            Some("text") => Body::Text(text(&request["body"])),
            Some("omitted") => {
                let stored = &response["body"];
                let bytes = stored["content_length"].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
                let (name, media_type) = (text(&stored["filename"]), text(&stored["content_type"]));
                Body::File { name, media_type, bytes: bytes.expect("the answer tells the size of the file") }
            }
            kind => panic!("bodies of kind {kind:?} cannot be sent"),
        };
        let method = text(&request["method"]);
        Self {
            method: Method::from_bytes(method.as_bytes()).expect("the method is one"),
            path: text(&request["path"]),
            headers: headers(request),
            body,
        }
    }

    /// Sends the recorded request, with this server's ids in the places of the recorded ones.
    pub async fn send(&self, rest: &Rest, bindings: &Bindings) -> Response {
        let path = bindings.translate(&self.path);
        let mut request = rest.request(self.method.clone(), &path);
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "content-length") {
            request = request.header(name, value);
        }
        if let Some(body) = self.bytes(bindings) {
            request = request.body(body);
        }
        let name = format!("{} {path}", self.method);
        let answered = within(DEADLINE, &name, async {
            let answer = request.send().await?;
            let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
            let (status, content_type) = (answer.status().as_u16(), content_type.map(str::to_owned));
            Ok::<_, reqwest::Error>((status, content_type, answer.bytes().await?))
        });
        let (status, content_type, bytes) = answered.await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let is_json = content_type.as_deref().is_some_and(|content_type| content_type.starts_with("application/json"));
        let body = match (bytes.is_empty(), is_json) {
            (true, _) => Content::None,
            (false, true) => {
                let value = serde_json::from_slice(&bytes);
                Content::Json(value.unwrap_or_else(|error| panic!("{name} answered with broken JSON: {error}")))
            }
            (false, false) => Content::Bytes(bytes.to_vec()),
        };
        Response { status, content_type, body }
    }

    fn bytes(&self, bindings: &Bindings) -> Option<Vec<u8>> {
        let recorded_length = self.headers.get("content-length").and_then(|length| length.parse().ok());
        match &self.body {
            Body::None => (self.method == Method::POST).then(Vec::new),
            Body::Json(value) => Some(spelled(value, recorded_length, bindings)),
            Body::Text(text) => {
                let is_lossy = recorded_length.is_some_and(|length: usize| length != text.len());
                let translated = bindings.translate(text);
                Some(if is_lossy { with_lost_bytes(&translated) } else { translated.into_bytes() })
            }
            Body::File { name, media_type, bytes } => {
                let (_, boundary) =
                    self.headers["content-type"].split_once("boundary=").expect("a form has a boundary");
                let head = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                     Content-Type: {media_type}\r\n\r\n"
                );
                let end = format!("\r\n--{boundary}--\r\n");
                Some([head.as_bytes(), &vec![b'x'; *bytes], end.as_bytes()].concat())
            }
        }
    }
}

/// Returns a JSON body in the form that has the recorded length: compact or with blanks, with a byte order mark or in
/// UTF-16. If no form has it, the body is compact.
fn spelled(value: &Value, length: Option<usize>, bindings: &Bindings) -> Vec<u8> {
    let compact = value.to_string();
    let blanks = with_blanks(value);
    let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(blanks.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{feff}{blanks}");
    if Some(utf16.len()) == length {
        return utf16;
    }
    let same_length = [&blanks, &marked].into_iter().find(|text| Some(text.len()) == length);
    bindings.translate(&with_broken(same_length.unwrap_or(&compact))).into_bytes()
}

/// Returns JSON text with a blank after each comma and colon.
fn with_blanks(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(with_blanks).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members =
                members.iter().map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), with_blanks(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns the bytes of a recorded text. Bytes that were not UTF-8 were recorded as U+FFFD each; they were 0x80, 0x81 and so
/// on.
fn with_lost_bytes(text: &str) -> Vec<u8> {
    let mut lost = (0x80..=0xff).cycle();
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{fffd}' => bytes.extend(lost.next()),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

impl Response {
    fn recorded(value: &Value) -> Self {
        let body = &value["body"];
        let content = match value["body_kind"].as_str() {
            Some("none") => Content::None,
            Some("json") => Content::Json(body.clone()),
            Some("text") => Content::Bytes(text(body).into_bytes()),
            Some("latin1") => {
                let text = text(body);
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
                Content::Bytes(bytes.collect::<Result<_, _>>().expect("a Latin-1 body has Latin-1 characters"))
            }
            kind => panic!("bodies of kind {kind:?} cannot be compared"),
        };
        let status = value["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
        Self { status, content_type: headers(value).remove("content-type"), body: content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_written_as_it_was_recorded() {
        let bindings = Bindings::default();
        let value = json!({"name": "bom", "description": "x"});
        let spelled = |length| spelled(&value, length, &bindings);
        assert_eq!(spelled(None), br#"{"name":"bom","description":"x"}"#);
        assert_eq!(spelled(Some(35)), br#"{"name": "bom", "description": "x"}"#);
        assert!(spelled(Some(38)).starts_with("\u{feff}{".as_bytes()));
        assert!(spelled(Some(72)).starts_with(&[0xff, 0xfe, b'{', 0]));
    }

    #[test]
    fn a_setup_refers_to_recorded_values() {
        let recorded = json!({"request": {"path": "/x/ID/y"}, "response": {"body": [{"a.b": "z"}]}});
        let recorded = HashMap::from([("r".to_owned(), recorded)]);
        let filled = |step| filled(&step, &recorded);
        assert_eq!(filled(json!({"a": ["@r/request/path/2", 1]})), Some(json!({"a": ["ID", 1]})));
        assert_eq!(filled(json!("@r/response/body/0/a.b")), Some(json!("z")));
        assert_eq!(filled(json!(["@other/request/path"])), None);
        assert_eq!(filled(json!("@r/response/body/1")), None);
    }

    #[test]
    fn a_body_that_is_not_json_is_sent_again() {
        for broken in [
            r#"{"name":NaN}"#,
            r#"{"name":"\ud800"}"#,
            r#"[-Infinity,{"NaN":Infinity},"a\udc00b NaN \"NaN","\ud83dx"]"#,
            "-Infinity",
        ] {
            let value: Value = serde_json::from_str(&without_broken(broken)).unwrap();
            assert_eq!(spelled(&value, None, &Bindings::default()), broken.as_bytes());
        }
        let whole = r#"{"a":"\ud83d\ude00 \\ud800 NaN"}"#;
        assert_eq!(without_broken(whole), whole);
        assert_eq!(with_lost_bytes("a\u{fffd}\u{fffd}"), [b'a', 0x80, 0x81]);
    }
}
