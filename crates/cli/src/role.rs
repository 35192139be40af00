//! `ostler role`: what members of a workspace can be.

use crate::api::{Api, Common, pick};
use crate::exit::Trouble;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::with_query;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with roles. Without a word more, those of the workspace are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the roles: the four that every workspace has, and its own.
    List,
    /// Make a role. You must hold yourself what it allows.
    Create {
        /// Its name, unique in the workspace.
        name: String,
        /// A capability such as workload:operate or node:read. Repeat for more.
        #[arg(long = "can", value_name = "KIND:VERB", required = true)]
        can: Vec<String>,
        /// A sentence about what it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// Change a role, at once for all who have it. What is not named stays.
    Edit {
        /// Name or id.
        role: String,
        /// The new name.
        #[arg(long)]
        name: Option<String>,
        /// What it allows from now on, instead of what it did. Repeat for more.
        #[arg(long = "can", value_name = "KIND:VERB")]
        can: Vec<String>,
        /// A sentence about what it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// Delete a role of the workspace's own.
    Delete {
        /// Name or id.
        role: String,
        /// The role that those who have it get instead.
        #[arg(long, value_name = "ROLE")]
        replace: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// The roles that every workspace has; their ids are these words.
const BUILT_IN: [&str; 4] = ["viewer", "member", "admin", "owner"];

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("MEMBERS", "used_by.members", As::Text),
    ("TEAMS", "used_by.teams", As::Text),
    ("CAPABILITIES", "capabilities", As::Text),
    ("ID", "id", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    let base = format!("/workspaces/{}", api.workspace().await?);
    let roles = format!("{base}/roles");
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all(&roles, 1000).await?, LIST, json),
        Verb::Create { name, can, description } => {
            let body = json!({"name": name, "capabilities": can, "description": description.unwrap_or_default()});
            show::one(&api.send(Method::POST, &roles, Some(&body)).await?, LIST, json)
        }
        Verb::Edit { role, name, can, description } => {
            let id = own(&api, &base, &role).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = name.into();
            }
            if let Some(description) = description {
                body["description"] = description.into();
            }
            if !can.is_empty() {
                body["capabilities"] = can.into();
            }
            show::one(&api.send(Method::PATCH, &format!("{roles}/{id}"), Some(&body)).await?, LIST, json)
        }
        Verb::Delete { role, replace, yes } => {
            let id = own(&api, &base, &role).await?;
            let mut path = format!("{roles}/{id}");
            if let Some(other) = replace {
                path = with_query(&path, &[("replacement", &find(&api, &base, &other).await?)]);
            }
            crate::confirm(&role, "Whoever has this role loses what it allows.", yes)?;
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
    }
}

/// The id of a role that can be changed: one of the workspace's own.
async fn own(api: &Api, workspace: &str, what: &str) -> Result<String> {
    let id = find(api, workspace, what).await?;
    if BUILT_IN.contains(&id.as_str()) {
        return Err(
            Trouble::Usage(format!("{id} is in every workspace and stays as it is; make one of your own")).into()
        );
    }
    Ok(id)
}

/// The id of a role that a person calls by its name, in the workspace with this path.
pub(crate) async fn find(api: &Api, workspace: &str, what: &str) -> Result<String> {
    if BUILT_IN.contains(&what) || crate::api::is_id(what, "rl_") {
        return Ok(what.to_owned());
    }
    let all: Vec<Value> = api.all(&format!("{workspace}/roles"), 1000).await?;
    pick("role", "name", what, &all)
}

/// Puts names in the place of the ids of roles, for people. `at` is where an item has its role, as a JSON pointer.
pub(crate) async fn by_name(api: &Api, workspace: &str, items: &mut [Value], at: &str) -> Result<()> {
    let is_own = |item: &Value| item.pointer(at).and_then(Value::as_str).is_some_and(|role| role.starts_with("rl_"));
    if !items.iter().any(is_own) {
        return Ok(());
    }
    let roles: Vec<Value> = api.all(&format!("{workspace}/roles"), 1000).await?;
    for item in items {
        let Some(role) = item.pointer_mut(at) else { continue };
        if let Some(named) = roles.iter().find(|named| named["id"] == *role && named["is_built_in"] == false) {
            *role = named["name"].clone();
        }
    }
    Ok(())
}
