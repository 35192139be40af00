//! Jobs: long operations with an end, as rows with steps.
//!
//! `flow` decides what becomes of a row, `engine` runs steps and commits, `recipe` is what a kind of job must offer.
//! What this room does not do: know any particular kind of job; recipes live in the rooms of what they work on.

pub mod engine;
pub mod flow;
pub mod recipe;
mod routes;

pub use engine::{Engine, Needs};
pub use flow::{Outcome, StepSpec, WayBack};
pub use recipe::{Context, Recipe, Recipes, Running};
pub use routes::routes;
