//! The processor time of a thread.

use std::time::Duration;

/// Returns the time that the calling thread has spent on a processor; zero when the system has no such clock.
#[expect(unsafe_code, reason = "libc's call that reads the clock of the calling thread")]
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type that lives on this stack.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_sleep_does_not() {
        let began = thread_time();
        std::thread::sleep(Duration::from_millis(30));
        let slept = thread_time() - began;
        assert!(slept < Duration::from_millis(20), "{slept:?}");
        let mut sum = 0_u64;
        while thread_time() - began < slept + Duration::from_millis(1) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
