//! Rewrites a parsed expression: calls of functions and operators that this component computes itself.

use std::collections::{BTreeSet, HashSet};

use jsonata_core::ast::{AstNode, BinaryOp, UnaryOp};
use jsonata_core::evaluator::{Evaluator, HostFnResult};
use jsonata_core::value::JValue;

use super::functions::{self, FUNCTIONS, Function, Patterns};
use super::patterns::Pattern;
use super::walk::each_part;

/// What an expression contains.
#[derive(Default)]
pub(super) struct Contents {
    /// The variables that it binds, as parameters too.
    bound: HashSet<String>,
    /// The variables that hold functions which it defines.
    lambdas: HashSet<String>,
    pub(super) patterns: Patterns,
    /// The first function that does not exist.
    unknown: Option<String>,
    invalid_pattern: Option<String>,
    /// Whether it needs a function of ours on any input.
    pub(super) needs_ours: bool,
    /// Whether it computes integers that may need more bits than a double has.
    pub(super) computes: bool,
}

impl Contents {
    /// Reads what an expression contains.
    ///
    /// # Errors
    /// A text that names a function that does not exist, or a pattern that is none.
    pub(super) fn of(node: &mut AstNode) -> Result<Self, String> {
        let mut contents = Self::default();
        contents.bind(node);
        contents.look(node);
        match contents.unknown.take().map(|name| format!("there is no function ${name}")) {
            Some(text) => Err(text),
            None => contents.invalid_pattern.take().map_or(Ok(contents), Err),
        }
    }

    fn bind(&mut self, node: &mut AstNode) {
        match node {
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                if let AstNode::Variable(name) = &**lhs {
                    self.bound.insert(name.clone());
                    if matches!(**rhs, AstNode::Lambda { .. }) {
                        self.lambdas.insert(name.clone());
                    }
                }
            }
            AstNode::Lambda { params, .. } => self.bound.extend(params.iter().cloned()),
            AstNode::Path { steps } => {
                let names = steps.iter().flat_map(|step| [&step.focus, &step.index_var]);
                self.bound.extend(names.flatten().cloned());
            }
            _ => {}
        }
        each_part(node, &mut |part| self.bind(part));
    }

    fn look(&mut self, node: &mut AstNode) {
        match node {
            AstNode::Regex { pattern, flags } => match Pattern::new(pattern, flags) {
                Ok(compiled) => {
                    self.needs_ours = true;
                    self.patterns.insert((pattern.clone(), flags.clone()), compiled);
                }
                Err(text) => self.invalid_pattern = Some(text),
            },
            AstNode::Function { name, is_builtin: true, .. } => self.name(name, true),
            AstNode::Variable(name) => self.name(name, false),
            AstNode::Binary { op: BinaryOp::Multiply, .. } => self.computes = true,
            _ => {}
        }
        each_part(node, &mut |part| self.look(part));
    }

    /// Looks at a name of the language, which is called or used as a value.
    fn name(&mut self, name: &str, is_call: bool) {
        if self.bound.contains(name) {
            return;
        }
        self.needs_ours |= ["random", "now", "millis"].contains(&name) || name.contains("codeUrl");
        self.computes |= name == "number" || name == "parseInteger";
        if is_call && !is_function(name) {
            self.unknown.get_or_insert_with(|| name.to_owned());
        }
    }
}

/// Whether the language has a function of this name.
fn is_function(name: &str) -> bool {
    // The library refuses to register a function under the name of one of its own.
    let nothing = |_: &[JValue]| -> HostFnResult { Ok(JValue::Undefined) };
    Evaluator::new().register_fn(name, nothing).is_err()
}

/// Rewrites an expression. Returns the functions of ours that it calls.
pub(super) fn rewrite(node: &mut AstNode, contents: &Contents) -> Vec<&'static Function> {
    let mut rewriter = Rewriter { contents, used: BTreeSet::new() };
    rewriter.rewrite(node);
    FUNCTIONS.iter().filter(|function| rewriter.used.contains(function.ours)).collect()
}

struct Rewriter<'a> {
    contents: &'a Contents,
    used: BTreeSet<&'static str>,
}

/// The parameter of functions that the rewriter adds. No expression can write it.
const PIECE: &str = "our piece";

impl Rewriter<'_> {
    fn rewrite(&mut self, node: &mut AstNode) {
        join_chain(node);
        each_part(node, &mut |part| self.rewrite(part));
        match node {
            AstNode::Function { name, args, is_builtin: true } if !self.contents.bound.contains(name) => {
                let args = std::mem::take(args);
                let name = std::mem::take(name);
                *node = self.call(name, args);
            }
            AstNode::Variable(name) if !self.contents.bound.contains(name) => {
                if let Some(function) = functions::find(name).filter(|_| self.is_ours(name)) {
                    *node = self.reference(function);
                } else if name == "now" {
                    *node = lambda(vec![], self.now(Vec::new()));
                }
            }
            AstNode::Binary { op, lhs, rhs } => {
                let Some(function) = operator(*op).and_then(functions::find) else { return };
                let args = [lhs, rhs].map(|side| std::mem::replace(&mut **side, AstNode::Null));
                *node = self.ours(function, args.into());
            }
            AstNode::Unary { op: UnaryOp::Negate, operand } => {
                let Some(function) = functions::find("negate") else { return };
                let args = vec![std::mem::replace(&mut **operand, AstNode::Null)];
                *node = self.ours(function, args);
            }
            _ => {}
        }
    }

    /// Whether a name of the language stands for a function of ours in this expression.
    fn is_ours(&self, name: &str) -> bool {
        let of_patterns = ["contains", "match", "split", "replace"].contains(&name);
        name != "pieces" && name != "negate" && (!of_patterns || !self.contents.patterns.is_empty())
    }

    fn ours(&mut self, function: &'static Function, args: Vec<AstNode>) -> AstNode {
        self.used.insert(function.ours);
        call(function.ours, args)
    }

    /// Returns a function of ours as a value.
    fn reference(&mut self, function: &'static Function) -> AstNode {
        let names: Vec<String> = (0..function.arity).map(|at| format!("our {at}")).collect();
        let args = names.iter().map(|name| AstNode::Variable(name.clone())).collect();
        lambda(names, self.ours(function, args))
    }

    /// `$now(picture, zone)` is `$fromMillis($millis(), picture, zone)`.
    fn now(&mut self, args: Vec<AstNode>) -> AstNode {
        let millis = functions::find("millis").map(|function| self.ours(function, Vec::new()));
        call("fromMillis", millis.into_iter().chain(args).collect())
    }

    fn call(&mut self, name: String, mut args: Vec<AstNode>) -> AstNode {
        let is_partial = args.iter().any(|arg| matches!(arg, AstNode::Placeholder));
        if name == "now" && !is_partial {
            return self.now(args);
        }
        let Some(function) = functions::find(&name).filter(|_| self.is_ours(&name)) else {
            return call(&name, args);
        };
        if is_partial {
            return self.ours(function, args);
        }
        let of_context = match name.as_str() {
            "random" | "millis" | "sum" => false,
            "contains" => args.len() == 1,
            "match" | "split" => args.len() == 1 || (args.len() == 2 && matches!(args[0], AstNode::Regex { .. })),
            "replace" => args.len() == 2 || (args.len() == 3 && matches!(args[0], AstNode::Regex { .. })),
            _ => args.is_empty(),
        };
        if of_context {
            args.insert(0, AstNode::Variable(String::new()));
        }
        let has_own_matcher = args.get(1).is_some_and(|token| self.is_lambda(token));
        if has_own_matcher && ["contains", "match", "split", "replace"].contains(&name.as_str()) {
            return call(&name, args);
        }
        if name == "replace" && args.get(2).is_some_and(|replacement| self.is_lambda(replacement)) {
            return self.replace_with_a_function(args);
        }
        self.ours(function, args)
    }

    fn is_lambda(&self, node: &AstNode) -> bool {
        match node {
            AstNode::Lambda { .. } => true,
            AstNode::Variable(name) => self.contents.lambdas.contains(name),
            _ => false,
        }
    }

    /// `$join($map($pieces(text, token, limit), function($piece){ $piece.found ? f($piece.found) : $piece.text }))`
    fn replace_with_a_function(&mut self, mut args: Vec<AstNode>) -> AstNode {
        let replacement = args.remove(2);
        let Some(function) = functions::find("pieces") else { return AstNode::Undefined };
        let pieces = self.ours(function, args);
        let of_piece = |member: &str| AstNode::Path {
            steps: [AstNode::Variable(PIECE.to_owned()), AstNode::Name(member.to_owned())]
                .map(jsonata_core::ast::PathStep::new)
                .into(),
        };
        let replaced = match replacement {
            AstNode::Variable(name) => call(&name, vec![of_piece("found")]),
            procedure => AstNode::Call { procedure: Box::new(procedure), args: vec![of_piece("found")] },
        };
        let body = AstNode::Conditional {
            condition: Box::new(call("exists", vec![of_piece("found")])),
            then_branch: Box::new(replaced),
            else_branch: Some(Box::new(of_piece("text"))),
        };
        call("join", vec![call("map", vec![pieces, lambda(vec![PIECE.to_owned()], body)])])
    }
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

fn lambda(params: Vec<String>, body: AstNode) -> AstNode {
    AstNode::Lambda { params, body: Box::new(body), signature: None, thunk: false }
}

/// `value ~> $f(a)` is `$f(value, a)`.
fn join_chain(node: &mut AstNode) {
    let AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } = node else { return };
    let AstNode::Function { name, args, is_builtin: true } = &mut **rhs else { return };
    if functions::find(name).is_none() || args.iter().any(|arg| matches!(arg, AstNode::Placeholder)) {
        return;
    }
    let value = std::mem::replace(&mut **lhs, AstNode::Null);
    let mut all = vec![value];
    all.append(args);
    *node = call(&std::mem::take(name), all);
}

const fn operator(op: BinaryOp) -> Option<&'static str> {
    Some(match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::Concatenate => "&",
        _ => return None,
    })
}
