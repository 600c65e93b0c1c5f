//! The syntax of paths. It builds steps and does not look at values.

use serde_json::Value;

use crate::path::step::{Comparison, Filter, Step};

/// The position of the first character that cannot be read, from 0.
pub(super) struct SyntaxError(pub usize);

/// Reads the text of a path from left to right.
pub(super) struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    /// Starts at the first character of `text`, without the blanks around it.
    pub(super) fn new(text: &str) -> Self {
        Self { chars: text.trim().chars().collect(), at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = wanted.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    const fn error<T>(&self) -> Result<T, SyntaxError> {
        Err(SyntaxError(self.at))
    }

    /// Reads the whole text as steps.
    pub(super) fn steps(&mut self) -> Result<Vec<Step>, SyntaxError> {
        let mut steps = Vec::new();
        let mut may_name = !self.take("$");
        while let Some(next) = self.peek() {
            if next == '[' {
                steps.push(self.bracket()?);
            } else if self.take("..") {
                steps.push(Step::Below);
                if self.peek() != Some('[') {
                    steps.push(self.name()?);
                }
            } else if may_name || self.take(".") {
                steps.push(self.name()?);
            } else {
                return self.error();
            }
            may_name = false;
        }
        if steps.last() == Some(&Step::Below) { self.error() } else { Ok(steps) }
    }

    fn name(&mut self) -> Result<Step, SyntaxError> {
        if self.take("*") {
            return Ok(Step::All);
        }
        let name = self.word(|c| !matches!(c, '.' | '[' | ']'));
        if name.is_empty() { self.error() } else { Ok(Step::Name(name)) }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn bracket(&mut self) -> Result<Step, SyntaxError> {
        self.at += 1;
        self.blanks();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::All
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(self.filter()?)
            }
            Some('"' | '\'') => Step::Name(self.quoted()?),
            _ => self.index_or_slice()?,
        };
        self.blanks();
        if self.take("]") { Ok(step) } else { self.error() }
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let quote = self.peek();
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.error(),
                end if end == quote => break,
                Some('\\') => {
                    self.at += 1;
                    let Some(c) = self.peek() else { return self.error() };
                    text.push(c);
                }
                Some(c) => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(text)
    }

    fn index_or_slice(&mut self) -> Result<Step, SyntaxError> {
        let from = self.integer()?;
        self.blanks();
        if self.take(":") {
            self.blanks();
            return Ok(Step::Slice(from, self.integer()?));
        }
        from.map_or_else(|| self.error(), |index| Ok(Step::Index(index)))
    }

    fn integer(&mut self) -> Result<Option<i64>, SyntaxError> {
        let word = self.word(|c| c == '-' || c.is_ascii_digit());
        if word.is_empty() {
            return Ok(None);
        }
        word.parse().map_or_else(|_| self.error(), |number| Ok(Some(number)))
    }

    fn filter(&mut self) -> Result<Filter, SyntaxError> {
        self.blanks();
        let is_wrapped = self.take("(");
        self.blanks();
        let _ = self.take("@.");
        let mut names = Vec::new();
        loop {
            let name = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            if name.is_empty() {
                return self.error();
            }
            names.push(name);
            if !self.take(".") {
                break;
            }
        }
        self.blanks();
        let compare = match self.comparison() {
            Some(comparison) => {
                self.blanks();
                Some((comparison, self.literal()?))
            }
            None => None,
        };
        self.blanks();
        if is_wrapped && !self.take(")") { self.error() } else { Ok(Filter { names, compare }) }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        const ALL: [(&str, Comparison); 7] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        ALL.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, comparison)| comparison)
    }

    fn literal(&mut self) -> Result<Value, SyntaxError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.quoted().map(Value::String);
        }
        let word = self.word(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'));
        serde_json::from_str(&word).or_else(|_| self.error())
    }
}
