//! `ostler user`: people, invitations, and who is kept out.

use crate::api::{Api, Common, Noun};
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::Client;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with people. Without a word more, all are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all people.
    List,
    /// Invite somebody. Their link goes to them by mail when mail is on, and is printed when you may see it.
    Invite {
        /// Their e-mail address.
        email: String,
        /// What to call them.
        #[arg(long)]
        name: Option<String>,
        /// Straight into the workspace (see --workspace), with this role, instead of onto the platform alone.
        #[arg(long)]
        role: Option<String>,
    },
    /// List the invitations into the workspace that nobody has accepted yet.
    Invites,
    /// Withdraw an invitation into a workspace.
    Withdraw {
        /// Its id.
        invite: String,
    },
    /// Invite somebody once more; the earlier link ends.
    Resend(One),
    /// Keep somebody out. Their sessions end at once.
    Deactivate(One),
    /// Let somebody in again.
    Reactivate(One),
    /// Give somebody another name.
    Rename {
        #[command(flatten)]
        one: One,
        /// The new name.
        to: String,
    },
    /// List what still refers to somebody: they can be deleted when this is empty.
    References(One),
    /// Delete somebody to whom nothing refers any more.
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct One {
    /// E-mail address or id.
    user: String,
}

const USER: Noun = Noun { word: "user", list: "/users", prefix: "us_", name: "email", is_in_workspace: false };

const LIST: &[Column] = &[
    ("E-MAIL", "email", As::Text),
    ("NAME", "name", As::Text),
    ("STATE", "state", As::State),
    ("ADMIN", "is_platform_admin", As::YesNo),
    ("PROVEN", "is_email_verified", As::YesNo),
    ("MADE", "created_at", As::Ago),
    ("ID", "id", As::Text),
];

const INVITES: &[Column] = &[
    ("E-MAIL", "email", As::Text),
    ("ROLE", "role", As::Text),
    ("STATE", "state", As::State),
    ("EXPIRES", "expires_at", As::Ago),
    ("ID", "id", As::Text),
];

const REFERENCES: &[Column] = &[("KIND", "kind", As::Text), ("NAME", "name", As::Text), ("ID", "id", As::Text)];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all("/users", 10_000).await?, LIST, json),
        Verb::Invite { email, name, role } => {
            let local = email.split('@').next().unwrap_or_default().to_owned();
            let body = json!({"email": email, "name": name.unwrap_or(local)});
            let made = match role {
                None => api.send(Method::POST, "/users", Some(&body)).await?,
                Some(role) => {
                    let workspace = format!("/workspaces/{}", api.workspace().await?);
                    let mut body = body;
                    body["role"] = crate::role::find(&api, &workspace, &role).await?.into();
                    let path = format!("{workspace}/invites");
                    let made = api.send(Method::POST, &path, Some(&body)).await?;
                    // With mail off the link is for a person's eyes: a key that saw it could accept it.
                    if made["is_mailed"] == true || made["link"].is_string() {
                        made
                    } else {
                        let again = async |session: &Client| Ok(session.post(&path, Some(&body)).await?);
                        crate::factor::in_person(&api, again).await?
                    }
                }
            };
            invited(&made, json)
        }
        Verb::Invites => {
            let path = format!("/workspaces/{}/invites", api.workspace().await?);
            let mut invites = api.all(&path, 10_000).await?;
            if !json {
                let workspace = path.trim_end_matches("/invites");
                crate::role::by_name(&api, workspace, &mut invites, "/role").await?;
            }
            show::list(&invites, INVITES, json)
        }
        Verb::Withdraw { invite } => {
            let path = format!("/invites/{}", ostler_wire::client::escape(&invite));
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
        Verb::Resend(one) => {
            let path = format!("{}/resend-invite", path(&api, &one).await?);
            invited(&api.send(Method::POST, &path, None).await?, json)
        }
        Verb::Deactivate(one) => change(&api, &one, &json!({"is_active": false})).await,
        Verb::Reactivate(one) => change(&api, &one, &json!({"is_active": true})).await,
        Verb::Rename { one, to } => change(&api, &one, &json!({"name": to})).await,
        Verb::References(one) => {
            let found = api.get(&format!("{}/references", path(&api, &one).await?)).await?;
            show::list(found["items"].as_array().map(Vec::as_slice).unwrap_or_default(), REFERENCES, json)
        }
        Verb::Delete { one, yes } => {
            let path = path(&api, &one).await?;
            crate::confirm(&one.user, "This deletes the person for good.", yes)?;
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
    }
}

async fn path(api: &Api, one: &One) -> Result<String> {
    Ok(format!("/users/{}", api.find(&USER, &one.user).await?))
}

async fn change(api: &Api, one: &One, body: &Value) -> Result<()> {
    let path = path(api, one).await?;
    show::one(&api.send(Method::PATCH, &path, Some(body)).await?, LIST, api.common.json)
}

/// The link alone on standard output, so that it can be piped to where it belongs.
fn invited(made: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(made)?);
    }
    let email = show::text(&made["user"]["email"]);
    let how = if made["is_mailed"] == true { "a mail is on its way" } else { "mail is off" };
    show::note(&format!("{email} is invited; {how}. The link works once, for 72 hours."));
    match made["link"].as_str() {
        Some(link) => show::print(&show::clean(link)),
        None => Ok(()),
    }
}
