//! Jobs: every recipe, tortured at every step, ends done or unwound, and leaves nothing behind.

mod flow;
mod house;
mod torture;
