//! What expressions give, and how those end that do not.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn jsonata(source: &str) -> Result<Option<Value>, ExpressionError> {
    evaluate(Language::Jsonata, source, r#"{"n": 2, "id": 9338584534570004483, "l": [1, 2, 3], "s": "xy"}"#)
}

fn cel(source: &str) -> Result<Option<Value>, ExpressionError> {
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
    assert_eq!(check(Language::Cel, "a == 1 && b"), Ok(()));
    for (language, broken) in [(Language::Jsonata, "{{{"), (Language::Cel, "(("), (Language::Jsonata, "$eval('1')")] {
        assert!(matches!(check(language, broken), Err(ExpressionError::Invalid(_))), "{broken}");
    }
    let long = "a".repeat(MAX_SOURCE_BYTES + 1);
    assert!(matches!(check(Language::Cel, &long), Err(ExpressionError::Invalid(_))));
}

#[test]
fn what_loops_or_explodes_ends_with_a_name() {
    let began = Instant::now();
    assert_eq!(jsonata("($f := function(){ $f() }; $f())"), Err(ExpressionError::Timeout));
    assert_eq!(jsonata("($f := function($x){ 1 + $f($x) }; $f(1))"), Err(ExpressionError::TooDeep));
    assert!(matches!(jsonata("[1..100000000]"), Err(ExpressionError::TooLarge(_))));
    assert!(jsonata("$reduce([1..40], function($a, $b){ [$a, $a] }, 'x')").is_err());
    let shared = jsonata("$reduce([1..40], function($a, $b){ {'a': $a, 'b': $a} }, 'x')");
    assert!(matches!(shared, Err(ExpressionError::TooLarge(_))), "{shared:?}");
    assert!(jsonata("$reduce([1..90000], function($a, $b){ {'a': $a} }, 'x')").is_err());
    assert_eq!(jsonata("$reduce([1..900], function($a, $b){ {'a': $a} }, 'x')"), Err(ExpressionError::TooDeep));
    assert!(jsonata("$reduce([1..40], function($a, $b){ $a & $a }, 'xxxxxxxxxx')").is_err());
    let nested = format!("{}x{}", "l.map(x, ".repeat(20), ")".repeat(20));
    assert!(matches!(cel(&nested), Err(ExpressionError::TooLarge(_))));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn deep_sources_are_refused_and_do_not_break_the_stack() {
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
