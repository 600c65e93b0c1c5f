//! How fast an agent may emit. A little is free; more is charged and paid for with a pause. Emits make work for the host
//! outside of the agent's turn, which neither fuel nor the low-priority pool bounds. Pure.

use std::time::{Duration, Instant};

/// How much is free, in messages, values and KiB.
const FREE: u64 = 16;
/// How long the free weight of a second lasts.
const SECOND: Duration = Duration::from_secs(1);
/// The most that one turn costs.
const LONGEST: Duration = Duration::from_secs(60);
/// Shorter pauses are added up until they reach this.
const SHORTEST: Duration = Duration::from_millis(5);

/// What of a turn is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// A weight of 16 of this turn: it answers a message of a person, and people are slowed down where they send.
    Turn,
    /// What is left of a weight of 16 a second: the turn answers an agent, so it may be one of an endless chain.
    Second,
}

/// What an agent owes for its emits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When everything that the agent emitted is paid for.
    paid_at: Option<Instant>,
    /// When the current second of free weight began, and how much of it is used.
    second: Option<(Instant, u64)>,
    has_paused: bool,
}

impl Pace {
    /// Charges what a turn has emitted, in messages, values and KiB, at `per_s` of them a second. Returns the pause
    /// that is due, if any.
    pub fn charge(&mut self, emitted: u64, free: Free, per_s: u64, now: Instant) -> Option<Duration> {
        let charged = emitted.saturating_sub(match free {
            Free::Turn => FREE,
            Free::Second => self.use_second(emitted, now),
        });
        if charged == 0 {
            return None;
        }
        let costs = Duration::from_nanos(charged.saturating_mul(1_000_000_000 / per_s.max(1)));
        let costs = costs.min(LONGEST);
        let paid_at = self.paid_at.map_or(now, |paid_at| paid_at.max(now)) + costs;
        self.paid_at = Some(paid_at);
        Some(paid_at - now).filter(|pause| *pause >= SHORTEST)
    }

    /// Uses up to this much of what is free in the current second, and returns how much.
    fn use_second(&mut self, emitted: u64, now: Instant) -> u64 {
        let (began, used) = self.second.filter(|(began, _)| now.duration_since(*began) < SECOND).unwrap_or((now, 0));
        let free = emitted.min(FREE - used);
        self.second = Some((began, used + free));
        free
    }

    /// Returns true at its first call only: the first pause is written to the agent's log.
    pub const fn is_first_pause(&mut self) -> bool {
        !std::mem::replace(&mut self.has_paused, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_messages_to_a_person_cost_nothing() {
        let mut pace = Pace::default();
        let now = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(pace.charge(16, Free::Turn, 1, now), None);
        }
    }

    #[test]
    fn an_agent_that_sends_itself_two_small_messages_a_turn_without_end_is_paused() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(10) {
            sent += 2;
            now += Duration::from_micros(100) + pace.charge(2, Free::Second, 1_000, now).unwrap_or_default();
        }
        assert!((9_900..10_300).contains(&sent), "{sent} in 10 s at 1,000 a second, with 16 a second free");
    }

    #[test]
    fn a_few_messages_to_agents_cost_nothing_if_they_are_few_a_second() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(pace.charge(16, Free::Second, 1, now), None);
            now += SECOND;
        }
        assert_eq!(pace.charge(16, Free::Second, 1, now), None);
        assert_eq!(pace.charge(1, Free::Second, 1, now), Some(SECOND));
    }

    #[test]
    fn many_messages_are_paid_for_with_pauses() {
        let now = Instant::now();
        assert_eq!(Pace::default().charge(116, Free::Turn, 10_000, now), Some(Duration::from_millis(10)));
        let mut pace = Pace::default();
        assert_eq!(pace.charge(36, Free::Turn, 10_000, now), None, "2 ms are too short for a pause");
        assert_eq!(pace.charge(56, Free::Turn, 10_000, now), Some(Duration::from_millis(6)), "but it is owed");
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.charge(36, Free::Turn, 10_000, later), None, "the debt is paid by time");
        assert!(Pace::default().charge(u64::MAX, Free::Turn, 1, now).is_some(), "it does not overflow");
    }
}
