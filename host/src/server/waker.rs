//! How sockets wake guilds: they know no guilds, only their logs.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::guild::{GuildError, Guilds};
use crate::ws::{Awake, NotAwake, WakeGuild};
use guildhall_model::ids::GuildId;

/// Wakes the guilds of this host.
pub struct Waker(pub Guilds);

impl WakeGuild for Waker {
    fn awake<'a>(&'a self, guild: &'a GuildId) -> BoxFuture<'a, Result<Awake, NotAwake>> {
        let why = move |error: GuildError| {
            match &error {
                GuildError::Unknown => return NotAwake::Unknown,
                GuildError::Stopped | GuildError::Stopping => return NotAwake::Stopped,
                GuildError::Elsewhere => return NotAwake::Away,
                GuildError::Store(_) | GuildError::Journal(_) | GuildError::NotStopped | GuildError::Host(_) => {}
            }
            tracing::error!(%error, %guild, "a guild cannot be woken");
            if error.is_outage() { NotAwake::Away } else { NotAwake::Failed }
        };
        async move { self.0.awake(guild).await.map(|awake| Box::new(awake) as Awake).map_err(why) }.boxed()
    }
}
