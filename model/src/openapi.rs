//! Shapes of JSON that the model keeps as it was sent, for the description of the API. Readers check these shapes by
//! hand, so no value of these types exists; the fields of the types that are read and written name them.
#![expect(dead_code, reason = "the types are described and never made")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::read::FieldError;

/// What is wrong: a sentence, or the list of errors in a body or a query.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Detail {
    /// One sentence.
    Sentence(String),
    /// The errors of a document, each with its place.
    FieldErrors(Vec<FieldError>),
}

/// A dependency of a guild or an agent. It is stored and not resolved.
#[derive(ToSchema)]
pub struct DependencySpec {
    #[schema(min_length = 1)]
    class_name: String,
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Value>>,
}

/// A gateway to other guilds. A spec with an enabled gateway is refused.
#[derive(ToSchema)]
pub struct GatewayConfig {
    #[schema(default = true, nullable = false)]
    enabled: Option<bool>,
    input_formats: Vec<String>,
    output_formats: Vec<String>,
    #[schema(nullable = false)]
    returned_formats: Option<Vec<String>>,
}

/// A handler of an agent class: the format of the messages that it receives, with its JSON schema.
#[derive(Serialize, ToSchema)]
pub struct HandlerEntry {
    handler_name: String,
    message_format: String,
    message_format_schema: BTreeMap<String, Value>,
    #[schema(default = "")]
    handler_doc: Option<String>,
    send_message_calls: Vec<SendMessageCall>,
}

/// A place in the code of a class of the reference server where it sends a message.
#[derive(Serialize, ToSchema)]
pub struct SendMessageCall {
    calling_class: Option<String>,
    calling_function: String,
    call_type: String,
    message_type: Option<String>,
}

/// A condition under which a handler runs.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Predicate {
    /// An expression.
    Expression(ExpressionPredicate),
    /// A comparison of the format.
    TypeEquals(TypeEqualsPredicate),
}

/// An expression that gives true or false; JSONata unless `predicate_type` is another one.
#[derive(Serialize, ToSchema)]
pub struct ExpressionPredicate {
    #[schema(nullable = false)]
    predicate_type: Option<ExpressionKind>,
    expression: String,
}

#[derive(Serialize, ToSchema)]
#[schema(rename_all = "snake_case")]
enum ExpressionKind {
    JsonataFn,
    CelFn,
}

/// The format that a message must have.
#[derive(Serialize, ToSchema)]
pub struct TypeEqualsPredicate {
    predicate_type: TypeEquals,
    expected_type: String,
}

#[derive(Serialize, ToSchema)]
#[schema(rename_all = "snake_case")]
enum TypeEquals {
    TypeEquals,
}
