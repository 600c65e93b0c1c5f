//! Chooses the handler of a message, in the component and on the test bench alike.

use crate::bindings::exports::guildhall::agent::agent::FormatSpec;
use crate::bindings::guildhall::agent::types::Failure;
use crate::ctx::Ctx;
use crate::format::{Format, format_specs, schema_text};
use crate::log;

type Handler<A> = Box<dyn Fn(&mut A, &mut Ctx) -> Result<(), Failure>>;

/// The handlers of an agent, filled by [`Agent::handlers`](crate::Agent::handlers).
///
/// A message goes to the handler of its format (`text` and its class name are one format), else to the handler of any
/// format. Without a handler it is dropped and logged at level debug. That is no failure, because agents receive many
/// messages that are meant for others.
pub struct Handlers<A> {
    typed: Vec<Typed<A>>,
    any: Option<Handler<A>>,
}

struct Typed<A> {
    spec: fn() -> Vec<FormatSpec>,
    names: Vec<&'static str>,
    handle: Handler<A>,
}

impl<A: 'static> Handlers<A> {
    pub(crate) fn new() -> Self {
        Handlers { typed: Vec::new(), any: None }
    }

    /// Registers the handler of `T`'s format and its aliases. A payload that does not fit `T` is rejected before the handler
    /// is called, with a reason that names the format and the path.
    ///
    /// # Panics
    /// If the format has a handler already.
    pub fn message<T: Format>(&mut self, handler: fn(&mut A, &mut Ctx, T) -> Result<(), Failure>) -> &mut Self {
        let names: Vec<_> = [T::NAME].into_iter().chain(T::ALIASES.iter().copied()).collect();
        for name in &names {
            assert!(self.find(name).is_none(), "two handlers for format `{name}`");
        }
        self.typed.push(Typed {
            spec: format_specs::<T>,
            names,
            handle: Box::new(move |agent, ctx| {
                let payload = ctx.payload()?;
                handler(agent, ctx, payload)
            }),
        });
        self
    }

    /// Registers the handler of all messages without a typed handler. [`Ctx::message`] has their format and payload.
    ///
    /// # Panics
    /// If there is a handler of any format already.
    pub fn any(&mut self, handler: fn(&mut A, &mut Ctx) -> Result<(), Failure>) -> &mut Self {
        assert!(self.any.is_none(), "two handlers for any format");
        self.any = Some(Box::new(handler));
        self
    }

    pub(crate) fn handle(&self, agent: &mut A, ctx: &mut Ctx) -> Result<(), Failure> {
        let format = &ctx.message().format;
        match self.find(format).or(self.any.as_ref()) {
            Some(handle) => handle(agent, ctx),
            None => {
                log::debug!("no handler for format `{format}`: message dropped");
                Ok(())
            }
        }
    }

    /// Returns the formats that the agent receives; an empty list means all.
    pub(crate) fn receives(&self) -> Vec<FormatSpec> {
        match self.any {
            Some(_) => Vec::new(),
            None => self.typed.iter().flat_map(|typed| (typed.spec)()).collect(),
        }
    }

    fn find(&self, format: &str) -> Option<&Handler<A>> {
        let typed = self.typed.iter().find(|typed| typed.names.iter().any(|name| is_same(name, format)))?;
        Some(&typed.handle)
    }
}

/// The formats with several names. A message has the name that its sender wrote.
const NAMES: [&[&str]; 2] = [
    &["text", "TextFormat", "rustic_ai.core.ui_protocol.types.TextFormat"],
    &["FilesWithTextFormat", "rustic_ai.core.ui_protocol.types.FilesWithTextFormat"],
];

fn is_same(one: &str, other: &str) -> bool {
    one == other || NAMES.iter().any(|names| names.contains(&one) && names.contains(&other))
}

/// The formats that an agent emits, filled by [`Agent::emits`](crate::Agent::emits).
#[derive(Default)]
pub struct Emits {
    pub(crate) specs: Vec<FormatSpec>,
}

impl Emits {
    /// Declares that the agent emits `T`, under its first name.
    pub fn message<T: Format>(&mut self) -> &mut Self {
        self.specs.push(FormatSpec { name: T::NAME.into(), json_schema: schema_text::<T>() });
        self
    }
}
