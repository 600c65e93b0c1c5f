//! Names in backticks where a variable stands. The language has them only behind a dot, and a payload's members are
//! variables, whatever their names.

/// Returns the source with plain names in the place of variables in backticks, and these names with those that they
/// stand for.
pub(super) fn unquoted(source: &str) -> (String, Vec<(String, String)>) {
    if !source.contains('`') {
        return (source.to_owned(), Vec::new());
    }
    let mut written = String::with_capacity(source.len());
    let mut names = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => text(rest, first, written.ends_with(['r', 'R'])),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '`' => rest[1..].find('`').map_or(rest.len(), |end| end + 2),
            _ => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        let is_member = written.trim_end().ends_with(['.', '?']);
        if first == '`' && part.len() > 2 && part.ends_with('`') && !is_member {
            let name = format!("backtick_{}_", names.len());
            written.push_str(&name);
            names.push((name, part[1..part.len() - 1].to_owned()));
        } else {
            written.push_str(part);
        }
        rest = after;
    }
    (written, names)
}

/// The length of a text at the beginning of `rest`, with its quotes.
fn text(rest: &str, quote: char, is_raw: bool) -> usize {
    let triple = if quote == '"' { "\"\"\"" } else { "'''" };
    let mark = if rest.starts_with(triple) { triple } else { &triple[..1] };
    let mut at = mark.len();
    while let Some(c) = rest[at..].chars().next() {
        if rest[at..].starts_with(mark) {
            return at + mark.len();
        }
        at += c.len_utf8();
        if c == '\\' && !is_raw {
            at += rest[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    rest.len()
}
