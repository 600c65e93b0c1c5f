//! An agent that uses every capability. The first word of a text is the order, the rest is its argument. It replies with the
//! result, or with `refused: ` and the reason.
//!
//! | text | what it does |
//! |---|---|
//! | `get URL`, `auth URL VALUE` | sends a request; with VALUE as its `authorization` |
//! | `gets N URL` | sends N requests and replies with the number of answers |
//! | `upload N URL` | sends a body of N bytes |
//! | `keep B K V`, `read B K`, `add B K N`, `keys B` | stores V under the key K of the bucket B; reads it; adds N; counts the keys |
//! | `keep-trap B K V` | stores V, then panics |
//! | `fill B N SIZE` | stores N values of SIZE bytes |
//! | `open B` | opens the bucket B, without a prefix |
//! | `buckets` | opens buckets until the instance ends |
//! | `config K`, `log TEXT`, `env K`, `file PATH` | reads a configuration; logs; reads a variable or a file |
//! | `secret NAME`, `reveal NAME` | the placeholder of a secret; the secret |
//! | `sockets N` | opens N sockets and replies with the number that it got |
//! | `lookup NAME` | resolves a host name |
//! | `probe` | replies with its arguments, directories and standard input |
//! | `sleep MS`, `sleeps N` | sleeps; waits for N timers of an hour at the same time |
//! | `random N`, `zeroes N` | asks for N random bytes; prints N zeroes in one call |
//! | `drop N URL` | sends N requests and drops their answers unread |

use guildhall_sdk::capabilities::http::Request;
use guildhall_sdk::capabilities::keyvalue::Bucket;
use guildhall_sdk::capabilities::{Refused, config, secrets};
use guildhall_sdk::prelude::*;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../sandbox/wit/keyvalue", "wit"],
        world: "guildhall:reaching/reaching",
        generate_all,
    });
}

use bindings::wasi::keyvalue::store;
use bindings::wasi::logging::logging;

/// A text: an order, or an answer to one.
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

fn obey(words: &[&str]) -> Result<String, Refused> {
    let open = |bucket: &str| if bucket == "own" { Bucket::own() } else { Bucket::of_guild() };
    let read = |bucket: &str, key: &str| {
        let value = open(bucket)?.get(key)?;
        Ok::<_, Refused>(value.map_or("nothing".into(), |value| String::from_utf8_lossy(&value).into_owned()))
    };
    match *words {
        ["get", url] => get(Request::get(url)),
        ["auth", url, value] => get(Request::get(url).header("authorization", value)),
        ["upload", bytes, url] => get(Request::post(url).body(vec![b'x'; number(bytes)? as usize])),
        ["gets", count, url] => {
            let answered = (0..number(count)?).filter(|_| get(Request::get(url)).is_ok()).count();
            Ok(format!("answered {answered}"))
        }
        ["keep", bucket, key, value] => {
            open(bucket)?.set(key, value.as_bytes())?;
            read(bucket, key)
        }
        ["keep-trap", bucket, key, value] => {
            open(bucket)?.set(key, value.as_bytes())?;
            panic!("told to trap");
        }
        ["read", bucket, key] => read(bucket, key),
        ["add", bucket, key, delta] => Ok(open(bucket)?.increment(key, number(delta)?)?.to_string()),
        ["keys", bucket] => Ok(open(bucket)?.keys()?.len().to_string()),
        ["fill", bucket, count, size] => {
            let (bucket, value) = (open(bucket)?, vec![b'x'; number(size)? as usize]);
            (0..number(count)?).try_for_each(|n| bucket.set(&format!("fill {n}"), &value))?;
            Ok("filled".into())
        }
        ["open", name] => match store::open(name) {
            Ok(_) => Ok("opened".into()),
            Err(error) => Err(Refused(format!("{error:?}"))),
        },
        ["buckets"] => {
            let mut all = Vec::new();
            loop {
                all.push(open("own")?);
            }
        }
        ["config", key] => Ok(config::get(key)?.unwrap_or("nothing".into())),
        ["log", text] => {
            logging::log(logging::Level::Warn, "reaching", text);
            Ok("logged".into())
        }
        ["env", name] => Ok(std::env::var(name).unwrap_or("nothing".into())),
        ["file", path] => std::fs::read_to_string(path).map_err(in_words),
        ["secret", name] => secrets::placeholder(name),
        ["reveal", name] => Ok(String::from_utf8_lossy(&secrets::reveal(name)?).into_owned()),
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
            found.map(|_| "found".into()).map_err(|error| Refused(format!("{error:?}")))
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
            printed.map(|()| "printed".into()).map_err(in_words)
        }
        ["drop", count, url] => {
            let sent = (0..number(count)?).filter(|_| begin(url).is_ok()).count();
            Ok(format!("dropped {sent}"))
        }
        _ => Ok(format!("ok: {}", words.join(" "))),
    }
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().map_err(|_| Refused(format!("`{text}` is no number")))
}

fn in_words(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}

/// Sends a request. Returns the status and the body.
fn get(request: Request) -> Result<String, Refused> {
    let answer = request.send()?;
    Ok(format!("{} {}", answer.status, answer.text()))
}

/// Sends a request and does not wait for its answer.
fn begin(url: &str) -> Result<(), String> {
    let authority = url.strip_prefix("http://").ok_or("no scheme")?.trim_end_matches('/');
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "the scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority")?;
    request.set_path_with_query(Some("/")).map_err(|()| "the path")?;
    outgoing_handler::handle(request, None).map(drop).map_err(|error| format!("{error:?}"))
}

export_agent!(Reaching);
