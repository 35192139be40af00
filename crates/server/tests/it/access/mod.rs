//! The access matrix: every endpoint × every kind of caller × {existing, absent}, made from the list of endpoints.
//!
//! What must happen is computed from the declared access and the policy of the model; what happens is compared with it and
//! printed into `golden/access.txt`, which people read whenever it changes: the computation cannot know that a route declares
//! the wrong access. Adding a route adds its rows.

mod authority;
mod crew;
mod expect;
mod leak;
mod matrix;
mod world;
