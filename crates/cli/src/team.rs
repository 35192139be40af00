//! `ostler team`: people of a workspace, and what they may do together.

use crate::api::{Api, Common, NODE, is_id, pick};
use crate::exit::Trouble;
use crate::role;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with teams. Without a word more, those of the workspace are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the teams.
    List,
    /// Make a team.
    Create {
        /// Its name, unique in the workspace.
        name: String,
        /// A sentence about what it is for.
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        gives: Gives,
    },
    /// Change a team. What is not named stays.
    Edit {
        /// Name or id.
        team: String,
        /// The new name.
        #[arg(long)]
        name: Option<String>,
        /// A sentence about what it is for.
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        gives: Gives,
        /// Give its members nothing beyond their own roles.
        #[arg(long, conflicts_with_all = ["role", "on"])]
        no_role: bool,
    },
    /// List who is in a team.
    Members {
        /// Name or id.
        team: String,
    },
    /// Put a member of the workspace into a team.
    Add {
        /// Name or id.
        team: String,
        /// Their e-mail address.
        email: String,
    },
    /// Take somebody out of a team.
    Remove {
        /// Name or id.
        team: String,
        /// Their e-mail address.
        email: String,
    },
    /// Delete a team; its members lose what it gave them.
    Delete {
        /// Name or id.
        team: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Gives {
    /// What its members may do beyond their own roles: a role, by name or id.
    #[arg(long)]
    role: Option<String>,
    /// Only on this node or workload, by name or id. Repeat for more; everywhere in the workspace when absent.
    #[arg(long, value_name = "THING", requires = "role")]
    on: Vec<String>,
}

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("MEMBERS", "members", As::Text),
    ("ROLE", "grant.role", As::Text),
    ("ON", "grant.on", As::Text),
    ("ID", "id", As::Text),
];

const MEMBERS: &[Column] =
    &[("E-MAIL", "email", As::Text), ("NAME", "name", As::Text), ("SINCE", "created_at", As::Ago)];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    let base = format!("/workspaces/{}", api.workspace().await?);
    let teams = format!("{base}/teams");
    let find = async |what: &str| -> Result<String> {
        if is_id(what, "tm_") {
            return Ok(format!("{teams}/{what}"));
        }
        Ok(format!("{teams}/{}", pick("team", "name", what, &api.all(&teams, 1000).await?)?))
    };
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => told(&api, &base, api.all(&teams, 1000).await?, show::list).await,
        Verb::Create { name, description, gives } => {
            let mut body = json!({"name": name, "description": description.unwrap_or_default()});
            if let Some(grant) = grant(&api, &base, gives).await? {
                body["grant"] = grant;
            }
            let made = api.send(Method::POST, &teams, Some(&body)).await?;
            told(&api, &base, vec![made], alone).await
        }
        Verb::Edit { team, name, description, gives, no_role } => {
            let path = find(&team).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = name.into();
            }
            if let Some(description) = description {
                body["description"] = description.into();
            }
            if no_role {
                body["grant"] = Value::Null;
            } else if let Some(grant) = grant(&api, &base, gives).await? {
                body["grant"] = grant;
            }
            let changed = api.send(Method::PATCH, &path, Some(&body)).await?;
            told(&api, &base, vec![changed], alone).await
        }
        Verb::Members { team } => {
            show::list(&api.all(&format!("{}/members", find(&team).await?), 1000).await?, MEMBERS, json)
        }
        Verb::Add { team, email } => {
            let path = format!("{}/members", find(&team).await?);
            let user = person(&api, &format!("{base}/members"), &email).await?;
            show::one(&api.send(Method::POST, &path, Some(&json!({"user": user}))).await?, MEMBERS, json)
        }
        Verb::Remove { team, email } => {
            let path = format!("{}/members", find(&team).await?);
            let user = person(&api, &path, &email).await?;
            api.send(Method::DELETE, &format!("{path}/{user}"), None).await.map(drop)
        }
        Verb::Delete { team, yes } => {
            let path = find(&team).await?;
            crate::confirm(&team, "Its members lose what it gave them.", yes)?;
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
    }
}

type Show = fn(&[Value], &[Column], bool) -> Result<()>;

fn alone(items: &[Value], columns: &[Column], json: bool) -> Result<()> {
    items.iter().try_for_each(|item| show::one(item, columns, json))
}

/// Shows teams; to people by the names of roles and things, not by their ids.
async fn told(api: &Api, base: &str, mut teams: Vec<Value>, show: Show) -> Result<()> {
    if api.common.json {
        return show(&teams, LIST, true);
    }
    role::by_name(api, base, &mut teams, "/grant/role").await?;
    let is_listed = teams.iter().any(|team| team.pointer("/grant/on/only").is_some());
    let mut names = Vec::new();
    if is_listed {
        for list in ["/workloads", "/nodes"] {
            // Whoever may not see these sees their ids.
            names.extend(api.all(&format!("{base}{list}"), 10_000).await.unwrap_or_default());
        }
    }
    for team in &mut teams {
        let Some(on) = team.pointer_mut("/grant/on") else { continue };
        let Some(ids) = on["only"].as_array() else { continue };
        let name =
            |id: &Value| names.iter().find(|thing| thing["id"] == *id).map_or(id, |thing| &thing["name"]).clone();
        *on = ids.iter().map(name).collect();
    }
    show(&teams, LIST, false)
}

async fn grant(api: &Api, base: &str, gives: Gives) -> Result<Option<Value>> {
    let Some(role) = gives.role else { return Ok(None) };
    let role = role::find(api, base, &role).await?;
    let mut ids = Vec::new();
    for what in &gives.on {
        ids.push(thing(api, what).await?);
    }
    let on = if ids.is_empty() { json!("workspace") } else { json!({ "only": ids }) };
    Ok(Some(json!({ "role": role, "on": on })))
}

/// A node's or a workload's id. A name that both have is nobody's.
pub(crate) async fn thing(api: &Api, what: &str) -> Result<String> {
    if what.split_once('_').is_some_and(|(prefix, _)| is_id(what, &format!("{prefix}_"))) {
        return Ok(what.to_owned());
    }
    let (workload, node) = (api.find(&crate::workload::WORKLOAD, what).await, api.find(&NODE, what).await);
    match (workload, node) {
        (Ok(_), Ok(_)) => {
            Err(Trouble::Usage(format!("a workload and a node are both called {what}; use an id")).into())
        }
        (Ok(id), Err(_)) | (Err(_), Ok(id)) => Ok(id),
        (Err(_), Err(_)) => Err(Trouble::NotFound(format!("there is no workload or node called {what}")).into()),
    }
}

/// The id of somebody in a list of people.
async fn person(api: &Api, list: &str, email: &str) -> Result<String> {
    let all = api.all(list, 10_000).await?;
    let is_it = |person: &&Value| person["email"].as_str().is_some_and(|e| e.eq_ignore_ascii_case(email));
    let found = all.iter().find(is_it).and_then(|person| person["user"].as_str()).map(str::to_owned);
    found.ok_or_else(|| Trouble::NotFound(format!("{email} is not there")).into())
}
