use serde_json::{Value, json};

use super::*;

/// Returns the result of an expression as JSON text.
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
fn functions_of_time_and_chance_are_there() {
    let yes: Vec<(&str, &str, &str)> = [
        "$random() < 1 and $random() >= 0",
        "$random() != $random()",
        "$length($substring($string($random()), 2, 6)) > 0",
        "$count($distinct($map([1..50], function() { $random() }))) = 50",
        "$length($now('[Y0001]-[M01]-[D01]')) = 10",
        "$now('[H01]', '+0200') != $now('[H01]', '-0500')",
        "$now('[Y]') = $fromMillis($millis(), '[Y]')",
        "$length($now()) = 24",
        "$toMillis($now()) = $millis()",
        "$millis() = ($sum([1..1000]); $millis())",
        "$sum($shuffle([1, 2, 3])) = 6",
        "$fromMillis(1510067557121, '[M01]/[D01]/[Y0001] [h#1]:[m01][P]') = '11/07/2017 3:12pm'",
        "$fromMillis(1510067557121, '[H01]:[m01]:[s01] [z]', '-0500') = '10:12:37 GMT-05:00'",
        "$toMillis('07/11/2017', '[D01]/[M01]/[Y0001]') = 1510012800000",
        "$substring($string($now), 0, 1) = ''",
    ]
    .map(|expression| (expression, "{}", "true"))
    .into();
    assert_all(&yes);
}

#[test]
fn urls_are_encoded_as_ecma_262_says() {
    assert_all(&[
        (
            "$encodeUrl(s)",
            r#"{"s": "https://a.org/a b?q=\"1\"&r=<x>#y"}"#,
            r#""https://a.org/a%20b?q=%221%22&r=%3Cx%3E#y""#,
        ),
        ("$encodeUrl(s)", r#"{"s": "{a}|^`\\[1]"}"#, r#""%7Ba%7D%7C%5E%60%5C%5B1%5D""#),
        ("$encodeUrlComponent(s)", r#"{"s": "a-b_c.d!e~f*g'h(i)"}"#, r#""a-b_c.d!e~f*g'h(i)""#),
        (
            "$encodeUrlComponent(s)",
            r#"{"s": "a/b?c=d&e#f g+;,:@$"}"#,
            r#""a%2Fb%3Fc%3Dd%26e%23f%20g%2B%3B%2C%3A%40%24""#,
        ),
        ("$encodeUrlComponent(s)", r#"{"s": "ü😀"}"#, r#""%C3%BC%F0%9F%98%80""#),
        ("$decodeUrl(s)", r#"{"s": "?q=a%26b%20c%2fd%C3%BC"}"#, r#""?q=a%26b c%2fdü""#),
        ("$decodeUrlComponent(s)", r#"{"s": "a%26b%20c%2Fd%F0%9F%98%80"}"#, r#""a&b c/d😀""#),
        ("$decodeUrlComponent($encodeUrlComponent(s)) = s", r#"{"s": "50% of € & more"}"#, "true"),
        ("$map(s, $encodeUrlComponent)", r#"{"s": ["a b", "c"]}"#, r#"["a%20b","c"]"#),
        ("s ~> $encodeUrl()", r#"{"s": "a b"}"#, r#""a%20b""#),
        ("s.$encodeUrl()", r#"{"s": "a b"}"#, r#""a%20b""#),
        ("$encodeUrl(nope)", "{}", "nothing"),
    ]);
    for wrong in ["%", "%4", "%zz", "%C3", "%C3x", "%ff", "%C3\u{bc}"] {
        let refused = result("$decodeUrl(s)", &json!({"s": wrong}).to_string()).unwrap_err();
        assert!(refused.contains("D3140"), "{wrong}: {refused}");
    }
}

#[test]
fn patterns_are_those_of_ecmascript() {
    assert_all(&[
        (r"$contains(s, /^(?!internal\.).+$/)", r#"{"s": "public.note"}"#, "true"),
        (r"$contains(s, /^(?!internal\.).+$/)", r#"{"s": "internal.note"}"#, "false"),
        (r"$replace(s, /(?<=#)\w+/, 'X')", r#"{"s": "a #tag b"}"#, r#""a #X b""#),
        (r"$contains(s, /(\w)\1/)", r#"{"s": "hello"}"#, "true"),
        (r"$replace(s, /(\d)(?=(\d{3})+$)/, '$1,')", r#"{"s": "1234567"}"#, r#""1,234,567""#),
        (r"$contains(s, /^\d+$/)", r#"{"s": "١٢٣"}"#, "false"),
        (r"$contains(s, /^\w+$/)", r#"{"s": "été"}"#, "false"),
        (r"$contains(s, /^[^\W]+$/)", r#"{"s": "a_1"}"#, "true"),
        (r"$contains(s, /^\s[\s]\S$/)", "{\"s\": \"\u{feff}\u{a0}é\"}", "true"),
        (r"$split(s, /\b/)", r#"{"s": "é"}"#, r#"["é"]"#),
        (r"$match(s, /\{[\s\S]*\}/).match", r#"{"s": "say {a\nb} now"}"#, r#""{a\nb}""#),
        (r"$match(s, /<.+?>/)[0].match", r#"{"s": "<a><b>"}"#, r#""<a>""#),
        (r"$contains(s, /^second/im)", r#"{"s": "first\nSECOND"}"#, "true"),
        (r"$replace(s, /(\w+)\s(\w+)/, '$2, $1')", r#"{"s": "Ann Lee"}"#, r#""Lee, Ann""#),
        (r"$contains(s, /\u00e9/)", r#"{"s": "café"}"#, "true"),
        (r"$contains(s, /(?<year>\d{4})-\k<year>/)", r#"{"s": "2020-2020"}"#, "true"),
        (r"$match(s, /(a)|(b)/).groups", r#"{"s": "b"}"#, r#"[null,"b"]"#),
        (r"$match(s, /b/).index", r#"{"s": "😀b"}"#, "2"),
        (r"$split(s, /\s*,\s*/)", r#"{"s": "a , b,c"}"#, r#"["a","b","c"]"#),
        (r"$split(s, /,/, 2)", r#"{"s": "a,b,c"}"#, r#"["a","b"]"#),
        (r"s.$split(/,/)", r#"{"s": "a,b"}"#, r#"["a","b"]"#),
        (r"s ~> $replace(/a/, 'b')", r#"{"s": "aXa"}"#, r#""bXb""#),
        (r"s ~> $replace(?, /a/, 'b')", r#"{"s": "aXa"}"#, r#""bXb""#),
        (
            r"$replace(s, /\d+/, function($m) { $string($number($m.match) * 2) })",
            r#"{"s": "a 2, b 30."}"#,
            r#""a 4, b 60.""#,
        ),
        (
            r"($f := function($m) { '<' & $m.groups[0] & '>' }; $replace(s, /(?=(.))x/, $f, 1))",
            r#"{"s": "xx"}"#,
            r#""<x>x""#,
        ),
        (r"$replace(s, 'a', 'b') & $contains(s, /a/)", r#"{"s": "aa"}"#, r#""bbtrue""#),
        (r"$map(s, function($x) { $contains($x, /a/) })", r#"{"s": ["a", "b"]}"#, "[true,false]"),
        (r"$filter(s, function($x) { $x ~> /a/ })", r#"{"s": ["ab", "b"]}"#, r#""ab""#),
        (r"($re := /b+/; $replace(s, $re, '-'))", r#"{"s": "abbb"}"#, r#""a-""#),
        (r"$contains(s, /[.]$/) ? 'yes' : 'no'", r#"{"s": "end."}"#, r#""yes""#),
    ]);
}

#[test]
fn a_pattern_or_a_function_that_does_not_exist_is_refused_when_read() {
    let refused = |expression: &str| format!("{:?}", Program::compile(expression).err());
    assert!(refused("false ? $contains(s, /a(/) : 1").contains("/a(/ is not ECMAScript"));
    assert!(refused("$replace(s, /(?<n>a)(?<n>b)/, '')").contains("is not ECMAScript"));
    assert!(refused("{'a': $ramdom()}").contains("there is no function $ramdom"));
    assert_eq!(refused("($f := function($g) { $g(1) }; $f($string))"), "None");
}

#[test]
fn integers_are_exact_to_64_bits() {
    const IDS: &str = r#"{"id": 6204815937264185123, "ref": 6204815937264185124, "low": -9007199254740993, "ms": 1710064800123,
        "note": "see 6204815937264185124", "max": 18446744073709551615, "min": -9223372036854775808}"#;
    assert_all(&[
        ("[id, ref]", IDS, "[6204815937264185123,6204815937264185124]"),
        (
            "$",
            r#"{"a":{"id":9007199254740993,"next":9007199254740992}}"#,
            r#"{"a":{"id":9007199254740993,"next":9007199254740992}}"#,
        ),
        ("low", IDS, "-9007199254740993"),
        ("-low", IDS, "9007199254740993"),
        ("[max, min]", IDS, "[18446744073709551615,-9223372036854775808]"),
        ("note", IDS, r#""see 6204815937264185124""#),
        ("id = ref", IDS, "false"),
        ("id < ref and ref > id and id != ref", IDS, "true"),
        ("id + 1 = ref", IDS, "true"),
        ("[id + 1, id - 1, ref - id, id * 2]", IDS, "[6204815937264185124,6204815937264185122,1,12409631874528370246]"),
        ("ms * 1000000", IDS, "1710064800123000000"),
        ("$string(ms * 1000000 + 1)", IDS, r#""1710064800123000001""#),
        ("id % 1000", IDS, "123"),
        ("(id - 123) / 1000", IDS, "6204815937264185"),
        ("$floor(id / 4194304)", IDS, "1479343399349"),
        ("$string(id) & '/' & ref", IDS, r#""6204815937264185123/6204815937264185124""#),
        ("$string([id, {'a': ref}])", IDS, r#""[6204815937264185123,{\"a\":6204815937264185124}]""#),
        ("$number('6204815937264185125')", "{}", "6204815937264185125"),
        ("$number('9007199254740992' & '') + 1", "{}", "9007199254740993"),
        ("[9007199254740993, -9007199254740993]", "{}", "[9007199254740993,-9007199254740993]"),
        ("id = 6204815937264185123", IDS, "true"),
        ("id = 6204815937264185122", IDS, "false"),
        ("{$string(id): ref}", IDS, r#"{"6204815937264185123":6204815937264185124}"#),
        ("$sum([id, 1])", IDS, "6204815937264185124"),
        (
            "[$max([id, ref]), $min([id, ref]), $abs(low), $round(id), $floor(ref)]",
            IDS,
            "[6204815937264185124,6204815937264185123,9007199254740993,6204815937264185123,6204815937264185124]",
        ),
        ("$map([id, ref], $string)", IDS, r#"["6204815937264185123","6204815937264185124"]"#),
        ("$reduce([id, 1, 1], function($a, $b) { $a + $b })", IDS, "6204815937264185125"),
        ("$formatBase(id, 16)", IDS, r#""561bef386d506f23""#),
        ("$distinct([id, ref, id])", IDS, "[6204815937264185123,6204815937264185124]"),
        ("$sort([ref, id])", IDS, "[6204815937264185123,6204815937264185124]"),
        ("$string(6204815937264185)", "{}", r#""6204815937264185""#),
        ("$string(1e21) & 0.1", "{}", r#""1e+210.1""#),
        ("id ~> $string", IDS, r#""6204815937264185123""#),
        ("'9007199254740993' & /* 9007199254740993 */ `9007199254740993`", "{}", r#""9007199254740993""#),
    ]);
    let items: Vec<u64> = (0..5_000).map(|n| 6_204_815_937_264_185_123 + n).collect();
    let many = json!({"items": items}).to_string();
    assert_eq!(result("$", &many), Ok(many));
}

#[test]
fn operators_of_ours_and_of_the_library_agree() {
    let cases: Value = serde_json::from_str(include_str!("../../../tests/data/cases/jsonata.json")).unwrap();
    let sources = cases.as_object().unwrap().values().map(|case| &case["input"]);
    let more = [
        "1/0 = 1",
        "1 + null",
        "'a' - 1",
        "1 - 'a'",
        "nope + 1",
        "-nope",
        "-'a'",
        "-0",
        "5 % 3",
        "-5 % 3",
        "5.5 * 2",
        "1 & null & true & [1, 2.5] & {'a': 1}",
        "items.(quantity * unit_price)",
        "$sum(items.(quantity * unit_price))",
        "items[quantity - 1 = 1].sku",
        "$string(items, true)",
        "$string()",
        "n.$string()",
        "$number(true)",
        "$abs(-1.5)",
        "items{sku: $sum(quantity) + 1}",
        "items^(>quantity * unit_price).sku",
        "$map(items.quantity, $string)",
        "$round(2.5) + $round(-1.5) + $round(125, -1)",
        "$map([1.55, 2.55], $round)",
        "$sum(nope)",
        "$sum([])",
        "$sum(n)",
        "$sum('a')",
        "items@$i.($i.quantity + 1)",
        "items#$at.($at + 1)",
        "$floor('a')",
        "text ~> $string",
        "items.{'p': quantity * 2}",
        "{'a': n * 2, 'b': [n + 1, n - 1]}",
        "$formatBase(255, 16)",
        "n ~> $abs ~> $string",
    ];
    let data = cases.as_object().unwrap().values().next().unwrap()["input"]["data"].clone();
    let more = more.map(|expression| json!({"expression": expression, "data": data}));
    let mut compared = 0;
    for input in sources.chain(&more) {
        let (expression, data) = (input["expression"].as_str().unwrap(), input["data"].to_string());
        let Ok(mut program) = Program::compile(expression) else { continue };
        let Ok(plain) = Expression::compile_with_options(expression, options()) else { continue };
        program.plain = None;
        let ours = program.evaluate(&data).map_err(drop);
        program.plain = Some(plain);
        assert_eq!(ours, program.evaluate(&data).map_err(drop), "{expression}");
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}
