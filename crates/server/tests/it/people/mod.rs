//! People: how they come in, forget their passwords and go; mail, settings, the first run.

mod invite;
mod mail;
mod mail_tls;
mod own;
mod reset;
mod setting;
mod setup;
mod sink;
mod user;
