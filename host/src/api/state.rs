//! What the handlers work with: the state of the API, its limits, its routes.

use std::time::Duration;

use axum::routing::MethodRouter;

use crate::files::Files;
use crate::guild::Guilds;
use crate::room::ByteRoom;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::expression::Evaluations;
use guildhall_model::json_schema::SchemaLimits;
use guildhall_model::read::spec::SandboxCeilings;

/// The largest bodies of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// A JSON body, in bytes.
    pub body_bytes: usize,
    /// A component, in bytes.
    pub component_bytes: usize,
    /// How long a client may take to send a body.
    pub body_within: Duration,
}

/// The services that the handlers call. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub guilds: Guilds,
    pub files: Files,
    pub clock: Clock,
    /// The most that a spec may ask of the sandbox.
    pub ceilings: SandboxCeilings,
    /// The limits of JSON Schemas.
    pub schemas: SchemaLimits,
    /// Reads documents away from the server's threads, and checks their expressions.
    pub evaluations: Evaluations,
    pub limits: ApiLimits,
    /// The memory for what clients send.
    pub room: ByteRoom,
}

/// A path and its methods.
pub type Route = (&'static str, MethodRouter<ApiState>);
