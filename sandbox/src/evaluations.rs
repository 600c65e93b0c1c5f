//! Runs work that has expressions in the low-priority pool. Guilds share the pool by the processor time that they use,
//! and one guild has a few places of it. Nobody waits for the evaluator on a thread of the server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use guildhall_model::expression::{Evaluate, Expressions, RunWork, Work};
use tokio::sync::OnceCell;

use crate::cpu::thread_time;
use crate::evaluator::Evaluator;
use crate::failed_expressions::{FailedExpressions, GuildEvaluator};
use crate::fair_queue::FairQueue;
use crate::limits::{Limit, Limits};
use crate::low_priority::LowPriorityPool;

/// The least places of the pool. Expressions are short, and one more thread of low priority costs the others little.
const MIN_PLACES: usize = 4;

/// Runs work that has expressions.
pub(crate) struct EvaluationPool(Arc<Inner>);

struct Inner {
    evaluator: Arc<Evaluator>,
    is_ready: OnceCell<()>,
    failed: FailedExpressions,
    queue: Arc<FairQueue>,
    pool: Arc<LowPriorityPool>,
}

impl EvaluationPool {
    /// Creates the pool; it starts no thread.
    pub(crate) fn new(evaluator: Arc<Evaluator>, pool: Arc<LowPriorityPool>, ceilings: &Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Inner {
            evaluator,
            is_ready: OnceCell::new(),
            failed: FailedExpressions::new(Duration::from_secs(ceilings.get(Limit::FailedExpressions))),
            queue: FairQueue::new(cores.max(MIN_PLACES), ceilings.size(Limit::Evaluations)),
            pool,
        }))
    }
}

impl Inner {
    /// Waits until the evaluator is compiled or loaded. Cancel safe.
    async fn ready(&self) {
        let prepare = || async {
            let evaluator = self.evaluator.clone();
            // Errors are returned to those who evaluate.
            let _ = self.pool.work(move || evaluator.prepare()).await;
        };
        self.is_ready.get_or_init(prepare).await;
    }
}

impl RunWork for EvaluationPool {
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let inner = self.0.clone();
        Box::pin(async move { inner.ready().await })
    }

    fn run(&self, share: &str, total: Duration, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (inner, share) = (self.0.clone(), share.to_owned());
        Box::pin(async move {
            let mut place = inner.queue.place(&share, || Limit::Evaluations.count()).await;
            let worker = inner.clone();
            let job = move || {
                let began = thread_time();
                let evaluator = GuildEvaluator { evaluator: &*worker.evaluator, failed: &worker.failed, guild: &share };
                work(&Expressions::sharing(&evaluator, total));
                place.charge(thread_time().saturating_sub(began));
            };
            if let Err(error) = inner.pool.work(job).await {
                tracing::error!(%error, "work with expressions ended early");
            }
        })
    }
}
