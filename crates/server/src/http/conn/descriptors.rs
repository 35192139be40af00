//! File descriptors: as many as the system allows, and some that connections never get.

use ostler_model::bounds::http::CONNECTIONS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are of no use, and some systems name a limit in the billions.
const MOST: u64 = 1 << 20;
/// Kept for the database, the links of nodes, files and the programs that the server starts; never more than a quarter of all.
const RESERVE: u64 = 512;

/// Raises this process's limit as far as it may, and returns what it is then.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MOST).min(MOST);
    let now = limit.current.unwrap_or(MOST);
    if now >= most {
        return now.min(MOST);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }) {
        Ok(()) => most,
        Err(error) => {
            tracing::warn!(%error, now, most, "the limit of file descriptors could not be raised");
            now
        }
    }
}

/// The first descriptor of the reserve: the system gives out the lowest free one, so a socket with this number says that
/// the others are in use.
pub(super) fn reserve_begins(limit: u64) -> u64 {
    limit - RESERVE.min(limit / 4)
}

/// How many connections there may be with this many descriptors.
pub(super) fn connections(limit: u64) -> usize {
    usize::try_from(reserve_begins(limit).min(CONNECTIONS)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_descriptors_is_kept() {
        assert_eq!((connections(1024), reserve_begins(1024)), (768, 768));
        assert_eq!(connections(4096), 4096 - 512);
        assert_eq!(connections(1 << 20), 20_000);
        let raised = raise();
        assert_eq!(raised, raise(), "it is as high as it goes");
    }
}
