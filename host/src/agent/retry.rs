//! Decides what happens to a message whose turn failed: another attempt, or a dead letter. Pure; when an attempt
//! follows a restart of the instance, its time is the restart budget's (`budget`).

use std::time::Duration;

use crate::journal::Attempts;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_sandbox::Failure;

/// A message that breaks its agent's instance this often is given up.
const MAX_BREAKS: u32 = 3;
/// How often a declined message is delivered again, unless the blueprint sets `qos.retry_count`.
const DEFAULT_RETRIES: u32 = 3;
/// The pause before the first redelivery. It doubles with each further one.
const FIRST_PAUSE_MS: u64 = 200;
/// The longest pause before a redelivery.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What happens to the message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is attempted again after a pause.
    Again {
        /// The attempts so far, including the failed one.
        attempts: Attempts,
        /// The pause.
        after: Duration,
    },
    /// It becomes a dead letter with this fault.
    GiveUp(Fault),
}

/// Decides after the agent declined the message. `retries` is the blueprint's `qos.retry_count`.
#[must_use]
pub fn after_decline(failure: Failure, attempts: Attempts, retries: Option<u32>) -> Verdict {
    match failure {
        Failure::Reject(reason) | Failure::Other(reason) => Verdict::GiveUp(Fault::new(FaultKind::Rejected, reason)),
        Failure::Retry { reason, after_ms } => {
            let retries = retries.unwrap_or(DEFAULT_RETRIES);
            if attempts.declined >= retries {
                let text = format!("{reason} (tried {} times)", attempts.declined + 1);
                let fault = Fault::new(FaultKind::RetriesExhausted, text);
                return Verdict::GiveUp(fault.over(retries.into(), Some(attempts.declined.into()), "qos.retry_count"));
            }
            let pause = FIRST_PAUSE_MS.saturating_mul(1 << attempts.declined.min(8));
            Verdict::Again {
                attempts: Attempts { declined: attempts.declined + 1, ..attempts },
                after: Duration::from_millis(after_ms.map_or(pause, u64::from)).min(LONGEST_PAUSE),
            }
        }
    }
}

/// Decides after the turn ended its instance. The pause is zero: the restart budget decides when the next attempt is
/// due.
#[must_use]
pub fn after_break(fault: &Fault, attempts: Attempts) -> Verdict {
    let attempts = Attempts { broken: attempts.broken + 1, ..attempts };
    if attempts.broken >= MAX_BREAKS {
        return Verdict::GiveUp(fault.clone());
    }
    Verdict::Again { attempts, after: Duration::ZERO }
}

/// Whether the host failed and not the agent. Then neither the message nor the agent is charged.
#[must_use]
pub const fn is_host_fault(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::HostFull | FaultKind::HostError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(after_ms: Option<u32>) -> Failure {
        Failure::Retry { reason: "later".into(), after_ms }
    }

    fn attempts(broken: u32, declined: u32) -> Attempts {
        Attempts { broken, declined }
    }

    #[test]
    fn the_pause_before_a_retry_doubles_and_retries_end() {
        let pause = |declined| match declined_after(declined, None) {
            Verdict::Again { after, attempts } => (after.as_millis(), attempts.declined),
            Verdict::GiveUp(fault) => panic!("{fault}"),
        };
        assert_eq!([pause(0), pause(1), pause(2)], [(200, 1), (400, 2), (800, 3)]);
        let Verdict::GiveUp(fault) = declined_after(3, None) else { panic!("it goes on") };
        assert_eq!(fault.kind, FaultKind::RetriesExhausted);
        assert_eq!((fault.limit, fault.value, fault.setting.as_deref()), (Some(3), Some(3), Some("qos.retry_count")));
        assert!(fault.message.contains("tried 4 times"), "{fault}");
    }

    fn declined_after(count: u32, after_ms: Option<u32>) -> Verdict {
        after_decline(retry(after_ms), attempts(0, count), None)
    }

    #[test]
    fn the_agent_may_set_the_pause_and_the_blueprint_the_retries_within_bounds() {
        assert!(matches!(declined_after(0, Some(7)), Verdict::Again { after, .. } if after.as_millis() == 7));
        assert!(matches!(declined_after(0, Some(u32::MAX)), Verdict::Again { after, .. } if after == LONGEST_PAUSE));
        assert!(matches!(after_decline(retry(None), attempts(0, 0), Some(0)), Verdict::GiveUp(_)));
        assert!(matches!(after_decline(retry(None), attempts(0, 400), Some(1_000)), Verdict::Again { .. }));
    }

    #[test]
    fn a_rejected_message_is_given_up_at_once() {
        let Verdict::GiveUp(fault) = after_decline(Failure::Reject("no".into()), attempts(0, 0), None) else {
            panic!("again")
        };
        assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Rejected, "no"));
    }

    #[test]
    fn a_message_that_breaks_its_agent_three_times_is_given_up_and_declines_do_not_count() {
        let fault = Fault::new(FaultKind::Trap, "");
        assert_eq!(
            after_break(&fault, attempts(0, 3)),
            Verdict::Again { attempts: attempts(1, 3), after: Duration::ZERO }
        );
        assert_eq!(after_break(&fault, attempts(2, 0)), Verdict::GiveUp(fault.clone()));
        assert!(
            matches!(after_decline(retry(None), attempts(2, 2), None), Verdict::Again { .. }),
            "breaks do not count as retries"
        );
    }
}
