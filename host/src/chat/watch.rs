//! Watches the health of a guild while somebody chats with it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::client::{Client, Report, encode, is_final};

/// The pause before a broken connection is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// A task that sends each health report. It ends when this is dropped.
pub struct Watching(#[expect(dead_code, reason = "ends the task when it is dropped")] AbortOnDropHandle<()>);

impl Watching {
    /// Begins to watch. The first error is sent when no report came before it, and when there is nothing to come back to.
    pub fn begin(client: Client, guild: String, user: String, reports: mpsc::Sender<anyhow::Result<Report>>) -> Self {
        let path = format!("/ws/guilds/{}/syscomms/{}?dialect=guide", encode(&guild), encode(&user));
        let watching = async move {
            let mut has_reported = false;
            loop {
                let Err(ended) = watch(&client, &path, &reports, &mut has_reported).await;
                if !has_reported || is_final(&ended) {
                    // The other socket says why it ends, too.
                    if !has_reported {
                        let _ = reports.send(Err(ended)).await;
                    }
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        Self(AbortOnDropHandle::new(tokio::spawn(watching)))
    }
}

async fn watch(
    client: &Client,
    path: &str,
    reports: &mpsc::Sender<anyhow::Result<Report>>,
    has_reported: &mut bool,
) -> Result<std::convert::Infallible, anyhow::Error> {
    let mut socket = client.socket(path).await?;
    loop {
        let frame = socket.next().await?;
        if let Some(report) = Report::of(&frame) {
            *has_reported = true;
            reports.send(Ok(report)).await?;
        }
    }
}
