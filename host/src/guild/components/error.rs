//! Why a component was not taken, or cannot be used.

use crate::agent::ResolveError;
use crate::oci::OciError;
use crate::store::StoreError;
use guildhall_model::component::ComponentName;
use guildhall_model::ids::Digest;
use guildhall_sandbox::Refusal;

/// Why a component was not taken, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The uploaded component is refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The name and version belong to another component.
    #[error("{name} is {holder}")]
    NameTaken {
        /// The name that was asked for.
        name: ComponentName,
        /// The component that has it.
        holder: Digest,
    },
    /// The name is reserved for the components of this program.
    #[error("{0} is a name of the host's own")]
    NameReserved(ComponentName),
    /// Too many components wait to be compiled.
    #[error("{limit} components wait to be compiled")]
    Busy {
        /// `host.compile_queue`.
        limit: u64,
    },
    /// No component has this digest or name.
    #[error("component {0} is not known")]
    Unknown(String),
    /// The component is known and was refused when it was uploaded.
    #[error("component {component} was refused: {reason}")]
    RefusedBefore {
        /// Its digest or name.
        component: String,
        /// Why, for people.
        reason: String,
    },
    /// The component is known, and the host could not compile it.
    #[error("component {component} could not be compiled: {reason}")]
    Failed {
        /// Its digest or name.
        component: String,
        /// Why, for people.
        reason: String,
    },
    /// The component is not ready yet.
    #[error("component {0} is being compiled")]
    Compiling(String),
    /// The component describes another class.
    #[error("component {digest} is of the class {its}, not {wanted}")]
    WrongClass {
        /// The component.
        digest: Digest,
        /// The class that it describes.
        its: String,
        /// The class that it was to serve.
        wanted: String,
    },
    /// Only components of this program may serve the class.
    #[error("the class {0} is reserved")]
    ClassReserved(String),
    /// The component is in use and cannot be deleted.
    #[error("component {digest} is in use")]
    InUse {
        /// The component.
        digest: Digest,
        /// What uses it.
        by: Vec<String>,
    },
    /// The registry failed, or may not be used.
    #[error(transparent)]
    Registry(#[from] OciError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

/// The error of a component whose bytes the host cannot keep or read.
pub(super) fn host_error(error: ResolveError) -> ComponentError {
    ComponentError::Host(error.to_string())
}
