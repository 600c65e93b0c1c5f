//! Expressions that use too much time or memory, or that nest too deeply.

use std::time::Duration;

use guildhall_model::expression::{Cost, Expressions, Language};
use serde_json::json;

use crate::cpu::thread_time;

/// The processor time that one expression may take. Processor time, because the wall time depends on what else runs on
/// the machine; the evaluator runs on the calling thread.
const MOST: Duration = Duration::from_secs(2);

#[test]
fn expressions_that_loop_or_grow_without_end_fail_soon() {
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
        let began = thread_time();
        let result = expressions.evaluate(Language::Jsonata, source, &big);
        assert!(result.is_err(), "{source}: {result:?}");
        let took = thread_time() - began;
        assert!(took < MOST, "{source}: {took:?}");
    }
    let nested = format!("{}x{}", "l.map(x, ".repeat(20), ")".repeat(20));
    let began = thread_time();
    assert!(expressions.evaluate(Language::Cel, &nested, &big).is_err());
    let took = thread_time() - began;
    assert!(took < MOST, "{took:?}");
    // Its time is longer than that of a rule: on a busy machine a new instance takes a while.
    let next = evaluator.evaluate(Language::Jsonata, "n", r#"{"n": 2}"#, Duration::from_secs(30), &mut Cost::default());
    assert_eq!(next, Ok(Some(json!(2).to_string())), "the next expression is evaluated");
}

#[test]
fn deeply_nested_sources_do_not_overflow_the_stack() {
    let evaluator = crate::evaluator().unwrap();
    let expressions = Expressions::unshared(&*evaluator);
    for language in [Language::Jsonata, Language::Cel] {
        for (open, close) in [("(", ")"), ("[", "]"), ("-", "")] {
            let source = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
            let _ = expressions.check(language, &source);
        }
    }
}
