//! Prints the results, as a table for people or as JSON for programs.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

struct Row {
    name: String,
    value: Value,
    unit: &'static str,
}

/// Named values in the order in which they were added.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub fn count(&mut self, name: &str, value: u64) {
        self.rows.push(Row { name: name.to_owned(), value: json!(value), unit: "" });
    }

    /// Adds a number, rounded to a thousandth.
    pub fn number(&mut self, name: &str, value: f64, unit: &'static str) {
        let value = json!((value * 1e3).round() / 1e3);
        self.rows.push(Row { name: name.to_owned(), value, unit });
    }

    /// Adds the percentiles of a histogram of microseconds, in milliseconds.
    pub fn percentiles(&mut self, name: &str, histogram: &Histogram<u64>) {
        let values = [
            ("p50", histogram.value_at_quantile(0.5)),
            ("p99", histogram.value_at_quantile(0.99)),
            ("p999", histogram.value_at_quantile(0.999)),
            ("max", histogram.max()),
        ];
        for (percentile, micros) in values {
            self.number(&format!("{name}_{percentile}"), micros as f64 / 1e3, "ms");
        }
    }

    /// Returns a table with one line for each value, with names and numbers aligned.
    pub fn table(&self) -> String {
        let width = |of: fn(&Row) -> usize| self.rows.iter().map(of).max().unwrap_or(0);
        let names = width(|row| row.name.len());
        let values = width(|row| row.value.to_string().len());
        let mut table = String::new();
        for Row { name, value, unit } in &self.rows {
            let line = format!("{name:names$}  {:>values$} {unit}", value.to_string());
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }

    /// Returns a JSON object with the units of the table.
    pub fn json(&self) -> Value {
        let members: Map<_, _> = self.rows.iter().map(|row| (row.name.clone(), row.value.clone())).collect();
        Value::Object(members)
    }
}
