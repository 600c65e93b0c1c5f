//! The functions and operators of JSONata that the library lacks, or that it computes otherwise than the language says.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonata_core::evaluator::{EvaluatorError, HostFnResult};
use jsonata_core::functions::{numeric, string};
use jsonata_core::value::JValue;

use super::numbers::Numbers;
use super::patterns::{Found, Pattern};
use super::urls::{self, Of};

/// The compiled patterns of an expression, by source and flags.
pub(super) type Patterns = HashMap<(String, String), Pattern>;

/// What the functions of one evaluation share.
pub(super) struct Shared {
    pub(super) numbers: RefCell<Numbers>,
    pub(super) patterns: Rc<Patterns>,
    /// The instant of the evaluation, in milliseconds since 1970.
    pub(super) now: OnceCell<f64>,
}

/// A function of ours.
pub(super) struct Function {
    /// Its name in the language, or the operator.
    pub(super) name: &'static str,
    /// The name under which the evaluator knows it. No expression can write it.
    pub(super) ours: &'static str,
    /// How many arguments it takes from a function that calls it.
    pub(super) arity: usize,
    pub(super) call: fn(&Shared, &[JValue]) -> HostFnResult,
}

const fn function(
    name: &'static str,
    ours: &'static str,
    arity: usize,
    call: fn(&Shared, &[JValue]) -> HostFnResult,
) -> Function {
    Function { name, ours, arity, call }
}

/// All functions of ours.
pub(super) static FUNCTIONS: [Function; 26] = [
    function("random", "our random", 0, |_, _| Ok(JValue::Number(random()))),
    function("millis", "our millis", 0, |shared, _| Ok(JValue::Number(shared.now()))),
    function("encodeUrl", "our encodeUrl", 1, |_, args| encoded(args, Of::Url)),
    function("encodeUrlComponent", "our encodeUrlComponent", 1, |_, args| encoded(args, Of::Component)),
    function("decodeUrl", "our decodeUrl", 1, |_, args| decoded(args, Of::Url, "decodeUrl")),
    function("decodeUrlComponent", "our decodeUrlComponent", 1, |_, args| {
        decoded(args, Of::Component, "decodeUrlComponent")
    }),
    function("contains", "our contains", 2, contains),
    function("match", "our match", 3, matches),
    function("split", "our split", 3, split),
    function("replace", "our replace", 4, replace),
    function("pieces", "our pieces", 3, pieces),
    function("string", "our string", 1, string_of),
    function("number", "our number", 1, number_of),
    function("abs", "our abs", 1, |shared, args| rounded(shared, args, numeric::abs, i128::abs)),
    function("floor", "our floor", 1, |shared, args| rounded(shared, args, numeric::floor, |n| n)),
    function("ceil", "our ceil", 1, |shared, args| rounded(shared, args, numeric::ceil, |n| n)),
    function("round", "our round", 2, round),
    function("sum", "our sum", 1, sum),
    function("formatBase", "our formatBase", 2, format_base),
    function("+", "our +", 2, |shared, args| computed(shared, args, "+", i128::checked_add, |a, b| a + b)),
    function("-", "our -", 2, |shared, args| computed(shared, args, "-", i128::checked_sub, |a, b| a - b)),
    function("*", "our *", 2, |shared, args| computed(shared, args, "*", i128::checked_mul, |a, b| a * b)),
    function("/", "our /", 2, |shared, args| computed(shared, args, "/", divided, |a, b| a / b)),
    function("%", "our %", 2, |shared, args| computed(shared, args, "%", i128::checked_rem, |a, b| a % b)),
    function("negate", "our negate", 1, negate),
    function("&", "our &", 2, |shared, args| {
        let text = |value: Option<&JValue>| shared.text(value.unwrap_or(&JValue::Undefined), false);
        Ok(JValue::string(text(args.first())? + &text(args.get(1))?))
    }),
];

/// Returns the function that stands for a name of the language or an operator.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

fn failed(text: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(text.to_owned())
}

fn mismatch(argument: usize, function: &str) -> EvaluatorError {
    EvaluatorError::TypeError(format!("T0410: Argument {argument} of function {function} does not match its signature"))
}

impl Shared {
    fn now(&self) -> f64 {
        *self.now.get_or_init(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era are below 2^53")]
            let millis = now.as_millis() as f64;
            millis
        })
    }

    fn number(&self, integer: i128) -> JValue {
        JValue::Number(self.numbers.borrow_mut().double_of(integer))
    }

    fn integer(&self, value: &JValue) -> Option<i128> {
        value.as_f64().and_then(|double| self.numbers.borrow().integer_of(double))
    }

    /// Returns a value as a text, with exact integers.
    fn text(&self, value: &JValue, prettify: bool) -> Result<String, EvaluatorError> {
        if let JValue::Number(double) = value
            && let Some(integer) = self.numbers.borrow().integer_of(*double)
        {
            return Ok(integer.to_string());
        }
        let is_container = value.is_array() || value.is_object();
        let written = if is_container { self.marked(value, 0) } else { value.clone() };
        let text = string::string(&written, Some(prettify))?;
        let text = text.as_str().unwrap_or_default();
        Ok(if is_container { text.replace("\"\u{10FFFE}", "").replace("\u{10FFFE}\"", "") } else { text.to_owned() })
    }

    /// Puts marked texts in the place of stand-ins. The evaluator has bounded the depth of the value.
    fn marked(&self, value: &JValue, depth: usize) -> JValue {
        match value {
            JValue::Number(double) if self.numbers.borrow().is_stand_in(*double) => {
                let integer = self.integer(value).unwrap_or_default();
                JValue::string(format!("\u{10FFFE}{integer}\u{10FFFE}"))
            }
            JValue::Array(items) if depth < 1_000 => {
                JValue::array(items.iter().map(|item| self.marked(item, depth + 1)).collect())
            }
            JValue::Object(members) if depth < 1_000 => JValue::object(
                members.iter().map(|(name, member)| (name.clone(), self.marked(member, depth + 1))).collect(),
            ),
            _ => value.clone(),
        }
    }

    fn pattern(&self, value: &JValue) -> Option<&Pattern> {
        let JValue::Regex { pattern, flags } = value else { return None };
        self.patterns.get(&(pattern.to_string(), flags.to_string()))
    }
}

/// Returns a random number from 0 to 1, without 1.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    thread_local! {
        /// The standard library gets the keys of its maps from the system.
        static STATE: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
    }
    STATE.with(|(key, count)| {
        count.set(count.get().wrapping_add(1));
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let fraction = (key.hash_one(count.get()) >> 11) as f64;
        fraction / 9_007_199_254_740_992.0
    })
}

fn encoded(args: &[JValue], of: Of) -> HostFnResult {
    match args.first() {
        Some(JValue::String(text)) => Ok(JValue::string(urls::encode(text, of))),
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(_) => Err(mismatch(1, if of == Of::Url { "encodeUrl" } else { "encodeUrlComponent" })),
    }
}

fn decoded(args: &[JValue], of: Of, name: &str) -> HostFnResult {
    match args.first() {
        Some(JValue::String(text)) => match urls::decode(text, of) {
            Some(decoded) => Ok(JValue::string(decoded)),
            None => Err(failed(&format!("D3140: Malformed URL passed to ${name}(): \"{text}\""))),
        },
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(_) => Err(mismatch(1, name)),
    }
}

/// Returns the text that a function works on; `None` when it is undefined.
fn subject<'a>(args: &'a [JValue], name: &str) -> Result<Option<&'a str>, EvaluatorError> {
    match args.first() {
        Some(JValue::String(text)) => Ok(Some(text)),
        None | Some(JValue::Undefined) => Ok(None),
        Some(_) => Err(mismatch(1, name)),
    }
}

/// Returns the most matches that a call asks for.
fn limit(value: Option<&JValue>, code: &str) -> Result<Option<usize>, EvaluatorError> {
    match value {
        None | Some(JValue::Undefined) => Ok(None),
        Some(JValue::Number(number)) if *number >= 0.0 =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; it saturates")]
            Ok(Some(number.ceil() as usize))
        }
        Some(JValue::Number(_)) => Err(failed(&format!("{code}: the limit must not be negative"))),
        Some(_) => Err(EvaluatorError::TypeError("T0410: the limit must be a number".to_owned())),
    }
}

/// Returns the matches of a pattern, as many as `limit`.
fn find_all(pattern: &Pattern, text: &str, limit: Option<usize>) -> Result<Vec<Found>, EvaluatorError> {
    let mut all = Vec::new();
    let mut from = 0;
    while limit.is_none_or(|limit| all.len() < limit) && (all.is_empty() || from < text.len()) {
        let Some(found) = pattern.find(text, from) else { break };
        if found.range.is_empty() && !all.is_empty() {
            return Err(failed("D1004: Regular expression matches zero length string"));
        }
        if found.range.is_empty() {
            // The next match would be empty too.
            all.push(found);
            break;
        }
        from = found.range.end;
        all.push(found);
    }
    Ok(all)
}

fn contains(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(text) = subject(args, "contains")? else { return Ok(JValue::Undefined) };
    let token = args.get(1).unwrap_or(&JValue::Undefined);
    match shared.pattern(token) {
        Some(pattern) => Ok(JValue::Bool(pattern.find(text, 0).is_some())),
        None => Ok(string::contains(text, token)?),
    }
}

/// Returns the members that `$match` and the functions for replacements give to a match.
fn found_value(text: &str, found: &Found, with_end: bool) -> JValue {
    let utf16 = |bytes: &str| JValue::from(bytes.encode_utf16().count());
    let groups = found.groups.iter().map(|group| match group {
        Some(range) => JValue::string(&text[range.clone()]),
        None => JValue::Undefined,
    });
    let groups = JValue::array(groups.collect());
    let matched = JValue::string(&text[found.range.clone()]);
    let start = utf16(&text[..found.range.start]);
    let members = if with_end {
        let end = utf16(&text[..found.range.end]);
        vec![("match", matched), ("start", start), ("end", end), ("groups", groups)]
    } else {
        vec![("match", matched), ("index", start), ("groups", groups)]
    };
    JValue::object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn matches(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(text) = subject(args, "match")? else { return Ok(JValue::Undefined) };
    let Some(pattern) = args.get(1).and_then(|token| shared.pattern(token)) else {
        return Err(mismatch(2, "match"));
    };
    let found = find_all(pattern, text, limit(args.get(2), "D3040")?)?;
    Ok(JValue::sequence(found.iter().map(|found| found_value(text, found, false)).collect()))
}

fn split(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(text) = subject(args, "split")? else { return Ok(JValue::Undefined) };
    let token = args.get(1).unwrap_or(&JValue::Undefined);
    let limit = limit(args.get(2), "D3020")?;
    let Some(pattern) = shared.pattern(token) else { return Ok(string::split(text, token, limit)?) };
    let mut parts = Vec::new();
    let mut from = 0;
    for found in find_all(pattern, text, None)?.iter().filter(|found| !found.range.is_empty()) {
        parts.push(JValue::string(&text[from..found.range.start]));
        from = found.range.end;
    }
    parts.push(JValue::string(&text[from..]));
    parts.truncate(limit.unwrap_or(usize::MAX));
    Ok(JValue::array(parts))
}

fn replace(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(text) = subject(args, "replace")? else { return Ok(JValue::Undefined) };
    let token = args.get(1).unwrap_or(&JValue::Undefined);
    let Some(JValue::String(replacement)) = args.get(2) else { return Err(mismatch(3, "replace")) };
    let limit = limit(args.get(3), "D3011")?;
    let Some(pattern) = shared.pattern(token) else {
        if token.as_str() == Some("") {
            return Err(failed("D3010: Second argument of replace function cannot be an empty string"));
        }
        return Ok(string::replace(text, token, replacement, limit)?);
    };
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in find_all(pattern, text, limit)? {
        out.push_str(&text[from..found.range.start]);
        let group = |at: usize| Ok::<_, EvaluatorError>(found.groups[at].clone().map(|range| text[range].into()));
        let matched = &text[found.range.clone()];
        string::substitute_capture_groups(&mut out, replacement, matched, found.groups.len(), group)?;
        from = found.range.end;
    }
    out.push_str(&text[from..]);
    Ok(JValue::string(out))
}

/// Returns the pieces of a text: `{"text": …}` between matches, `{"found": …}` for a match.
fn pieces(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(text) = subject(args, "replace")? else { return Ok(JValue::Undefined) };
    let token = args.get(1).unwrap_or(&JValue::Undefined);
    let limit = limit(args.get(2), "D3011")?;
    let found = match (shared.pattern(token), token) {
        (Some(pattern), _) => find_all(pattern, text, limit)?,
        (None, JValue::String(token)) if !token.is_empty() => {
            let found = text.match_indices(&**token).map(|(at, token)| at..at + token.len());
            let found = found.map(|range| Found { range, groups: Vec::new() });
            found.take(limit.unwrap_or(usize::MAX)).collect()
        }
        _ => return Err(mismatch(2, "replace")),
    };
    let piece = |name: &str, value| JValue::object(std::iter::once((name.to_owned(), value)).collect());
    let mut all = Vec::new();
    let mut from = 0;
    for found in &found {
        all.push(piece("text", JValue::string(&text[from..found.range.start])));
        all.push(piece("found", found_value(text, found, true)));
        from = found.range.end;
    }
    all.push(piece("text", JValue::string(&text[from..])));
    Ok(JValue::array(all))
}

fn string_of(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let value = args.first().unwrap_or(&JValue::Undefined);
    let prettify = match args.get(1) {
        None | Some(JValue::Undefined) => false,
        Some(JValue::Bool(prettify)) => *prettify,
        Some(_) => return Err(mismatch(2, "string")),
    };
    if value.is_undefined() {
        return Ok(JValue::Undefined);
    }
    shared.text(value, prettify).map(JValue::string)
}

fn number_of(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let value = args.first().unwrap_or(&JValue::Undefined);
    let integer = match value {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => integer_text(text),
        _ => None,
    };
    match integer {
        Some(integer) => Ok(shared.number(integer)),
        None => Ok(numeric::number(value)?),
    }
}

/// Reads an integer in one of the notations of `$number`.
fn integer_text(text: &str) -> Option<i128> {
    let text = text.trim();
    let radix = |prefix: [&str; 2], radix| {
        let digits = text.strip_prefix(prefix[0]).or_else(|| text.strip_prefix(prefix[1]))?;
        u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+')).map(i128::from)
    };
    let decimal = || text.parse().ok().filter(|_| !text.starts_with('+'));
    radix(["0x", "0X"], 16).or_else(|| radix(["0o", "0O"], 8)).or_else(|| radix(["0b", "0B"], 2)).or_else(decimal)
}

fn rounded<E: Into<EvaluatorError>>(
    shared: &Shared,
    args: &[JValue],
    of_double: fn(f64) -> Result<JValue, E>,
    of_integer: fn(i128) -> i128,
) -> HostFnResult {
    match args.first() {
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(value @ JValue::Number(double)) => match shared.integer(value) {
            Some(integer) => Ok(shared.number(of_integer(integer))),
            None => of_double(*double).map_err(Into::into),
        },
        Some(_) => Err(EvaluatorError::TypeError("T0410: Argument 1 must be a number".to_owned())),
    }
}

fn round(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let precision = match args.get(1) {
        None | Some(JValue::Undefined) => None,
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        Some(JValue::Number(precision)) => Some(*precision as i32),
        Some(_) => return Err(mismatch(2, "round")),
    };
    match args.first() {
        Some(value @ JValue::Number(double)) => match shared.integer(value) {
            Some(_) if precision.is_none_or(|digits| digits >= 0) => Ok(value.clone()),
            _ => Ok(numeric::round(*double, precision)?),
        },
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(_) => Err(mismatch(1, "round")),
    }
}

fn sum(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let items = match args.first() {
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items.iter().as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    if items.iter().any(|item| !item.is_number()) {
        return Err(EvaluatorError::TypeError(
            "T0412: Argument 1 of function sum must be an array of numbers".to_owned(),
        ));
    }
    let integers = items.iter().try_fold(0_i128, |sum, item| sum.checked_add(shared.integer(item)?));
    match integers {
        Some(sum) => Ok(shared.number(sum)),
        None => Ok(numeric::sum(items)?),
    }
}

fn format_base(shared: &Shared, args: &[JValue]) -> HostFnResult {
    let Some(value) = args.first().filter(|value| !value.is_undefined()) else { return Ok(JValue::Undefined) };
    let radix = match args.get(1) {
        None | Some(JValue::Undefined) => None,
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        Some(JValue::Number(radix)) => Some(radix.round() as i64),
        Some(_) => return Err(mismatch(2, "formatBase")),
    };
    let Some(double) = value.as_f64() else { return Err(mismatch(1, "formatBase")) };
    let is_long = shared.numbers.borrow().is_stand_in(double);
    match (shared.integer(value).filter(|_| is_long), u32::try_from(radix.unwrap_or(10))) {
        (Some(integer), Ok(radix @ 2..=36)) => {
            let (mut rest, base) = (integer.unsigned_abs(), u128::from(radix));
            let mut digits = Vec::new();
            while rest > 0 {
                digits.extend(u32::try_from(rest % base).ok().and_then(|digit| char::from_digit(digit, radix)));
                rest /= base;
            }
            if integer < 0 {
                digits.push('-');
            }
            Ok(JValue::string(digits.into_iter().rev().collect::<String>()))
        }
        _ => Ok(numeric::format_base(double, radix)?),
    }
}

/// Divides if nothing is left.
fn divided(one: i128, other: i128) -> Option<i128> {
    (one.checked_rem(other)? == 0).then(|| one / other)
}

fn computed(
    shared: &Shared,
    args: &[JValue],
    operator: &str,
    exact: fn(i128, i128) -> Option<i128>,
    rounded: fn(f64, f64) -> f64,
) -> HostFnResult {
    let (left, right) = (args.first().unwrap_or(&JValue::Undefined), args.get(1).unwrap_or(&JValue::Undefined));
    if [left, right].iter().any(|value| value.as_f64().is_some_and(f64::is_infinite)) {
        return Err(failed("D1001: Number out of range"));
    }
    for (side, code, value) in [("left", "T2001", left), ("right", "T2002", right)] {
        if !value.is_undefined() && value.as_f64().is_none_or(f64::is_nan) {
            let text = format!("{code}: The {side} side of the {operator} operator must evaluate to a number");
            return Err(EvaluatorError::TypeError(text));
        }
    }
    let (Some(one), Some(other)) = (left.as_f64(), right.as_f64()) else { return Ok(JValue::Undefined) };
    let integers = shared.integer(left).zip(shared.integer(right));
    // The sign of a zero is the sign of the doubles.
    match integers.and_then(|(one, other)| exact(one, other)).filter(|result| *result != 0) {
        Some(result) => Ok(shared.number(result)),
        None => {
            let exactly = |value: &JValue, double: f64| {
                #[expect(clippy::cast_precision_loss, reason = "the result is rounded")]
                shared.integer(value).map_or(double, |integer| integer as f64)
            };
            let is_zero = integers.and_then(|(one, other)| exact(one, other)) == Some(0);
            let result = rounded(exactly(left, one), exactly(right, other));
            Ok(JValue::Number(if is_zero { 0.0 } else { result }))
        }
    }
}

fn negate(shared: &Shared, args: &[JValue]) -> HostFnResult {
    match args.first() {
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(value @ JValue::Number(double)) => match shared.integer(value).filter(|integer| *integer != 0) {
            Some(integer) => Ok(shared.number(-integer)),
            None => Ok(JValue::Number(-double)),
        },
        Some(_) => Err(EvaluatorError::TypeError("D1002: Cannot negate a non-numeric value".to_owned())),
    }
}
