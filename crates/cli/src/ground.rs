//! The clock, the randomness and the terminal of the person who types. Nothing simulates those, so this one file takes them
//! from the machine; the rest of the crate asks here.

use futures_util::future::BoxFuture;
use ostler_model::Time;
use ostler_wire::client::Ground;
use std::sync::Arc;
use std::time::Duration;

/// What the API client needs.
pub(crate) fn ground() -> Ground {
    Ground { pause: Arc::new(pause), token: Arc::new(token) }
}

#[allow(clippy::disallowed_methods, reason = "a person's clock")]
pub(crate) fn pause(span: Duration) -> BoxFuture<'static, ()> {
    Box::pin(tokio::time::sleep(span))
}

#[allow(clippy::disallowed_methods, reason = "a person's clock")]
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A text that never comes twice: 16 bytes that nobody can guess, in base64.
fn token() -> String {
    tokio_tungstenite::tungstenite::handshake::client::generate_key()
}

/// A question on standard error; the answer is a line of standard input.
pub(crate) fn ask(question: &str) -> anyhow::Result<String> {
    use std::io::Write as _;
    let mut err = std::io::stderr().lock();
    write!(err, "{question}: ")?;
    err.flush()?;
    drop(err);
    line()
}

/// The same without showing what is typed, when somebody types.
pub(crate) fn ask_secret(question: &str) -> anyhow::Result<String> {
    let term = console::Term::stderr();
    if !(term.is_term() && console::user_attended()) {
        return line();
    }
    term.write_str(&format!("{question}: "))?;
    Ok(term.read_secure_line()?)
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// True when somebody can answer questions.
pub(crate) fn is_attended() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdin().is_terminal()
}
