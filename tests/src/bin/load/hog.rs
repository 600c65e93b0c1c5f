//! Agents that loop for ever, as bad neighbours.

use std::path::Path;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use guildhall_tests::{Rest, blueprint};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::session::{self, Session};

/// Launches so many hogs and keeps each of them busy until the set is dropped.
pub async fn start(hogs: usize, wasm: Option<&Path>, sandbox: &str, rest: &Rest) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    if hogs == 0 {
        return Ok(tasks);
    }
    let wasm = wasm.context("--hogs needs --hog-wasm")?;
    let component = std::fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let digest = rest.upload(component).await;
    let sandbox = serde_json::from_str(sandbox).context("--hog-sandbox is no JSON")?;
    for hog in 0..hogs {
        let guild = rest.launch_spec(&blueprint::hostile(&digest, &sandbox)).await;
        let session = session::join(rest.authority(), &guild, &format!("hog{hog}")).await?;
        tasks.spawn(keep_busy(session));
    }
    Ok(tasks)
}

/// Says `loop`, and says it again whenever the host has put an end to it.
async fn keep_busy(mut session: Session) {
    let text = r#"{"format":"text","payload":{"text":"loop"}}"#;
    while session.socket.send(Message::text(text)).await.is_ok() {
        loop {
            match session.socket.next().await {
                Some(Ok(Message::Text(text))) if text.contains("ErrorMessage") => break,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}
