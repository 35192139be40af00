//! Ids and random bytes.

use crate::Clock;
use ostler_model::Id;
use std::sync::Arc;

/// Where randomness comes from. Two implementations: the operating system's, and the simulation's seeded one.
pub trait IdSource: Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buf: &mut [u8]);
}

/// A shared source of ids and random bytes.
#[derive(Clone)]
pub struct Ids {
    source: Arc<dyn IdSource>,
    clock: Clock,
}

impl Ids {
    /// Any source, with the clock that ids take their time from.
    pub fn new(source: impl IdSource, clock: Clock) -> Self {
        Self { source: Arc::new(source), clock }
    }
    /// The operating system's randomness.
    pub fn system(clock: Clock) -> Self {
        Self::new(SystemIds, clock)
    }
    /// A new id of any kind.
    pub fn next<T: Id>(&self) -> T {
        T::from_parts(self.clock.now(), u128::from_be_bytes(self.bytes()))
    }
    /// Random bytes, for keys and secrets.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buf = [0; N];
        self.source.fill(&mut buf);
        buf
    }
    /// A random share of a span, for jitter: 0 up to and including `most`.
    pub fn jitter(&self, most: ostler_model::Millis) -> ostler_model::Millis {
        let random = u64::from_be_bytes(self.bytes());
        ostler_model::Millis(random % most.0.saturating_add(1).max(1))
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ids")
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn fill(&self, buf: &mut [u8]) {
        getrandom::fill(buf).expect("the operating system always has randomness once it has booted");
    }
}
