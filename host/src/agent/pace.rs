//! How fast an agent may emit. Each turn may emit a little at no cost; more is charged and paid for with a pause. Emits
//! make work for the host outside of the agent's turn, which neither fuel nor the low-priority pool bounds. Pure.

use std::time::{Duration, Instant};

/// How much every turn may emit at no cost, in messages, values and KiB.
const FREE: u64 = 16;
/// The most that one turn costs.
const LONGEST: Duration = Duration::from_secs(60);
/// Shorter pauses are added up until they reach this.
const SHORTEST: Duration = Duration::from_millis(5);

/// What an agent owes for its emits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When everything that the agent emitted is paid for.
    paid_at: Option<Instant>,
    has_paused: bool,
}

impl Pace {
    /// Charges what a turn has emitted, in messages, values and KiB, at `per_s` of them a second. Returns the pause
    /// that is due, if any.
    pub fn charge(&mut self, emitted: u64, per_s: u64, now: Instant) -> Option<Duration> {
        let charged = emitted.saturating_sub(FREE);
        if charged == 0 {
            return None;
        }
        let costs = Duration::from_nanos(charged.saturating_mul(1_000_000_000 / per_s.max(1)));
        let costs = costs.min(LONGEST);
        let paid_at = self.paid_at.map_or(now, |paid_at| paid_at.max(now)) + costs;
        self.paid_at = Some(paid_at);
        Some(paid_at - now).filter(|pause| *pause >= SHORTEST)
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
    fn a_few_messages_cost_nothing() {
        let mut pace = Pace::default();
        let now = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(pace.charge(16, 1, now), None);
        }
    }

    #[test]
    fn many_messages_are_paid_for_with_pauses() {
        let now = Instant::now();
        assert_eq!(Pace::default().charge(116, 10_000, now), Some(Duration::from_millis(10)));
        let mut pace = Pace::default();
        assert_eq!(pace.charge(36, 10_000, now), None, "2 ms are too short for a pause");
        assert_eq!(pace.charge(56, 10_000, now), Some(Duration::from_millis(6)), "but it is owed");
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.charge(36, 10_000, later), None, "the debt is paid by time");
        assert!(Pace::default().charge(u64::MAX, 1, now).is_some(), "it does not overflow");
    }
}
