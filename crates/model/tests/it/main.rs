//! Tests of the model as a whole.

mod lifecycle;
mod mutant;
mod place;
mod template;
