//! The settings of one host with where each comes from: defaults, then the file, then variables, then options. Reading
//! them again tells what has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::assignment::{Assignment, Origin};
use super::setting::{Reload, Setting};
use super::{Config, exposed, file, find, settings, variables};

/// What the command line says of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The file; without one [`DEFAULT_FILE`](super::DEFAULT_FILE) is read if it exists.
    pub file: Option<PathBuf>,
    /// The options, each with its setting and its value, the weakest first.
    pub options: Vec<(&'static str, String, String)>,
}

/// The settings of a host.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration that follows from them.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    values: BTreeMap<&'static str, (String, Origin)>,
}

/// A setting that has another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: &'static str,
    /// The new value, without passwords.
    pub value: String,
    pub reload: Reload,
}

impl Given {
    /// Returns the file that is read, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| {
            let default = Path::new(file::DEFAULT_FILE);
            default.is_file().then(|| default.to_owned())
        })
    }
}

impl Settings {
    /// Reads the file, the variables of this process, and the options.
    ///
    /// # Errors
    /// A line for each mistake, with its place.
    pub fn read(given: &Given) -> Result<Self, String> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::of(given, std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))))
    }

    /// Reads the variables of the log alone, for commands that are no host.
    ///
    /// # Errors
    /// A line for each mistake.
    pub fn of_log() -> Result<Self, String> {
        let is_of_log = |name: &str| name.starts_with("GUILDHALL_LOG") || name.starts_with("GUILDHALL__LOG__");
        let given = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let given = given.filter(|(name, _)| is_of_log(name));
        let all = variables::read(given.map(|(name, value)| (name, value.to_string_lossy().into_owned())));
        let mut wrong = Vec::new();
        let settings = Self::from_assignments(None, all.unwrap_or_default(), &mut wrong);
        if wrong.is_empty() { Ok(settings) } else { Err(wrong.join("\n")) }
    }

    fn of(given: &Given, environment: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        let file = given.file();
        let (mut all, mut wrong) = (Vec::new(), Vec::new());
        let of_file = file.as_deref().map_or_else(|| Ok(Vec::new()), file::read);
        for read in [of_file, variables::read(environment)] {
            match read {
                Ok(read) => all.extend(read),
                Err(lines) => wrong.extend(lines),
            }
        }
        all.extend(given.options.iter().map(|(option, name, value)| Assignment {
            name: name.clone(),
            value: value.clone(),
            origin: Origin::Option(option),
        }));
        let settings = Self::from_assignments(file, all, &mut wrong);
        if wrong.is_empty() { Ok(settings) } else { Err(wrong.join("\n")) }
    }

    fn from_assignments(file: Option<PathBuf>, all: Vec<Assignment>, wrong: &mut Vec<String>) -> Self {
        let mut config = Config::default();
        let mut values = BTreeMap::new();
        for Assignment { name, value, origin } in all {
            let done = find(&name).and_then(|setting| setting.set(&mut config, &value).map(|()| setting.name));
            match done {
                Ok(name) => {
                    values.insert(name, (value, origin));
                }
                Err(why) => wrong.push(format!("{origin}: {why}")),
            }
        }
        Self { config, file, values }
    }

    /// Returns the value of a setting and where it comes from.
    #[must_use]
    pub fn value<'a>(&'a self, setting: &'a Setting) -> (&'a str, &'a Origin) {
        match self.values.get(setting.name) {
            Some((value, origin)) => (value, origin),
            None => (&setting.default, &Origin::Default),
        }
    }

    /// Returns what differs from the settings of before.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let changed = settings().iter().filter(|setting| self.value(setting).0 != before.value(setting).0);
        changed
            .map(|setting| Change {
                name: setting.name,
                value: without_password(self.value(setting).0),
                reload: setting.reload,
            })
            .collect()
    }

    /// Checks what the settings mean together.
    ///
    /// # Errors
    /// A line for each mistake.
    pub fn check(&self) -> Result<(), String> {
        let open = self.config.exposed();
        open.map_or(Ok(()), |address| Err(exposed(address)))
    }

    /// Returns these settings with the values of before where a change needs a restart.
    #[must_use]
    pub fn with_restarts_of(self, before: &Self) -> Self {
        let mut kept = self;
        for setting in settings().iter().filter(|setting| setting.reload == Reload::Restart) {
            match before.values.get(setting.name) {
                Some(value) => kept.values.insert(setting.name, value.clone()),
                None => kept.values.remove(setting.name),
            };
        }
        let mut config = Config::default();
        for (name, (value, _)) in &kept.values {
            // Both have accepted it.
            let _ = find(name).and_then(|setting| setting.set(&mut config, value));
        }
        Self { config, ..kept }
    }

    /// Returns every setting for people: the value without passwords, and where it comes from.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String, String)> {
        let row = |setting: &'static Setting| {
            let (value, origin) = self.value(setting);
            (setting.name, without_password(value), origin.to_string())
        };
        settings().iter().map(row).collect()
    }

    /// Returns every setting as JSON, by its name: `value`, `origin`, `reload`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |setting: &'static Setting| {
            let (value, origin) = self.value(setting);
            let reload = if setting.reload == Reload::Now { "now" } else { "restart" };
            let about = json!({"value": without_password(value), "origin": origin.to_string(), "reload": reload});
            (setting.name.to_owned(), about)
        };
        Value::Object(settings().iter().map(one).collect())
    }
}

/// Returns a value whose URLs have no password. Several addresses of a cluster have commas between them.
fn without_password(value: &str) -> String {
    let mut urls: Vec<String> = Vec::new();
    for part in value.split(',') {
        match urls.last_mut() {
            // A comma of a password.
            Some(url) if !part.contains("://") => *url = format!("{url},{part}"),
            _ => urls.push(part.to_owned()),
        }
    }
    let shown: Vec<String> = urls.iter().map(|url| url_without_password(url)).collect();
    shown.join(",")
}

fn url_without_password(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match parts {
        Some((scheme, (user, place))) => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}://{name}:***@{place}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        file: &str,
        variables: &[(&str, &str)],
        options: &[(&'static str, &str, &str)],
    ) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guildhall.toml");
        std::fs::write(&path, file).unwrap();
        let options = options.iter().map(|(option, name, value)| (*option, (*name).to_owned(), (*value).to_owned()));
        let given = Given { file: Some(path), options: options.collect() };
        Settings::of(&given, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn options_are_stronger_than_variables_than_the_file_than_defaults() {
        let file = "[limits]\nframe_bytes = 1\nbody_bytes = 1\nhead_s = 1\n";
        let variables = [("GUILDHALL__LIMITS__FRAME_BYTES", "2"), ("GUILDHALL_SET", "limits.body_bytes=2")];
        let settings = read(file, &variables, &[("--set", "limits.frame_bytes", "3")]).unwrap();
        let config = &settings.config;
        assert_eq!((config.frame_bytes, config.body_bytes, config.connections.head.as_secs()), (3, 2, 1));
        let of = |name: &str| {
            let (value, origin) = settings.value(find(name).unwrap());
            (value.to_owned(), origin.to_string())
        };
        assert_eq!(of("limits.frame_bytes"), ("3".to_owned(), "--set".to_owned()));
        assert_eq!(of("limits.body_bytes"), ("2".to_owned(), "GUILDHALL_SET".to_owned()));
        assert!(of("limits.head_s").1.ends_with("guildhall.toml:4"));
        assert_eq!(of("limits.ping_s"), ("20".to_owned(), "default".to_owned()));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let wrong = read(
            "[limits]\nframe_byte = 1\nhead_s = 0\n",
            &[("GUILDHALL__HOST__MAX_AGENT", "1")],
            &[("--listen", "serve.listen", "nowhere")],
        )
        .unwrap_err();
        let lines: Vec<&str> = wrong.lines().collect();
        assert_eq!(lines.len(), 4, "{wrong}");
        assert!(
            lines[0].contains(
                "guildhall.toml:2: there is no setting `limits.frame_byte`; did you mean `limits.frame_bytes`?"
            )
        );
        assert!(lines[1].contains("guildhall.toml:3: `limits.head_s` is 0"));
        assert!(lines[2].starts_with("GUILDHALL__HOST__MAX_AGENT: there is no setting `host.max_agent`"));
        assert!(lines[3].starts_with("--listen: `serve.listen`"));
    }

    #[test]
    fn a_change_says_when_it_takes_effect() {
        let before = read("[log]\nlevel = \"warn\"\n", &[], &[]).unwrap();
        let after = read("[log]\nlevel = \"debug\"\n[host]\nmax_agents = 5\n", &[], &[]).unwrap();
        let changes = after.changes_since(&before);
        assert_eq!(
            changes,
            [
                Change { name: "log.level", value: "debug".to_owned(), reload: Reload::Now },
                Change { name: "host.max_agents", value: "5".to_owned(), reload: Reload::Restart },
            ]
        );
        assert!(after.changes_since(&after).is_empty());
        let kept = after.clone().with_restarts_of(&before);
        assert_eq!((kept.config.max_agents, kept.config.log.level.as_str()), (before.config.max_agents, "debug"));
        assert_eq!(after.changes_since(&kept), changes[1..], "it is told again");
    }

    #[test]
    fn passwords_are_not_shown() {
        for (value, shown) in [
            ("postgres://me:p@ss@host/name", "postgres://me:***@host/name"),
            ("redis://:secret@a:1,redis://:secret@b:2", "redis://:***@a:1,redis://:***@b:2"),
            ("redis://me:secret@a:1/0", "redis://me:***@a:1/0"),
            ("postgres://me:a,b@host/name", "postgres://me:***@host/name"),
            ("s3://bucket", "s3://bucket"),
            ("127.0.0.1:8880", "127.0.0.1:8880"),
        ] {
            assert_eq!(without_password(value), shown);
        }
    }
}
