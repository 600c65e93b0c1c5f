//! The scripts that run in Redis. Each one uses the keys of one guild, which are all in one slot of a cluster, and is
//! executed as a whole.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// The text of a script and its digest, by which Redis knows it.
#[derive(Debug)]
pub struct Script {
    pub text: &'static str,
    sha1: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, sha1: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Returns a command that runs the script on a guild's keys. The caller adds the arguments.
    pub fn on(&self, base: &str) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(&self.sha1).arg(1).arg(base);
        command
    }
}

macro_rules! scripts {
    ($($name:ident: $file:literal)*) => {$(
        pub static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file))));
    )*};
}

scripts! {
    COMMIT: "commit.lua"
    CLAIM: "claim.lua"
    DISCARD: "discard.lua"
    READ: "read.lua"
    READ_BACK: "read_back.lua"
    REMOVE: "remove.lua"
    BY_IDS: "by_ids.lua"
    OLDEST: "oldest.lua"
    TRIM: "trim.lua"
    RENEW: "renew.lua"
    RELEASE: "release.lua"
}
