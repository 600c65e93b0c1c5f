//! How fast an agent may say much. What a turn says beyond its first few messages is
//! charged, and paid for with a pause: the work that it makes for the host is not that
//! of the agent's own turn, so fuel and lanes do not bound it. Pure.

use std::time::{Duration, Instant};

/// What every turn may say for nothing, in messages, values and KiB.
const FREE: u64 = 16;
/// No turn costs more.
const LONGEST: Duration = Duration::from_secs(60);
/// Shorter pauses are added up first.
const SHORTEST: Duration = Duration::from_millis(5);

/// Until when what an agent has said is paid for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace(Option<Instant>);

impl Pace {
    /// Charges what a turn has said, in messages, values and KiB, at so many a second; gives the
    /// pause that is due, if one is.
    pub fn charge(&mut self, said: u64, per_s: u64, now: Instant) -> Option<Duration> {
        let charged = said.saturating_sub(FREE);
        if charged == 0 {
            return None;
        }
        let costs = Duration::from_nanos(charged.saturating_mul(1_000_000_000 / per_s.max(1)));
        let costs = costs.min(LONGEST);
        let paid = self.0.map_or(now, |paid| paid.max(now)) + costs;
        self.0 = Some(paid);
        Some(paid - now).filter(|pause| *pause >= SHORTEST)
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
    fn more_is_paid_for_with_pauses() {
        let now = Instant::now();
        assert_eq!(Pace::default().charge(116, 10_000, now), Some(Duration::from_millis(10)));
        let mut pace = Pace::default();
        assert_eq!(pace.charge(36, 10_000, now), None, "2 ms is not worth a pause");
        assert_eq!(pace.charge(56, 10_000, now), Some(Duration::from_millis(6)), "but it is owed");
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.charge(36, 10_000, later), None, "time pays");
        assert!(Pace::default().charge(u64::MAX, 1, now).is_some(), "it does not overflow");
    }
}
