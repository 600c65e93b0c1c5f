//! Documents in YAML: values, anchors, includes, and their bounds.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(text: &str) -> Result<Value, YamlError> {
    load(&folder(&[("main.yaml", text)]).path().join("main.yaml"))
}

#[test]
fn values_are_those_of_the_core_schema_of_yaml_1_2() {
    let text = "a: yes\nb: off\nc: 'yes'\nd: 012\ne: 0x1F\nf: 1_000\ng: 1.5e3\nh: ~\ni: -7\nj: 18446744073709551615\n\
                k: 12:30\nl: .inf\nm: !!str 5\nn: ! 5\n1: one\ntrue: t\no: +5\np: '1'\nq: 2024-01-01\n";
    let expected = json!({
        "a": "yes", "b": "off", "c": "yes", "d": 12, "e": 31, "f": "1_000", "g": 1500.0, "h": null, "i": -7,
        "j": 18_446_744_073_709_551_615_u64, "k": "12:30", "l": ".inf", "m": "5", "n": "5", "1": "one", "true": "t",
        "o": 5, "p": "1", "q": "2024-01-01",
    });
    assert_eq!(read(text).unwrap(), expected);
    assert_eq!(read("").unwrap(), Value::Null);
    assert_eq!(read("a: |\n  x\n  y\n").unwrap(), json!({"a": "x\ny\n"}));
}

#[test]
fn anchors_repeat_and_merge() {
    let text = "base: &b {x: 1, y: 2}\none: *b\ntwo:\n  y: 3\n  <<: *b\nthree: {<<: [*b, {y: 9, z: 4}]}\n";
    let base = json!({"x": 1, "y": 2});
    let expected = json!({"base": base, "one": base, "two": {"x": 1, "y": 3}, "three": {"x": 1, "y": 2, "z": 4}});
    assert_eq!(read(text).unwrap(), expected);
    assert_eq!(read("a: 1\na: 2\n").unwrap(), json!({"a": 2}));
}

#[test]
fn a_text_without_meaning_is_refused_with_its_position() {
    for (text, words) in [
        ("a: *nowhere\n", "anchor"),
        ("a: &a [*a]\n", "alias"),
        ("a: 1\n---\nb: 2\n", "one document"),
        ("x: !!python/object:os.system {}\n", "tag"),
        ("x: !env HOME\n", "tag"),
        ("x: !include [a]\n", "tag"),
        ("x: !!int word\n", "`word` is no int"),
        ("[a]: 1\n", "key"),
        ("a: [1\n", "main.yaml:"),
        ("<<: 5\n", "`<<`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("main.yaml:"), "{text}: {error}");
    }
}

#[test]
fn documents_cannot_grow_without_bound() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{below}]\n");
    }
    for (text, words) in [
        (bomb, "larger than 16777216 bytes"),
        (format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 20].join(", ")), "larger than 16777216 bytes"),
        (format!("a: {}{}", "[".repeat(70), "]".repeat(70)), "deeper than 64"),
        (format!("a: {}", "[".repeat(100_000)), "recursion limit"),
        ("- ".repeat(100_000), "deeper than 64"),
        (format!("a: {}", "x".repeat(MAX_BYTES)), "more than 4194304 bytes"),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("{n}.yaml"), format!("a: !include {}.yaml\n", n + 1))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert!(matches!(load(&folder(&files).path().join("0.yaml")), Err(YamlError::TooDeep(_))));
}

#[test]
fn only_files_below_the_document_are_included() {
    let outer = folder(&[
        ("in/main.yaml", "x: !include sub/a.yaml\nc: !code sub/p.py\n"),
        ("in/sub/a.yaml", "up: !code ../top.txt\n"),
        ("in/sub/p.py", "print('hi')\n  # {{x}}\n"),
        ("in/top.txt", "top"),
        ("in/up.yaml", "x: !code ../secret\n"),
        ("in/absolute.yaml", "x: !code /etc/hostname\n"),
        ("in/link.yaml", "x: !code link\n"),
        ("in/gone.yaml", "x: !code gone\n"),
        ("in/nowhere.yaml", "x: !code ../../gone\n"),
        ("in/loop.yaml", "x: !include loop.yaml\n"),
        ("in/folder.yaml", "x: !code sub\n"),
        ("in/json.yaml", "x: !include d.json\n"),
        ("in/d.json", "{\"a\": 1}"),
        ("secret", "secret"),
    ]);
    let at = |name: &str| load(&outer.path().join("in").join(name));
    std::os::unix::fs::symlink(outer.path().join("secret"), outer.path().join("in/link")).unwrap();
    assert_eq!(at("main.yaml").unwrap(), json!({"x": {"up": "top"}, "c": "print('hi')\n  # {{x}}\n"}));
    assert_eq!(at("d.json").unwrap(), json!({"a": 1}));
    for name in ["up.yaml", "absolute.yaml", "link.yaml", "nowhere.yaml"] {
        assert!(matches!(at(name), Err(YamlError::OutsideRoot { .. })), "{name}");
    }
    assert!(matches!(at("gone.yaml"), Err(YamlError::FileNotFound(_))));
    assert!(matches!(at("none.yaml"), Err(YamlError::FileNotFound(_))));
    assert!(matches!(at("loop.yaml"), Err(YamlError::Circular(_))));
    assert!(matches!(at("folder.yaml"), Err(YamlError::Unreadable { .. })));
    assert!(matches!(at("json.yaml"), Err(YamlError::IncludeNeedsYaml { .. })));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a:\\-\\[\\]{}&*!<|>'\"#%@ \n0-9.]{0,60}") {
        let _ = read(&text);
    }
}
