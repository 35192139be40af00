//! Words to the person at the terminal. All of it goes to standard error, but for results, which go to standard output.

use std::io::IsTerminal;

/// Whether standard error is a terminal that wants colour.
pub fn colourful() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Wraps `text` in an SGR code when the terminal wants colour.
pub fn paint(code: &str, text: &str) -> String {
    if colourful() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A step that begins now.
pub fn step(text: &str) {
    eprintln!("{} {text}", paint("1;36", "▸"));
}

/// Something worth knowing that stops nothing.
pub fn note(text: &str) {
    eprintln!("{} {text}", paint("1;33", "!"));
}

/// Something that failed.
pub fn error(text: &str) {
    eprintln!("{} {text}", paint("1;31", "✗"));
}
