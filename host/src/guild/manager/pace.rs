//! How often a manager publishes what all sockets of its guild receive. A publication costs what it reaches. While there
//! is room they come at once; after that, those that come within an interval become one, with what is true at its end.

use std::time::Duration;

use tokio::time::Instant;

/// The receivers that become free in a millisecond.
const PER_MS: u32 = 4;
/// The receivers that are free after a quiet time.
const AT_ONCE: u32 = 4_000;
/// What a publication costs at least, in receivers.
const LEAST: u32 = 16;
/// What a publication costs at most, in receivers, so that a large guild hears its news four times a second.
const MOST: u32 = 1_000;

/// The receivers that are free. Plain data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    free: u32,
    /// When the last receivers became free.
    since: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { free: AT_ONCE, since: now }
    }

    /// Takes a publication for so many receivers.
    ///
    /// # Errors
    /// When the publication is free.
    pub(super) fn take(&mut self, now: Instant, receivers: usize) -> Result<(), Instant> {
        let passed = u32::try_from((now - self.since).as_millis()).unwrap_or(u32::MAX);
        self.since += Duration::from_millis(u64::from(passed));
        self.free = self.free.saturating_add(passed.saturating_mul(PER_MS)).min(AT_ONCE);
        let cost = u32::try_from(receivers).unwrap_or(MOST).clamp(LEAST, MOST);
        let missing = cost.saturating_sub(self.free);
        if missing > 0 {
            return Err(self.since + Duration::from_millis(u64::from(missing.div_ceil(PER_MS))));
        }
        self.free -= cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_two_seconds(receivers: usize) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        (0..2_000).filter(|ms| pace.take(start + Duration::from_millis(*ms), receivers).is_ok()).count()
    }

    #[test]
    fn a_storm_in_a_large_guild_is_slowed_down() {
        assert_eq!(in_two_seconds(1_000), 4 + 7);
        assert_eq!(in_two_seconds(1_000_000), 4 + 7);
        assert_eq!(in_two_seconds(500), 8 + 15);
    }

    #[test]
    fn a_small_guild_hears_its_news_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..64).all(|receivers| pace.take(start, receivers).is_ok()));
        assert!(in_two_seconds(1) < 800, "a storm in it is slowed down too");
    }

    #[test]
    fn a_refusal_tells_when_the_next_one_is_free() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..4).all(|_| pace.take(start, 1_000).is_ok()));
        assert_eq!(pace.take(start, 1_000), Err(start + Duration::from_millis(250)));
        assert_eq!(pace.take(start + Duration::from_millis(100), 1_000), Err(start + Duration::from_millis(250)));
        let later = start + Duration::from_secs(60);
        assert!((0..4).all(|_| pace.take(later, 1_000).is_ok()) && pace.take(later, 1_000).is_err());
    }
}
