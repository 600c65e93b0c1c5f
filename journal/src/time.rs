//! The time by which messages get their ids and retention removes them. A wall clock may jump: by a wrong setting, or a
//! broken time server. A jump far ahead would spend ids for good and remove messages, so until it has lasted for an hour
//! the time goes on as the monotonic clock says.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use guildhall_model::clock::Clock;

/// A wall clock that is further ahead of the monotonic one than this has jumped.
const MOST_AHEAD: Duration = Duration::from_secs(24 * 3600);
/// A jump that lasts this long is taken for a correction of the clock.
const ACCEPTED_AFTER: Duration = Duration::from_secs(3600);
/// A clock that is further ahead of the last message than this when the host begins has jumped.
const MOST_IDLE: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// The end of the year 2090, in milliseconds since 1970. Ids have room for little more, so no later time is accepted.
const LAST_MS: u64 = 3_818_448_000_000;

/// A clock whose jumps ahead are noticed.
#[derive(Debug)]
pub struct PlausibleTime {
    clock: Clock,
    state: Mutex<State>,
}

/// When the clocks agreed last, and since when they do not.
#[derive(Clone, Copy, Debug)]
struct State {
    agreed_ms: u64,
    agreed: Running,
    jumped: Option<Running>,
}

/// The time since the host began: without the sleep of the machine, and with it where the system tells.
#[derive(Clone, Copy, Debug)]
struct Running {
    awake: Instant,
    uptime: Option<Duration>,
}

impl Running {
    fn now() -> Self {
        Self { awake: Instant::now(), uptime: uptime() }
    }
}

impl PlausibleTime {
    /// Takes the time of the clock for right, unless it is years after the last message (0: there is none).
    pub fn new(clock: Clock, last_message_ms: u64) -> Self {
        let wall = clock.now_ms();
        let is_far = last_message_ms > 0 && wall > after(last_message_ms, MOST_IDLE);
        let agreed_ms = if is_far { last_message_ms } else { wall };
        let state = State { agreed_ms, agreed: Running::now(), jumped: None };
        Self { clock, state: Mutex::new(state) }
    }

    /// Returns the time in milliseconds since 1970: that of the clock, or the last plausible one with the time since.
    pub fn now_ms(&self) -> u64 {
        let wall = self.clock.now_ms();
        if !self.clock.is_system() {
            return wall;
        }
        let mut state = self.state.lock();
        let awake = state.agreed.awake.elapsed();
        if !is_ahead(wall, state.agreed_ms, awake) {
            if state.jumped.take().is_some() {
                tracing::warn!("the clock of the machine is plausible again");
            }
            return wall;
        }
        self.jumped(&mut state, wall, awake)
    }

    /// Returns whether the clock has jumped ahead and its time is not used.
    pub fn has_jumped(&self) -> bool {
        self.now_ms();
        self.state.lock().jumped.is_some()
    }

    fn jumped(&self, state: &mut State, wall: u64, awake: Duration) -> u64 {
        let Some(since) = state.jumped else {
            let now = Running::now();
            let asleep = now.uptime.zip(state.agreed.uptime).map(|(now, then)| now.saturating_sub(then));
            if asleep.is_some_and(|since| !is_ahead(wall, state.agreed_ms, since)) {
                // The machine has slept.
                (state.agreed_ms, state.agreed) = (wall, now);
                return wall;
            }
            state.jumped = Some(now);
            tracing::error!(
                wall_ms = wall,
                "the clock of the machine has jumped far ahead; its time is not used, and nothing is removed by age"
            );
            return after(state.agreed_ms, awake);
        };
        if since.awake.elapsed() > ACCEPTED_AFTER && wall < LAST_MS {
            tracing::warn!("the clock of the machine has been ahead for an hour; its time is used from now on");
            (state.agreed_ms, state.agreed, state.jumped) = (wall, Running::now(), None);
            return wall;
        }
        after(state.agreed_ms, awake)
    }
}

fn after(ms: u64, passed: Duration) -> u64 {
    ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

fn is_ahead(wall_ms: u64, agreed_ms: u64, passed: Duration) -> bool {
    wall_ms > after(after(agreed_ms, passed), MOST_AHEAD)
}

/// The time since the machine started, with its sleep; `None` where the system does not tell.
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_years_ahead_is_not_followed_and_one_behind_is() {
        let day = 24 * 3_600_000;
        let now = 1_800_000_000_000;
        assert!(!is_ahead(now + day, now, Duration::from_secs(1)));
        assert!(is_ahead(now + 31 * day, now, Duration::from_secs(1)));
        assert!(!is_ahead(now + 31 * day, now, Duration::from_secs(31 * 24 * 3600)), "so much time has passed");
        assert!(!is_ahead(now - day, now, Duration::from_secs(1)));
    }

    #[test]
    fn a_start_years_after_the_last_message_goes_on_from_it() {
        let last = Clock::system().now_ms() - 6 * 365 * 24 * 3_600_000;
        let time = PlausibleTime::new(Clock::system(), last);
        assert!(time.now_ms().abs_diff(last) < 60_000 && time.has_jumped());
        let time = PlausibleTime::new(Clock::system(), last + 2 * 365 * 24 * 3_600_000);
        assert!(!time.has_jumped(), "a host may rest for four years");
    }

    #[test]
    fn a_jump_leaves_the_time_where_the_monotonic_clock_is_and_a_correction_ends_it() {
        let time = PlausibleTime::new(Clock::system(), 0);
        // As if the clock had been two days behind when the host began.
        time.state.lock().agreed_ms -= 2 * 24 * 3_600_000;
        let behind = time.now_ms();
        assert!(behind + 24 * 3_600_000 < Clock::system().now_ms(), "the wall clock is not used");
        assert!(time.has_jumped());
        time.state.lock().agreed_ms += 2 * 24 * 3_600_000;
        assert!(!time.has_jumped());
        assert!(time.now_ms().abs_diff(Clock::system().now_ms()) < 1_000);
    }
}
