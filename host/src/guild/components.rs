//! The components of this host, as operators upload them and blueprints name them. The catalog's rows are in the store,
//! the bytes on disk; this module ties both to the sandbox and tells sockets what happens.
//!
//! | file | what it does |
//! |---|---|
//! | `upload` | takes bytes, compiles them in the background, stores the outcome |
//! | `lookup` | finds a component by digest, name or registry reference; deletes one |
//! | `registry` | pulls a component from a registry |
//! | `binding` | names components and binds them to agent classes |
//! | `built_in` | the components that are part of this program |
//! | `compiling`, `event`, `error`, `row` | small types that the others share |

mod binding;
mod built_in;
pub(super) mod compiling;
mod error;
mod event;
mod lookup;
mod registry;
mod row;
mod upload;

pub use compiling::Binds;
pub use error::ComponentError;
pub use event::ComponentEvent;
pub use lookup::{Lacking, TooLittleMemory, grants_of};
