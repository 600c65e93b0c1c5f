//! What becomes of a message whose turn failed. Pure.

use std::time::Duration;

use crate::journal::Attempts;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_sandbox::Failure;

/// A message that breaks its agent this often is given up.
const FATAL_TRIES: u32 = 3;
/// How often a message is redelivered after `retry` unless the blueprint says.
const RETRIES: u32 = 3;
/// The first pause before a redelivery; it doubles.
const FIRST_PAUSE_MS: u64 = 200;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What to do with the message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Try it again after a pause; the number of tries goes on.
    Again { tries: Attempts, after: Duration },
    /// It becomes a dead letter.
    GiveUp(Fault),
}

/// After the agent said that it did not serve the message. `retries` is the
/// blueprint's `qos.retry_count`.
#[must_use]
pub fn declined(failure: Failure, tries: Attempts, retries: Option<u32>) -> Verdict {
    match failure {
        Failure::Reject(reason) | Failure::Other(reason) => Verdict::GiveUp(Fault::new(FaultKind::Rejected, reason)),
        Failure::Retry { reason, after_ms } => {
            let retries = retries.unwrap_or(RETRIES);
            if tries.declined >= retries {
                let text = format!("{reason} (tried {} times)", tries.declined + 1);
                let fault = Fault::new(FaultKind::RetriesExhausted, text);
                return Verdict::GiveUp(fault.over(retries.into(), Some(tries.declined.into()), "qos.retry_count"));
            }
            let pause = FIRST_PAUSE_MS.saturating_mul(1 << tries.declined.min(8));
            Verdict::Again {
                tries: Attempts { declined: tries.declined + 1, ..tries },
                after: Duration::from_millis(after_ms.map_or(pause, u64::from)).min(LONGEST_PAUSE),
            }
        }
    }
}

/// After the message ended the instance that tried it. When it is tried again is
/// for the agent's restart budget to say.
#[must_use]
pub fn broken(fault: &Fault, tries: Attempts) -> Verdict {
    let tries = Attempts { broken: tries.broken + 1, ..tries };
    if tries.broken >= FATAL_TRIES {
        return Verdict::GiveUp(fault.clone());
    }
    Verdict::Again { tries, after: Duration::ZERO }
}

/// Whether the host failed and not the agent: neither pays for it.
#[must_use]
pub const fn is_hosts(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::HostFull | FaultKind::HostError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(after_ms: Option<u32>) -> Failure {
        Failure::Retry { reason: "later".into(), after_ms }
    }

    fn tries(broken: u32, declined: u32) -> Attempts {
        Attempts { broken, declined }
    }

    #[test]
    fn a_retry_waits_longer_each_time_and_ends() {
        let pause = |declined| match declined_after(declined, None) {
            Verdict::Again { after, tries } => (after.as_millis(), tries.declined),
            Verdict::GiveUp(fault) => panic!("{fault}"),
        };
        assert_eq!([pause(0), pause(1), pause(2)], [(200, 1), (400, 2), (800, 3)]);
        let Verdict::GiveUp(fault) = declined_after(3, None) else { panic!("it goes on") };
        assert_eq!(fault.kind, FaultKind::RetriesExhausted);
        assert_eq!((fault.limit, fault.value, fault.setting.as_deref()), (Some(3), Some(3), Some("qos.retry_count")));
        assert!(fault.message.contains("tried 4 times"), "{fault}");
    }

    fn declined_after(count: u32, after_ms: Option<u32>) -> Verdict {
        declined(retry(after_ms), tries(0, count), None)
    }

    #[test]
    fn the_agent_and_the_blueprint_have_their_say_within_bounds() {
        assert!(matches!(declined_after(0, Some(7)), Verdict::Again { after, .. } if after.as_millis() == 7));
        assert!(matches!(declined_after(0, Some(u32::MAX)), Verdict::Again { after, .. } if after == LONGEST_PAUSE));
        assert!(matches!(declined(retry(None), tries(0, 0), Some(0)), Verdict::GiveUp(_)));
        assert!(matches!(declined(retry(None), tries(0, 400), Some(1_000)), Verdict::Again { .. }));
    }

    #[test]
    fn redelivery_is_of_no_use_after_a_reject() {
        let Verdict::GiveUp(fault) = declined(Failure::Reject("no".into()), tries(0, 0), None) else { panic!("again") };
        assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Rejected, "no"));
    }

    #[test]
    fn what_breaks_an_agent_three_times_is_given_up_however_often_it_was_declined() {
        let fault = Fault::new(FaultKind::Trap, "");
        assert_eq!(broken(&fault, tries(0, 3)), Verdict::Again { tries: tries(1, 3), after: Duration::ZERO });
        assert_eq!(broken(&fault, tries(2, 0)), Verdict::GiveUp(fault.clone()));
        assert!(matches!(declined(retry(None), tries(2, 2), None), Verdict::Again { .. }), "breaks are no retries");
    }
}
