//! `secrets` and `reveal` of the contract. An agent holds a placeholder; the secret
//! itself is put in where a request leaves. Reading one is a grant of its own.

use wasmtime::component::Resource;

use super::bindings::secrets::{reveal, store};
use super::guest::Guest;

/// What a guest holds of a secret: its name.
pub struct Secret(String);

const BEGIN: &str = "{{secret:";
const END: &str = "}}";

impl store::Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, store::SecretError>> {
        self.unsealed("secrets.get")?;
        if !self.grants.secret(&name) {
            let text = format!("the secret `{name}` is not granted to this agent");
            return Ok(Err(store::SecretError::Denied(text)));
        }
        if self.grants.policy.secret(&name).is_none() {
            return Ok(Err(store::SecretError::NotFound));
        }
        Ok(Ok(self.table_mut().push(Secret(name))?))
    }
}

impl store::HostSecret for Guest {
    fn placeholder(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        let Secret(name) = self.table_mut().get(&secret)?;
        Ok(format!("{BEGIN}{name}{END}"))
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table_mut().delete(secret)?;
        Ok(())
    }
}

/// What a guest does with `reveal` that it may not.
#[derive(Debug, thiserror::Error)]
#[error("it revealed the secret `{0}`, which needs the grants `sandbox.reveal` and `policy.reveal`")]
pub(super) struct NotRevealed(String);

impl reveal::Host for Guest {
    fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<u8>> {
        self.unsealed("reveal.reveal")?;
        let Secret(name) = self.table_mut().get(&secret)?;
        let name = name.clone();
        if !self.grants.reveal(&name) {
            return Err(NotRevealed(name).into());
        }
        // The file may have gone since `get`.
        Ok(self.grants.policy.secret(&name).unwrap_or_default())
    }
}

/// A secret that may not be put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Withheld;

/// The value with the secrets in place of their placeholders; `None` when it has no
/// placeholder. What is put in is not looked at again.
///
/// # Errors
/// `secret` gives none for a name.
pub(super) fn filled(
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
    fn a_placeholder_becomes_the_secret() {
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
