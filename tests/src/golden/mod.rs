//! Replays recorded exchanges with another server of this API and reports the answers that differ.
//!
//! A folder of recordings has the files `rest/*.json`, one exchange each, which are replayed in the order of `seq`. The file
//! `setup.json` lists requests that were not recorded, each with the name of the recording `before` which it is sent.
//!
//! The recorded server answers a launch when the guild runs. This server answers earlier, so the replayer waits.
//!
//! [`compare`] says what is compared.

mod bindings;
pub mod compare;
mod recording;

use std::collections::BTreeMap;
use std::path::Path;

pub use bindings::Bindings;
pub use recording::{Exchange, Recording, Response, read_folder};

use crate::host::Host;

/// The difference between a recording and this server's answer; `None` if there is none.
pub type Outcome = Option<String>;

/// Replays all recordings of a folder against an empty server. `setup` is used if the folder has no setup of its own.
///
/// # Panics
/// If the folder cannot be read or the server does not answer.
pub async fn replay(folder: &Path, setup: &Path, host: &Host) -> BTreeMap<String, Outcome> {
    let mut bindings = Bindings::default();
    let mut outcomes = BTreeMap::new();
    for recording in read_folder(folder, setup) {
        for exchange in &recording.setup {
            if let Some(difference) = play(exchange, host, &mut bindings).await {
                panic!("the setup of {} cannot be sent: {difference}", recording.name);
            }
        }
        let outcome = play(&recording.exchange, host, &mut bindings).await;
        outcomes.insert(recording.name, outcome);
    }
    outcomes
}

/// Replays one exchange. A write that was answered with a redirect to another form of its path is not sent: this server
/// would carry it out, and all later answers would differ. So is a removal that was refused as a method.
async fn play(exchange: &Exchange, host: &Host, bindings: &mut Bindings) -> Outcome {
    if exchange.is_redirected_write() {
        return Some("not sent: a redirect was recorded".to_owned());
    }
    if exchange.is_refused_removal() {
        return Some("not sent: a refused removal was recorded".to_owned());
    }
    let answered = exchange.request.send(host.rest(), bindings).await;
    if let Some(guild) = exchange.launched(&answered) {
        host.rest().guild_is_past_its_start(guild).await;
    }
    compare::difference(&exchange.response, &answered, bindings).err()
}
