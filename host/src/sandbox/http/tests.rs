use std::net::IpAddr;

/// What names are looked up to in tests.
pub(super) fn answers(_: &str) -> Option<Vec<IpAddr>> {
    None
}
