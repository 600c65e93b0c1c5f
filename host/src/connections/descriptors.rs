//! How many files and connections the system lets this process open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most descriptors that are kept back for the host's own files.
const MOST_OWN: u64 = 1_024;
/// The descriptors that are kept back of a usual soft limit.
const USUAL_OWN: u64 = 256;

/// Raises the soft limit of descriptors (`RLIMIT_NOFILE`) to the hard limit. Returns the soft limit; `None`: there is no
/// limit.
pub fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, soft = limit.current, hard = limit.maximum, "the limit of open files stays as it is");
            limit.current
        }
    }
}

/// Returns how many connections a limit of descriptors allows: a quarter of them, 256 to 1,024, is kept back for the
/// databases, files and requests of the host itself, but never more than half.
#[must_use]
pub fn allowed_by(descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else { return usize::MAX };
    let own = (descriptors / 4).clamp(USUAL_OWN.min(descriptors / 2), MOST_OWN);
    usize::try_from(descriptors - own).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_back_for_the_host() {
        for (descriptors, connections) in [(256, 128), (1_024, 768), (20_000, 18_976), (1 << 20, (1 << 20) - 1_024)] {
            assert_eq!(allowed_by(Some(descriptors)), connections, "{descriptors}");
        }
        assert_eq!(allowed_by(None), usize::MAX);
    }
}
