//! How often a manager publishes what all sockets of its guild receive. A few publications are free; when there are more,
//! those that come within an interval become one, with what is true at its end.

use std::time::Duration;

use tokio::time::Instant;

/// The time in which one more publication becomes free.
const EVERY: Duration = Duration::from_millis(250);
/// The publications that are free after a quiet time.
const AT_ONCE: u32 = 8;

/// The publications that are free. Plain data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    free: u32,
    /// When the last publication became free.
    since: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { free: AT_ONCE, since: now }
    }

    /// Takes a publication.
    ///
    /// # Errors
    /// When the next one is free.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        while self.free < AT_ONCE && now >= self.since + EVERY {
            self.free += 1;
            self.since += EVERY;
        }
        if self.free == AT_ONCE {
            self.since = now;
        }
        self.free = self.free.checked_sub(1).ok_or(self.since + EVERY)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_slowed_down_and_a_quiet_guild_is_not() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut published = 0;
        for ms in 0..2_000 {
            published += u32::from(pace.take(start + Duration::from_millis(ms)).is_ok());
        }
        assert_eq!(published, AT_ONCE + 7);
        let end = start + Duration::from_millis(2_000);
        assert!(pace.take(end).is_ok());
        assert_eq!(pace.take(end), Err(start + Duration::from_millis(2_250)));
        let later = end + Duration::from_secs(60);
        assert!((0..AT_ONCE).all(|_| pace.take(later).is_ok()) && pace.take(later).is_err());
    }
}
