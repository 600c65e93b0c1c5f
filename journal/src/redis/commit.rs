//! How the steps of one guild become one command: a script with all that it writes as arguments.

use std::sync::Arc;

use redis::Cmd;

use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::message::Message;
use guildhall_model::state::StateOwner;
use guildhall_model::values::WrittenValue;

use super::error::words;
use super::guilds::Held;
use super::scripts::COMMIT;
use super::texts::{header, position_text, snapshot_bytes, state_text, user_key};
use crate::columns::owner_column;
use crate::error::JournalError;
use crate::step::{SideWrite, Step, last_cursors};

/// Pairs that one operation of the script writes. Lua passes a few thousand arguments at once.
const PAIRS: usize = 1_000;

/// Returns the guild that steps create.
pub fn created<'s>(steps: &[&'s Step]) -> Option<&'s GuildId> {
    let mut writes = steps.iter().flat_map(|step| &step.side_writes);
    writes.find_map(|write| if let SideWrite::NewGuild { id } = write { Some(id) } else { None })
}

/// Returns the command that stores steps of one guild, as the next commit of the guild. `last_key` has the largest id of
/// all guilds, unless it may be on another node. `host` is the id of this host, if hosts share the journal.
///
/// # Errors
/// `Storage` if two messages have one id, or a message cannot be written.
pub fn command(guild: &Held, last_key: &str, host: &str, steps: &[&Step]) -> Result<Cmd, JournalError> {
    let mut rows: Vec<&Arc<Message>> = steps.iter().flat_map(|step| &step.rows).collect();
    if !rows.is_sorted_by_key(|row| row.id) {
        rows.sort_by_key(|row| row.id);
    }
    if let Some(twice) = rows.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(stored_already(twice[0].id));
    }
    let mut bodies = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
        let body = serde_json::to_string(&***row).map_err(|error| JournalError::Storage(Arc::new(error)))?;
        let header = header(row);
        bytes += header.len() + body.len();
        bodies.push((header, body));
    }
    let positions = last_cursors(steps.iter().copied());
    let mut command = COMMIT.on(&guild.base);
    command.arg(guild.token).arg(guild.number + 1).arg(u8::from(created(steps).is_some())).arg(bytes);
    command.arg(rows.len()).arg(positions.len()).arg(last_key).arg(host);
    for (row, (header, body)) in rows.iter().zip(&bodies) {
        command.arg(row.id.get()).arg(header).arg(body);
    }
    for (_, cursor) in positions {
        command.arg(&*cursor.consumer).arg(position_text(&cursor.position));
    }
    for step in steps {
        for write in &step.side_writes {
            operation(&mut command, write);
        }
    }
    Ok(command)
}

/// The error of a message whose id is stored.
pub fn stored_already(id: MessageId) -> JournalError {
    JournalError::Storage(words(format!("message {id} is stored already")))
}

fn operation(command: &mut Cmd, write: &SideWrite) {
    match write {
        // The script is told at its beginning.
        SideWrite::NewGuild { .. } => command,
        SideWrite::State { owner, state } => command.arg("state").arg(owner_column(owner)).arg(state_text(state)),
        SideWrite::Values(values) => {
            write_values(command, values);
            command
        }
        SideWrite::ClientId { user, client_id, id } => {
            command.arg("client").arg(user_key(user, client_id)).arg(id.get())
        }
        SideWrite::ForgetConsumer { agent } => {
            command.arg("forget").arg(agent.as_str()).arg(owner_column(&StateOwner::Agent(agent.clone())))
        }
        SideWrite::Snapshot { agent, snapshot } => {
            command.arg("snapshot").arg(agent.as_str()).arg(snapshot_bytes(snapshot))
        }
        SideWrite::ForgetSnapshot { agent } => command.arg("unsnapshot").arg(agent.as_str()),
        SideWrite::Erase { id } => command.arg("erase").arg(id.get()),
        SideWrite::Begin { first, last } => command.arg("begin").arg(first.get()).arg(last.get()),
        SideWrite::Complete { first } => command.arg("complete").arg(first.get()),
    };
}

/// Writes the values of a turn, each key once, by their owners.
fn write_values(command: &mut Cmd, values: &[WrittenValue]) {
    let mut owners: Vec<&StateOwner> = Vec::new();
    for written in values {
        if !owners.contains(&&written.owner) {
            owners.push(&written.owner);
        }
    }
    for owner in owners {
        let column = owner_column(owner);
        let of_owner = values.iter().filter(|written| &written.owner == owner);
        let (stored, removed): (Vec<_>, Vec<_>) = of_owner.partition(|written| written.value.is_some());
        for part in stored.chunks(PAIRS) {
            command.arg("set").arg(&column).arg(part.len());
            for written in part {
                command.arg(&written.key).arg(written.value.as_deref().unwrap_or_default());
            }
        }
        for part in removed.chunks(PAIRS) {
            command.arg("unset").arg(&column).arg(part.len());
            for written in part {
                command.arg(&written.key);
            }
        }
    }
}
