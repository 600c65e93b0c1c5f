//! Tests of the results and errors of expressions.

use std::time::Duration;

use serde_json::json;

use super::native::NativeEvaluator;
use super::*;

fn jsonata(source: &str) -> Result<Option<Value>, ExpressionError> {
    Expressions::unshared(&NativeEvaluator).evaluate(
        Language::Jsonata,
        source,
        r#"{"n": 2, "id": 9338584534570004483, "l": [1, 2, 3], "s": "xy"}"#,
    )
}

fn cel(source: &str) -> Result<Option<Value>, ExpressionError> {
    Expressions::unshared(&NativeEvaluator).evaluate(
        Language::Cel,
        source,
        r#"{"n": 2, "id": 9338584534570004483, "l": [1, 2, 3], "s": "xy"}"#,
    )
}

#[test]
fn each_language_returns_json() {
    assert_eq!(jsonata("{'a': n + 1, 'id': id}"), Ok(Some(json!({"a": 3, "id": 9_338_584_534_570_004_483_u64}))));
    assert_eq!(jsonata("nope"), Ok(None));
    assert_eq!(cel("{'a': n + 1, 'l': l.map(x, x * 2)}"), Ok(Some(json!({"a": 3, "l": [2, 4, 6]}))));
    assert_eq!(cel("id > 5"), Ok(Some(json!(true))));
}

#[test]
fn each_expression_is_checked_in_its_language() {
    let expressions = Expressions::unshared(&NativeEvaluator);
    assert_eq!(expressions.check(Language::Cel, "a == 1 && b"), Ok(()));
    for (language, broken) in [(Language::Jsonata, "{{{"), (Language::Cel, "((")] {
        assert!(matches!(expressions.check(language, broken), Err(ExpressionError::Invalid(_))), "{broken}");
    }
    let long = "a".repeat(MAX_SOURCE_BYTES + 1);
    assert!(matches!(expressions.check(Language::Cel, &long), Err(ExpressionError::Invalid(_))));
}

/// Uses the whole budget of each expression.
struct Slow;

impl Evaluate for Slow {
    fn prepare(&self) {}

    fn check(&self, _: Language, _: &str, budget: Duration, cost: &mut Cost) -> Result<(), ExpressionError> {
        cost.cpu += budget;
        Err(ExpressionError::Timeout)
    }

    fn evaluate(
        &self,
        language: Language,
        source: &str,
        _: &str,
        budget: Duration,
        cost: &mut Cost,
    ) -> Result<Option<String>, ExpressionError> {
        self.check(language, source, budget, cost).map(|()| None)
    }
}

#[test]
fn expressions_of_one_piece_of_work_share_its_time() {
    let expressions = Expressions::sharing(&Slow, MAX_TOTAL);
    for _ in 0..50 {
        assert_eq!(expressions.evaluate(Language::Jsonata, "n", "{}"), Err(ExpressionError::Timeout));
    }
    let cost = expressions.cost();
    assert_eq!(cost.cpu, MAX_TOTAL);
    assert_eq!(cost.weight(), 5_000);
    let failures = expressions.take_failures();
    assert_eq!(failures.len(), MAX_FAILURES);
    assert!(failures[MAX_FAILURES - 1].starts_with("expression_timeout"), "{failures:?}");
}

#[test]
fn a_probe_evaluates_nothing_and_tells_whether_there_was_an_expression() {
    let probe = Expressions::probe();
    assert!(!probe.was_met());
    assert_eq!(probe.check(Language::Jsonata, "{{{"), Ok(()));
    assert!(probe.was_met());
    assert!(Expressions::probe().evaluate(Language::Jsonata, "1", "{}").is_err());
}

#[test]
fn without_an_evaluator_an_expression_is_unavailable() {
    let checked = Expressions::none().check(Language::Cel, "1");
    assert!(matches!(checked, Err(ExpressionError::Unavailable(_))), "{checked:?}");
}

#[test]
fn an_empty_result_is_not_true() {
    for value in [json!(null), json!(false), json!(0), json!(""), json!([]), json!({})] {
        assert!(!is_true(Some(&value)), "{value}");
    }
    for value in [json!(true), json!(-1), json!("false"), json!([0]), json!({"a": null})] {
        assert!(is_true(Some(&value)), "{value}");
    }
    assert!(!is_true(None));
}
