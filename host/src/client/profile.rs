//! Which host a command talks to, and with which token: options, then variables, then a profile of the user.
//!
//! What always holds: a token is never sent to another host than the one it was given for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::likeness::did_you_mean;

/// The address of a host when nothing names one.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8880";
/// The profile that is used when nothing names a host.
const DEFAULT_PROFILE: &str = "default";

/// One host that a user knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The address of the host.
    pub url: String,
    /// What is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// A file with certificate authorities (PEM).
    pub ca: Option<PathBuf>,
}

/// All profiles of a user, by name.
pub type Profiles = BTreeMap<String, Profile>;

/// What options or variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub url: Option<String>,
    pub token: Option<String>,
    pub profile: Option<String>,
    pub ca: Option<PathBuf>,
}

impl Given {
    /// Reads the variables `GUILDHALL_URL`, `GUILDHALL_TOKEN`, `GUILDHALL_PROFILE` and `GUILDHALL_CA`; an empty one is
    /// none.
    pub fn of_variables() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            url: variable("GUILDHALL_URL"),
            token: variable("GUILDHALL_TOKEN"),
            profile: variable("GUILDHALL_PROFILE"),
            ca: variable("GUILDHALL_CA").map(PathBuf::from),
        }
    }
}

/// Chooses the host. Whoever names a profile with an option does not mean the host of a variable, and its token goes to
/// its own host only.
///
/// # Errors
/// There is no such profile.
pub fn choose(options: Given, variables: Given, profiles: &Profiles) -> Result<Profile, String> {
    let named = |name: &str| {
        let unknown = || {
            let names = profiles.keys().map(String::as_str);
            format!("there is no profile `{name}`{}", did_you_mean(name, names))
        };
        profiles.get(name).cloned().ok_or_else(unknown)
    };
    let of = |given: Given| -> Result<Option<Profile>, String> {
        let Given { url, token, profile, ca } = given;
        let Some(url) = url else { return profile.map(|name| named(&name)).transpose() };
        Ok(Some(Profile { url, token, ca }))
    };
    let (token, ca) = (options.token.clone(), options.ca.clone());
    let is_option = options.url.is_some() || options.profile.is_some();
    let (variable_token, variable_ca) = (variables.token.clone(), variables.ca.clone());
    let is_profile = options.profile.is_some() || (variables.url.is_none() && variables.profile.is_some());
    let chosen = if is_option { of(options)? } else { of(variables)? };
    let mut chosen = match chosen {
        Some(chosen) => chosen,
        None => match profiles.get(DEFAULT_PROFILE) {
            Some(profile) => profile.clone(),
            None => Profile { url: DEFAULT_URL.to_owned(), ..Profile::default() },
        },
    };
    // The variables belong to the host of the variable, or to one that is named without a profile.
    if !is_profile {
        chosen.token = chosen.token.or(variable_token);
        chosen.ca = chosen.ca.or(variable_ca);
    }
    chosen.token = token.or(chosen.token);
    chosen.ca = ca.or(chosen.ca);
    Ok(chosen)
}

/// Returns the file of the profiles: below `XDG_CONFIG_HOME`, or below `.config` of the home.
#[must_use]
pub fn file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(folder.join("guildhall").join("profiles.toml"))
}

/// Reads the profiles of a file; a file that does not exist has none.
///
/// # Errors
/// The file cannot be read, or is no list of profiles; the text has the line.
pub fn load(file: &Path) -> Result<Profiles, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Profiles::new()),
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
    };
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        let text = "[prod]\nurl = \"https://prod\"\ntoken = \"secret\"\n\n[test]\nurl = \"http://test\"\n";
        toml::from_str(text).unwrap()
    }

    fn given(url: Option<&str>, token: Option<&str>, profile: Option<&str>) -> Given {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Given { url: owned(url), token: owned(token), profile: owned(profile), ca: None }
    }

    fn chosen(options: Given, variables: Given) -> (String, Option<String>) {
        let chosen = choose(options, variables, &profiles()).unwrap();
        (chosen.url, chosen.token)
    }

    #[test]
    fn options_are_stronger_than_variables_and_both_than_a_profile() {
        let none = || given(None, None, None);
        assert_eq!(chosen(none(), none()), (DEFAULT_URL.to_owned(), None));
        assert_eq!(chosen(given(Some("http://a"), None, None), given(Some("http://b"), None, None)).0, "http://a");
        let prod = ("https://prod".to_owned(), Some("secret".to_owned()));
        assert_eq!(chosen(given(None, None, Some("prod")), given(Some("http://b"), Some("other"), None)), prod);
        assert_eq!(chosen(none(), given(None, None, Some("prod"))), prod);
        assert_eq!(chosen(none(), given(Some("http://b"), Some("t"), Some("prod"))).0, "http://b");
        let with_default =
            BTreeMap::from([("default".to_owned(), Profile { url: "http://d".to_owned(), ..Profile::default() })]);
        assert_eq!(choose(none(), none(), &with_default).unwrap().url, "http://d");
    }

    #[test]
    fn the_token_of_a_profile_goes_to_its_own_host_only() {
        let (url, token) = chosen(given(Some("http://evil"), None, None), given(None, None, Some("prod")));
        assert_eq!((url.as_str(), token), ("http://evil", None));
        let (_, token) = chosen(given(None, None, Some("test")), given(None, Some("of a variable"), None));
        assert_eq!(token, None, "a profile does not get the token of a variable");
        let (_, token) = chosen(given(None, Some("mine"), Some("prod")), given(None, None, None));
        assert_eq!(token.as_deref(), Some("mine"));
    }

    #[test]
    fn a_wrong_profile_is_named_with_the_right_one_and_a_wrong_file_with_its_line() {
        let refused = choose(given(None, None, Some("prd")), Given::default(), &profiles()).unwrap_err();
        assert_eq!(refused, "there is no profile `prd`; did you mean `prod`?");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("profiles.toml");
        assert!(load(&file).unwrap().is_empty());
        std::fs::write(&file, "[prod]\nurl = \"http://a\"\ntoke = \"x\"\n").unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.contains("line 3") && error.contains("toke"), "{error}");
    }
}
