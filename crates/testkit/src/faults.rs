//! What can go wrong between machines.

use ostler_model::Millis;
use serde::{Deserialize, Serialize};

/// The state of one host's way to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// How long bytes are under way.
    pub delay: Millis,
    /// Bytes are taken and not delivered; nobody is told.
    pub is_held: bool,
    /// As held, and nobody can be reached anew.
    pub is_partitioned: bool,
    /// Each new connection breaks after this many bytes towards the server.
    pub cut_after: Option<usize>,
}

impl Weather {
    /// Nothing is wrong.
    pub fn fine() -> Self {
        Self::default()
    }
    /// Everything takes this long.
    pub fn slow(delay: Millis) -> Self {
        Self { delay, ..Self::default() }
    }
    /// Nothing arrives.
    pub fn partitioned() -> Self {
        Self { is_partitioned: true, ..Self::default() }
    }
}
