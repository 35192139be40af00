//! The relay from outside: the engine by properties, the worker by real sockets and a real kill.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests drive real sockets in real time")]

mod bot;
mod crash;
mod engine;
mod fuzz;
mod grow;
mod loss;
mod play;
mod player;
mod source;
