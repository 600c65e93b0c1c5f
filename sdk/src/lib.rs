//! Write a Guildhall agent in Rust, test it natively, ship it as one WebAssembly component.
//!
//! ```
//! use guildhall_sdk::prelude::*;
//!
//! #[message("text")]
//! struct Text {
//!     text: String,
//! }
//!
//! #[properties]
//! struct Props {
//!     /// The text before every answer.
//!     #[serde(default)]
//!     prefix: String,
//! }
//!
//! struct Parrot {
//!     props: Props,
//! }
//!
//! impl Agent for Parrot {
//!     const CLASS_NAME: &'static str = "example.Parrot";
//!     const NAME: &'static str = "Parrot";
//!     const SUMMARY: &'static str = "Repeats every text";
//!     type Properties = Props;
//!
//!     fn new(props: Props) -> Result<Self, String> {
//!         Ok(Parrot { props })
//!     }
//!
//!     fn handlers(on: &mut Handlers<Self>) {
//!         on.message(Self::on_text);
//!     }
//! }
//!
//! impl Parrot {
//!     fn on_text(&mut self, ctx: &mut Ctx, received: Text) -> Result<(), Failure> {
//!         let text = format!("{}{}", self.props.prefix, received.text);
//!         ctx.reply(&Text { text })?;
//!         Ok(())
//!     }
//! }
//!
//! export_agent!(Parrot);
//!
//! # fn main() {
//! use guildhall_sdk::serde_json::json;
//! use guildhall_sdk::testing::Bench;
//!
//! let mut bench = Bench::<Parrot>::start(json!({"prefix": "Echo: "})).unwrap();
//! let replies = bench.send(&Text { text: "hello".into() }).unwrap();
//! assert_eq!(replies[0].payload, r#"{"text":"Echo: hello"}"#);
//! # }
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` builds the component of a crate whose `crate-type` contains `cdylib`.
//! A panic ends the instance. The server reports it with the text on stderr, starts a new instance and delivers the message
//! again. Nothing that the turn emitted or changed remains.

extern crate self as guildhall_sdk;

mod agent;
#[cfg(not(target_family = "wasm"))]
mod bench_log;
/// The bindings of `wit/agent.wit`, for [`export_agent!`] and for authors who need the contract itself.
#[doc(hidden)]
#[path = "generated/base.rs"]
#[rustfmt::skip]
#[allow(unsafe_code, clippy::all, clippy::unwrap_used, reason = "generated: see the crate bindings")]
pub mod bindings;
#[cfg(feature = "capabilities")]
pub mod capabilities;
mod ctx;
mod describe;
mod failure;
mod format;
mod handlers;
mod host;
mod json;
pub mod log;
mod outgoing;
mod runner;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

/// The bindings of the optional export of a [`Stateful`] agent, for [`export_agent!`].
#[doc(hidden)]
#[path = "generated/stateful.rs"]
#[rustfmt::skip]
#[allow(unsafe_code, clippy::all, clippy::unwrap_used, reason = "generated: see the crate bindings")]
pub mod stateful;

/// The names that expanded macros use. They are not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::describe::describe;
    pub use crate::host::Imports;
    pub use crate::runner::Runner;
    pub use wit_bindgen::rt;
}

pub use agent::{Agent, NoProperties, Stateful};
pub use bindings::exports::guildhall::agent::agent::{Description, FormatSpec, Health, Status, StopReason};
pub use bindings::guildhall::agent::context::Identity;
pub use bindings::guildhall::agent::expressions::Language;
pub use bindings::guildhall::agent::messaging::{EmitError, Outgoing};
pub use bindings::guildhall::agent::types::{AgentTag, Failure, Message, RetryHint};
pub use ctx::Ctx;
pub use format::Format;
pub use guildhall_sdk_macros::{message, properties};
pub use handlers::{Emits, Handlers};
pub use {schemars, serde, serde_json};

/// The names that the source of an agent usually needs.
pub mod prelude {
    pub use crate::{
        Agent, AgentTag, Ctx, EmitError, Emits, Failure, Format, Handlers, Health, Language, Message, NoProperties,
        Outgoing, Stateful, StopReason, export_agent, log, message, properties,
    };
}
