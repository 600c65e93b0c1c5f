//! Reads settings from variables of the environment: the short ones that options have, `GUILDHALL_SET`, and
//! `GUILDHALL__TABLE__NAME` for each setting.

use super::assignment::{Assignment, Origin};
use crate::likeness::meant;

/// The variable with settings, with `;` between them.
pub const SET_VARIABLE: &str = "GUILDHALL_SET";
/// What the variable of a setting begins with; two underscores stand for the dot of the name.
const PREFIX: &str = "GUILDHALL__";

/// The variables that a setting has besides that of its name.
pub const SHORT: [(&str, &str); 11] = [
    ("GUILDHALL_LISTEN", "serve.listen"),
    ("GUILDHALL_DATA_DIR", "serve.data_dir"),
    ("GUILDHALL_DATABASE_URL", "serve.database_url"),
    ("GUILDHALL_REDIS_URL", "serve.redis_url"),
    ("GUILDHALL_FILES_URL", "serve.files_url"),
    ("GUILDHALL_COMPONENT_CACHE", "serve.component_cache"),
    ("GUILDHALL_INSECURE", "serve.insecure"),
    ("GUILDHALL_DURABILITY", "serve.durability"),
    ("GUILDHALL_DIALECT", "serve.dialect"),
    ("GUILDHALL_LOG", "log.level"),
    ("GUILDHALL_LOG_FORMAT", "log.format"),
];

/// What the names of all variables begin with.
const OURS: &str = "GUILDHALL_";
/// The variables that are no settings.
const OTHERS: [&str; 8] = [
    "GUILDHALL_OCI_PASSWORD",
    SET_VARIABLE,
    "GUILDHALL_CONFIG",
    "GUILDHALL_DEMO",
    "GUILDHALL_URL",
    "GUILDHALL_TOKEN",
    "GUILDHALL_PROFILE",
    "GUILDHALL_CA",
];

/// Returns the settings of some variables, the weakest first. Empty variables are none.
///
/// # Errors
/// A line for each part of `GUILDHALL_SET` that is no assignment.
pub fn read(variables: impl Iterator<Item = (String, String)>) -> Result<Vec<Assignment>, Vec<String>> {
    let mut variables: Vec<(String, String)> = variables.filter(|(_, value)| !value.is_empty()).collect();
    variables.sort();
    let of = |variable: &str| variables.iter().find(|(name, _)| name == variable).map(|(_, value)| value.as_str());
    let assign = |name: &str, value: &str, variable: &str| Assignment {
        name: name.to_owned(),
        value: value.to_owned(),
        origin: Origin::Variable(variable.to_owned()),
    };
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for (variable, setting) in SHORT {
        read.extend(of(variable).map(|value| assign(setting, value, variable)));
    }
    let set = of(SET_VARIABLE).unwrap_or_default();
    for part in set.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((name, value)) => read.push(assign(name.trim(), value, SET_VARIABLE)),
            None => wrong.push(format!("{SET_VARIABLE}: `{part}` is not NAME=VALUE")),
        }
    }
    for (variable, value) in &variables {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        read.push(assign(&name.to_ascii_lowercase().replacen("__", ".", 1), value, variable));
    }
    // Other names are those of other programs.
    let known: Vec<&str> =
        SHORT.iter().map(|(name, _)| *name).chain(OTHERS).filter_map(|name| name.strip_prefix(OURS)).collect();
    for variable in
        variables.iter().filter_map(|(name, _)| name.strip_prefix(OURS)).filter(|name| !name.starts_with('_'))
    {
        if !known.contains(&variable)
            && let Some(meant) = meant(variable, known.iter().copied())
        {
            wrong.push(format!("there is no variable {OURS}{variable}; did you mean {OURS}{meant}?"));
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn a_variable_names_a_setting_and_the_long_form_is_the_strongest() {
        let variables = [
            ("GUILDHALL__LIMITS__FRAME_BYTES", "5"),
            ("GUILDHALL_SET", "limits.frame_bytes=4; cors.origin=https://a ;"),
            ("GUILDHALL_LISTEN", "8881"),
            ("GUILDHALL_LOG", ""),
            ("OTHER", "x"),
        ];
        let read = read(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter()).unwrap();
        let read: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(
            read,
            [
                ("serve.listen", "8881"),
                ("limits.frame_bytes", "4"),
                ("cors.origin", "https://a"),
                ("limits.frame_bytes", "5"),
            ]
        );
    }

    #[test]
    fn every_short_variable_is_that_of_a_setting() {
        for (variable, name) in SHORT {
            assert!(find(name).is_ok(), "{variable}: {name}");
        }
        let wrong = read([("GUILDHALL_SET".to_owned(), "nothing".to_owned())].into_iter()).unwrap_err();
        assert_eq!(wrong, ["GUILDHALL_SET: `nothing` is not NAME=VALUE"]);
        let misspelt = |name: &str| read([(name.to_owned(), "x".to_owned())].into_iter());
        assert!(misspelt("GUILDHALL_LISTN").unwrap_err()[0].contains("did you mean GUILDHALL_LISTEN?"));
        assert!(misspelt("GUILDHALL_TESTS_OF_MINE").unwrap().is_empty());
    }
}
