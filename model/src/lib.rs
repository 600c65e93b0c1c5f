//! The pure core of Guildhall: ids, messages, specs, states, routing and the texts of the wire. It does no I/O and has
//! no global state. Time, random numbers and the evaluator of expressions are passed in.

#![warn(missing_docs)]

pub mod catalog;
pub mod clock;
pub mod close;
pub mod component;
pub mod configuration;
pub mod dialect;
pub mod draft;
pub mod encoding;
pub mod error_body;
pub mod event;
pub mod expression;
pub mod fault;
pub mod format;
pub mod frame;
pub mod health;
pub mod ids;
pub mod json;
pub mod json_schema;
pub mod message;
pub mod names;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod origin;
pub mod participant;
pub mod path;
pub mod payload;
pub mod priority;
pub mod python_repr;
pub mod read;
pub mod request;
pub mod routing;
pub mod schemas;
pub mod spec;
pub mod state;
pub mod status;
pub mod tag;
pub mod template;
pub mod topic;
pub mod values;
