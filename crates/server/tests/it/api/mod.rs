//! The API's manners: errors, cookies, CSRF, bounds, idempotency, first run, signing in.

mod archive;
mod basics;
mod document;
mod first_run;
mod idempotency;
mod key_change;
mod keys;
mod serving;
mod sign_in;
mod strange;
