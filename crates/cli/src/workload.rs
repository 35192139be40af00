//! `ostler workload`, and `ostler game`, which is the same for game servers.

use crate::api::{Api, Common, NODE, Noun};
use crate::complete;
use crate::console;
use crate::exit::Trouble;
use crate::factor::in_person;
use crate::ground::ask_secret;
use crate::node::left_behind;
use crate::show::{self, As, Column};
use crate::size::Size;
use crate::wait::{self, Wait};
use anyhow::Result;
use clap::Subcommand;
use ostler_model::workload::blueprint::Limits;
use ostler_wire::client::escape;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// What to do with workloads.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all that you may see.
    List {
        /// Only those in this state, for example running or failed.
        #[arg(long)]
        state: Option<String>,
        /// Only those on this node.
        #[arg(long, add = complete::nodes())]
        node: Option<String>,
        /// Only those with this in their name.
        #[arg(long)]
        search: Option<String>,
    },
    /// Show one, with its settings and how its parts are.
    Get(One),
    /// Create one from a template, and start it.
    Create(Box<Create>),
    /// Change name, variables or limits.
    Set(Box<Set>),
    /// Start it.
    Start(Power),
    /// Ask it to stop.
    Stop(Power),
    /// Stop and start it.
    Restart(Power),
    /// Stop it without asking.
    Kill(Power),
    /// Delete it with everything it stored.
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Kill it instead of asking it to stop first.
        #[arg(long)]
        force: bool,
        /// Its machine is lost for good: forget it without the node's word, and print what may still run there. Asks for
        /// your password.
        #[arg(long, conflicts_with = "force")]
        forget: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Follow its output and type commands; Ctrl-C leaves.
    Console {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        how: console::How,
    },
    /// Follow what it uses.
    Stats {
        #[command(flatten)]
        one: One,
        /// Print one measurement and leave.
        #[arg(long)]
        once: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// Name or id.
    #[arg(add = complete::workloads())]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Power {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

/// Values for a template's variables.
#[derive(Debug, clap::Args)]
struct Variables {
    /// A variable of the template, as name=value; nothing after the sign returns it to its default. Repeat for more.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A variable that nobody should read over your shoulder: asked for, or a line of standard input. Repeat for more.
    #[arg(long = "secret", value_name = "NAME")]
    secret: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// A template's name; see `ostler template list`.
    #[arg(add = complete::templates())]
    template: String,
    /// What to call it.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    variables: Variables,
    #[command(flatten)]
    size: Size,
    /// On this node and no other.
    #[arg(long, add = complete::nodes())]
    node: Option<String>,
    /// `process` or `container`; the template's preferred one when absent.
    #[arg(long)]
    runtime: Option<String>,
    /// Only install it; start it later.
    #[arg(long)]
    no_start: bool,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    one: One,
    /// Call it something else.
    #[arg(long)]
    rename: Option<String>,
    #[command(flatten)]
    variables: Variables,
    #[command(flatten)]
    size: Size,
    /// Restart it now, so that everything takes effect.
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    wait: Wait,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write name=value".to_owned())
}

pub(crate) const WORKLOAD: Noun =
    Noun { word: "workload", list: "/workloads", prefix: "wl_", name: "name", is_in_workspace: true };

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("STATE", "state", As::State),
    ("SINCE", "since", As::Ago),
    ("KIND", "kind", As::Text),
    ("TEMPLATE", "template", As::Text),
    ("NODE", "node_name", As::Text),
    ("ADDRESS", "address", As::Text),
    ("PLAYERS", "players", As::Text),
    ("REASON", "reason", As::Text),
];

const ONE: &[Column] = &[
    ("Name", "name", As::Text),
    ("Id", "id", As::Text),
    ("State", "state", As::State),
    ("Reason", "reason", As::Text),
    ("Since", "since", As::Ago),
    ("Address", "address", As::Text),
    ("Players", "players", As::Text),
    ("Kind", "kind", As::Text),
    ("Template", "template", As::Text),
    ("Runs as", "runtime", As::Text),
    ("Node", "node_name", As::Text),
    ("Ports", "ports", As::Text),
    ("Memory", "limits.memory_bytes", As::Bytes),
    ("Processors", "limits.cpu_millis", As::Cpu),
    ("Processes", "limits.pids", As::Text),
    ("Disk", "limits.disk_bytes", As::Bytes),
    ("Variables", "variables", As::Text),
    ("Crashes in a row", "crashes", As::Text),
    ("Waits for a restart", "is_restart_pending", As::YesNo),
    ("Created", "created_at", As::Ago),
    ("Changed", "changed_at", As::Ago),
];

/// A family's commands. `family` is the path of the collection, `/workloads` or `/game/servers`.
pub(crate) async fn run(family: &'static str, args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let noun = Noun { word: if family == WORKLOAD.list { "workload" } else { "game" }, ..WORKLOAD };
    let family = Family { api, noun, base: family };
    let json = family.api.common.json;
    match args.verb {
        Verb::List { state, node, search } => family.list(state, node, search).await,
        Verb::Get(one) => show_one(&family.api.get(&family.path(&one).await?).await?, json),
        Verb::Create(create) => family.create(*create).await,
        Verb::Set(set) => family.set(*set).await,
        Verb::Start(power) => family.power("start", "running", &power).await,
        Verb::Stop(power) => family.power("stop", "stopped", &power).await,
        Verb::Restart(power) => family.power("restart", "running", &power).await,
        Verb::Kill(power) => family.power("kill", "stopped", &power).await,
        Verb::Delete { one, yes, forget: true, .. } => family.forget(&one, yes).await,
        Verb::Delete { one, yes, force, forget: false, wait } => family.delete(&one, yes, force, wait).await,
        Verb::Console { one, how } => {
            let path = family.path(&one).await?;
            console::run(&family.api, &path, how).await
        }
        Verb::Stats { one, once } => {
            let path = family.path(&one).await?;
            crate::stats::run(&family.api, &path, once).await
        }
    }
}

struct Family {
    api: Api,
    noun: Noun,
    base: &'static str,
}

fn show_one(seen: &Value, json: bool) -> Result<()> {
    show::one(seen, ONE, json)?;
    let conditions = seen["conditions"].as_array().filter(|_| !json).into_iter().flatten();
    for condition in conditions.filter(|c| c["message"].as_str().is_some_and(|m| !m.is_empty())) {
        show::print(&format!("Note: {}: {}", show::text(&condition["resource"]), show::text(&condition["message"])))?;
    }
    Ok(())
}

impl Family {
    /// Where one of them is.
    async fn path(&self, one: &One) -> Result<String> {
        Ok(format!("{}/{}", self.base, self.api.find(&self.noun, &one.name).await?))
    }

    /// The collection: a workspace's when one was named.
    fn collection(&self) -> String {
        if self.api.common.workspace.is_some() { self.api.within(WORKLOAD.list) } else { self.base.to_owned() }
    }

    async fn list(&self, state: Option<String>, node: Option<String>, search: Option<String>) -> Result<()> {
        let node = match node {
            Some(node) => Some(self.api.find(&NODE, &node).await?),
            None => None,
        };
        let kind = (self.base != WORKLOAD.list).then_some("game");
        let filters =
            [("kind", kind), ("state", state.as_deref()), ("node", node.as_deref()), ("search", search.as_deref())];
        let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let path = ostler_wire::client::with_query(&self.collection(), &filters);
        show::list(&self.api.all(&path, 10_000).await?, LIST, self.api.common.json)
    }

    async fn create(&self, create: Create) -> Result<()> {
        let template = self.api.get(&format!("/templates/{}", escape(&create.template))).await.map_err(|error| {
            match error.downcast_ref::<ostler_wire::client::ClientError>().and_then(|e| e.refusal()) {
                Some((_, "not_found")) => {
                    Trouble::NotFound(format!("there is no template {}; see: ostler template list", create.template))
                        .into()
                }
                _ => error,
            }
        })?;
        let variables = variables(&template, &create.variables)?;
        let mut body = json!({
            "name": create.name, "template": create.template, "variables": variables, "start": !create.no_start,
        });
        if !create.size.is_empty() {
            let base: Limits = serde_json::from_value(template["template"]["limits"].clone()).unwrap_or_default();
            body["limits"] = json!(create.size.over(base));
        }
        if let Some(node) = &create.node {
            body["node"] = self.api.find(&NODE, node).await?.into();
        }
        if let Some(runtime) = create.runtime {
            body["runtime"] = runtime.into();
        }
        let made = self.api.send(Method::POST, &self.collection(), Some(&body)).await?;
        let (id, job) = (show::text(&made["target"]), show::text(&made["job_id"]));
        if !create.wait.wait {
            show::one(&made, &[("Workload", "target", As::Text), ("Job", "job_id", As::Text)], self.api.common.json)?;
            if !self.api.common.json {
                show::note(&format!("It is on its way: ostler job wait {job}"));
            }
            return Ok(());
        }
        // The job and not the workload: one that cannot be placed takes its workload back, and says why.
        wait::job(&self.api, &job, create.wait.timeout).await?;
        let path = format!("{}/{id}", self.base);
        let state = if create.no_start { "stopped" } else { "running" };
        show_one(&wait::state(&self.api, &path, state, create.wait.timeout).await?, self.api.common.json)
    }

    async fn set(&self, set: Set) -> Result<()> {
        let path = self.path(&set.one).await?;
        let before = self.api.get(&path).await?;
        let mut body = json!({"restart": set.restart});
        if let Some(name) = set.rename {
            body["name"] = name.into();
        }
        if !set.variables.set.is_empty() || !set.variables.secret.is_empty() {
            let template = self.api.get(&format!("/templates/{}", escape(&show::text(&before["template"])))).await?;
            body["variables"] = variables(&template, &set.variables)?.into();
        }
        if !set.size.is_empty() {
            let base: Limits = serde_json::from_value(before["limits"].clone()).unwrap_or_default();
            body["limits"] = json!(set.size.over(base));
        }
        let mut seen = self.api.send(Method::PATCH, &path, Some(&body)).await?;
        if set.wait.wait {
            let state = if seen["power"] == "on" { "running" } else { "stopped" };
            seen = wait::state(&self.api, &path, state, set.wait.timeout).await?;
        }
        show_one(&seen, self.api.common.json)?;
        if seen["is_restart_pending"] == true && !self.api.common.json {
            show::note("Some of this takes effect at the next start; with --restart, now.");
        }
        Ok(())
    }

    async fn power(&self, verb: &str, state: &str, power: &Power) -> Result<()> {
        let path = self.path(&power.one).await?;
        let mut seen = self.api.send(Method::POST, &format!("{path}/{verb}"), None).await?;
        if power.wait.wait {
            seen = wait::state(&self.api, &path, state, power.wait.timeout).await?;
        }
        if self.api.common.json { show_one(&seen, true) } else { show::list(&[seen], LIST, false) }
    }

    async fn forget(&self, one: &One, yes: bool) -> Result<()> {
        let path = self.path(one).await?;
        let name = show::text(&self.api.get(&path).await?["name"]);
        crate::confirm(&name, "This forgets it, without removing anything from its machine.", yes)?;
        let body = json!({"confirm": name});
        let gone: Value =
            in_person(&self.api, async |session| Ok(session.post(&format!("{path}/forget"), Some(&body)).await?))
                .await?;
        left_behind(std::slice::from_ref(&gone["left"]), &gone, self.api.common.json)
    }

    async fn delete(&self, one: &One, yes: bool, force: bool, wait: Wait) -> Result<()> {
        let path = self.path(one).await?;
        crate::confirm(&one.name, "This deletes it with everything it stored. There is no way back.", yes)?;
        let how = if force { "?force=true" } else { "" };
        let job = self.api.send(Method::DELETE, &format!("{path}{how}"), None).await?;
        if wait.wait {
            let seen = wait::job(&self.api, &show::text(&job["job_id"]), wait.timeout).await?;
            return show::one(&seen, &[("Job", "id", As::Text), ("State", "state", As::State)], self.api.common.json);
        }
        show::one(&job, &[("Job", "job_id", As::Text)], self.api.common.json)
    }
}

/// Values as the template's types want them. Names that the template does not know are told here, with those that it does.
fn variables(template: &Value, given: &Variables) -> Result<Map<String, Value>> {
    let properties = &template["variables_schema"]["properties"];
    let mut out = Map::new();
    for (name, text) in &given.set {
        known(properties, name)?;
        // A schema of several types: the first one that is not null decides.
        let kind = &properties[name]["type"];
        let kind = kind.as_str().or_else(|| kind.as_array()?.iter().filter_map(Value::as_str).find(|k| *k != "null"));
        let value = match kind {
            _ if text.is_empty() && kind != Some("string") => Value::Null,
            Some("integer") => text.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from),
            Some("number") => text.parse::<f64>().map_or_else(|_| Value::String(text.clone()), Value::from),
            Some("boolean") => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Value::Bool(true),
                "false" | "no" | "off" | "0" => Value::Bool(false),
                _ => Value::String(text.clone()),
            },
            _ => Value::String(text.clone()),
        };
        out.insert(name.clone(), value);
    }
    for name in &given.secret {
        known(properties, name)?;
        out.insert(name.clone(), ask_secret(name)?.into());
    }
    Ok(out)
}

fn known(properties: &Value, name: &str) -> Result<()> {
    if properties.get(name).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    Err(Trouble::Usage(format!("the template has no variable {name}; it has {}", names.join(", "))).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_the_template_wants_and_unknown_names_are_told() {
        let template = json!({"variables_schema": {"properties": {
            "motd": {"type": "string"}, "players": {"type": "integer"}, "pvp": {"type": "boolean"},
        }}});
        let set = |pairs: &[(&str, &str)]| Variables {
            set: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            secret: vec![],
        };
        let out = variables(&template, &set(&[("motd", "12"), ("players", "12"), ("pvp", "yes")])).unwrap();
        assert_eq!(Value::Object(out), json!({"motd": "12", "players": 12, "pvp": true}));
        // What cannot be read goes to the server as it is: its words about the field are better than ours.
        let out = variables(&template, &set(&[("players", "many"), ("motd", "")])).unwrap();
        assert_eq!(Value::Object(out), json!({"players": "many", "motd": ""}));
        let out = variables(&template, &set(&[("players", "")])).unwrap();
        assert_eq!(Value::Object(out), json!({"players": null}), "back to the default");
        let error = variables(&template, &set(&[("mods", "x")])).unwrap_err().to_string();
        assert!(error.contains("mods") && error.contains("motd, players, pvp"), "{error}");
        assert!(pair("=x").is_err() && pair("x").is_err() && pair("a=b=c") == Ok(("a".into(), "b=c".into())));
    }
}
