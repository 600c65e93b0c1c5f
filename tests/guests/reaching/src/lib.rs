//! An agent that reaches for whatever it can be granted: the first word of a text says what, the rest is the argument.
//! It replies what it got, or `refused: ` and why.
//!
//! | text | what it does |
//! |---|---|
//! | `get URL`, `auth URL VALUE` | sends a request; with VALUE as its `authorization` |
//! | `gets N URL` | sends N requests and replies how many were answered |
//! | `upload N URL` | sends a body of N bytes |
//! | `keep B K V`, `read B K`, `add B K N`, `keys B` | keeps V under the key K of the bucket B; reads it; adds N; counts keys |
//! | `keep-trap B K V` | keeps it, then panics |
//! | `fill B N SIZE` | keeps N values of SIZE bytes |
//! | `buckets` | opens buckets until it dies |
//! | `config K`, `log TEXT`, `env K`, `file PATH` | what it says |
//! | `secret NAME`, `reveal NAME` | the placeholder of a secret; the secret |
//! | `sockets N` | makes N sockets and replies how many it got |
//! | `lookup NAME` | looks a name up |
//! | `probe` | replies what it finds of arguments, directories and standard input |
//! | `sleep MS`, `sleeps N` | sleeps; waits for N clocks at once, each an hour |
//! | `random N`, `zeroes N` | asks for N random bytes; prints N zeroes in one call |
//! | `drop N URL` | sends N requests and drops their answers unread |

use guildhall_sdk::prelude::*;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme, http_error_code};
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../host/wit/keyvalue", "../../../wit", "wit"],
        world: "guildhall:reaching/reaching",
        generate_all,
    });
}

use bindings::guildhall::agent::{reveal, secrets};
use bindings::wasi::config::store as config;
use bindings::wasi::keyvalue::{atomics, store};
use bindings::wasi::logging::logging;

/// An order, or an answer.
#[message("text", "rustic_ai.core.ui_protocol.types.TextFormat")]
pub struct Text {
    text: String,
}

pub struct Reaching;

impl Agent for Reaching {
    const CLASS_NAME: &'static str = "guildhall.tests.ReachingAgent";
    const NAME: &'static str = "Reaching Agent";
    const SUMMARY: &'static str = "Reaches for what it is told";
    type Properties = NoProperties;

    fn new(_: NoProperties) -> Result<Self, String> {
        Ok(Reaching)
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.message(|_, ctx, order: Text| {
            let words: Vec<_> = order.text.split(' ').collect();
            let text = obey(&words).unwrap_or_else(|why| format!("refused: {why}"));
            Ok(ctx.reply(&Text { text })?)
        });
    }
}

fn obey(words: &[&str]) -> Result<String, String> {
    let words_of = |error: store::Error| match error {
        store::Error::Other(words) => words,
        error => format!("{error:?}"),
    };
    let open = |bucket: &str| store::open(if bucket == "own" { "" } else { bucket }).map_err(words_of);
    let read = |bucket: &str, key: &str| {
        let value = open(bucket)?.get(key).map_err(words_of)?;
        Ok::<_, String>(value.map_or("nothing".into(), |value| String::from_utf8_lossy(&value).into_owned()))
    };
    match *words {
        ["get", url] => send(url, None, 0),
        ["auth", url, value] => send(url, Some(value), 0),
        ["upload", bytes, url] => send(url, None, number(bytes)?),
        ["gets", count, url] => {
            let answered = (0..number(count)?).filter(|_| send(url, None, 0).is_ok()).count();
            Ok(format!("answered {answered}"))
        }
        ["keep", bucket, key, value] => {
            open(bucket)?.set(key, value.as_bytes()).map_err(words_of)?;
            read(bucket, key)
        }
        ["keep-trap", bucket, key, value] => {
            open(bucket)?.set(key, value.as_bytes()).map_err(words_of)?;
            panic!("told to trap");
        }
        ["read", bucket, key] => read(bucket, key),
        ["add", bucket, key, delta] => {
            let sum = atomics::increment(&open(bucket)?, key, number(delta)?).map_err(words_of)?;
            Ok(sum.to_string())
        }
        ["keys", bucket] => Ok(open(bucket)?.list_keys(None).map_err(words_of)?.keys.len().to_string()),
        ["fill", bucket, count, size] => {
            let (bucket, value) = (open(bucket)?, vec![b'x'; number(size)? as usize]);
            (0..number(count)?).try_for_each(|n| bucket.set(&format!("fill {n}"), &value)).map_err(words_of)?;
            Ok("filled".into())
        }
        ["buckets"] => {
            let mut all = Vec::new();
            loop {
                all.push(open("own")?);
            }
        }
        ["config", key] => match config::get(key) {
            Ok(value) => Ok(value.unwrap_or("nothing".into())),
            Err(error) => Err(format!("{error:?}")),
        },
        ["log", text] => {
            logging::log(logging::Level::Warn, "reaching", text);
            Ok("logged".into())
        }
        ["env", name] => Ok(std::env::var(name).unwrap_or("nothing".into())),
        ["file", path] => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        ["secret", name] => secrets::get(name).map(|secret| secret.placeholder()).map_err(|error| format!("{error:?}")),
        ["reveal", name] => {
            let secret = secrets::get(name).map_err(|error| format!("{error:?}"))?;
            Ok(String::from_utf8_lossy(&reveal::reveal(&secret)).into_owned())
        }
        ["sockets", count] => {
            let tcp: Vec<_> = (0..number(count)?)
                .filter_map(|_| tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).ok())
                .collect();
            let udp: Vec<_> = (0..number(count)?)
                .filter_map(|_| udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).ok())
                .collect();
            Ok(format!("got {}", tcp.len() + udp.len()))
        }
        ["lookup", name] => {
            let found = ip_name_lookup::resolve_addresses(&instance_network::instance_network(), name);
            found.map(|_| "found".into()).map_err(|error| format!("{error:?}"))
        }
        ["probe"] => {
            let directories = wasip2::filesystem::preopens::get_directories().len();
            let mut input = Vec::new();
            let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut input).unwrap_or(0);
            Ok(format!("{} arguments, {directories} directories, {read} bytes", std::env::args().count()))
        }
        ["sleep", ms] => {
            monotonic_clock::subscribe_duration(number(ms)? * 1_000_000).block();
            Ok("slept".into())
        }
        ["sleeps", count] => {
            let hour = 3_600_000_000_000;
            let clocks: Vec<_> = (0..number(count)?).map(|_| monotonic_clock::subscribe_duration(hour)).collect();
            Ok(format!("{} rang", poll(&clocks.iter().collect::<Vec<_>>()).len()))
        }
        ["random", count] => Ok(wasip2::random::random::get_random_bytes(number(count)?).len().to_string()),
        ["zeroes", count] => {
            let printed = wasip2::cli::stdout::get_stdout().write_zeroes(number(count)?);
            printed.map(|()| "printed".into()).map_err(|error| format!("{error:?}"))
        }
        ["drop", count, url] => {
            let sent = (0..number(count)?).filter(|_| begin(url).is_ok()).count();
            Ok(format!("dropped {sent}"))
        }
        _ => Ok(format!("ok: {}", words.join(" "))),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// Sends a request and waits for nothing.
fn begin(url: &str) -> Result<(), String> {
    let authority = url.strip_prefix("http://").ok_or("no scheme")?.trim_end_matches('/');
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "the scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority")?;
    outgoing_handler::handle(request, None).map(drop).map_err(|error| format!("{error:?}"))
}

/// Sends a request; gives the status and the body.
fn send(url: &str, authorization: Option<&str>, body_bytes: u64) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let fields = Fields::new();
    if let Some(value) = authorization {
        fields.append("authorization", value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| "the scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority")?;
    request.set_path_with_query(Some(path)).map_err(|()| "the path")?;
    if body_bytes > 0 {
        request.set_method(&Method::Post).map_err(|()| "the method")?;
    }
    let body = request.body().map_err(|()| "the body")?;
    let sent = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    let mut written = Ok(());
    {
        let stream = body.write().map_err(|()| "the stream")?;
        for _ in 0..body_bytes.div_ceil(4_096) {
            written = written.and_then(|()| stream.blocking_write_and_flush(&[b'x'; 4_096]));
        }
    }
    let _ = OutgoingBody::finish(body, None);
    sent.subscribe().block();
    let answer = sent.get().ok_or("no answer")?.map_err(|()| "taken twice")?.map_err(|error| format!("{error:?}"))?;
    let (status, body) = (answer.status(), answer.consume().map_err(|()| "no body")?);
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut read = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => read.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).map_or(error.to_debug_string(), |code| format!("{code:?}")));
            }
        }
    }
    Ok(format!("{status} {}", String::from_utf8_lossy(&read)))
}

export_agent!(Reaching);
