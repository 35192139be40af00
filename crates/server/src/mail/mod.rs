//! Mail: letters from templates, and the loop that sends what waits in the outbox.
//!
//! Nothing that a person asks for waits for a mail server: letters are written into the database together with what they tell
//! of, and sent from there, again and again until they are sent or of no use. With mail off nothing is written; whoever would
//! have got a link gets it from an admin.

mod drain;
mod letter;
mod smtp;

pub use drain::Post;
pub(crate) use drain::run;
pub(crate) use letter::Letter;
pub(crate) use smtp::check;
