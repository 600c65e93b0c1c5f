//! The keys of objects. An id that is a plain word is part of a key as it is, so that people find a file; any other id, since
//! every text may be one, is part of a key as its digest.

use object_store::path::Path;
use sha2::{Digest, Sha256};

use super::name::FileName;
use guildhall_model::ids::{AgentId, GuildId, hex};

/// The files of one guild, or of one agent in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(Vec<String>);

impl Folder {
    /// The folder of a guild.
    #[must_use]
    pub fn of_guild(guild: &GuildId) -> Self {
        Self(vec![part(guild.as_str()), "guild".to_owned()])
    }

    /// The folder of an agent.
    #[must_use]
    pub fn of_agent(guild: &GuildId, agent: &AgentId) -> Self {
        Self(vec![part(guild.as_str()), "agents".to_owned(), part(agent.as_str())])
    }

    pub(super) fn entries(&self) -> Path {
        self.below(["entries"])
    }

    pub(super) fn entry(&self, name: &FileName) -> Path {
        self.below(["entries", &part(name.as_str())])
    }

    pub(super) fn content(&self, id: &str) -> Path {
        self.below(["content", id])
    }

    fn below<const N: usize>(&self, parts: [&str; N]) -> Path {
        Path::from_iter(self.0.iter().map(String::as_str).chain(parts))
    }
}

/// What the keys of all files of a guild and of its agents begin with.
pub(super) fn all_of(guild: &GuildId) -> Path {
    Path::from_iter([part(guild.as_str())])
}

/// A part of a key. A digest begins with `=`, and no plain word does.
fn part(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=100).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("={}", hex(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_leads_out_of_its_folder() {
        for id in ["..", ".", "", "../x", "a/b", "a\\b", "a\0b", "%2e%2e", ".hidden", "Ünï", &"x".repeat(101)] {
            let part = part(id);
            assert_eq!((part.len(), part.starts_with('=')), (65, true), "{id}");
            assert_eq!(Folder::of_guild(&GuildId::from(id)).entries().parts().count(), 3, "{id}");
        }
        assert_eq!(part("33weUMe8yVAQ7MY4jYLNd8"), "33weUMe8yVAQ7MY4jYLNd8");
    }

    #[test]
    fn an_agent_called_guild_has_its_own_folder() {
        let guild = GuildId::from("g");
        assert_ne!(Folder::of_agent(&guild, &AgentId::from("guild")), Folder::of_guild(&guild));
    }
}
