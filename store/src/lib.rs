//! The store: the catalog and the guilds, in SQLite or PostgreSQL. With the journal it is the only crate that names
//! sqlx. Each query is written once and runs on both databases; a change of a status is one compare-and-set statement.
//!
//! All operations are cancel safe: each is one statement or one transaction, so a call that is dropped changes everything or
//! nothing. No operation holds a lock while it waits for another one.

mod agents;
mod blueprints;
mod boards;
mod categories;
mod check;
mod components;
mod database;
mod error;
mod fence;
mod guilds;
mod icons;
mod journal_mark;
mod listings;
mod members;
mod migrations;
mod needed;
mod page;
mod pooler;
mod reviews;
mod row;
mod shares;
mod sleep;
mod users;

pub use blueprints::{BlueprintRow, LaunchableBlueprint, Pins};
pub use check::{StoreCheck, check};
pub use components::ComponentRow;
pub use database::{Flush, Store, file_of};
pub use error::{StoreError, StoreOutage};
pub use fence::StoreLock;
pub use guilds::{GuildRow, GuildSummary, MemberChange, NewGuild};
pub use journal_mark::JournalMark;
pub use listings::BlueprintInfo;
pub use members::{AgentKind, AgentRow};
pub use page::{Page, PageRequest, Place};
pub use sleep::Sleep;
pub use users::GuildOf;

#[cfg(test)]
mod on_postgresql;
#[cfg(test)]
mod tests;
