//! What expressions give, and how those end that do not.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn jsonata(source: &str) -> Result<Option<Value>, ExpressionError> {
    crate::sandbox::install_expressions();
    evaluate(Language::Jsonata, source, r#"{"n": 2, "id": 9338584534570004483, "l": [1, 2, 3], "s": "xy"}"#)
}

fn cel(source: &str) -> Result<Option<Value>, ExpressionError> {
    crate::sandbox::install_expressions();
    evaluate(Language::Cel, source, r#"{"n": 2, "id": 9338584534570004483, "l": [1, 2, 3], "s": "xy"}"#)
}

#[test]
fn each_language_gives_json() {
    assert_eq!(jsonata("{'a': n + 1, 'id': id}"), Ok(Some(json!({"a": 3, "id": 9_338_584_534_570_004_483_u64}))));
    assert_eq!(jsonata("nope"), Ok(None));
    assert_eq!(cel("{'a': n + 1, 'l': l.map(x, x * 2)}"), Ok(Some(json!({"a": 3, "l": [2, 4, 6]}))));
    assert_eq!(cel("id > 5"), Ok(Some(json!(true))));
}

#[test]
fn each_is_checked_in_its_own_language() {
    crate::sandbox::install_expressions();
    assert_eq!(check(Language::Cel, "a == 1 && b"), Ok(()));
    for (language, broken) in [(Language::Jsonata, "{{{"), (Language::Cel, "((")] {
        assert!(matches!(check(language, broken), Err(ExpressionError::Invalid(_))), "{broken}");
    }
    let long = "a".repeat(MAX_SOURCE_BYTES + 1);
    assert!(matches!(check(Language::Cel, &long), Err(ExpressionError::Invalid(_))));
}

#[test]
fn what_loops_or_explodes_ends_with_a_name_and_soon() {
    crate::sandbox::install_expressions();
    let big = format!(r#"{{"s":"{}","l":[{}]}}"#, "x".repeat(100_000), vec!["1"; 60_000].join(","));
    // The first use pays for compiling the evaluator.
    let _ = evaluate(Language::Jsonata, "1", "{}");
    for source in [
        "($f := function(){ $f() }; $f())",
        "($f := function($x){ 1 + $f($x) }; $f(1))",
        "($f := function($x, $n){ $n > 0 ? $f([[$x]], $n - 1) : 1 }; $f(0, 10000000))",
        "[1..100000000]",
        "$reduce([1..40], function($a, $b){ [$a, $a] }, 'x')",
        "$reduce([1..40], function($a, $b){ {'a': $a, 'b': $a} }, 'x')",
        "$reduce([1..90000], function($a, $b){ {'a': $a} }, 'x')",
        "$string($reduce([1..25], function($a, $b){ {'a': $a, 'b': $a} }, 'x'))",
        "$join(l.('x'), s)",
        "$replace(s, 'x', s)",
        "$pad('x', 300000000)",
        "$pad('x', 100000000)",
        "$count($distinct(l#$i.$i))",
        "$eval(\"$pad('x', 300000000)\")",
    ] {
        let began = Instant::now();
        let result = evaluate(Language::Jsonata, source, &big);
        assert!(result.is_err(), "{source}: {result:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{source}: {:?}", began.elapsed());
    }
    let nested = format!("{}x{}", "l.map(x, ".repeat(20), ")".repeat(20));
    let began = Instant::now();
    assert!(evaluate(Language::Cel, &nested, &big).is_err());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(jsonata("n"), Ok(Some(json!(2))), "the next one is served");
}

#[test]
fn what_is_evaluated_together_shares_its_time() {
    const FOR_EVER: &str = "($f := function(){ $f() }; $f())";
    crate::sandbox::install_expressions();
    let _ = jsonata("1");
    let began = Instant::now();
    let (last, failed) = together(|| {
        for _ in 0..50 {
            assert!(jsonata(FOR_EVER).is_err());
        }
        jsonata("n")
    });
    assert_eq!(last, Err(ExpressionError::Timeout));
    assert_eq!(failed.len(), MAX_FAILED);
    assert!(failed[MAX_FAILED - 1].starts_with("expression_timeout"), "{failed:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(jsonata("n"), Ok(Some(json!(2))), "what comes later has a time of its own");
}

#[test]
fn deep_sources_are_refused_and_do_not_break_the_stack() {
    crate::sandbox::install_expressions();
    for language in [Language::Jsonata, Language::Cel] {
        for (open, close) in [("(", ")"), ("[", "]"), ("-", "")] {
            let source = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
            let _ = check(language, &source);
        }
    }
}

#[test]
fn what_is_empty_is_not_true() {
    for value in [json!(null), json!(false), json!(0), json!(""), json!([]), json!({})] {
        assert!(!is_true(Some(&value)), "{value}");
    }
    for value in [json!(true), json!(-1), json!("false"), json!([0]), json!({"a": null})] {
        assert!(is_true(Some(&value)), "{value}");
    }
    assert!(!is_true(None));
}
