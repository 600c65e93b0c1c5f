//! Derives the description of an agent from its types.

use crate::agent::Agent;
use crate::bindings::exports::guildhall::agent::agent::Description;
use crate::format::schema_text;
use crate::handlers::{Emits, Handlers};

/// Returns the description of an agent class. No agent is created.
pub fn describe<A: Agent>(version: &str) -> Description {
    let mut handlers = Handlers::new();
    A::handlers(&mut handlers);
    let mut emits = Emits::default();
    A::emits(&mut emits);
    Description {
        class_name: A::CLASS_NAME.into(),
        name: A::NAME.into(),
        version: version.into(),
        summary: A::SUMMARY.into(),
        receives: handlers.receives(),
        emits: emits.specs,
        properties_schema: schema_text::<A::Properties>(),
    }
}
