//! A user who joins a guild and chats as the client of the guide does.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::frame;
use crate::host::Host;
use crate::socket::Socket;
use crate::wait::DEADLINE;

/// Both sockets of a user who has joined.
pub struct Chat {
    pub guild: String,
    pub user: String,
    pub system: Socket,
    pub socket: Socket,
    /// The first health report. It came before the user socket was opened.
    pub first_report: Value,
    /// The first health report that was `ok`.
    pub ok_report: Value,
    pub participants: Value,
}

/// Joins as the guide says: system socket, first health report, user socket, a health report that is `ok`, the list of
/// participants.
pub async fn join(host: &Host, guild: &str, user: &str) -> Chat {
    join_with(host, guild, user, "").await
}

/// Does the same as [`join`], with a query (such as `?ack=1`) on both sockets.
pub async fn join_with(host: &Host, guild: &str, user: &str, query: &str) -> Chat {
    let mut system = Socket::connect(&system_url(host, guild, user, query)).await;
    let first_report = system.wait_for("the first health report", frame::is_report).await;
    let socket = Socket::connect(&user_url(host, guild, user, query)).await;
    let ok_report = if frame::is_ok_report(&first_report) {
        first_report.clone()
    } else {
        // The client of the guide waits 15 s until a guild is ready.
        system.wait_within(Duration::from_secs(15), "a report that says ok", frame::is_ok_report).await
    };
    system.send(&json!({
        "format": "participantsRequest",
        "payload": {"guild_id": guild},
        "sender": {"id": user},
    }));
    let participants = system.wait_for("the participants", |frame| frame["payload"]["participants"].is_array()).await;
    Chat { guild: guild.to_owned(), user: user.to_owned(), system, socket, first_report, ok_report, participants }
}

/// Returns the path of a user's system socket.
#[must_use]
pub fn system_url(host: &Host, guild: &str, user: &str, query: &str) -> String {
    host.ws(&format!("/ws/guilds/{guild}/syscomms/{user}{query}"))
}

/// Returns the path of a user's socket. The user's name is derived from the id.
#[must_use]
pub fn user_url(host: &Host, guild: &str, user: &str, query: &str) -> String {
    let name = format!("The {user}");
    let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    host.ws(&format!("/ws/guilds/{guild}/usercomms/{user}/{name}{query}"))
}

impl Chat {
    /// Sends a text as the client of the guide does.
    pub fn say(&self, text: &str) {
        self.socket.send(&json!({
            "format": "text",
            "payload": {"text": text},
            "sender": {"id": self.user, "name": format!("The {}", self.user)},
            "conversationId": null,
            "timestamp": "2025-01-15T10:00:00.000Z",
        }));
    }

    /// Sends a text with a client id, so that sending it again changes nothing.
    pub fn say_as(&self, client_id: &str, text: &str) {
        self.socket.send(&json!({"id": client_id, "format": "text", "payload": {"text": text}}));
    }

    /// Waits for the next message with this text.
    pub async fn hear(&mut self, text: &str) -> Value {
        self.socket.wait_for(&format!("`{text}`"), |frame| frame::says(frame, text)).await
    }

    /// Sends a text to an echo guild and waits for the echo.
    pub async fn echo(&mut self, text: &str) -> Value {
        self.echo_within(DEADLINE, text).await
    }

    /// Does the same as [`Chat::echo`], with another deadline.
    pub async fn echo_within(&mut self, deadline: Duration, text: &str) -> Value {
        self.say(text);
        let wanted = format!("Echo: {text}");
        self.socket.wait_within(deadline, &format!("`{wanted}`"), |frame| frame::says(frame, &wanted)).await
    }

    /// Asks the guild to stop, as the client of the guide does.
    pub fn stop_guild(&self) {
        self.system.send(&json!({
            "format": "stopGuildRequest",
            "payload": {"guild_id": self.guild},
            "sender": {"id": self.user},
        }));
    }
}
