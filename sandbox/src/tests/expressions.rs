//! How expressions end that take too much.

use std::time::{Duration, Instant};

use guildhall_model::expression::{Expressions, Language};
use serde_json::json;

#[test]
fn what_loops_or_explodes_ends_with_a_name_and_soon() {
    let evaluator = crate::evaluator().unwrap();
    let expressions = Expressions::unshared(&*evaluator);
    let big = format!(r#"{{"s":"{}","l":[{}]}}"#, "x".repeat(100_000), vec!["1"; 60_000].join(","));
    evaluator.prepare();
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
        let result = expressions.evaluate(Language::Jsonata, source, &big);
        assert!(result.is_err(), "{source}: {result:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{source}: {:?}", began.elapsed());
    }
    let nested = format!("{}x{}", "l.map(x, ".repeat(20), ")".repeat(20));
    let began = Instant::now();
    assert!(expressions.evaluate(Language::Cel, &nested, &big).is_err());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(
        expressions.evaluate(Language::Jsonata, "n", r#"{"n": 2}"#),
        Ok(Some(json!(2))),
        "the next one is served"
    );
}

#[test]
fn deep_sources_are_refused_and_do_not_break_the_stack() {
    let evaluator = crate::evaluator().unwrap();
    let expressions = Expressions::unshared(&*evaluator);
    for language in [Language::Jsonata, Language::Cel] {
        for (open, close) in [("(", ")"), ("[", "]"), ("-", "")] {
            let source = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
            let _ = expressions.check(language, &source);
        }
    }
}
