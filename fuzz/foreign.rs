//! The readers of untrusted bytes, one function for each group. A function must return without a panic and within the
//! limits of its caller: the targets of `cargo fuzz`, and a test with seeds (`model/tests/foreign.rs`). Expressions are
//! only checked here; `fuzz_targets/expressions.rs` evaluates them in the sandbox.

use guildhall_model::component::ComponentRef;
use guildhall_model::expression::Expressions;
use guildhall_model::expression::native::NativeEvaluator;
use guildhall_model::frame;
use guildhall_model::ids::MessageId;
use guildhall_model::json_schema::SchemaLimits;
use guildhall_model::message::Message;
use guildhall_model::path::Path;
use guildhall_model::priority::Priority;
use guildhall_model::read::document;
use guildhall_model::read::spec::{SandboxCeilings, SpecContext, guild, rule, slip};
use guildhall_model::request::Request;
use guildhall_model::routing::hashid::hashid;
use guildhall_model::spec::UpdateFormat;
use guildhall_model::state::{StateChange, changed, fetched};
use guildhall_model::{configuration, format, json, payload};
use serde_json::{Map, Value};

const CEILINGS: SandboxCeilings =
    SandboxCeilings { fuel: 1_000, memory_mib: 64, timeout_ms: 1_000, emits: 8, ..SandboxCeilings::NOTHING };

/// The largest body of a request, as in the API.
const MAX_BODY: usize = 4 << 20;

fn value(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > MAX_BODY {
        return None;
    }
    json::parse(bytes).ok()
}

fn expressions() -> Expressions<'static> {
    Expressions::unshared(&NativeEvaluator)
}

/// Reads a frame of a client.
pub fn frames(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(frame) = frame::read(text, &expressions()) {
        let _ = frame.into_draft(&"u".into(), "U", 1);
    }
}

/// Reads a spec with its configuration, and reads the result again.
pub fn specs(bytes: &[u8]) {
    let Some(whole) = value(bytes) else { return };
    let Ok(configured) = configuration::configured(whole, Map::new(), SchemaLimits::default()) else { return };
    let expressions = expressions();
    let context = SpecContext { ceilings: &CEILINGS, expressions: &expressions, random: || 0 };
    if let Ok(spec) = document(&configured, &[], guild(context)) {
        let again = serde_json::to_value(&spec).expect("a spec is JSON");
        assert!(document(&again, &[], guild(context)).is_ok(), "a spec cannot be read back: {again}");
    }
}

/// Reads a routing slip and a single rule.
pub fn slips(bytes: &[u8]) {
    let Some(whole) = value(bytes) else { return };
    let _ = document(&whole, &[], slip(&expressions()));
    if let Ok(rule) = document(&whole, &[], rule(&expressions())) {
        assert_eq!(hashid(&rule).len(), 64);
    }
}

/// Reads the requests about states, and applies a path and a patch to a state.
pub fn patches(bytes: &[u8]) {
    let Some(whole) = value(bytes) else { return };
    let expressions = expressions();
    let context = SpecContext { ceilings: &CEILINGS, expressions: &expressions, random: || 0 };
    for name in [format::STATE_UPDATE_REQUEST, format::STATE_FETCH_REQUEST] {
        let _ = Request::read(name, &whole, context);
    }
    let path = whole["path"].as_str().map(str::to_owned);
    for format in [UpdateFormat::JsonPatch, UpdateFormat::MergePatch] {
        let change = StateChange { format, update: whole["update"].clone(), path: path.clone(), version: None };
        if let Ok(next) = changed(&whole["state"], 0, &change) {
            let text = next.to_string();
            assert!(payload::check_object(&text).is_ok(), "a state cannot be read back: {text}");
        }
    }
    let _ = fetched(&whole["state"], path.as_deref());
    if let Ok(path) = Path::parse(path.as_deref().unwrap_or_default()) {
        let _ = path.make(&mut whole["state"].clone());
    }
}

/// Reads ids, priorities, references to components and stored messages.
pub fn ids(bytes: &[u8]) {
    let Some(whole) = value(bytes) else { return };
    let _ = Priority::read(&whole);
    let _ = document(&whole, &[], ComponentRef::read);
    if let Ok(id) = serde_json::from_value::<MessageId>(whole.clone()) {
        assert_eq!(id.to_string().parse(), Ok(id.get()));
        let _ = (id.timestamp_ms(), id.before(u64::MAX), id.as_i64());
    }
    let _ = serde_json::from_slice::<Message>(bytes).map(|message| message.full_thread());
}
