//! The agent's promises, on the simulated machine and on this one.
#![allow(clippy::disallowed_methods, reason = "tests wait for conditions with deadlines on the real clock")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod docker;
mod lifecycle;
mod machine;
mod support;
