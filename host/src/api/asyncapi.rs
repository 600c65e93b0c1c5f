//! The description of the sockets, for programs: an AsyncAPI document at `/asyncapi.json`. The schemas are those of the
//! types that are written, and names, close codes and kinds of errors come from the code. A test compares the document
//! with the frames of a host.

mod channels;
mod formats;
mod messages;
mod schemas;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use super::state::Route;

pub fn routes() -> Vec<Route> {
    vec![("/asyncapi.json", get(description))]
}

/// Returns the description of the sockets.
#[must_use]
pub fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Guildhall sockets",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Users talk to a guild over two WebSockets. The system socket reports the health of the \
                guild and takes requests about it. The user socket carries the messages of one user. A client opens \
                the system socket, waits for the first health report, opens the user socket, and sends its first \
                message when a report says `ok`. Each frame is one JSON object in a text frame.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": "sockets", "description": "What a socket carries, in both directions"}],
        },
        "defaultContentType": "application/json",
        "servers": {"host": {
            "host": "{host}",
            "protocol": "ws",
            "description": "This host. Behind a proxy with TLS the protocol is `wss`.",
            "variables": {"host": {"default": "localhost:8880", "description": "The address of the host, with its port"}},
        }},
        "channels": channels::channels(),
        "operations": channels::operations(),
        "components": {"messages": messages::all(), "schemas": schemas::all()},
        "x-formats": formats::table(),
        "x-close-codes": channels::close_codes(),
        "x-error-types": channels::error_types(),
    })
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests;
