//! Letters: what each is filled with, and its templates. The first line of a text template is the subject.

use minijinja::{AutoEscape, Environment};
use ostler_model::user::Email;
use ostler_model::{Foreign, Secret, Time};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// A letter, filled in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Letter {
    /// Somebody is invited.
    Invite { name: String, by: String, workspace: Option<String>, link: String, until: Time },
    /// Somebody asked for a new password for this address. Whether anybody has it is found out when it is sent.
    Forgot,
    /// Whoever has this address can set a new password.
    Reset { name: String, link: String, until: Time },
    /// A provider may sign the person in from now on.
    Linked { name: String, provider: String, server: String },
    /// An admin tries whether mail arrives.
    Check { server: String },
}

/// A letter as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Letter {
    /// Its templates.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Letter::Invite { .. } => "invite",
            Letter::Forgot => "forgot",
            Letter::Reset { .. } => "reset",
            Letter::Linked { .. } => "linked",
            Letter::Check { .. } => "check",
        }
    }
    /// As it is kept: sealed, because of the link.
    pub(crate) fn sealed(&self) -> Secret {
        Secret::new(serde_json::to_string(self).expect("letters are plain data that JSON can hold"))
    }
    /// From what was kept.
    pub(crate) fn open(values: &Secret) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(values.reveal())?)
    }
    /// Fills the templates in.
    pub(crate) fn write(&self, to: &Email, server: &str) -> anyhow::Result<Written> {
        let mut values = serde_json::to_value(self)?;
        for (field, value) in values.as_object_mut().into_iter().flatten() {
            // A name on two lines would begin a header, or say in the mail's voice what it wants.
            if let (true, serde_json::Value::String(text)) = (field != "link", &mut *value) {
                *text = Foreign(&*text).to_string();
            }
        }
        let values = minijinja::context! { to => to.as_str(), server, ..minijinja::Value::from(minijinja::value::Serde(values)) };
        let render = |form: &str| -> anyhow::Result<String> {
            Ok(templates().get_template(&format!("{}.{form}", self.kind()))?.render(&values)?)
        };
        let whole = render("txt")?;
        let (subject, text) = whole.split_once('\n').unwrap_or((&whole, ""));
        Ok(Written { subject: subject.trim().to_owned(), text: text.trim_start().to_owned(), html: render("html")? })
    }
}

fn templates() -> &'static Environment<'static> {
    static MADE: OnceLock<Environment<'static>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut made = Environment::new();
        made.set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
        for (name, text) in [
            ("frame.html", include_str!("templates/frame.html")),
            ("invite.html", include_str!("templates/invite.html")),
            ("invite.txt", include_str!("templates/invite.txt")),
            ("reset.html", include_str!("templates/reset.html")),
            ("reset.txt", include_str!("templates/reset.txt")),
            ("linked.html", include_str!("templates/linked.html")),
            ("linked.txt", include_str!("templates/linked.txt")),
            ("check.html", include_str!("templates/check.html")),
            ("check.txt", include_str!("templates/check.txt")),
        ] {
            made.add_template(name, text).expect("a test fills every template in");
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_filled_in_and_names_cannot_become_markup() {
        let to = "ada@example.org".parse().unwrap();
        let name = "<b>Ada</b> & co".to_owned();
        let (link, until) = ("https://o.example/x#token=abc".to_owned(), Time::from_millis(1_700_000_000_000));
        for letter in [
            Letter::Invite {
                name: name.clone(),
                by: "boss".into(),
                workspace: Some("Home".into()),
                link: link.clone(),
                until,
            },
            Letter::Invite { name: name.clone(), by: "boss".into(), workspace: None, link: link.clone(), until },
            Letter::Reset { name: name.clone(), link: link.clone(), until },
            Letter::Linked { name: name.clone(), provider: name, server: "https://o.example".into() },
            Letter::Check { server: "https://o.example".into() },
        ] {
            let has_link = !matches!(letter, Letter::Check { .. } | Letter::Linked { .. });
            let written = Letter::open(&letter.sealed()).unwrap().write(&to, "https://o.example").unwrap();
            assert!(!written.subject.is_empty() && !written.subject.contains('\n'));
            assert!(!written.html.contains("<b>Ada"), "{}", written.html);
            assert!(!written.text.contains("&lt;"), "{}", written.text);
            assert_eq!(has_link, written.text.contains(&link));
            assert_eq!(has_link, written.html.contains("#token=abc"), "{}", written.html);
        }
    }
}
