//! Reads a configuration file: TOML with a table for each first part of the settings' names. Every wrong line is reported,
//! not only the first.

use std::path::Path;

use toml::de::{DeArray, DeTable, DeValue};

use super::assignment::{Assignment, Origin};

/// The file that is read when none is named, if it exists in the working directory.
pub const DEFAULT_FILE: &str = "guildhall.toml";

/// Reads the settings of a file.
///
/// # Errors
/// A line for each mistake, with the file and the line.
pub fn read(path: &Path) -> Result<Vec<Assignment>, Vec<String>> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{shown} cannot be read: {error}")])?;
    parse(&shown, &text)
}

/// Reads the settings of a file's text. `file` is its name in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, text: &str) -> Result<Vec<Assignment>, Vec<String>> {
    let line_of = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        vec![format!("{file}:{line}: {}", error.message())]
    })?;
    let mut found = Found { file, line_of: &line_of, assignments: Vec::new(), wrong: Vec::new() };
    found.table("", table.get_ref());
    // The order of the file, whatever the parser has.
    found.assignments.sort_by_key(|one| match &one.origin {
        Origin::File { line, .. } => *line,
        _ => 0,
    });
    if found.wrong.is_empty() { Ok(found.assignments) } else { Err(found.wrong) }
}

struct Found<'a> {
    file: &'a str,
    line_of: &'a dyn Fn(usize) -> usize,
    assignments: Vec<Assignment>,
    wrong: Vec<String>,
}

impl Found<'_> {
    fn table(&mut self, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let line = (self.line_of)(key.span().start);
            let name = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
            match value.get_ref() {
                DeValue::Table(inner) => self.table(&name, inner),
                value => match text(value) {
                    Ok(value) => {
                        let origin = Origin::File { file: self.file.to_owned(), line };
                        self.assignments.push(Assignment { name, value, origin });
                    }
                    Err(wrong) => self.wrong.push(format!("{}:{line}: `{name}`: {wrong}", self.file)),
                },
            }
        }
    }
}

/// A value as `--set` has it.
fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().trim_start_matches('+');
            let read = i128::from_str_radix(digits, number.radix());
            read.map(|number| number.to_string()).map_err(|_| format!("`{digits}` is no number"))
        }
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Array(items) => items_of(items),
        DeValue::Float(number) => Err(format!("write a whole number, not {}", number.as_str())),
        DeValue::Datetime(_) => Err("a date is no value of a setting".to_owned()),
        DeValue::Table(_) => Err("a table is no value of a setting".to_owned()),
    }
}

fn items_of(items: &DeArray<'_>) -> Result<String, String> {
    let text = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) if !text.contains(',') => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        _ => Err("write a list of texts without commas".to_owned()),
    };
    let items: Result<Vec<String>, String> = items.iter().map(text).collect();
    Ok(items?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_names_of_the_settings_as_tables() {
        let text = "# a host\n[limits]\nframe_bytes = 1_572_864\n\n[cors]\norigin = [\"https://a\", \"https://b\"]\n\
                    [serve]\nlisten = \"8880\"\ninsecure = true\n";
        let read = parse("f.toml", text).unwrap();
        let read: Vec<(&str, &str, String)> =
            read.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.origin.to_string())).collect();
        assert_eq!(
            read,
            [
                ("limits.frame_bytes", "1572864", "f.toml:3".to_owned()),
                ("cors.origin", "https://a,https://b", "f.toml:6".to_owned()),
                ("serve.listen", "8880", "f.toml:8".to_owned()),
                ("serve.insecure", "true", "f.toml:9".to_owned()),
            ]
        );
        assert_eq!(parse("f", "limits.frame_bytes = 0x10").unwrap()[0].value, "16");
        assert!(parse("f", "").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_has_its_line() {
        let wrong = |text: &str| parse("f.toml", text).unwrap_err();
        assert!(wrong("[limits]\nframe_bytes = \n")[0].starts_with("f.toml:2: "));
        assert!(wrong("[a]\nx=1\nx=2\n")[0].starts_with("f.toml:3: "), "a name twice");
        let wrong = wrong("[a]\nx = 1.5\ny = 1979-05-27\nz = [true]\n");
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong.iter().any(|one| one == "f.toml:2: `a.x`: write a whole number, not 1.5"), "{wrong:?}");
    }
}
