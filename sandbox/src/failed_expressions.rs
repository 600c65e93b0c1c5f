//! Remembers for a while which expressions took too long. The same text then fails at once in the same guild, with the
//! same error, instead of using a processor again.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall_model::expression::{Cost, Evaluate, ExpressionError, Language, MAX_EACH};
use parking_lot::Mutex;

/// The most expressions that are remembered for one guild.
const MAX_OF_GUILD: usize = 64;
/// The most guilds for which expressions are remembered.
const MAX_GUILDS: usize = 1_024;

/// The expressions that failed, by guild.
pub(crate) struct FailedExpressions {
    kept_for: Duration,
    hasher: RandomState,
    guilds: Mutex<HashMap<Arc<str>, VecDeque<Failed>>>,
}

struct Failed {
    /// The hash of the language and the source.
    text: u64,
    error: ExpressionError,
    until: Instant,
}

impl FailedExpressions {
    /// Remembers each failure for `kept_for`; zero remembers none.
    pub(crate) fn new(kept_for: Duration) -> Self {
        Self { kept_for, hasher: RandomState::new(), guilds: Mutex::default() }
    }

    fn text(&self, language: Language, source: &str) -> u64 {
        self.hasher.hash_one((language, source))
    }

    fn get(&self, guild: &str, text: u64, now: Instant) -> Option<ExpressionError> {
        let guilds = self.guilds.lock();
        let failed = guilds.get(guild)?.iter().find(|failed| failed.text == text && failed.until > now)?;
        Some(failed.error.clone())
    }

    fn keep(&self, guild: &str, text: u64, error: ExpressionError, now: Instant) {
        let mut guilds = self.guilds.lock();
        if guilds.len() >= MAX_GUILDS && !guilds.contains_key(guild) {
            guilds.retain(|_, failed| failed.back().is_some_and(|failed| failed.until > now));
            if guilds.len() >= MAX_GUILDS {
                return;
            }
        }
        let failed = guilds.entry(guild.into()).or_default();
        failed.retain(|failed| failed.until > now && failed.text != text);
        if failed.len() >= MAX_OF_GUILD {
            failed.pop_front();
        }
        failed.push_back(Failed { text, error, until: now + self.kept_for });
    }
}

/// An evaluator for one guild, which knows the expressions of the guild that failed.
pub(crate) struct GuildEvaluator<'e> {
    pub(crate) evaluator: &'e dyn Evaluate,
    pub(crate) failed: &'e FailedExpressions,
    pub(crate) guild: &'e str,
}

impl GuildEvaluator<'_> {
    fn unless_failed<T>(
        &self,
        (language, source): (Language, &str),
        budget: Duration,
        work: impl FnOnce() -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        let text = self.failed.text(language, source);
        if let Some(error) = self.failed.get(self.guild, text, Instant::now()) {
            return Err(error);
        }
        work().inspect_err(|error| {
            // With less time than its own the expression may not be at fault.
            let is_own = *error == ExpressionError::Timeout && budget >= MAX_EACH;
            if is_own && !self.failed.kept_for.is_zero() {
                self.failed.keep(self.guild, text, error.clone(), Instant::now());
            }
        })
    }
}

impl Evaluate for GuildEvaluator<'_> {
    fn prepare(&self) {
        self.evaluator.prepare();
    }

    fn check(
        &self,
        language: Language,
        source: &str,
        budget: Duration,
        cost: &mut Cost,
    ) -> Result<(), ExpressionError> {
        self.unless_failed((language, source), budget, || self.evaluator.check(language, source, budget, cost))
    }

    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        budget: Duration,
        cost: &mut Cost,
    ) -> Result<Option<String>, ExpressionError> {
        let evaluate = || self.evaluator.evaluate(language, source, input, budget, cost);
        self.unless_failed((language, source), budget, evaluate)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use guildhall_model::expression::{Expressions, MAX_TOTAL};

    use super::*;

    /// Uses the whole budget of an expression, and counts its calls.
    #[derive(Default)]
    struct Slow(AtomicUsize);

    impl Evaluate for Slow {
        fn prepare(&self) {}

        fn check(&self, _: Language, _: &str, _: Duration, _: &mut Cost) -> Result<(), ExpressionError> {
            Ok(())
        }

        fn evaluate(
            &self,
            _: Language,
            _: &str,
            _: &str,
            budget: Duration,
            cost: &mut Cost,
        ) -> Result<Option<String>, ExpressionError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            cost.cpu += budget;
            Err(ExpressionError::Timeout)
        }
    }

    #[test]
    fn an_expression_that_took_too_long_fails_at_once_in_its_guild() {
        let (slow, failed) = (Slow::default(), FailedExpressions::new(Duration::from_secs(60)));
        let evaluate = |guild: &str, source: &str| {
            let evaluator = GuildEvaluator { evaluator: &slow, failed: &failed, guild };
            let expressions = Expressions::sharing(&evaluator, MAX_TOTAL);
            let error = expressions.evaluate(Language::Jsonata, source, "{}").unwrap_err();
            assert_eq!(error, ExpressionError::Timeout);
            (slow.0.load(Ordering::Relaxed), expressions.cost().cpu)
        };
        assert_eq!(evaluate("a", "x"), (1, MAX_EACH));
        assert_eq!(evaluate("a", "x"), (1, Duration::ZERO));
        assert_eq!(evaluate("b", "x"), (2, MAX_EACH), "another guild has its own expressions");
        for number in 0..2 * MAX_OF_GUILD {
            evaluate("a", &number.to_string());
        }
        assert_eq!(failed.guilds.lock()["a"].len(), MAX_OF_GUILD);
        for number in 0..2 * MAX_GUILDS {
            evaluate(&number.to_string(), "x");
        }
        assert_eq!(failed.guilds.lock().len(), MAX_GUILDS);
    }

    #[test]
    fn an_expression_whose_time_others_have_used_is_not_remembered() {
        let (slow, failed) = (Slow::default(), FailedExpressions::new(Duration::from_secs(60)));
        let evaluator = GuildEvaluator { evaluator: &slow, failed: &failed, guild: "a" };
        let expressions = Expressions::sharing(&evaluator, MAX_EACH + MAX_EACH / 2);
        for source in ["x", "y"] {
            assert!(expressions.evaluate(Language::Jsonata, source, "{}").is_err());
        }
        assert_eq!(failed.guilds.lock()["a"].len(), 1);
    }
}
