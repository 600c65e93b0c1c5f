//! References to components: by the digest of the bytes, by a name and a version that stand for one digest permanently,
//! or by an address in a registry.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::ids::Digest;
use crate::read::{FieldErrors, trimmed};

/// The longest name, in bytes.
const MAX_NAME: usize = 128;
/// The longest version, in bytes.
const MAX_VERSION: usize = 64;
/// The start of the names that are reserved for the host's own components.
const HOST_PREFIX: &str = "guildhall:";
/// The longest address in a registry, in bytes.
const MAX_ADDRESS: usize = 512;

/// Whether a component can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// It is being compiled, or waits for that.
    Compiling,
    /// It can run.
    Ready,
    /// It is not valid here; the row has the reason.
    Refused,
    /// The host could not compile it, for a reason that is not in the component; the row has the reason.
    Failed,
}

impl ComponentState {
    /// The name of the state, as it is stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compiling => "compiling",
            Self::Ready => "ready",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Reads the name of a state.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Compiling, Self::Ready, Self::Refused, Self::Failed].into_iter().find(|state| state.name() == text)
    }
}

/// The name and the version of a component, written `name@version`. Both start with an ASCII letter or digit. A name
/// may have spaces inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentName {
    /// The name, at most 128 bytes.
    pub name: String,
    /// The version, at most 64 bytes.
    pub version: String,
}

impl ComponentName {
    /// Checks a name and a version.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name or the version.
    pub fn new(name: &str, version: &str) -> Result<Self, String> {
        let is_valid = |text: &str, most: usize, signs: &str| {
            let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
            starts_well
                && !text.ends_with(' ')
                && text.len() <= most
                && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
        };
        if !is_valid(name, MAX_NAME, "._-/: ") {
            return Err(format!(
                "a component's name has 1 to {MAX_NAME} letters, digits, spaces and . _ - / :, not {name:?}"
            ));
        }
        if !is_valid(version, MAX_VERSION, "._-+") {
            return Err(format!(
                "a component's version has 1 to {MAX_VERSION} letters, digits and . _ - +, not {version:?}"
            ));
        }
        Ok(Self { name: name.to_owned(), version: version.to_owned() })
    }

    /// Returns the name of one of the host's own components; its version is that of the host.
    #[must_use]
    pub fn of_the_host(name: &str) -> Self {
        Self { name: format!("{HOST_PREFIX}{name}"), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Returns whether the name is reserved for the host's own components.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.name.get(..HOST_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX))
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A reference to a component, as specs have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentRef {
    /// By the digest of its bytes, `sha256:…`.
    Digest(Digest),
    /// By its name and version, `name@version`.
    Named(ComponentName),
    /// By its address in a registry, `oci://registry/repository@sha256:…`. The version is the digest of the manifest.
    Registry(ComponentName),
}

impl ComponentRef {
    /// Reads a reference.
    ///
    /// # Errors
    /// A sentence that says what a valid reference looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_hex =
            |digits: &str| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.starts_with("oci://") {
            return match text.rsplit_once("@sha256:") {
                Some((address, digits)) if is_hex(digits) && text.len() <= MAX_ADDRESS => {
                    Ok(Self::Registry(ComponentName { name: address.to_owned(), version: format!("sha256:{digits}") }))
                }
                _ => Err("a component in a registry is named by the digest of its manifest, \
                          oci://registry/repository@sha256: and 64 hex digits: a tag may move"
                    .to_owned()),
            };
        }
        match (text.strip_prefix("sha256:"), text.rsplit_once('@')) {
            (Some(digits), _) if is_hex(digits) => Ok(Self::Digest(Digest::from(text))),
            (None, Some((name, version))) => ComponentName::new(name, version).map(Self::Named),
            _ => Err("a component is named by its digest, sha256: and 64 hex digits, by name@version, or by its address in a registry, oci://…@sha256:…".to_owned()),
        }
    }

    /// Reads a reference in a document and returns its trimmed text.
    pub fn read(value: &Value, errors: &mut FieldErrors) -> Option<String> {
        let given = trimmed(value, errors)?;
        match Self::parse(&given) {
            Ok(_) => Some(given),
            Err(error) => errors.refuse(&error, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_a_digest_or_a_name_and_a_version() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(ComponentRef::parse(&digest), Ok(ComponentRef::Digest(digest.as_str().into())));
        let Ok(ComponentRef::Named(name)) = ComponentRef::parse("acme:tools/greeter@1.0.0-rc.1+b") else { panic!() };
        assert_eq!((name.name.as_str(), name.version.as_str()), ("acme:tools/greeter", "1.0.0-rc.1+b"));
        assert_eq!(name.to_string(), "acme:tools/greeter@1.0.0-rc.1+b");
        for wrong in
            ["sha256:00", &digest.to_uppercase(), "greeter", "@1", "greeter@", "a @1", " a@1", "greeter@1 2", "é@1", ""]
        {
            assert!(ComponentRef::parse(wrong).is_err(), "{wrong}");
        }
        let place = format!("oci://localhost:5000/acme/greeter@{digest}");
        let Ok(ComponentRef::Registry(named)) = ComponentRef::parse(&place) else { panic!() };
        assert_eq!((named.to_string(), named.version), (place, digest));
        assert!(ComponentRef::parse("oci://ghcr.io/acme/greeter:1").unwrap_err().contains("a tag may move"));
        assert!(ComponentName::new(&"n".repeat(129), "1").unwrap_err().contains("1 to 128"));
        let own = ComponentName::of_the_host("echo");
        assert_eq!(ComponentName::new(&own.name, &own.version), Ok(own.clone()), "it can be written in a blueprint");
        assert!(own.is_reserved() && ComponentName::new("GuildHall:x", "1").unwrap().is_reserved());
        assert!(!ComponentName::new("guildhall", "1").unwrap().is_reserved());
    }
}
