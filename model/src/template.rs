//! Templates in blueprints: Mustache inside JSON text. The values of a configuration are inserted with escapes for JSON
//! texts, not for HTML, and are not rendered again. The rules are those of mustache(5), without partials and without
//! other delimiters.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A tag has no end.
    #[error("the tag {{{{{0} is not closed")]
    UnclosedTag(String),
    /// A section has no end.
    #[error("the section {0} is not closed")]
    UnclosedSection(String),
    /// A section has an end and no start.
    #[error("the section {0} is closed and was not opened")]
    Unopened(String),
    /// A tag is not supported.
    #[error("the tag {{{{{0}}}}} is not supported")]
    UnknownTag(String),
    /// Sections are nested too deep.
    #[error("sections are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The results of all templates of a spec are too large.
    #[error("the results of the templates are larger than {MAX_WORK} bytes")]
    TooLarge,
    /// The result of a template is not JSON.
    #[error("the result of the template is not JSON: {0}")]
    NotJson(String),
}

/// The deepest nesting of sections.
const MAX_DEPTH: usize = 32;
/// The most bytes and tags that are written for one spec. Nested sections over lists multiply them.
pub const MAX_WORK: usize = 4 << 20;

/// Renders the agents and the rules of a guild's spec, each as a JSON text of its own. The other parts of the spec stay
/// as they are. With an empty configuration nothing is rendered, and braces stay.
///
/// # Errors
/// [`TemplateError`] when a tag is invalid, the result is too large, or the result is not JSON.
pub fn apply(document: &mut Value, configuration: &Map<String, Value>) -> Result<(), TemplateError> {
    if configuration.is_empty() {
        return Ok(());
    }
    let mut work = MAX_WORK;
    for pointer in ["/agents", "/routes/steps"] {
        let parts = document.pointer_mut(pointer).and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            let text = part.to_string();
            if !text.contains("{{") {
                continue;
            }
            let rendered = render(&text, configuration, &mut work)?;
            *part = serde_json::from_str(&rendered).map_err(|error| TemplateError::NotJson(error.to_string()))?;
        }
    }
    Ok(())
}

/// Renders one template and subtracts the bytes and tags that it writes from `work`, which starts at [`MAX_WORK`].
///
/// # Errors
/// [`TemplateError`] when a tag is invalid or the result is too large.
pub fn render(text: &str, configuration: &Map<String, Value>, work: &mut usize) -> Result<String, TemplateError> {
    let nodes = parse(text)?;
    let root = Value::Object(configuration.clone());
    let mut writer = Writer { out: String::with_capacity(text.len()), context: vec![&root], work };
    writer.nodes(&nodes)?;
    Ok(writer.out)
}

/// A part of a template.
enum Node<'t> {
    Text(&'t str),
    Variable(&'t str),
    Section { name: &'t str, is_inverted: bool, inside: Vec<Node<'t>> },
}

/// A section whose end was not read yet.
struct Open<'t> {
    name: &'t str,
    is_inverted: bool,
    before: Vec<Node<'t>>,
}

fn parse(text: &str) -> Result<Vec<Node<'_>>, TemplateError> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut nodes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        nodes.push(Node::Text(&rest[..at]));
        let inside = &rest[at + 2..];
        let (tag, after) = tag(inside)?;
        rest = after;
        match tag.chars().next() {
            Some('!') => {}
            Some(kind @ ('#' | '^')) => {
                if open.len() == MAX_DEPTH {
                    return Err(TemplateError::TooDeep);
                }
                let before = std::mem::take(&mut nodes);
                open.push(Open { name: tag[1..].trim(), is_inverted: kind == '^', before });
            }
            Some('/') => {
                let name = tag[1..].trim();
                let Some(opened) = open.pop_if(|opened| opened.name == name) else {
                    return Err(TemplateError::Unopened(name.to_owned()));
                };
                let inside = std::mem::replace(&mut nodes, opened.before);
                nodes.push(Node::Section { name, is_inverted: opened.is_inverted, inside });
            }
            Some('>' | '=') => return Err(TemplateError::UnknownTag(tag.to_owned())),
            Some('&' | '{') => nodes.push(Node::Variable(tag[1..].trim())),
            _ => nodes.push(Node::Variable(tag)),
        }
    }
    nodes.push(Node::Text(rest));
    match open.pop() {
        Some(opened) => Err(TemplateError::UnclosedSection(opened.name.to_owned())),
        None => Ok(nodes),
    }
}

/// Returns a tag without its braces and blanks, and the text after it.
fn tag(inside: &str) -> Result<(&str, &str), TemplateError> {
    let close = if inside.starts_with('{') { "}}}" } else { "}}" };
    match inside.split_once(close) {
        Some((tag, rest)) => Ok((tag.trim(), rest)),
        None => Err(TemplateError::UnclosedTag(inside.chars().take(40).collect())),
    }
}

/// Writes the result of a template.
struct Writer<'c, 'w> {
    out: String,
    /// The values in which names are looked up, the innermost last.
    context: Vec<&'c Value>,
    /// The bytes and tags that are left.
    work: &'w mut usize,
}

impl Writer<'_, '_> {
    fn nodes(&mut self, nodes: &[Node<'_>]) -> Result<(), TemplateError> {
        for node in nodes {
            match node {
                Node::Text(text) => self.write(text)?,
                Node::Variable(name) => {
                    let text = self.find(name).map_or_else(String::new, to_text);
                    self.write(&text)?;
                }
                Node::Section { name, is_inverted, inside } => self.section(name, *is_inverted, inside)?,
            }
        }
        Ok(())
    }

    fn section(&mut self, name: &str, is_inverted: bool, inside: &[Node<'_>]) -> Result<(), TemplateError> {
        let value = self.find(name).filter(|value| holds(value));
        match value {
            None if is_inverted => self.nodes(inside),
            Some(Value::Array(items)) if !is_inverted => items.iter().try_for_each(|item| self.with(item, inside)),
            Some(value) if !is_inverted => self.with(value, inside),
            None | Some(_) => self.write(""),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), TemplateError> {
        *self.work = self.work.checked_sub(text.len() + 1).ok_or(TemplateError::TooLarge)?;
        self.out.push_str(text);
        Ok(())
    }
}

impl<'c> Writer<'c, '_> {
    fn with(&mut self, value: &'c Value, inside: &[Node<'_>]) -> Result<(), TemplateError> {
        self.context.push(value);
        let done = self.nodes(inside);
        self.context.pop();
        done
    }

    /// Looks up a name: its first part in the innermost value that has it, and the other parts below that.
    fn find(&self, name: &str) -> Option<&'c Value> {
        if name == "." {
            return self.context.last().copied();
        }
        let mut parts = name.split('.').map(str::trim);
        let first = parts.next()?;
        let found = self.context.iter().rev().find_map(|value| value.get(first))?;
        parts.try_fold(found, |value, part| value.get(part))
    }
}

/// Returns whether a section over a value is shown.
fn holds(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) | Value::Object(_) => true,
    }
}

/// Returns a value as text for the inside of a JSON string.
fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => escaped(text),
        Value::Array(_) | Value::Object(_) => escaped(&value.to_string()),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rendered(template: &str, configuration: &Value) -> Result<String, TemplateError> {
        render(template, configuration.as_object().unwrap(), &mut MAX_WORK.clone())
    }

    #[test]
    fn values_are_inserted_as_json_text() {
        for (template, configuration, expected) in [
            (r#"{"a": "{{x}}"}"#, json!({"x": "q\"\\\n\t"}), r#"{"a": "q\"\\\n\t"}"#),
            (r#"{"a": "{{& x}}{{ x }}{{{x}}}"}"#, json!({"x": "<v>"}), r#"{"a": "<v><v><v>"}"#),
            (r#"{"a": {"b": {{n}}}}"#, json!({"n": 5}), r#"{"a": {"b": 5}}"#),
            ("{{f}} {{t}} {{no}} {{z}}", json!({"f": 1.5, "t": true, "no": null, "z": 0}), "1.5 true  0"),
            ("{{d.k}}|{{d.zz}}|{{x.y}}", json!({"d": {"k": "v"}}), "v||"),
            ("{{l}} {{o}}", json!({"l": ["a", 1], "o": {"k": "v"}}), r#"[\"a\",1] {\"k\":\"v\"}"#),
            ("{{my-var}}é{{x}}", json!({"my-var": "v", "x": "é😀"}), "véé😀"),
            ("a{{! any {thing} }}b", json!({"x": 1}), "ab"),
            ("{{a}}", json!({"a": "{{b}}", "b": "never"}), "{{b}}"),
            (r#"{"a": {"b": {}}}"#, json!({"x": 1}), r#"{"a": {"b": {}}}"#),
        ] {
            assert_eq!(rendered(template, &configuration).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_section_is_shown_for_a_value_that_exists() {
        for (template, configuration, expected) in [
            ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", json!({"on": true}), "yes"),
            ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", json!({"on": []}), "no"),
            ("[{{#l}}\"{{.}}\",{{/l}}1]", json!({"l": ["a", "b"]}), r#"["a","b",1]"#),
            (
                "{{#l}}{{n}}-{{x}} {{/l}}",
                json!({"l": [{"n": 1}, {"n": 2, "x": "own"}], "x": "outer"}),
                "1-outer 2-own ",
            ),
            ("{{#o}}{{k}}{{/o}}", json!({"o": {"k": "v"}}), "v"),
            ("{{^o}}none{{/o}}", json!({}), "none"),
        ] {
            assert_eq!(rendered(template, &configuration).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn invalid_templates_are_errors() {
        for (template, error) in [
            ("a {{b", TemplateError::UnclosedTag("b".into())),
            ("{{#a}}x", TemplateError::UnclosedSection("a".into())),
            ("{{#a}}x{{/b}}", TemplateError::Unopened("b".into())),
            ("{{> file}}", TemplateError::UnknownTag("> file".into())),
        ] {
            assert_eq!(rendered(template, &json!({"a": 1})), Err(error), "{template}");
        }
        assert_eq!(rendered(&"{{#a}}".repeat(100_000), &json!({"a": 1})), Err(TemplateError::TooDeep));
    }

    #[test]
    fn the_work_of_a_template_is_bounded_even_if_its_result_is_empty() {
        let many = json!({"a": vec![1; 1000]});
        for inside in ["x", ""] {
            let nested = format!("{}{inside}{}", "{{#a}}".repeat(5), "{{/a}}".repeat(5));
            assert_eq!(rendered(&nested, &many), Err(TemplateError::TooLarge));
        }
    }

    #[test]
    fn only_agents_and_routes_are_rendered() {
        let mut document = json!({
            "name": "{{n}}", "properties": {"p": "{{n}}"},
            "agents": [{"name": "{{n}}", "properties": {"count": "{{count}}"}}],
            "routes": {"steps": [{"agent": {"name": "{{n}}"}, "destination": {"topics": "{{topic}}"}}]},
        });
        let configuration = json!({"n": "Bob \"the\" bot", "topic": "t<1>&", "count": 3});
        apply(&mut document, configuration.as_object().unwrap()).unwrap();
        let expected = json!({
            "name": "{{n}}", "properties": {"p": "{{n}}"},
            "agents": [{"name": "Bob \"the\" bot", "properties": {"count": "3"}}],
            "routes": {"steps": [{"agent": {"name": "Bob \"the\" bot"}, "destination": {"topics": "t<1>&"}}]},
        });
        assert_eq!(document, expected);
        let mut untouched = json!({"agents": [{"name": "{{n"}]});
        apply(&mut untouched, &Map::new()).unwrap();
        assert_eq!(untouched, json!({"agents": [{"name": "{{n"}]}));
    }

    proptest! {
        #[test]
        fn no_template_panics(text in "[a.{}#/^&! \"é]{0,60}") {
            let _ = rendered(&text, &json!({"a": [{"a": "é"}, 1, null]}));
        }

        #[test]
        fn a_value_stays_inside_its_json_text(value in any::<String>()) {
            let text = rendered(r#"["{{v}}"]"#, &json!({"v": value})).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([value]));
        }
    }
}
