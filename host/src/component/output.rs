//! What `guildhall component` prints: JSON for programs, or lines for people.

use serde_json::{Value, json};

use guildhall_model::routing::Outgoing;
use guildhall_sandbox::{Description, Failure, Format, Outline, Refusal, TurnEnd, TurnOutcome, digest_of, grants};

/// Returns why a component is refused, as JSON.
pub fn refused(refusal: &Refusal) -> Value {
    json!({"code": refusal.code(), "reason": refusal.to_string(), "context": refusal.context()})
}

/// Returns the parts of a component as JSON; `fits` is its description, or why it is refused.
pub fn inspected(bytes: &[u8], outline: &Outline, fits: Result<&Description, &Refusal>) -> Value {
    let formats = |formats: &[Format]| -> Value {
        formats.iter().map(|format| json!({"name": format.name, "json_schema": format.json_schema})).collect()
    };
    let described = fits.ok().map(|description| {
        json!({
            "class_name": description.class_name, "name": description.name, "version": description.version, "summary": description.summary,
            "receives": formats(&description.receives), "emits": formats(&description.emits),
            "properties_schema": description.properties_schema,
        })
    });
    json!({
        "digest": digest_of(bytes), "size": bytes.len(), "imports": outline.imports, "exports": outline.exports,
        "grants": grants(&outline.imports), "functions": outline.functions,
        "longest_function": outline.longest_function, "parts": outline.parts, "items": outline.items,
        "fits": fits.is_ok(), "description": described, "refusal": fits.err().map(refused),
    })
}

/// Returns the parts of a component as lines.
pub fn shown(bytes: &[u8], outline: &Outline, fits: Result<&Description, &Refusal>) -> String {
    let names = |formats: &[Format]| or_none(formats.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", "));
    let mut rows = vec![
        ("digest", digest_of(bytes).into_string()),
        ("size", format!("{} bytes", bytes.len())),
        ("functions", format!("{}, the longest {} bytes", outline.functions, outline.longest_function)),
        ("exports", or_none(outline.exports.join("\n"))),
        ("imports", or_none(outline.imports.join("\n"))),
        ("grants", or_none(grants(&outline.imports).join(", "))),
    ];
    match fits {
        Ok(description) => rows.extend([
            ("class", description.class_name.clone()),
            ("name", format!("{} {}", description.name, description.version)),
            ("summary", description.summary.clone()),
            (
                "receives",
                if description.receives.is_empty() { "every format".to_owned() } else { names(&description.receives) },
            ),
            ("emits", names(&description.emits)),
            ("properties", description.properties_schema.to_string()),
            ("fits", "yes".to_owned()),
        ]),
        Err(refusal) => rows.push(("fits", format!("no: {refusal} [{}]", refusal.code()))),
    }
    let line = |(name, value): (&str, String)| format!("{name:<10} {}\n", value.replace('\n', "\n           "));
    rows.into_iter().map(line).collect()
}

/// Returns `none` for an empty text.
pub fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Returns a text as JSON, or as a JSON string when it is not JSON.
pub fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn emitted(emit: &Outgoing) -> Value {
    let mut shown = json!({"format": emit.format, "payload": json_of(emit.payload.get())});
    let state = emit.session_state.as_ref().map(|state| json_of(state.get()));
    for (key, value) in [
        ("topics", json!(emit.topics)),
        ("recipients", json!(emit.recipients)),
        ("priority", json!(emit.priority)),
        ("new_thread", json!(emit.new_thread)),
        ("session_state", json!(state)),
        ("reason", json!(emit.reason)),
    ] {
        if !(value.is_null() || value == json!([]) || value == json!(false)) {
            shown[key] = value;
        }
    }
    shown
}

/// Returns the outcome of a turn as JSON, with the progress and the log of the turn.
pub fn turn(turn: TurnOutcome, progress: Vec<Value>, log: Vec<Value>) -> Value {
    let usage = json!({
        "fuel": turn.usage.fuel_used, "peak_memory_bytes": turn.usage.peak_memory_bytes,
        "wall_us": u64::try_from(turn.usage.wall.as_micros()).unwrap_or(u64::MAX),
    });
    let patches = |patches: &[String]| -> Value { patches.iter().map(|patch| json_of(patch)).collect() };
    let mut outcome = match turn.end {
        TurnEnd::Done { emits, agent_patches, guild_patches, values } => json!({
            "end": "done", "emits": emits.iter().map(emitted).collect::<Vec<_>>(),
            "agent_state": patches(&agent_patches), "guild_state": patches(&guild_patches),
            "values": values.iter().map(|write| write.key.as_str()).collect::<Vec<_>>(),
        }),
        TurnEnd::Declined(Failure::Reject(reason)) => json!({"end": "rejected", "reason": reason}),
        TurnEnd::Declined(Failure::Retry { reason, after_ms }) => {
            json!({"end": "retry", "reason": reason, "after_ms": after_ms})
        }
        TurnEnd::Declined(Failure::Other(reason)) => json!({"end": "failed", "reason": reason}),
        TurnEnd::Cancelled => json!({"end": "cancelled"}),
        TurnEnd::Broken(fault) => json!({"end": "broken", "fault": fault}),
    };
    outcome["usage"] = usage;
    outcome["progress"] = progress.into();
    outcome["log"] = log.into();
    outcome
}

/// Returns the outcome of a turn as lines for people.
pub fn turn_in_lines(outcome: &Value) -> String {
    let mut text = String::new();
    let items = |key: &str| outcome[key].as_array().into_iter().flatten();
    for (key, what) in [
        ("log", "log"),
        ("progress", "progress"),
        ("agent_state", "agent state"),
        ("guild_state", "guild state"),
        ("values", "keys written"),
    ] {
        for item in items(key) {
            let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            text += &format!("{what}: {item}\n");
        }
    }
    for emit in items("emits") {
        text += &format!("emit {}: {}\n", emit["format"].as_str().unwrap_or_default(), emit["payload"]);
        for (key, value) in
            emit.as_object().into_iter().flatten().filter(|(key, _)| *key != "format" && *key != "payload")
        {
            text += &format!("     {key}: {value}\n");
        }
    }
    let end = outcome["end"].as_str().unwrap_or_default();
    match (&outcome["reason"], &outcome["fault"]["message"]) {
        (Value::String(reason), _) => text += &format!("{end}: {reason}\n"),
        (_, Value::String(message)) => {
            let kind = outcome["fault"]["kind"].as_str().unwrap_or_default();
            text += &format!("{end}: {kind}: {message}\n");
        }
        _ => text += &format!("{end}\n"),
    }
    for frame in outcome["fault"]["backtrace"].as_array().into_iter().flatten() {
        text += &format!("  at {}\n", frame.as_str().unwrap_or_default());
    }
    let usage = &outcome["usage"];
    text + &format!(
        "fuel {}, peak memory {} bytes, {} µs\n",
        usage["fuel"], usage["peak_memory_bytes"], usage["wall_us"]
    )
}

/// Returns JSON with line breaks and a last one.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
