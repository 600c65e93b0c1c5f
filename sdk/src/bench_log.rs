//! The log lines of the agent that a bench runs on this thread. Only in native tests.

use std::cell::RefCell;

thread_local! {
    static LOGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps log lines for the bench that runs on this thread. The test harness shows them if the test fails.
pub(crate) fn keep(lines: &str) {
    eprint!("{lines}");
    LOGS.with_borrow_mut(|logs| logs.extend(lines.lines().map(String::from)));
}

/// Removes and returns the lines.
pub(crate) fn take() -> Vec<String> {
    LOGS.take()
}
