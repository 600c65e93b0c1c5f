//! The news of a guild's members: users and agents that join or leave. They are announced to every system socket, so
//! they are collected: there is at most one announcement in [`BETWEEN`], however many users join.

use std::time::Duration;

use tokio::time::Instant;

use guildhall_model::participant::Participant;

/// The least time between two announcements.
const BETWEEN: Duration = Duration::from_millis(500);

/// What was announced last, and whether something has changed since.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The participants that clients know.
    known: Vec<Participant>,
    /// When the next announcement is due; `None`: nothing has changed.
    due: Option<Instant>,
    /// The earliest time of the next announcement.
    not_before: Option<Instant>,
    /// Whether the guild itself is to be announced, with the participants.
    of_guild: bool,
}

impl News {
    /// Sets the participants that no client needs to be told of.
    pub(super) fn begin(&mut self, participants: Vec<Participant>) {
        self.known = participants;
    }

    /// Makes an announcement of the participants due.
    pub(super) fn changed(&mut self, now: Instant) {
        self.due.get_or_insert_with(|| self.not_before.map_or(now, |time| time.max(now)));
    }

    /// Makes an announcement of the guild and of the participants due.
    pub(super) fn guild_changed(&mut self, now: Instant) {
        self.of_guild = true;
        self.changed(now);
    }

    /// Waits until an announcement is due, forever if none is. Cancel safe.
    pub(super) fn wait(&self) -> impl Future<Output = ()> + use<> {
        let due = self.due;
        async move {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Takes what is to be announced: whether the guild is, and the participants if they have changed.
    pub(super) fn take(&mut self, participants: Vec<Participant>, now: Instant) -> (bool, Option<Vec<Participant>>) {
        self.due = None;
        self.not_before = Some(now + BETWEEN);
        let of_guild = std::mem::take(&mut self.of_guild);
        if participants == self.known {
            return (of_guild, None);
        }
        self.known.clone_from(&participants);
        (of_guild, Some(participants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_model::tag::AgentTag;

    #[test]
    fn many_changes_are_one_announcement_at_a_time() {
        let one = |id: &str| Participant::new(AgentTag::new(id, id), "x.Y");
        let (mut news, start) = (News::default(), Instant::now());
        news.guild_changed(start);
        assert_eq!(news.due, Some(start), "the first change is announced at once");
        assert_eq!(news.take(vec![one("a")], start), (true, Some(vec![one("a")])));
        assert_eq!(news.due, None);
        for ms in 1..100 {
            news.changed(start + Duration::from_millis(ms));
        }
        assert_eq!(news.due, Some(start + BETWEEN));
        assert_eq!(news.take(vec![one("a")], start + BETWEEN), (false, None), "nobody came or left");
        let later = start + BETWEEN * 9;
        news.changed(later);
        assert_eq!(news.due, Some(later));
    }
}
