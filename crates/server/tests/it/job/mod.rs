//! Jobs: every recipe, tortured at every step, ends done or unwound, and leaves nothing behind.

mod flow;
pub(crate) mod house;
mod torture;
