//! CEL. The language always ends; what one expression may cost is bounded before it
//! runs, by its nested loops and the size of what it is given. Integers beyond the
//! signed 64 bits, such as foreign message ids, are `uint`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr};
use cel::objects::{Key, Map};
use cel::{Context, IdedExpr};
use serde_json::Value;

use super::{ExpressionError, Room};

/// The most steps, each of some ten nanoseconds, that an expression may cost.
const MAX_STEPS: f64 = 5e6;

pub(super) struct Program {
    program: cel::Program,
    pluses: usize,
    longest_list: usize,
}

impl Program {
    pub(super) fn compile(source: &str) -> Result<Self, ExpressionError> {
        let program = cel::Program::compile(source).map_err(|error| ExpressionError::Invalid(error.to_string()))?;
        let (mut pluses, mut longest_list) = (0, 0);
        visit(program.expression(), &mut |expr| match expr {
            Expr::Call(call) if call.func_name == "_+_" => pluses += 1,
            Expr::List(list) => longest_list = longest_list.max(list.elements.len()),
            _ => {}
        });
        Ok(Self { program, pluses, longest_list })
    }

    pub(super) fn evaluate(&self, input: &str) -> Result<Option<Value>, ExpressionError> {
        let failed = |words: String| ExpressionError::Failed(words);
        let given: serde_json::Map<String, Value> =
            serde_json::from_str(input).map_err(|error| failed(error.to_string()))?;
        self.refuse_if_costly(&given, input.len())?;
        let mut context = Context::default();
        for (name, value) in given {
            context.add_variable_from_value(name, to_cel(value));
        }
        let result = self.program.execute(&context).map_err(|error| failed(error.to_string()))?;
        from_cel(&result, &mut Room::new(), 0).map(Some)
    }

    fn refuse_if_costly(&self, given: &serde_json::Map<String, Value>, bytes: usize) -> Result<(), ExpressionError> {
        let has_loops = contains_loop(self.program.expression());
        if !has_loops {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (rounds, growth, weight) = {
            let longest = given.values().map(longest).max().unwrap_or(0).max(self.longest_list).max(1);
            let growth = 2f64.powi(i32::try_from(self.pluses).unwrap_or(i32::MAX));
            let weight = if self.pluses > 0 { 1.0 + bytes as f64 / 256.0 } else { 1.0 };
            (longest as f64, growth, weight)
        };
        let steps = cost(self.program.expression(), rounds * growth) * weight * growth;
        if steps > MAX_STEPS { Err(ExpressionError::TooLarge("its loops over what it is given")) } else { Ok(()) }
    }
}

fn children(expr: &Expr) -> Vec<&IdedExpr> {
    match expr {
        Expr::Call(CallExpr { target, args, .. }) => target.iter().map(AsRef::as_ref).chain(args).collect(),
        Expr::Comprehension(comprehension) => vec![
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn of_entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

fn visit<'e>(expr: &'e IdedExpr, see: &mut impl FnMut(&'e Expr)) {
    see(&expr.expr);
    for child in children(&expr.expr) {
        visit(child, see);
    }
}

fn contains_loop(expr: &IdedExpr) -> bool {
    let mut found = false;
    visit(expr, &mut |expr| found |= matches!(expr, Expr::Comprehension(_)));
    found
}

/// How many steps an expression takes at most when a loop has so many rounds.
fn cost(expr: &IdedExpr, rounds: f64) -> f64 {
    match &expr.expr {
        Expr::Comprehension(comprehension) => {
            cost(&comprehension.iter_range, rounds)
                + rounds * (cost(&comprehension.loop_cond, rounds) + cost(&comprehension.loop_step, rounds))
                + cost(&comprehension.result, rounds)
        }
        other => 1.0 + children(other).into_iter().map(|child| cost(child, rounds)).sum::<f64>(),
    }
}

/// The length of the longest list or map in a value.
fn longest(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0).max(items.len()),
        Value::Object(members) => members.values().map(longest).max().unwrap_or(0).max(members.len()),
        _ => 0,
    }
}

fn to_cel(value: Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => cel::Value::Int(integer),
            (None, Some(integer)) => cel::Value::UInt(integer),
            (None, None) => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text)),
        Value::Array(items) => cel::Value::List(Arc::new(items.into_iter().map(to_cel).collect())),
        Value::Object(members) => {
            let map: HashMap<Key, cel::Value> =
                members.into_iter().map(|(name, value)| (Key::String(Arc::new(name)), to_cel(value))).collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

fn from_cel(value: &cel::Value, room: &mut Room, depth: usize) -> Result<Value, ExpressionError> {
    room.take(8, depth)?;
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(value) => Value::Bool(*value),
        cel::Value::Int(integer) => Value::from(*integer),
        cel::Value::UInt(integer) => Value::from(*integer),
        cel::Value::Float(number) => Value::from(*number),
        cel::Value::String(text) => {
            room.take(text.len(), depth)?;
            Value::String(text.to_string())
        }
        cel::Value::List(items) => {
            Value::Array(items.iter().map(|item| from_cel(item, room, depth + 1)).collect::<Result<_, _>>()?)
        }
        cel::Value::Map(map) => {
            let mut members = serde_json::Map::new();
            let mut entries: Vec<(String, &cel::Value)> =
                map.map.iter().map(|(key, value)| (key.to_string(), value)).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, value) in entries {
                room.take(name.len(), depth)?;
                members.insert(name, from_cel(value, room, depth + 1)?);
            }
            Value::Object(members)
        }
        _ => return Err(ExpressionError::Failed("it gives something that JSON has no word for".to_owned())),
    })
}
