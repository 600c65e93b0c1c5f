//! Patterns as ECMAScript has them. A pattern that needs no look-around and no back-reference runs in linear time; any
//! other one backtracks, and the host's limit of time ends it.

use std::ops::Range;

/// What ECMAScript's `\s` stands for, inside of a class.
const BLANKS: &str = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

/// A compiled pattern.
pub(super) enum Pattern {
    Linear(regex::Regex),
    Backtracking(regress::Regex),
}

/// Where a pattern was found, in bytes, and its groups.
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) groups: Vec<Option<Range<usize>>>,
}

impl Pattern {
    /// Compiles a pattern with the flags `i`, `m` and `s`.
    ///
    /// # Errors
    /// A text that says what is wrong with the pattern.
    pub(super) fn new(source: &str, flags: &str) -> Result<Self, String> {
        let has = |flag| flags.contains(flag);
        if let Some(linear) = linear(source, has('s')) {
            let built = regex::RegexBuilder::new(&linear).case_insensitive(has('i')).multi_line(has('m')).build();
            if let Ok(built) = built {
                return Ok(Self::Linear(built));
            }
        }
        let flags: String = flags.chars().filter(|flag| "ims".contains(*flag)).collect();
        let of_code_points = source.contains(r"\p{") || source.contains(r"\P{") || source.contains(r"\u{");
        let with_unicode =
            of_code_points.then(|| regress::Regex::with_flags(source, format!("{flags}u").as_str()).ok()).flatten();
        let built = match with_unicode {
            Some(built) => Ok(built),
            None => regress::Regex::with_flags(source, flags.as_str()),
        };
        built.map(Self::Backtracking).map_err(|error| format!("the pattern /{source}/ is not ECMAScript: {error}"))
    }

    /// Finds the first match at `from` or later, a byte offset on a character.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Found> {
        match self {
            Self::Linear(regex) => {
                let captures = regex.captures_at(text, from)?;
                let mut all = captures.iter().map(|group| group.map(|group| group.range()));
                let range = all.next()??;
                Some(Found { range, groups: all.collect() })
            }
            Self::Backtracking(regex) => {
                let found = regex.find_from(text, from).next()?;
                Some(Found { range: found.range(), groups: found.groups().skip(1).collect() })
            }
        }
    }
}

/// Translates a pattern for the linear engine; `None` when only the other engine reads it as ECMAScript does.
fn linear(source: &str, dot_is_all: bool) -> Option<String> {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(chars.next()?, in_class, &mut out)?,
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Operators and nested classes of the other syntax.
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && chars.peek() == Some(&'-') => return None,
            '[' => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    return None;
                }
            }
            '.' if !in_class => out.push_str(if dot_is_all { r"[\s\S]" } else { r"[^\n\r\u{2028}\u{2029}]" }),
            '(' if !in_class && chars.peek() == Some(&'?') => {
                chars.next();
                match chars.peek() {
                    Some(':') => out.push_str("(?"),
                    Some('<') => {
                        chars.next();
                        if matches!(chars.peek(), Some('=' | '!')) {
                            return None;
                        }
                        out.push_str("(?<");
                    }
                    _ => return None,
                }
            }
            _ => out.push(c),
        }
    }
    Some(out)
}

/// Writes an escape of ECMAScript for the linear engine.
fn escape(c: char, in_class: bool, out: &mut String) -> Option<()> {
    let (set, is_negated) = match c {
        'd' | 'D' => ("0-9", c == 'D'),
        'w' | 'W' => ("0-9A-Za-z_", c == 'W'),
        's' | 'S' => (BLANKS, c == 'S'),
        _ => {
            match c {
                'b' if in_class => out.push_str(r"\x08"),
                'b' => out.push_str(r"(?-u:\b)"),
                'B' if !in_class => out.push_str(r"(?-u:\B)"),
                't' | 'n' | 'r' | 'f' | 'v' | 'u' | 'x' | 'p' | 'P' => out.extend(['\\', c]),
                '/' => out.push('/'),
                _ if c.is_ascii_punctuation() && !"<>".contains(c) => out.extend(['\\', c]),
                _ => return None,
            }
            return Some(());
        }
    };
    match (in_class, is_negated) {
        (true, false) => out.push_str(set),
        (_, true) => out.push_str(&format!("[^{set}]")),
        (false, false) => out.push_str(&format!("[{set}]")),
    }
    Some(())
}
