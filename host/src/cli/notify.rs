//! Tells systemd how the host is (`Type=notify`): that it is ready, reads its configuration again, or stops. With
//! `WatchdogSec=`, systemd is told regularly that the host still answers, and only while it does.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, sleep_until};

use crate::server::Server;

/// A service of systemd. It does nothing where there is no systemd.
pub struct Systemd {
    /// How often systemd is told that the host answers, and when next.
    watchdog: Option<(Duration, Instant)>,
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

impl Systemd {
    /// Tells that the host is ready.
    pub fn ready() -> Self {
        tell(&[NotifyState::Ready]);
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { watchdog: every.map(|every| (every, Instant::now())) }
    }

    /// Tells that the configuration is being read again.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// Tells that the configuration was read.
    pub fn reloaded(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Tells that the host stops.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Waits until the host is to be asked again, and tells that it answers if it does. Without a watchdog it waits for
    /// ever. Cancel safe.
    pub async fn feed(&mut self, server: &Server) {
        let Some((every, next)) = &mut self.watchdog else { return std::future::pending().await };
        sleep_until(*next).await;
        if server.answers(*every).await {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("the host does not answer, and systemd is not told that it does");
        }
        *next = Instant::now() + *every;
    }
}
