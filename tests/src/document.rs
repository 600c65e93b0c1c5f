//! The requests and messages of the client guide, unchanged except for the ids that are filled in.

use serde_json::Value;

pub const AGENT: &str = include_str!("../data/document/agent.json");
pub const CATEGORY: &str = include_str!("../data/document/category.json");
pub const BLUEPRINT: &str = include_str!("../data/document/blueprint.json");
pub const LAUNCH: &str = include_str!("../data/document/launch.json");
pub const PARTICIPANTS_REQUEST: &str = include_str!("../data/document/participants_request.json");
pub const STOP_REQUEST: &str = include_str!("../data/document/stop_request.json");
pub const TEXT: &str = include_str!("../data/document/text.json");

/// The user for whom the guide launches its guild.
pub const USER: &str = "testuser123";
pub const USER_NAME: &str = "Test User";

/// Returns a body with its placeholders (such as `{guild_id}`) replaced.
#[must_use]
pub fn fill(body: &str, places: &[(&str, &str)]) -> Value {
    let filled =
        places.iter().fold(body.to_owned(), |body, (place, value)| body.replace(&format!("{{{place}}}"), value));
    serde_json::from_str(&filled).expect("the document's bodies are JSON")
}
