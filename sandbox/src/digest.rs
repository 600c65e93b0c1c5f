//! The digest of a component: the name of its bytes.

use guildhall_model::ids::{Digest, hex};
use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 digest of a component's bytes, as `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from(format!("sha256:{}", hex(&Sha256::digest(bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_the_bytes() {
        assert_eq!(digest_of(b"").as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
