//! A request that makes the manager panic: the manager's task ends and the guild is started again, and then the request is
//! refused. It is tried once, however often the host is started.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;

use super::active::ActiveManager;
use super::answer::failure;
use crate::guild::lifecycle::Event;
use crate::journal::{Attempts, Commit, Consumer, Delivery};
use guildhall_model::fault::FaultKind;

impl ActiveManager {
    /// Serves a request, or refuses it if the manager panicked when it served it before. Dropping the future leaves the
    /// request in the inbox.
    pub(super) async fn serve_once(&mut self, requests: &mut Consumer, delivery: &Delivery) -> Option<Event> {
        let message = &delivery.message;
        if delivery.attempts.broken > 0 {
            let text = "an error of the host: it could not serve this request and does not try it again";
            let answer = failure(FaultKind::HostError.name(), text);
            // The receipt is not awaited: the writer writes the commit anyway.
            drop(
                requests.commit(message, Commit { emits: self.answer_messages(message, &answer), ..Commit::default() }),
            );
            return None;
        }
        // What the panic leaves of the manager is not used again.
        let served = AssertUnwindSafe(self.serve(requests, delivery)).catch_unwind().await;
        served.unwrap_or_else(|panic| {
            requests.record_attempts(message.id, Attempts { broken: 1, declined: 0 });
            resume_unwind(panic)
        })
    }
}
