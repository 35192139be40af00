//! Kinds of workload, and the one pure function that turns a spec into a blueprint.

use super::Runtime;
use super::Spec;
use super::blueprint::{Blueprint, Container, How, Process, Resource, Run, What};
use crate::Millis;
use crate::template::{File, Template, Values, VariableType, arguments, quote, render, render_with};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What sort of thing a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A game server or another plain service.
    Game,
    /// Hosts lockstep matches of everybody. The platform's own: only its admins make one.
    MatchHost,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 2] = [Kind::Game, Kind::MatchHost];
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Game => "game",
            Kind::MatchHost => "match-host",
        }
    }
    /// Names of the values that the server gives to workloads of this kind, for `{{NAME}}`. Nobody else can set them.
    pub const fn given(self) -> &'static [&'static str] {
        match self {
            Kind::Game => &[],
            Kind::MatchHost => &["match.worker", "match.workers", "match.key"],
        }
    }
    /// True when it serves all of the platform: then only those who decide about the platform decide about it.
    pub const fn is_of_platform(self) -> bool {
        match self {
            Kind::Game => false,
            Kind::MatchHost => true,
        }
    }
}

/// What is known at placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The workload's name, for `{{name}}`.
    pub name: String,
    /// The node's public address, for `{{address}}`.
    pub address: String,
    /// Host ports by the template's port name.
    pub ports: BTreeMap<String, u16>,
    /// What the server gives to this kind, by the names of [`Kind::given`].
    pub given: BTreeMap<&'static str, String>,
}

/// What only the agent knows: where volumes are, and where its own program is.
const BY_AGENT: &[&str] = &["volume.", "program."];

/// A value that cannot be used, by the field that people filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct LowerError {
    pub field: String,
    pub message: String,
}

/// What the workload needs on its node. Same input, same blueprint.
pub fn lower(template: &Template, spec: &Spec, facts: &Facts) -> Result<Blueprint, Vec<LowerError>> {
    let values = values(template, spec, facts)?;
    let say = |field: &str| {
        let field = field.to_owned();
        move |message: String| vec![LowerError { field, message }]
    };
    let mut resources = vec![];
    let mut add = |key: String, what: What| resources.push(Resource { key, what });
    add("account".into(), What::Account {});
    let limit_bytes = (spec.limits.disk_bytes > 0).then_some(spec.limits.disk_bytes);
    for v in &template.volumes {
        add(format!("volume/{v}"), What::Volume { name: v.to_string(), limit_bytes });
    }
    for p in &template.ports {
        let port =
            *facts.ports.get(p.name.as_str()).ok_or_else(|| say("ports")(format!("{} has no port yet", p.name)))?;
        add(format!("port/{}", p.name), What::Port { name: p.name.to_string(), port, protocol: p.protocol });
    }
    if spec.runtime == Runtime::Process {
        for p in template.runtimes.process.iter().flat_map(|p| &p.packages) {
            let key = format!("package/{}", p.name);
            let volume = p.volume.as_ref().map(ToString::to_string);
            add(
                key,
                What::Package {
                    manager: p.manager,
                    name: p.name.clone(),
                    version: p.version.clone(),
                    provides: p.provides.clone(),
                    volume,
                },
            );
        }
    }
    for d in &template.downloads {
        let key = format!("download/{}/{}", d.volume, d.path);
        add(
            key,
            What::Download {
                url: d.url.clone(),
                sha256: d.sha256.to_lowercase(),
                volume: d.volume.to_string(),
                path: d.path.clone(),
            },
        );
    }
    for f in &template.files {
        let content = content(template, f, &values).map_err(|error| vec![error])?;
        add(
            format!("file/{}/{}", f.volume, f.path),
            What::File { volume: f.volume.to_string(), path: f.path.clone(), content, keep: f.keep },
        );
    }
    let run = Run {
        how: how(template, spec.runtime, &values)?,
        limits: spec.limits,
        ready: template.ready.clone(),
        start_limit: Millis::secs(template.start_limit_secs),
        stop: template.stop.clone(),
        grace: Millis::secs(template.grace_secs),
        restart: template.restart,
        players: template.players.clone(),
    };
    let revision = revision(&resources, &run);
    Ok(Blueprint { resources, run, revision })
}

/// Every placeholder's value, or all fields that are wrong at once.
fn values(template: &Template, spec: &Spec, facts: &Facts) -> Result<Values, Vec<LowerError>> {
    let mut values = Values::new();
    let mut wrong = vec![];
    for given in spec.variables.keys() {
        if !template.variables.iter().any(|v| v.name.as_str() == given) {
            wrong.push(LowerError {
                field: format!("variables.{given}"),
                message: format!("{} has no such variable", template.name),
            });
        }
    }
    for v in &template.variables {
        match v.resolve(spec.variables.get(v.name.as_str())) {
            Ok(text) => drop(values.insert(v.name.to_string(), text)),
            Err(error) => wrong.push(LowerError { field: format!("variables.{}", v.name), message: error.to_string() }),
        }
    }
    for (name, port) in &facts.ports {
        values.insert(format!("port.{name}"), port.to_string());
    }
    values.insert("address".into(), facts.address.clone());
    values.insert("name".into(), facts.name.clone());
    values.extend(facts.given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

/// A file's content, with each value written as the file's format wants it.
fn content(template: &Template, file: &File, values: &Values) -> Result<String, LowerError> {
    let say = |message| LowerError { field: file.path.clone(), message };
    let value = |name: &str| {
        let value = values.get(name)?;
        let variable = template.variables.iter().find(|v| v.name.as_str() == name);
        let is_word = match variable.map(|v| &v.of) {
            Some(VariableType::Integer { .. } | VariableType::Boolean { .. }) => true,
            Some(_) => false,
            None => name.starts_with("port."),
        };
        Some(quote(file.format, value, is_word).map_err(|message| match variable {
            Some(_) => LowerError { field: format!("variables.{name}"), message },
            None => say(format!("{{{{{name}}}}}: {message}")),
        }))
    };
    render_with(&file.content, value, &[], say)
}

/// Checks the variables alone, before there are ports or a node.
pub fn check_variables(template: &Template, spec: &Spec) -> Result<(), Vec<LowerError>> {
    // Numbers that stand for ports: what a file can hold does not depend on them.
    let ports = template.ports.iter().map(|p| (p.name.to_string(), 1)).collect();
    let given = template.kind.given().iter().map(|name| (*name, String::new())).collect();
    let facts = Facts { name: String::new(), address: String::new(), ports, given };
    let values = values(template, spec, &facts)?;
    let wrong: Vec<_> = template.files.iter().filter_map(|f| content(template, f, &values).err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn how(template: &Template, runtime: Runtime, values: &Values) -> Result<How, Vec<LowerError>> {
    let text = |t: &String| {
        render(t, values, BY_AGENT).map_err(|message| vec![LowerError { field: "command".into(), message }])
    };
    let args = |command: &[String]| {
        arguments(command, values, BY_AGENT).map_err(|message| vec![LowerError { field: "command".into(), message }])
    };
    let map = |env: &BTreeMap<String, String>| {
        env.iter().map(|(k, v)| Ok((k.clone(), text(v)?))).collect::<Result<_, Vec<LowerError>>>()
    };
    let missing =
        || vec![LowerError { field: "runtime".into(), message: format!("{} does not run this way", template.name) }];
    match runtime {
        Runtime::Process => {
            let p = template.runtimes.process.as_ref().ok_or_else(missing)?;
            let mut command = args(&p.command)?;
            if command.is_empty() {
                return Err(missing());
            }
            let program = command.remove(0);
            Ok(How::Process(Process { program, args: command, env: map(&p.env)?, workdir: p.workdir.to_string() }))
        }
        Runtime::Container => {
            let c = template.runtimes.container.as_ref().ok_or_else(missing)?;
            let image =
                render(&c.image, values, &[]).map_err(|message| vec![LowerError { field: "image".into(), message }])?;
            let command = c.command.as_deref().map(args).transpose()?;
            Ok(How::Container(Container {
                template_image: Some(template_image(template, &c.image)),
                image,
                command,
                env: map(&c.env)?,
                mounts: c.mounts.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
                publish: c.publish.iter().map(|(k, v)| (k.to_string(), *v)).collect(),
                read_only_root: c.read_only_root,
                user: c.user.clone(),
            }))
        }
    }
}

/// The image with every variable as the template has it; without a default there is none that it names.
fn template_image(template: &Template, image: &str) -> String {
    let own = template.variables.iter().filter_map(|v| Some((v.name.to_string(), v.resolve(None).ok()?)));
    render(image, &own.collect(), &[]).unwrap_or_default()
}

/// Digest of what takes effect only at a start. Limits are left out: they are applied to what is running.
fn revision(resources: &[Resource], run: &Run) -> String {
    use sha2::Digest;
    let run = Run {
        limits: super::blueprint::Limits { memory_bytes: 0, cpu_millis: 0, pids: 0, disk_bytes: 0 },
        ..run.clone()
    };
    let text = serde_json::to_string(&(resources, &run)).expect("blueprints are plain data");
    hex::encode(&sha2::Sha256::digest(text.as_bytes())[..8])
}
