//! What happens to the components of this host, for those who follow it.

use serde_json::{Value, json};

use guildhall_model::event;
use guildhall_model::ids::Digest;

/// What happened to a component of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentEvent {
    /// It was taken and waits to be compiled.
    Compiling {
        /// The component.
        digest: Digest,
    },
    /// It was compiled and can be used.
    Ready {
        /// The component.
        digest: Digest,
        /// The class that it describes.
        class_name: String,
    },
    /// It was refused.
    Refused {
        /// The component.
        digest: Digest,
        /// The code of the refusal.
        code: String,
        /// Why, for people.
        reason: String,
    },
    /// The host could not compile it.
    Failed {
        /// The component.
        digest: Digest,
        /// Why, for people.
        reason: String,
    },
    /// It serves the class from now on.
    Bound {
        /// The component.
        digest: Digest,
        /// The class.
        class_name: String,
    },
    /// It was deleted.
    Deleted {
        /// The component.
        digest: Digest,
    },
}

impl ComponentEvent {
    /// The name and the details of the event for sockets.
    pub(super) fn to_event(&self) -> (&'static str, Value) {
        match self {
            Self::Compiling { digest } => (event::COMPONENT_COMPILING, json!({"digest": digest})),
            Self::Ready { digest, class_name } => {
                (event::COMPONENT_READY, json!({"digest": digest, "class_name": class_name}))
            }
            Self::Refused { digest, code, reason } => {
                (event::COMPONENT_REFUSED, json!({"digest": digest, "code": code, "reason": reason}))
            }
            Self::Failed { digest, reason } => (event::COMPONENT_FAILED, json!({"digest": digest, "reason": reason})),
            Self::Bound { digest, class_name } => {
                (event::COMPONENT_BOUND, json!({"digest": digest, "class_name": class_name}))
            }
            Self::Deleted { digest } => (event::COMPONENT_DELETED, json!({"digest": digest})),
        }
    }
}
