//! Replays recorded exchanges with another server of this API and says where this host
//! answers differently.
//!
//! A folder of recordings has `rest/*.json`: one exchange each, played in the order of `seq`.
//! Exchanges that were made and not recorded stand in a setup (`setup.json`), each with the
//! name of the recording `before` which it is made.
//!
//! A recorded server answers a launch when the guild runs, this host before: the replayer waits for that.
//!
//! What is compared, and what is not, stands in [`compare`].

mod bindings;
pub mod compare;
mod recording;

use std::collections::BTreeMap;
use std::path::Path;

pub use bindings::Bindings;
pub use recording::{Exchange, Recording, Response, read_folder};

use crate::Host;

/// How a recording and this host differ, in words; none when they do not.
pub type Outcome = Option<String>;

/// Plays all recordings of a folder against a host that has nothing in it yet. `setup` serves when the folder has none.
///
/// # Panics
/// When the folder cannot be read or the host does not answer.
pub async fn replay(folder: &Path, setup: &Path, host: &Host) -> BTreeMap<String, Outcome> {
    let mut bindings = Bindings::default();
    let mut outcomes = BTreeMap::new();
    for recording in read_folder(folder, setup) {
        for exchange in &recording.setup {
            if let Some(difference) = play(exchange, host, &mut bindings).await {
                panic!("what {} needs cannot be made: {difference}", recording.name);
            }
        }
        let outcome = play(&recording.exchange, host, &mut bindings).await;
        outcomes.insert(recording.name, outcome);
    }
    outcomes
}

/// Plays one exchange. What would be written and was answered with the other form of its path is not sent: this host
/// would write it, and everything after it would differ.
async fn play(exchange: &Exchange, host: &Host, bindings: &mut Bindings) -> Outcome {
    if exchange.is_redirected_write() {
        return Some("not sent: a redirect was recorded".to_owned());
    }
    let answered = exchange.request.send(host.rest(), bindings).await;
    if let Some(guild) = exchange.launched(&answered) {
        host.rest().guild_is_past_its_start(guild).await;
    }
    compare::difference(&exchange.response, &answered, bindings).err()
}
