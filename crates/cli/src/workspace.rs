//! `ostler workspace`: tenants and their members.

use crate::api::{Api, Common, WORKSPACE, is_id};
use crate::complete;
use crate::exit::Trouble;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with workspaces. Without a word more, yours are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the workspaces that you may see.
    List,
    /// Make one; you become its owner.
    Create {
        /// Its name.
        name: String,
        /// Its short name, for commands and paths; made from the name when absent.
        #[arg(long)]
        slug: Option<String>,
        /// What its people mean by nine o'clock, for example Europe/Berlin; UTC when absent.
        #[arg(long)]
        timezone: Option<String>,
    },
    /// Give it another name.
    Rename {
        #[command(flatten)]
        one: One,
        /// The new name.
        to: String,
    },
    /// Change its name, short name or time zone; what is not named stays.
    Set {
        #[command(flatten)]
        one: One,
        /// Its name.
        #[arg(long)]
        name: Option<String>,
        /// Its short name, for commands and paths.
        #[arg(long)]
        slug: Option<String>,
        /// What its people mean by nine o'clock, for example Europe/Berlin.
        #[arg(long)]
        timezone: Option<String>,
    },
    /// Mean this one when you name none.
    Use(One),
    /// Archive it: it can be read, and nothing in it changes. Nothing may run in it.
    Archive(One),
    /// Open an archived one again.
    Restore(One),
    /// Delete a workspace that has neither nodes nor workloads, for good.
    Delete {
        #[command(flatten)]
        one: One,
        /// Its short name once more, when you name it by its id.
        #[arg(long, value_name = "SHORT_NAME")]
        confirm: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List who is in it.
    Members(One),
    /// Add a person who has an account, or give a member another role.
    Member {
        #[command(flatten)]
        one: One,
        /// Their e-mail address.
        email: String,
        /// What they may do: viewer, member, admin, owner, or a role of the workspace's own, by name or id.
        #[arg(long)]
        role: String,
    },
    /// Take a member out.
    Leave {
        #[command(flatten)]
        one: One,
        /// Their e-mail address.
        email: String,
    },
}

#[derive(Debug, clap::Args)]
struct One {
    /// Short name or id.
    #[arg(value_name = "WORKSPACE", id = "which", add = complete::workspaces())]
    which: String,
}

const LIST: &[Column] = &[
    ("SHORT", "slug", As::Text),
    ("NAME", "name", As::Text),
    ("TIME ZONE", "timezone", As::Text),
    ("ARCHIVED", "archived_at", As::Ago),
    ("MADE", "created_at", As::Ago),
    ("ID", "id", As::Text),
];

const MEMBERS: &[Column] = &[
    ("E-MAIL", "email", As::Text),
    ("NAME", "name", As::Text),
    ("ROLE", "role", As::Text),
    ("SINCE", "created_at", As::Ago),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all("/workspaces", 10_000).await?, LIST, json),
        Verb::Create { name, slug, timezone } => {
            let body = named([("name", Some(name)), ("slug", slug), ("timezone", timezone)]);
            show::one(&api.send(Method::POST, "/workspaces", Some(&body)).await?, LIST, json)
        }
        Verb::Rename { one, to } => {
            let path = path(&api, &one).await?;
            show::one(&api.send(Method::PATCH, &path, Some(&json!({"name": to}))).await?, LIST, json)
        }
        Verb::Set { one, name, slug, timezone } => {
            let path = path(&api, &one).await?;
            let body = named([("name", name), ("slug", slug), ("timezone", timezone)]);
            show::one(&api.send(Method::PATCH, &path, Some(&body)).await?, LIST, json)
        }
        Verb::Use(one) => {
            let body = json!({ "default_workspace": api.find(&WORKSPACE, &one.which).await? });
            api.send(Method::PATCH, "/users/me", Some(&body)).await.map(drop)
        }
        Verb::Archive(one) => {
            let path = path(&api, &one).await?;
            show::one(&api.send(Method::POST, &format!("{path}/archive"), None).await?, LIST, json)
        }
        Verb::Restore(one) => {
            let path = path(&api, &one).await?;
            show::one(&api.send(Method::POST, &format!("{path}/restore"), None).await?, LIST, json)
        }
        Verb::Delete { one, confirm, yes } => delete(&api, one, confirm, yes).await,
        Verb::Members(one) => {
            let path = path(&api, &one).await?;
            let mut members = api.all(&format!("{path}/members"), 10_000).await?;
            if !json {
                crate::role::by_name(&api, &path, &mut members, "/role").await?;
            }
            show::list(&members, MEMBERS, json)
        }
        Verb::Member { one, email, role } => {
            let path = path(&api, &one).await?;
            let role = crate::role::find(&api, &path, &role).await?;
            let mut seen = match member(&api, &path, &email).await? {
                Some(user) => {
                    api.send(Method::PATCH, &format!("{path}/members/{user}"), Some(&json!({"role": role}))).await?
                }
                None => {
                    let body = json!({"email": email, "role": role});
                    api.send(Method::POST, &format!("{path}/members"), Some(&body)).await?
                }
            };
            if !json {
                crate::role::by_name(&api, &path, std::slice::from_mut(&mut seen), "/role").await?;
            }
            show::one(&seen, MEMBERS, json)
        }
        Verb::Leave { one, email } => {
            let path = path(&api, &one).await?;
            let Some(user) = member(&api, &path, &email).await? else {
                return Err(Trouble::NotFound(format!("{email} is no member of {}", one.which)).into());
            };
            api.send(Method::DELETE, &format!("{path}/members/{user}"), None).await.map(drop)
        }
    }
}

async fn delete(api: &Api, one: One, confirm: Option<String>, yes: bool) -> Result<()> {
    let path = path(api, &one).await?;
    let is_id = is_id(&one.which, WORKSPACE.prefix);
    let slug = if is_id { show::text(&api.get(&path).await?["slug"]) } else { one.which };
    if yes && is_id && confirm.is_none() {
        // An id says nothing to a person who looks over a script.
        return Err(Trouble::Usage(format!("this is the workspace {slug}; say --confirm {slug} with --yes")).into());
    }
    crate::confirm(&slug, "This deletes the workspace, its members, keys and jobs for good.", yes)?;
    // What was just typed is the confirmation: the server refuses it unless it is the short name.
    let body = json!({ "confirm": confirm.unwrap_or(slug) });
    api.send(Method::DELETE, &path, Some(&body)).await.map(drop)
}

/// A body of what was said.
fn named<const N: usize>(fields: [(&str, Option<String>); N]) -> Value {
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(said.collect())
}

async fn path(api: &Api, one: &One) -> Result<String> {
    Ok(format!("/workspaces/{}", api.find(&WORKSPACE, &one.which).await?))
}

/// The id of the member with this address.
async fn member(api: &Api, path: &str, email: &str) -> Result<Option<String>> {
    let all = api.all(&format!("{path}/members"), 10_000).await?;
    let is_it = |m: &&Value| m["email"].as_str().is_some_and(|e| e.eq_ignore_ascii_case(email));
    Ok(all.iter().find(is_it).and_then(|m| m["user"].as_str()).map(str::to_owned))
}
