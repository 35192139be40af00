//! The control plane that a command asks, and how it finds what a person calls by name.

use crate::config::Profile;
use crate::exit::Trouble;
use crate::ground::ground;
use anyhow::Result;
use ostler_wire::client::{Client, Credentials, escape, with_query};
use reqwest::Method;
use serde_json::Value;

/// What every command that asks a control plane takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Common {
    /// Print JSON, in the shape of the API.
    #[arg(long, global = true, help_heading = "Common")]
    pub json: bool,
    /// The sign-in to use, as named at `ostler login --profile`.
    #[arg(long, global = true, env = "OSTLER_PROFILE", hide_env_values = true, help_heading = "Common")]
    pub profile: Option<String>,
    /// The workspace, by its short name or id; your first one when absent.
    #[arg(long, global = true, env = "OSTLER_WORKSPACE", hide_env_values = true, help_heading = "Common")]
    pub workspace: Option<String>,
}

/// A control plane to ask.
pub(crate) struct Api {
    pub client: Client,
    pub common: Common,
}

/// A kind of thing that has names: its singular, where its list is, and how its ids begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noun {
    pub word: &'static str,
    pub list: &'static str,
    pub prefix: &'static str,
    /// The field with the name that people use.
    pub name: &'static str,
    /// Its list is also one of a workspace.
    pub is_in_workspace: bool,
}

pub(crate) const NODE: Noun = Noun { word: "node", list: "/nodes", prefix: "nd_", name: "name", is_in_workspace: true };
pub(crate) const KEY: Noun = Noun { word: "key", list: "/keys", prefix: "key_", name: "label", is_in_workspace: false };
pub(crate) const WORKSPACE: Noun =
    Noun { word: "workspace", list: "/workspaces", prefix: "ws_", name: "slug", is_in_workspace: false };

impl Api {
    /// The control plane that this person is signed in to.
    pub(crate) fn open(common: Common) -> Result<Self> {
        let profile = Profile::load(common.profile.as_deref())?;
        let client = Client::new(&profile.url, Credentials::Key(profile.secret()), ground())?;
        Ok(Self { client, common })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.client.get(path).await?)
    }
    /// Changes something. What keys may not do is done in a session of the person, who is asked for their password.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        match self.client.send(method.clone(), path, body).await {
            Err(error) if error.refusal().is_some_and(|(_, code)| code == "person_only") => {
                crate::factor::in_person(self, async |session| Ok(session.send(method, path, body).await?)).await
            }
            done => Ok(done?),
        }
    }
    pub(crate) async fn all(&self, path: &str, most: usize) -> Result<Vec<Value>> {
        Ok(self.client.all(path, most).await?)
    }

    /// A list's path: the chosen workspace's, else the general one.
    pub(crate) fn within(&self, list: &str) -> String {
        match &self.common.workspace {
            Some(workspace) => format!("/workspaces/{}{list}", escape(workspace)),
            None => list.to_owned(),
        }
    }

    /// The short name of the chosen workspace, else of the one that this person means when they name none.
    pub(crate) async fn workspace(&self) -> Result<String> {
        if let Some(workspace) = &self.common.workspace {
            return Ok(escape(workspace));
        }
        let me = self.get("/users/me").await?;
        let all = me["memberships"].as_array().map(Vec::as_slice).unwrap_or_default();
        let chosen =
            all.iter().find(|m| !me["default_workspace"].is_null() && m["workspace"] == me["default_workspace"]);
        let first = chosen.or(all.first()).and_then(|m| m["slug"].as_str());
        let none = || Trouble::NotFound("you are in no workspace; name one with --workspace".to_owned());
        Ok(first.ok_or_else(none)?.to_owned())
    }

    /// The id of what a person calls by id or by name.
    pub(crate) async fn find(&self, noun: &Noun, what: &str) -> Result<String> {
        if is_id(what, noun.prefix) {
            return Ok(what.to_owned());
        }
        let list = if noun.is_in_workspace { self.within(noun.list) } else { noun.list.to_owned() };
        // The server filters where it can; where it cannot, the whole list is small.
        let is_searched = noun.list.ends_with("workloads");
        let asked = if is_searched { with_query(&list, &[("search", what)]) } else { list.clone() };
        let mut all = self.all(&asked, 10_000).await?;
        if all.is_empty() && is_searched {
            // Nothing is called so; these are only for the hint.
            all = self.all(&list, 50).await?;
        }
        pick(noun.word, noun.name, what, &all)
    }
}

/// The parts of an id: its prefix and 26 characters.
pub(crate) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The one thing of this name. An exact match wins over one that differs in case.
pub(crate) fn pick(word: &str, field: &str, what: &str, all: &[Value]) -> Result<String> {
    let name = |item: &Value| item[field].as_str().unwrap_or_default().to_owned();
    let exact: Vec<&Value> = all.iter().filter(|item| name(item) == what).collect();
    let close: Vec<&Value> = all.iter().filter(|item| name(item).to_lowercase() == what.to_lowercase()).collect();
    let found = if exact.is_empty() { close } else { exact };
    match found.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
        [] => {
            let mut names: Vec<String> = all.iter().map(name).collect();
            names.sort();
            names.dedup();
            let hint = match names.len() {
                0 => String::new(),
                1..=8 => format!("; there is {}", names.join(", ")),
                _ => format!("; see: ostler {word} list"),
            };
            Err(Trouble::NotFound(format!("there is no {word} called {what}{hint}")).into())
        }
        several => {
            let ids: Vec<&str> = several.iter().filter_map(|item| item["id"].as_str()).collect();
            let message = format!("{what} is the name of several; use an id: {}", ids.join(", "));
            Err(Trouble::Usage(message).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::exit_code;
    use serde_json::json;

    fn pick(noun: &Noun, what: &str, all: &[Value]) -> Result<String> {
        super::pick(noun.word, noun.name, what, all)
    }

    #[test]
    fn names_find_one_thing_or_say_what_there_is() {
        let all = [
            json!({"id": "nd_1", "name": "Barn"}),
            json!({"id": "nd_2", "name": "barn"}),
            json!({"id": "nd_3", "name": "yard"}),
        ];
        assert_eq!(pick(&NODE, "Barn", &all).unwrap(), "nd_1", "exact first");
        assert_eq!(pick(&NODE, "YARD", &all).unwrap(), "nd_3");
        let several = pick(&NODE, "BARN", &all).unwrap_err();
        assert!(several.to_string().contains("nd_1, nd_2") && exit_code(&several) == 2);
        let none = pick(&NODE, "stable", &all).unwrap_err();
        assert!(none.to_string().contains("Barn, barn, yard") && exit_code(&none) == 3);
        assert!(pick(&NODE, "x", &[]).unwrap_err().to_string().ends_with("called x"));
    }

    #[test]
    fn a_name_that_begins_like_an_id_is_still_a_name() {
        assert!(is_id("wl_01m7yf77styrpc0vp3923x8a25", "wl_"));
        for name in ["wl_", "wl_world", "wl_01m7yf77styrpc0vp3923x8a2/", "World"] {
            assert!(!is_id(name, "wl_"), "{name}");
        }
    }
}
