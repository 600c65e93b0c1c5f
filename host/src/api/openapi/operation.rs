//! Describes one operation: its parameters, its body, its answers. The schemas of bodies and answers are those of Rust
//! types.

use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{
    ContentBuilder, KnownFormat, Object, Ref, RefOr, Required, Response, ResponseBuilder, Schema, SchemaFormat, Type,
    schema::ArrayBuilder, schema::ObjectBuilder,
};

use guildhall_model::error_body::ErrorBody;

/// Names of schemas, and the schemas.
pub type SchemaList = Vec<(String, RefOr<Schema>)>;

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
/// What `limit` means for a list.
const PAGE_LIMIT: &str = "A page of at most this many items, at most 1,000; its `Link` header has the next page. Without it at most 10,000 items";

/// One operation.
pub struct Op {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: String,
    description: &'static str,
    tag: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(String, Response)>,
    /// Adds the schemas of the body and the answers.
    schemas: Vec<fn(&mut SchemaList)>,
}

/// Puts operations under a tag.
pub fn tagged(tag: &'static str, operations: impl IntoIterator<Item = Op>) -> Vec<Op> {
    operations.into_iter().map(|op| Op { tag, ..op }).collect()
}

/// A GET operation: its path, its id and what it does.
pub fn get(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Get, path, id, summary.into())
}

/// A POST operation: its path, its id and what it does.
pub fn post(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Post, path, id, summary.into())
}

/// A PUT operation: its path, its id and what it does.
pub fn put(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Put, path, id, summary.into())
}

/// A DELETE operation: its path, its id and what it does.
pub fn delete(path: &'static str, id: &'static str, summary: impl Into<String>) -> Op {
    Op::new(HttpMethod::Delete, path, id, summary.into())
}

/// The schema of a text.
pub fn text() -> Schema {
    Object::with_type(Type::String).into()
}

/// The schema of one of some texts.
pub fn one_of(texts: impl IntoIterator<Item = &'static str>) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts)).build().into()
}

/// The schema of a list of texts.
pub fn texts() -> Schema {
    ArrayBuilder::new().items(RefOr::T(text())).build().into()
}

/// The schema of a list.
pub fn list_of<T: ToSchema>() -> Schema {
    ArrayBuilder::new().items(reference::<T>()).build().into()
}

/// The schema of a boolean.
pub fn flag() -> Schema {
    Object::with_type(Type::Boolean).into()
}

/// The schema of a whole number.
pub fn number() -> Schema {
    Object::with_type(Type::Integer).into()
}

fn any_object() -> Schema {
    Object::with_type(Type::Object).into()
}

impl Op {
    fn new(method: HttpMethod, path: &'static str, id: &'static str, summary: String) -> Self {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path =
            in_path.map(|name| parameter(name, ParameterIn::Path, Required::True, text(), Some(in_path_meaning(name))));
        Self {
            method,
            path,
            id,
            summary,
            description: "",
            tag: "",
            parameters: in_path.collect(),
            body: None,
            responses: Vec::new(),
            schemas: vec![register::<ErrorBody>],
        }
    }

    /// Says what the summary does not: what else changes, what is left out, what to use instead. Each operation has it.
    pub fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Adds an optional parameter of the query.
    pub fn optional(mut self, name: &'static str, schema: Schema, what: &'static str) -> Self {
        self.parameters.push(parameter(name, ParameterIn::Query, Required::False, schema, Some(what)));
        self
    }

    /// Adds the parameters of a list that has pages.
    pub fn pages(self) -> Self {
        self.optional("limit", number(), PAGE_LIMIT)
            .optional("after", text(), "The page after another one: the value in its `Link` header")
            .optional("order", one_of(["asc", "desc"]), "`asc` (default), or `desc`: the last items first")
    }

    /// Adds the header of a request that is to be carried out once.
    pub fn once(mut self) -> Self {
        let what = "A text of 1 to 255 characters. A request with the same key and the same body gets the answer of the \
                    first one";
        self.parameters.push(parameter("Idempotency-Key", ParameterIn::Header, Required::False, text(), Some(what)));
        self
    }

    /// Adds the condition that what is changed is what the client has seen.
    pub fn if_unchanged(mut self) -> Self {
        let what = "The `ETag` of what the client has seen; 412 if that has changed";
        self.parameters.push(parameter("If-Match", ParameterIn::Header, Required::False, text(), Some(what)));
        self.fails([412])
    }

    /// Adds a required parameter of the query.
    pub fn required(mut self, name: &'static str, schema: Schema, what: &'static str) -> Self {
        self.parameters.push(parameter(name, ParameterIn::Query, Required::True, schema, Some(what)));
        self
    }

    /// Adds a JSON body, which may be unreadable, too large, or invalid.
    pub fn takes<T: ToSchema>(self) -> Self {
        self.body(&[JSON], &reference::<T>(), Some(register::<T>)).fails([400, 413, 422])
    }

    /// Adds a multipart form.
    pub fn takes_form<T: ToSchema>(self) -> Self {
        self.body(&["multipart/form-data"], &reference::<T>(), Some(register::<T>)).fails([400, 413, 422])
    }

    /// Adds a body of bytes, in one of these media types.
    pub fn takes_bytes(self, media_types: &[&str]) -> Self {
        self.body(media_types, &bytes().into(), None)
    }

    fn body(mut self, media_types: &[&str], schema: &RefOr<Schema>, register: Option<fn(&mut SchemaList)>) -> Self {
        let content = || ContentBuilder::new().schema(Some(schema.clone())).build();
        let body = media_types.iter().fold(RequestBodyBuilder::new(), |body, kind| body.content(*kind, content()));
        self.body = Some(body.required(Some(Required::True)).build());
        self.schemas.extend(register);
        self
    }

    /// Adds a JSON answer of this type; `what` it is.
    pub fn gives<T: ToSchema>(mut self, status: u16, what: &str) -> Self {
        self.schemas.push(register::<T>);
        self.answers(status, what, JSON, reference::<T>())
    }

    /// Adds an answer of 200 that is a JSON list.
    pub fn gives_list<T: ToSchema>(mut self, what: &str) -> Self {
        self.schemas.push(register::<T>);
        self.answers(200, what, JSON, list_of::<T>().into())
    }

    /// Adds an answer of 200 that is a JSON object whose members have this type.
    pub fn gives_map_of<T: ToSchema>(mut self, what: &str) -> Self {
        self.schemas.push(register::<T>);
        let map: Schema = ObjectBuilder::new().additional_properties(Some(reference::<T>())).build().into();
        self.answers(200, what, JSON, map.into())
    }

    /// Adds an answer of 200 that is a JSON list of texts.
    pub fn gives_texts(self, what: &str) -> Self {
        self.answers(200, what, JSON, texts().into())
    }

    /// Adds an answer of 200 that is any JSON object.
    pub fn gives_object(self, what: &str) -> Self {
        self.answers(200, what, JSON, any_object().into())
    }

    /// Adds an answer of 200 that is bytes.
    pub fn gives_bytes(self, media_type: &str, what: &str) -> Self {
        self.answers(200, what, media_type, bytes().into())
    }

    /// Adds an answer without a body.
    pub fn gives_nothing(self, status: u16, what: &str) -> Self {
        self.response(status.to_string(), ResponseBuilder::new().description(what).build())
    }

    /// Adds an answer of 200 that is text other than JSON.
    pub fn gives_text(self, media_type: &str, what: &str) -> Self {
        self.answers(200, what, media_type, text().into())
    }

    /// Adds the answers of a file: its bytes, a range of them, or nothing for a client that already has them.
    pub fn gives_file(self, media_type: &str) -> Self {
        // Generators that know no `*/*` take the first type that they know.
        let types = [BYTES, media_type];
        self.answers_in(200, "The bytes of the file", &types, bytes().into())
            .answers_in(206, "The requested range of the file", &types, bytes().into())
            .gives_nothing(304, "The client already has this version of the file")
    }

    /// Adds errors that clients of this operation have to expect.
    pub fn fails<const N: usize>(self, statuses: [u16; N]) -> Self {
        statuses.into_iter().fold(self, |op, status| op.response(status.to_string(), error(meaning(status))))
    }

    fn answers(self, status: u16, what: &str, media_type: &str, schema: RefOr<Schema>) -> Self {
        self.answers_in(status, what, &[media_type], schema)
    }

    fn answers_in(self, status: u16, what: &str, media_types: &[&str], schema: RefOr<Schema>) -> Self {
        let content = || ContentBuilder::new().schema(Some(schema.clone())).build();
        let response = ResponseBuilder::new().description(what);
        let response = media_types.iter().fold(response, |response, kind| response.content(*kind, content()));
        self.response(status.to_string(), response.build())
    }

    fn response(mut self, status: String, response: Response) -> Self {
        self.responses.push((status, response));
        self
    }

    /// Returns the path and the operation, and adds its schemas to `schemas`.
    pub fn into_item(self, schemas: &mut SchemaList) -> (&'static str, PathItem) {
        for register in &self.schemas {
            register(schemas);
        }
        let operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary))
            .description(Some(self.description))
            .parameters(Some(self.parameters))
            .request_body(self.body);
        let operation = self
            .responses
            .into_iter()
            .fold(operation, |operation, (status, response)| operation.response(status, response))
            // Every operation may fail in the host, or be too much for it.
            .response("default", error("Any other error"));
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

/// Adds the schema of a type, and those that it refers to.
pub fn register<T: ToSchema>(schemas: &mut SchemaList) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// The schema of bytes. JSON has no type for them; generators know the format.
fn bytes() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into()
}

fn error(what: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(reference::<ErrorBody>())).build();
    ResponseBuilder::new().description(what).content(JSON, content).build()
}

/// What a name in a path stands for. The description of an operation is about what it does with it.
fn in_path_meaning(name: &str) -> &'static str {
    match name {
        "agent_id" => "The id of an agent of the guild",
        "agent_name" => "The name of an agent in the blueprint's spec",
        "blueprint_id" => "The id of a blueprint",
        "board_id" => "The id of a board",
        "category_id" => "The id of a category",
        "category_name" => "The name of a category",
        "class_name" => "The full name of an agent class",
        "digest" => "The digest of a component: `sha256:` and 64 hex digits",
        "filename" => "The name of a file, without a slash",
        "guild_id" => "The id of a guild",
        "letter_id" => "The id of a dead letter",
        "message_id" => "The id of a message",
        "organization_id" => "The id of an organisation",
        "review_id" => "The id of a review",
        "tag" => "A tag of blueprints",
        "user_id" => "The id of a user",
        _ => "",
    }
}

/// What an error status means, whatever the operation is.
const fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request, its body or its spec is not valid",
        403 => "This is not allowed",
        404 => "There is no such resource",
        412 => "The resource is no longer the one that `If-Match` names",
        409 => "The resource already exists, is in use, or is in a state that does not allow this",
        413 => "The body is larger than the operator allows",
        415 => "The media type is not accepted here",
        416 => "The range is outside of the file",
        422 => "The body or a parameter has errors; the answer lists all of them",
        503 => "The host cannot do this now",
        _ => "The request failed",
    }
}
