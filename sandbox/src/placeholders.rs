//! Placeholders of secrets. An agent holds a placeholder, `{{secret:NAME}}`; the host replaces it with the secret where
//! a request leaves the host.

/// A secret that a guest holds a handle of. Holds its name.
pub struct Secret(pub(crate) String);

impl Secret {
    /// Returns the text that stands for the secret.
    pub(crate) fn placeholder(&self) -> String {
        format!("{BEGIN}{}{END}", self.0)
    }
}

const BEGIN: &str = "{{secret:";
const END: &str = "}}";

/// A secret that the request may not carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Withheld;

/// Returns the value with each placeholder replaced by its secret; `None` when it has no placeholder. A placeholder
/// inside of a secret is not replaced.
///
/// # Errors
/// `secret` returns `None` for a name.
pub(crate) fn filled(
    value: &[u8],
    mut secret: impl FnMut(&str) -> Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Withheld> {
    let Ok(mut rest) = std::str::from_utf8(value) else { return Ok(None) };
    let mut filled = Vec::new();
    let mut has_any = false;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((name, after)) = after.split_once(END) else { break };
        filled.extend_from_slice(before.as_bytes());
        filled.extend_from_slice(&secret(name).ok_or(Withheld)?);
        rest = after;
        has_any = true;
    }
    filled.extend_from_slice(rest.as_bytes());
    Ok(has_any.then_some(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_replaced_by_the_secret() {
        let fill = |text: &str| {
            let secret = |name: &str| (name == "KEY").then(|| b"{{secret:KEY}}".to_vec());
            filled(text.as_bytes(), secret).map(|filled| filled.map(|bytes| String::from_utf8(bytes).unwrap()))
        };
        assert_eq!(fill("Bearer {{secret:KEY}}!"), Ok(Some("Bearer {{secret:KEY}}!".into())));
        assert_eq!(fill("plain {{secret:KEY"), Ok(None));
        assert_eq!(fill("{{secret:OTHER}}"), Err(Withheld));
        assert_eq!(fill("{{secret:}}"), Err(Withheld));
    }
}
