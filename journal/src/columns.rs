//! How every storage spells some values as texts: the topics of a message, the owner of a state, the positions of a
//! consumer.

use std::borrow::Cow;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::priority::Priority;
use guildhall_model::state::StateOwner;

use super::cursors::Cursors;

/// Returns the topics of a message, each between two line breaks, so that a substring search finds one.
pub fn topics_column(message: &Message) -> String {
    let mut column = String::with_capacity(64);
    for topic in topics_of(message) {
        column.push('\n');
        column.push_str(&topic);
    }
    column.push('\n');
    column
}

/// Returns the topics of a message as they are stored.
pub fn topics_of(message: &Message) -> impl Iterator<Item = Cow<'_, str>> {
    message.topics.as_slice().iter().chain(&message.also).map(|topic| one_line(topic))
}

/// Returns the substring that finds a topic in a column of topics.
pub fn topic_pattern(topic: &str) -> String {
    format!("\n{}\n", one_line(topic))
}

/// Returns a topic as it is stored: without line breaks, so that one topic cannot look like several.
fn one_line(topic: &str) -> Cow<'_, str> {
    if topic.contains('\n') { topic.replace('\n', "\u{fffd}").into() } else { topic.into() }
}

/// Returns the column that names the owner of a state or a value.
pub fn owner_column(owner: &StateOwner) -> String {
    match owner {
        StateOwner::Guild => "guild".to_owned(),
        StateOwner::Agent(agent) => format!("agent:{agent}"),
    }
}

/// Reads an owner from its column.
pub fn read_owner(column: &str) -> StateOwner {
    match column.strip_prefix("agent:") {
        Some(agent) => StateOwner::Agent(agent.into()),
        None => StateOwner::Guild,
    }
}

/// Returns the column of cursors: one number when all lanes agree, otherwise eight with commas.
pub fn cursors_column(cursors: &Cursors) -> String {
    if cursors.iter().all(|cursor| cursor == &cursors[0]) {
        return cursors[0].to_string();
    }
    cursors.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Reads cursors from their column. `None`: the text is no list of numbers or too long.
pub fn read_cursors(column: &str) -> Option<Cursors> {
    let mut numbers = column.split(',').map(|part| part.parse().ok().map(MessageId::new));
    let first = numbers.next()??;
    let mut cursors = [first; Priority::LANES];
    for (lane, number) in numbers.enumerate() {
        *cursors.get_mut(lane + 1)? = number?;
    }
    Some(cursors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_their_stored_form() {
        let mut cursors = [MessageId::new(5); 8];
        assert_eq!(cursors_column(&cursors), "5");
        assert_eq!(read_cursors("5"), Some(cursors));
        cursors[3] = MessageId::new(9);
        assert_eq!(read_cursors(&cursors_column(&cursors)), Some(cursors));
        assert_eq!(read_cursors("5,x"), None);
    }
}
