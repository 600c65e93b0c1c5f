//! What the turns of an agent have used since its task began. People compare it with the agent's limits.

use std::time::Duration;

use crate::metrics::Outcome;
use guildhall_sandbox::Usage;

/// The sums and maxima of an agent's turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnTotals {
    /// Turns that have ended.
    pub turns: u64,
    /// Those among them whose message was not served: declined, broken or cancelled.
    pub failed: u64,
    /// Units of fuel of all turns together.
    pub fuel: u64,
    /// Units of fuel of the turn that used most.
    pub most_fuel: u64,
    /// The most linear memory that an instance held, in bytes.
    pub peak_memory_bytes: u64,
    /// The time of the longest turn.
    pub longest: Duration,
}

impl TurnTotals {
    /// Counts a turn that has ended.
    pub fn count(&mut self, outcome: Outcome, usage: &Usage) {
        self.turns += 1;
        self.failed += match outcome {
            Outcome::Done => 0,
            Outcome::Declined | Outcome::Broken | Outcome::Cancelled => 1,
        };
        self.fuel = self.fuel.saturating_add(usage.fuel_used);
        self.most_fuel = self.most_fuel.max(usage.fuel_used);
        self.peak_memory_bytes = self.peak_memory_bytes.max(usage.peak_memory_bytes);
        self.longest = self.longest.max(usage.wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_grow_and_maxima_stay() {
        let mut totals = TurnTotals::default();
        let usage = |fuel_used, ms| Usage {
            fuel_used,
            peak_memory_bytes: fuel_used * 10,
            wall: Duration::from_millis(ms),
            ..Usage::default()
        };
        totals.count(Outcome::Done, &usage(5, 20));
        totals.count(Outcome::Broken, &usage(3, 40));
        let expected = TurnTotals {
            turns: 2,
            failed: 1,
            fuel: 8,
            most_fuel: 5,
            peak_memory_bytes: 50,
            longest: Duration::from_millis(40),
        };
        assert_eq!(totals, expected);
    }
}
