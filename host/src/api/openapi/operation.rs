//! How an operation is told: what it takes, what it answers.

use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{
    ContentBuilder, Object, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Type, schema::ArrayBuilder,
    schema::ObjectBuilder,
};

use super::schemas::{self as s, SchemaList};

const JSON: &str = "application/json";

/// One operation, as far as it is told.
pub struct Op {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: String,
    tag: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(String, Response)>,
    /// Registers the schemas of bodies and answers.
    schemas: Vec<fn(&mut SchemaList)>,
}

pub fn tagged(tag: &'static str, operations: impl IntoIterator<Item = Op>) -> Vec<Op> {
    operations.into_iter().map(|op| Op { tag, ..op }).collect()
}

pub fn get(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Get, path, id, summary.into())
}

pub fn post(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Post, path, id, summary.into())
}

pub fn put(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Put, path, id, summary.into())
}

pub fn delete(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Delete, path, id, summary.into())
}

pub fn text() -> Schema {
    Object::with_type(Type::String).into()
}

pub fn texts() -> Schema {
    ArrayBuilder::new().items(RefOr::T(text())).build().into()
}

pub fn list_of<T: ToSchema>() -> Schema {
    ArrayBuilder::new().items(reference::<T>()).build().into()
}

pub fn flag() -> Schema {
    Object::with_type(Type::Boolean).into()
}

pub fn number() -> Schema {
    Object::with_type(Type::Integer).into()
}

pub fn any_object() -> Schema {
    Object::with_type(Type::Object).into()
}

impl Op {
    fn new(method: HttpMethod, path: &'static str, id: &'static str, summary: String) -> Self {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|name| parameter(name, ParameterIn::Path, Required::True, text(), None));
        Self {
            method,
            path,
            id,
            summary,
            tag: "",
            parameters: in_path.collect(),
            body: None,
            responses: Vec::new(),
            schemas: vec![register::<s::Error>],
        }
    }

    pub fn optional(mut self, name: &'static str, schema: Schema, what: &'static str) -> Self {
        self.parameters.push(parameter(name, ParameterIn::Query, Required::False, schema, Some(what)));
        self
    }

    pub fn required(mut self, name: &'static str, schema: Schema, what: &'static str) -> Self {
        self.parameters.push(parameter(name, ParameterIn::Query, Required::True, schema, Some(what)));
        self
    }

    /// A JSON body, which may be unreadable, too large, or invalid.
    pub fn takes<T: ToSchema>(self) -> Self {
        self.body(JSON, reference::<T>(), Some(register::<T>)).fails([400, 413, 422])
    }

    pub fn takes_form<T: ToSchema>(self) -> Self {
        self.body("multipart/form-data", reference::<T>(), Some(register::<T>)).fails([400, 413, 422])
    }

    pub fn takes_bytes(self, media_type: &'static str) -> Self {
        self.body(media_type, bytes().into(), None)
    }

    fn body(mut self, media_type: &str, schema: RefOr<Schema>, register: Option<fn(&mut SchemaList)>) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.body = Some(RequestBodyBuilder::new().content(media_type, content).required(Some(Required::True)).build());
        self.schemas.extend(register);
        self
    }

    pub fn gives<T: ToSchema>(mut self, status: u16) -> Self {
        self.schemas.push(register::<T>);
        self.answers(status, JSON, reference::<T>())
    }

    pub fn gives_list<T: ToSchema>(mut self, status: u16) -> Self {
        self.schemas.push(register::<T>);
        let list: Schema = ArrayBuilder::new().items(reference::<T>()).build().into();
        self.answers(status, JSON, list.into())
    }

    pub fn gives_map_of<T: ToSchema>(mut self, status: u16) -> Self {
        self.schemas.push(register::<T>);
        let map: Schema = ObjectBuilder::new().additional_properties(Some(reference::<T>())).build().into();
        self.answers(status, JSON, map.into())
    }

    pub fn gives_texts(self, status: u16) -> Self {
        self.answers(status, JSON, texts().into())
    }

    pub fn gives_object(self, status: u16) -> Self {
        self.answers(status, JSON, any_object().into())
    }

    pub fn gives_bytes(self, media_type: &str) -> Self {
        self.answers(200, media_type, bytes().into())
    }

    pub fn gives_nothing(self, status: u16) -> Self {
        let response = ResponseBuilder::new().description("Done").build();
        self.response(status.to_string(), response)
    }

    /// Text that is no JSON.
    pub fn gives_text(self, media_type: &str) -> Self {
        self.answers(200, media_type, text().into())
    }

    /// Bytes, a part of them, or none to a client that has them.
    pub fn gives_parts(self, media_type: &str) -> Self {
        let not_modified = ResponseBuilder::new().description("The client has it already").build();
        self.answers(200, media_type, bytes().into())
            .answers(206, media_type, bytes().into())
            .response("304".to_owned(), not_modified)
    }

    /// Answers of the shape of errors that a client of this operation must expect.
    pub fn fails<const N: usize>(self, statuses: [u16; N]) -> Self {
        statuses.into_iter().fold(self, |op, status| op.response(status.to_string(), error(meaning(status))))
    }

    fn answers(self, status: u16, media_type: &str, schema: RefOr<Schema>) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(meaning(status)).content(media_type, content).build();
        self.response(status.to_string(), response)
    }

    fn response(mut self, status: String, response: Response) -> Self {
        self.responses.push((status, response));
        self
    }

    /// The operation at its path; its schemas are added to `schemas`.
    pub fn into_item(self, schemas: &mut SchemaList) -> (&'static str, PathItem) {
        for register in &self.schemas {
            register(schemas);
        }
        let operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary))
            .parameters(Some(self.parameters))
            .request_body(self.body);
        let operation = self
            .responses
            .into_iter()
            .fold(operation, |operation, (status, response)| operation.response(status, response))
            // Whatever is asked may be spelled wrong, come to a host that fails, or be too much for it.
            .response("default", error("Any other failure"));
        (self.path, PathItem::new(self.method, operation))
    }
}

fn parameter(
    name: &'static str,
    place: ParameterIn,
    required: Required,
    schema: Schema,
    what: Option<&'static str>,
) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.schema(Some(schema)).description(what).build()
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn register<T: ToSchema>(schemas: &mut SchemaList) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Bytes of a file: no schema of JSON says more than that.
fn bytes() -> Schema {
    Object::with_type(Type::String).into()
}

fn error(what: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(reference::<s::Error>())).build();
    ResponseBuilder::new().description(what).content(JSON, content).build()
}

const fn meaning(status: u16) -> &'static str {
    match status {
        200 => "It is so",
        201 => "Made",
        202 => "On its way",
        206 => "The part that was asked for",
        400 => "What was sent cannot be used",
        403 => "Not for this user",
        404 => "Not there",
        409 => "There already, or in use",
        413 => "Larger than the operator allows",
        416 => "No part of it",
        415 => "Not of a type that is taken here",
        422 => "What was sent has errors",
        503 => "Not now",
        _ => "Failed",
    }
}
