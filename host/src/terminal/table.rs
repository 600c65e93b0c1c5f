//! A table for people: columns as wide as their cells, cut with `…` where the terminal is too narrow.

use std::fmt::Write;

use console::{measure_text_width, truncate_str};

/// No column is cut below this width while another one is wider.
const NARROWEST: usize = 6;
/// The blanks between two columns.
const GAP: usize = 2;

/// A table with a title for each column.
#[derive(Clone, Debug)]
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table without rows.
    #[must_use]
    pub fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>) -> Self {
        Self { titles: titles.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells may be coloured; they have one line.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the table in at most `width` columns, without a last line end.
    #[must_use]
    pub fn fit(&self, width: usize) -> String {
        let titles: Vec<String> = self.titles.iter().map(|title| super::bold(title)).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&titles).chain(&self.rows).collect();
        let natural = (0..titles.len()).map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        });
        let widths = fitted(natural.collect(), width);
        let shown: Vec<String> = lines.iter().map(|line| row(line, &widths)).collect();
        shown.join("\n")
    }
}

/// The widths of columns that fit: the widest column gives first.
fn fitted(mut widths: Vec<usize>, width: usize) -> Vec<usize> {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>().saturating_add(gaps) > width {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= NARROWEST {
            break;
        }
        *widest -= 1;
    }
    widths
}

fn row(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cut = truncate_str(cell, *width, "…");
        // The last column needs no blanks after it.
        let pad = if place + 1 == widths.len() { 0 } else { width - measure_text_width(&cut).min(*width) + GAP };
        let _ = write!(line, "{cut}{:pad$}", "");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["ID", "NAME"]);
        table.row(["1".to_owned(), "a name that is rather long".to_owned()]);
        table.row(["22".to_owned(), "ŽŽ".to_owned()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let lines = table().fit(usize::MAX);
        let lines: Vec<String> = lines.lines().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(lines, ["ID  NAME", "1   a name that is rather long", "22  ŽŽ"]);
    }

    #[test]
    fn the_widest_column_is_cut_to_the_terminal() {
        let lines = table().fit(16);
        let lines: Vec<String> = lines.lines().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(lines[1], "1   a name that…");
        assert!(lines.iter().all(|line| measure_text_width(line) <= 16));
        assert!(fitted(vec![50, 50], 3).iter().all(|width| *width == NARROWEST), "a tiny terminal ends the cutting");
    }
}
