//! Routing: which topics and recipients each message of a guild goes to. Pure functions from a message, its origin and
//! the guild's rules to messages.
//!
//! A message that an agent emits is routed by the slip that travels with the message it answers. The routes of a guild
//! enter a conversation when a user sends a message: they are copied into the slip of that message. In a guild without
//! routes two default rules hold: a message of a user reaches the agents that listen, and an answer reaches the user
//! who started the thread.

mod fault;
mod guild_view;
pub mod hashid;
mod lost;
pub mod mentions;
mod pattern;
mod predicate;
mod proxy;
mod room;
mod scope;
mod sender;
mod slip;
mod transform;
mod turn;

pub use fault::{Attempt, dead_letter, error_message, failure_messages, lost_message};
pub use guild_view::{GuildView, HOP_LIMIT, subscriptions};
pub use lost::{is_copied, is_for_other_users, lost_of_turn, receiving_agents};
pub use predicate::holds;
pub use proxy::{Routed, route_user_message, user_message_has_expressions};
pub use room::Bounds;
pub use scope::Scope;
pub use sender::{Sender, WIRING_CLASS, handler_of};
pub use slip::{RuleInput, take_matching};
pub use turn::{Outgoing, RoutedTurn, TurnRouter};

#[cfg(test)]
mod tests;
