//! Exact integers of 64 bits in an evaluator whose numbers are doubles.
//!
//! Each integer that no double holds has a double of its own that stands for it, its *stand-in*: the nearest one that
//! is free. Two integers never share one, so what compares, sorts, groups or passes on numbers needs no change. What
//! computes with numbers or writes them looks the integer up.

use std::collections::HashMap;

use jsonata_core::value::JValue;
use serde_json::{Number, Value};

/// 2^53: all integers below it are doubles.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
/// The fewest digits of an integer of 2^53 and more.
const MIN_DIGITS: usize = 16;
/// How many doubles are tried for an integer before it is rounded.
const MAX_TRIES: usize = 4_096;

/// The integers of one evaluation and their stand-ins.
#[derive(Clone, Default)]
pub(super) struct Numbers {
    by_stand_in: HashMap<u64, i128>,
    by_integer: HashMap<i128, f64>,
}

/// Whether a text may contain an integer that needs a stand-in.
pub(super) fn has_long_digits(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= MIN_DIGITS
    })
}

impl Numbers {
    /// Returns the double of an integer. An integer of more than 64 bits is rounded.
    pub(super) fn double_of(&mut self, integer: i128) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rounded double is where the search begins")]
        let nearest = integer as f64;
        if nearest.abs() < FIRST_INEXACT || !fits(integer) {
            return nearest;
        }
        if let Some(known) = self.by_integer.get(&integer) {
            return *known;
        }
        let mut stand_in = nearest;
        let mut upwards = None;
        for _ in 0..MAX_TRIES {
            let Some(other) = self.by_stand_in.get(&stand_in.to_bits()) else {
                self.by_stand_in.insert(stand_in.to_bits(), integer);
                self.by_integer.insert(integer, stand_in);
                return stand_in;
            };
            // Away from zero at the smallest stand-ins, else towards the side that keeps the order.
            let up = *upwards.get_or_insert(integer > *other);
            let next = if up { stand_in.next_up() } else { stand_in.next_down() };
            stand_in = if next.abs() < FIRST_INEXACT { -next.signum() * -FIRST_INEXACT } else { next };
            if next.abs() < FIRST_INEXACT {
                upwards = Some(!up);
            }
        }
        nearest
    }

    /// Returns the integer that a double is or stands for.
    pub(super) fn integer_of(&self, double: f64) -> Option<i128> {
        if double.abs() < FIRST_INEXACT {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            return (double.fract() == 0.0).then_some(double as i128);
        }
        self.by_stand_in.get(&double.to_bits()).copied()
    }

    /// Whether a double stands for an integer.
    pub(super) fn is_stand_in(&self, double: f64) -> bool {
        self.by_stand_in.contains_key(&double.to_bits())
    }

    /// Reads a JSON text, with stand-ins for its integers.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(super) fn read(&mut self, json: &str) -> Result<JValue, serde_json::Error> {
        let mut value: Value = serde_json::from_str(json)?;
        let mut integers = Vec::new();
        each_integer(&mut value, &mut |integer| {
            integers.push(integer);
            None
        });
        integers.sort_unstable();
        integers.dedup();
        self.add_sorted(&integers);
        each_integer(&mut value, &mut |integer| self.by_integer.get(&integer).copied());
        JValue::from_json_str(&value.to_string())
    }

    /// Adds integers in their order, each with a double above the one before.
    fn add_sorted(&mut self, integers: &[i128]) {
        let mut last = f64::NEG_INFINITY;
        for integer in integers {
            #[expect(clippy::cast_precision_loss, reason = "a rounded double is where the search begins")]
            let stand_in = (*integer as f64).max(last.next_up());
            let is_free = !self.by_stand_in.contains_key(&stand_in.to_bits());
            if is_free && stand_in.abs() >= FIRST_INEXACT && !self.by_integer.contains_key(integer) {
                self.by_stand_in.insert(stand_in.to_bits(), *integer);
                self.by_integer.insert(*integer, stand_in);
                last = stand_in;
            } else {
                last = self.double_of(*integer);
            }
        }
    }

    /// Returns a double as a JSON number: whole numbers without a fraction or an exponent, as far as they have 64 bits.
    pub(super) fn number(&self, double: f64) -> Value {
        let integer = self.integer_of(double).or_else(|| whole(double));
        match integer.and_then(json_integer) {
            Some(integer) => Value::Number(integer),
            None => Number::from_f64(double).map_or(Value::Null, Value::Number),
        }
    }
}

/// Whether an integer has at most 64 bits, with or without a sign.
fn fits(integer: i128) -> bool {
    json_integer(integer).is_some()
}

fn json_integer(integer: i128) -> Option<Number> {
    u64::try_from(integer).map(Number::from).or_else(|_| i64::try_from(integer).map(Number::from)).ok()
}

/// Returns a whole number of less than 2^64.
fn whole(double: f64) -> Option<i128> {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of less than 2^64")]
    (double.fract() == 0.0 && double.abs() < 18_446_744_073_709_551_616.0).then_some(double as i128)
}

/// Gives each integer of 2^53 and more to `change`, and puts the double that it returns in the integer's place.
fn each_integer(value: &mut Value, change: &mut impl FnMut(i128) -> Option<f64>) {
    match value {
        Value::Number(number) => {
            let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            let integer = integer.or_else(|| number.as_f64().and_then(whole));
            #[expect(clippy::cast_precision_loss, reason = "only compared with the bound")]
            let Some(integer) = integer.filter(|integer| (*integer as f64).abs() >= FIRST_INEXACT) else { return };
            // A whole double is written as an integer, because that is read back exactly.
            if let Some(written) = change(integer).and_then(whole).and_then(json_integer) {
                *number = written;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_integer(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| each_integer(member, change)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Returns the source with stand-ins for its integer literals of 2^53 and more, which go into `numbers`. Texts, names
/// in backticks and comments stay as they are.
pub(super) fn literals(source: &str, numbers: &mut Numbers) -> String {
    let mut written = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ if first.is_alphanumeric() || matches!(first, '$' | '_' | '.') => {
                let end = |c: char| !c.is_alphanumeric() && !matches!(c, '$' | '_' | '.');
                rest.find(end).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        let integer: Option<i128> = word.parse().ok().filter(|_| word.len() >= MIN_DIGITS).filter(|n| fits(*n));
        match integer.map(|integer| numbers.double_of(integer)).and_then(whole) {
            Some(stand_in) => written.push_str(&stand_in.to_string()),
            None => written.push_str(word),
        }
        rest = after;
    }
    written
}

/// The length of a quoted text at the beginning of `rest`.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !is_escaped && c == quote {
            return at + 1;
        }
        is_escaped = !is_escaped && c == '\\' && quote != '`';
    }
    rest.len()
}
