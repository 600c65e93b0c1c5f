//! Parses JSON text into types, with readable errors.

use serde::de::DeserializeOwned;
use std::fmt::Display;

/// Parses `text`. The error calls it `what` and names the path of the first member that does not fit.
pub(crate) fn parse<T: DeserializeOwned>(what: impl Display, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|_| misfit::<T>(&what, text))
}

/// Parses a text that did not fit once more, to find the path.
#[cold]
fn misfit<T: DeserializeOwned>(what: &dyn Display, text: &str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) if error.path().iter().next().is_some() => {
            format!("{what} does not fit at `{}`: {}", error.path(), error.inner())
        }
        Err(error) => format!("{what} does not fit: {}", error.inner()),
        Ok(_) => format!("{what} has something after its end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_misfit_names_its_path() {
        let error = parse::<BTreeMap<String, Vec<u8>>>("the payload", r#"{"a":[1,"x"]}"#);
        let error = error.unwrap_err();
        assert!(error.starts_with("the payload does not fit at `a[1]`: invalid type"), "{error}");
    }

    #[test]
    fn a_misfit_at_the_top_has_no_path() {
        let error = parse::<BTreeMap<String, u8>>("the state", "[]").unwrap_err();
        assert!(error.starts_with("the state does not fit: invalid type"), "{error}");
        let error = parse::<u8>("the state", "1 2").unwrap_err();
        assert_eq!(error, "the state has something after its end");
    }
}
