use super::*;

fn result(expression: &str, input: &str) -> Result<String, String> {
    let program = Program::compile(expression).map_err(|fault| format!("{fault:?}"))?;
    let result = program.evaluate(input).map_err(|fault| format!("{fault:?}"))?;
    Ok(result.map_or("nothing".to_owned(), |value| value.to_string()))
}

#[track_caller]
fn assert_all(cases: &[(&str, &str, &str)]) {
    for (expression, input, wanted) in cases {
        assert_eq!(result(expression, input).as_deref(), Ok(*wanted), "{expression} of {input}");
    }
}

#[test]
fn timestamps_and_durations_are_there() {
    const AT: &str = r#"{"at": "2024-05-01T10:00:00Z", "b": "2024-05-03T10:00:00.5Z", "d": "90m"}"#;
    assert_all(&[
        ("timestamp(at) < timestamp('2025-01-01T00:00:00Z')", AT, "true"),
        ("timestamp(at).getFullYear()", AT, "2024"),
        ("timestamp(at).getMonth() + timestamp(at).getDate() + timestamp(at).getDayOfWeek()", AT, "8"),
        ("string(timestamp(at) + duration('1h'))", AT, r#""2024-05-01T11:00:00Z""#),
        ("duration(d).getMinutes()", AT, "90"),
        ("duration(d).getSeconds() + duration('1.5s').getMilliseconds()", AT, "6900"),
        ("timestamp(at).getHours('America/New_York')", AT, "6"),
        ("timestamp(at).getHours('+05:30')", AT, "15"),
        ("int(timestamp(at))", AT, "1714557600"),
        ("timestamp(b) - timestamp(at) > duration('24h')", AT, "true"),
        ("string(duration(d) + duration('1s'))", AT, r#""5401s""#),
        ("timestamp(1714557600) == timestamp(at)", AT, "true"),
        ("timestamp(at) + duration(d)", AT, r#""2024-05-01T11:30:00Z""#),
        ("[timestamp(b), duration('-1.5s'), duration('1h')]", AT, r#"["2024-05-03T10:00:00.500Z","-1.5s","3600s"]"#),
        ("type(timestamp(at)) == google.protobuf.Timestamp", AT, "true"),
    ]);
}

#[test]
fn names_may_be_in_backticks() {
    const ODD: &str =
        r#"{"labels": {"app-id": "a", "k8s.io/name": "b"}, "app-id": 1, "@timestamp": 2, "in": 3, "n": 5}"#;
    assert_all(&[
        ("labels.`app-id`", ODD, r#""a""#),
        ("labels.`k8s.io/name`", ODD, r#""b""#),
        ("has(labels.`app-id`) && !has(labels.`app`)", ODD, "true"),
        ("`app-id` + `@timestamp` + `in` + n", ODD, "11"),
        (r#"'`app-id`' + "`n`" + r'\' + '''`'n`'''"#, ODD, r#""`app-id``n`\\`'n`""#),
        ("n // `app-id\n + 1", ODD, "6"),
        ("{'a': `app-id`}", ODD, r#"{"a":1}"#),
    ]);
    assert!(result("`app-id", ODD).is_err());
    assert!(result("`` + 1", ODD).is_err());
}

#[test]
fn the_standard_library_and_its_extensions_are_there() {
    assert_all(&[
        ("math.greatest(1, 3) + math.abs(-2)", "{}", "5"),
        ("'a,b'.split(',').join('-') + 'abc'.substring(1) + ' x '.trim()", "{}", r#""a-bbcx""#),
        ("'Ab'.lowerAscii() + 'ab'.upperAscii() + 'aXa'.replace('a', 'b')", "{}", r#""abABbXb""#),
        ("base64.encode(b'hi')", "{}", r#""aGk=""#),
        ("string(bytes('hi')) + string(double('1.5')) + string(uint(3))", "{}", r#""hi1.53""#),
        ("[3, 1, 2].sort()", "{}", "[1,2,3]"),
        (
            "{'a': string(true), 'b': bool('true'), 'c': int('12'), 'd': double('1.5')}",
            "{}",
            r#"{"a":"true","b":true,"c":12,"d":1.5}"#,
        ),
        ("size('hé😀') + size([1, 2]) + size({'a': 1})", "{}", "6"),
        ("[1, 2, 3].exists_one(x, x > 2) && 'abc'.matches('^a.c$') && 'abc'.startsWith('a')", "{}", "true"),
        ("id + 1", r#"{"id": 9007199254740993}"#, "9007199254740994"),
        ("type(1) == int && dyn(1) == 1.0", "{}", "true"),
    ]);
}

#[test]
fn a_function_that_does_not_exist_is_refused_when_read() {
    let refused = |expression: &str| Program::compile(expression).err().map(|fault| format!("{fault:?}"));
    assert!(refused("timstamp(a) > 1").unwrap().contains("there is no function `timstamp`"));
    assert!(refused("true || a.nothing(1)").unwrap().contains("there is no function `nothing`"));
    for known in [
        "a.size() > 1 && has(a.b) && [1].all(x, x in [1])",
        "math.least(1, 2) + math.sqrt(4.0)",
        "base64.decode(a) == b'x' && a.b.contains('x') && optional.of(1).hasValue()",
        "timestamp(a).getHours('UTC') + duration(a).getHours()",
        "!(-a > 1 ? true : a[0]) || size in [a.?b.orValue(1)]",
        "matches(a, 'x') && 'x'.format([1]) == strings.quote('y') && lists.range(2).distinct() == [1]",
    ] {
        assert_eq!(refused(known), None, "{known}");
    }
}
