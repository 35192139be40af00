//! Every code that an error answer can carry: the one table.
//!
//! The server refuses to answer with a code that is not here (in its tests, loudly), the command line prints what to do next
//! from here, and docs/reference/errors.md is written from it. A code never changes its meaning.

mod table;

use std::fmt::Write as _;

pub use table::CODES;

/// What a code is about; the chapters of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Everything,
    Access,
    People,
    Workspaces,
    Workloads,
    Matches,
}

impl About {
    const ALL: [(About, &'static str); 6] = [
        (About::Everything, "Any endpoint"),
        (About::Access, "Signing in, factors and keys"),
        (About::People, "People and invitations"),
        (About::Workspaces, "Workspaces, roles and teams"),
        (About::Workloads, "Nodes, workloads and jobs"),
        (About::Matches, "Matches and bots"),
    ];
}

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// As it is in the envelope's `error`.
    pub name: &'static str,
    /// The statuses that it comes with; nearly always one.
    pub statuses: &'static [u16],
    pub about: About,
    /// When it comes.
    pub when: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// The row of a code.
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

/// True when the table says that this code comes with this status.
pub fn is_known(name: &str, status: u16) -> bool {
    find(name).is_some_and(|code| code.statuses.contains(&status))
}

const INTRO: &str = r#"# Errors

Every answer that is not a success is this envelope, whatever went wrong:

```json
{
  "error": "workspace_busy",
  "message": "something in the workspace runs or is under way; stop it, or let it end, first",
  "details": { "state": "busy", "workloads": { "count": 1, "names": ["Quake"] }, "jobs": { "count": 0, "names": [] } },
  "fields": [{ "field": "variables.motd", "message": "use at most 200 characters" }],
  "request_id": "req_01j9…"
}
```

`error` is one of the codes below and never changes its meaning. `message` is for people and may change. `details` and `fields` are
there when they say something: `fields` with 422, each with the path of the field in the body. `request_id` is also in the header
`x-request-id` and in the server's log. 401 comes with `WWW-Authenticate`, 405 with `Allow`, 429 and 503 with `Retry-After` (seconds).

What is hidden from you and what does not exist get the same 404.

The command line prints message, fields, details, what to do next and, last, code and request id; its exit code follows the status:
400, 405, 413, 415 and 422 become 2, 404 becomes 3, 401 and 403 become 4, 409 becomes 5, 408 and 429 become 6, everything else 1.
A server that cannot be reached is 7. See [the commands](cli.md).
"#;

/// docs/reference/errors.md.
pub fn markdown() -> String {
    let mut out = String::from(INTRO);
    for (about, title) in About::ALL {
        let _ = write!(out, "\n## {title}\n\n| code | status | when | what to do |\n|---|---|---|---|\n");
        for code in CODES.iter().filter(|code| code.about == about) {
            let statuses = match code.statuses {
                [one] => one.to_string(),
                _ => "4xx".to_owned(),
            };
            let _ = writeln!(out, "| `{}` | {statuses} | {} | {} |", code.name, code.when, code.next);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_says_when_and_what_next() {
        for (at, code) in CODES.iter().enumerate() {
            assert!(CODES[..at].iter().all(|other| other.name != code.name), "{} is there twice", code.name);
            assert!(!code.statuses.is_empty() && code.statuses.iter().all(|s| (400..600).contains(s)), "{}", code.name);
            for text in [code.when, code.next] {
                assert!(text.ends_with('.') && !text.contains('|'), "{}: {text}", code.name);
            }
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(code.name.chars().all(is_plain), "{}", code.name);
        }
    }

    #[test]
    fn the_reference_has_every_code() {
        let text = markdown();
        for code in CODES {
            assert!(text.contains(&format!("| `{}` |", code.name)), "{}", code.name);
        }
    }
}
