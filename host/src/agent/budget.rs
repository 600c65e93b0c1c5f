//! How often an agent may be restarted: ten times in a row, 1 s, 2 s, 4 s … 30 s apart with a jitter of 25 %. A minute
//! of health refills the budget. Pure.

use std::time::Duration;

/// The wait before the first restart. It doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait before a restart.
const LONGEST: Duration = Duration::from_secs(30);
/// The most restarts in a row.
const IN_A_ROW: u32 = 10;
/// How long an agent must be healthy until its budget is full again.
const HEALTHY: Duration = Duration::from_secs(60);

/// The restarts that an agent has left.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartBudget {
    used: u32,
    /// When the present instance started, if it has not failed since.
    healthy_since_ms: Option<u64>,
}

impl RestartBudget {
    /// Charges one restart and returns the time to wait before it, in whole milliseconds; `None` if the budget is used
    /// up. `jitter` is a random number from 0 to 1.
    pub fn charge(&mut self, now_ms: u64, jitter: f64) -> Option<Duration> {
        let enough = u64::try_from(HEALTHY.as_millis()).unwrap_or(u64::MAX);
        if self.healthy_since_ms.take().is_some_and(|since| now_ms.saturating_sub(since) >= enough) {
            self.used = 0;
        }
        if self.used >= IN_A_ROW {
            return None;
        }
        let wait = FIRST.saturating_mul(1 << self.used.min(16)).min(LONGEST);
        self.used += 1;
        let millis = wait.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0)).as_millis();
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }

    /// Notes that the agent is healthy from now on.
    pub const fn healthy_from(&mut self, now_ms: u64) {
        self.healthy_since_ms = Some(now_ms);
    }

    /// Returns when the budget is full if the agent stays healthy: in Unix milliseconds, 0 if it is full, the largest
    /// number if the agent is not healthy.
    pub fn full_from_ms(&self) -> u64 {
        let enough = u64::try_from(HEALTHY.as_millis()).unwrap_or(u64::MAX);
        match self.healthy_since_ms {
            _ if self.used == 0 => 0,
            Some(since) => since.saturating_add(enough),
            None => u64::MAX,
        }
    }

    /// Gives back restarts that were a message's fault.
    pub fn refund(&mut self, restarts: u32) {
        self.used = self.used.saturating_sub(restarts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(budget: &mut RestartBudget, count: usize, now_ms: u64) -> Vec<Option<u64>> {
        (0..count).map(|_| budget.charge(now_ms, 0.5).map(|wait| wait.as_secs())).collect()
    }

    #[test]
    fn the_waits_between_restarts_grow_and_restarts_end() {
        let mut budget = RestartBudget::default();
        let expected = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].map(Some);
        assert_eq!(waits(&mut budget, 10, 100_000), expected);
        assert_eq!(budget.charge(100_001, 0.5), None);
    }

    #[test]
    fn a_minute_of_health_refills_the_budget() {
        let mut budget = RestartBudget::default();
        waits(&mut budget, 10, 100_000);
        budget.healthy_from(100_000);
        assert_eq!(budget.charge(159_999, 0.5), None);
        assert_eq!(budget.charge(999_999, 0.5), None, "time alone does not refill it");
        assert_eq!(budget.full_from_ms(), u64::MAX);
        budget.healthy_from(100_000);
        assert_eq!((budget.full_from_ms(), RestartBudget::default().full_from_ms()), (160_000, 0));
        assert_eq!(budget.charge(160_000, 0.5), Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_restarts_of_a_message_that_is_given_up_are_refunded() {
        let mut budget = RestartBudget::default();
        waits(&mut budget, 2, 100_000);
        budget.refund(2);
        assert_eq!(waits(&mut budget, 1, 100_000), [Some(1)]);
    }

    #[test]
    fn the_jitter_is_a_quarter_of_the_wait() {
        let range = |jitter| RestartBudget::default().charge(100_000, jitter).unwrap().as_millis();
        assert_eq!((range(0.0), range(1.0)), (750, 1_250));
    }
}
