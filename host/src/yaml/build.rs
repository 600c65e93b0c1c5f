//! Builds JSON values from the events of a YAML text. Files that the text names come from a [`Source`].

use std::collections::HashMap;
use std::path::PathBuf;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::error::YamlError;

/// The deepest nesting of a document; payloads have the same limit.
const MAX_DEPTH: usize = guildhall_model::payload::MAX_DEPTH;
/// The largest size of a document with all its files and everything that aliases repeat: the bytes of texts, and
/// [`VALUE_SIZE`] for each value.
const MAX_SIZE: usize = 16 << 20;
const VALUE_SIZE: usize = 64;

/// The size that a document has so far.
pub type Growth = usize;

/// The files of a document.
pub trait Source {
    /// The file that is being read, for errors.
    fn file(&self) -> PathBuf;

    /// Reads the YAML file that `!include` names.
    ///
    /// # Errors
    /// The file cannot be read, or its document has an error.
    fn include(&mut self, named: &str) -> Result<Value, YamlError>;

    /// Reads the text of the file that `!code` names.
    ///
    /// # Errors
    /// The file cannot be read.
    fn code(&mut self, named: &str) -> Result<String, YamlError>;

    /// The size of the whole document so far, over all its files.
    fn size(&mut self) -> &mut Growth;
}

/// Reads the one document of a text; null for an empty one.
///
/// # Errors
/// The first error of the text or of a file that it names.
pub fn document(text: &str, source: &mut dyn Source) -> Result<Value, YamlError> {
    let parser = Parser::new_from_str(text);
    let mut builder = Builder { parser, source, anchors: HashMap::new(), depth: 0, at: Span::default() };
    let value = builder.stream()?;
    Ok(value.unwrap_or_default())
}

struct Builder<'t, 'l> {
    parser: Parser<'t, StrInput<'t>>,
    source: &'l mut dyn Source,
    /// The values of anchors, and their sizes. Each file has its own anchors.
    anchors: HashMap<usize, (Value, usize)>,
    depth: usize,
    /// The position of the last event.
    at: Span,
}

impl<'t> Builder<'t, '_> {
    fn wrong<T>(&self, problem: impl Into<String>) -> Result<T, YamlError> {
        let (line, column) = (self.at.start.line(), self.at.start.col() + 1);
        Err(YamlError::Syntax { file: self.source.file(), line, column, problem: problem.into() })
    }

    fn broken(&self, error: &ScanError) -> YamlError {
        let marker = error.marker();
        YamlError::Syntax {
            file: self.source.file(),
            line: marker.line(),
            column: marker.col() + 1,
            problem: error.info().to_owned(),
        }
    }

    fn next(&mut self) -> Result<Event<'t>, YamlError> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                self.at = span;
                Ok(event)
            }
            Some(Err(error)) => Err(self.broken(&error)),
            None => Ok(Event::StreamEnd),
        }
    }

    /// `None` for a text without a document.
    fn stream(&mut self) -> Result<Option<Value>, YamlError> {
        let mut value = None;
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(value),
                Event::DocumentStart(_) if value.is_some() => {
                    return self.wrong("a file has one document, not several");
                }
                Event::DocumentStart(_) => {
                    let event = self.next()?;
                    value = Some(self.value(event)?);
                }
                _ => {}
            }
        }
    }

    fn value(&mut self, event: Event<'t>) -> Result<Value, YamlError> {
        let before = *self.source.size();
        self.grow(VALUE_SIZE)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor).cloned() else {
                    return self.wrong("an alias stands inside of what it names");
                };
                self.grow(size)?;
                return Ok(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(text.len())?;
                (self.scalar(&text, style, tag.as_deref())?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "seq")?;
                (self.nested(Self::sequence)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "map")?;
                (self.nested(Self::mapping)?, anchor)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return self.wrong("a value is missing"),
        };
        if anchor != 0 {
            let size = *self.source.size() - before;
            self.grow(size)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    /// Adds to the size of the document, which bounds aliases of aliases.
    fn grow(&mut self, bytes: usize) -> Result<(), YamlError> {
        *self.source.size() += bytes;
        if *self.source.size() > MAX_SIZE {
            return self.wrong(format!("the document becomes larger than {MAX_SIZE} bytes"));
        }
        Ok(())
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, YamlError>) -> Result<Value, YamlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.wrong(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.value(event)?),
            }
        }
    }

    /// Of equal keys the last one wins. Keys that `<<` merges do not replace others.
    fn mapping(&mut self) -> Result<Value, YamlError> {
        let (mut fields, mut merged) = (Map::new(), Vec::new());
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, 0, None) if text == "<<" => None,
                // A key is a text as it is written.
                Event::Scalar(text, _, 0, None) => {
                    self.grow(VALUE_SIZE + text.len())?;
                    Some(Value::from(text))
                }
                event => Some(self.value(event)?),
            };
            let event = self.next()?;
            let value = self.value(event)?;
            match key {
                None => self.merge(value, &mut merged)?,
                Some(key) => {
                    fields.insert(self.key(key)?, value);
                }
            }
        }
        for (key, value) in merged {
            fields.entry(key).or_insert(value);
        }
        Ok(Value::Object(fields))
    }

    fn merge(&self, value: Value, merged: &mut Vec<(String, Value)>) -> Result<(), YamlError> {
        match value {
            Value::Object(fields) => merged.extend(fields),
            Value::Array(items) if items.iter().all(Value::is_object) => {
                for item in items {
                    self.merge(item, merged)?;
                }
            }
            _ => return self.wrong("`<<` takes a mapping or a list of mappings"),
        }
        Ok(())
    }

    /// A key as text; numbers and booleans become their text.
    fn key(&self, key: Value) -> Result<String, YamlError> {
        match key {
            Value::String(text) => Ok(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(key.to_string()),
            Value::Array(_) | Value::Object(_) => self.wrong("a key is a text, not a list or a mapping"),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, YamlError> {
        let Some(tag) = tag else {
            return Ok(if style == ScalarStyle::Plain { plain(text) } else { text.into() });
        };
        let core = tag.is_yaml_core_schema().then_some(tag.suffix.as_str());
        let value = match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", "include") => return self.source.include(text.trim()),
            ("!", "code") => {
                let code = self.source.code(text.trim())?;
                self.grow(code.len())?;
                return Ok(code.into());
            }
            ("!", "") | ("", "!") => Some(Value::from(text)),
            _ => match core {
                Some("str") => Some(Value::from(text)),
                Some("int") => Some(plain(text)).filter(|value| value.is_i64() || value.is_u64()),
                Some("float") => plain(text).as_f64().and_then(Number::from_f64).map(Value::Number),
                Some("bool") => Some(plain(text)).filter(Value::is_boolean),
                Some("null") => Some(plain(text)).filter(Value::is_null),
                _ => return self.wrong(format!("the tag {tag} is not known: there are !include and !code")),
            },
        };
        value.map_or_else(|| self.wrong(format!("`{text}` is no {}", tag.suffix)), Ok)
    }

    /// Refuses a tag on a list or a mapping other than its own.
    fn untagged(&self, tag: Option<&Tag>, own: &str) -> Result<(), YamlError> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == own) => {
                self.wrong(format!("the tag {tag} does not fit a list or a mapping"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The value of a text without quotes, by the core schema of YAML 1.2. Words such as `no` and `on` are texts.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

/// A number of the core schema. Infinities and NaN are not JSON and stay texts.
fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    let is_numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !is_numeric || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).and_then(Number::from_f64)
}
