//! Templates: the recipe for a workload, as data. Written in YAML, read strictly, never executed.
//!
//! `{{name}}` in arguments, environment and file contents is replaced by a variable's value, `{{port.NAME}}` by the
//! host port, `{{volume.NAME}}` (arguments and environment only) by the agent, as is `{{program.ostler}}` for processes. What
//! the server gives to a kind (`Kind::given`) is named alike. An argument `{{name...}}` becomes one argument per line of a text
//! variable. There is nothing else: no loops, no code.

mod check;
mod flat;
mod quote;
mod render;
mod variable;

pub use check::{Problem, parse};
pub use quote::Format;
pub(crate) use quote::quote;
pub(crate) use render::render_with;
pub use render::{Values, arguments, render, spread};
pub use variable::{ValueError, Variable, VariableType};

use crate::authz::{Kind as ResourceKind, Resource};
use crate::workload::blueprint::{Limits, PackageManager, PlayerRule, Probe, Protocol, RestartRule, StopRule};
use crate::workload::{Kind, Runtime};
use crate::{Name, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A recipe for workloads of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Unique; what workloads refer to.
    pub name: Name,
    /// For people, for example `Luanti`.
    pub title: String,
    /// One sentence.
    pub summary: String,
    pub kind: Kind,
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Folders that outlive restarts.
    #[serde(default)]
    pub volumes: Vec<Name>,
    #[serde(default)]
    pub ports: Vec<Port>,
    #[serde(default)]
    pub files: Vec<File>,
    #[serde(default)]
    pub downloads: Vec<Download>,
    #[serde(default)]
    pub limits: Limits,
    /// The ways it can run; the first that the node can do is the default.
    pub runtimes: Runtimes,
    /// Ready when any of these holds; when empty, as soon as it runs.
    #[serde(default)]
    pub ready: Vec<Probe>,
    #[serde(default = "start_limit_default")]
    pub start_limit_secs: u64,
    pub stop: StopRule,
    #[serde(default = "grace_default")]
    pub grace_secs: u64,
    #[serde(default = "restart_default")]
    pub restart: RestartRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<PlayerRule>,
    /// How people reach it, for example `minetest://{{address}}:{{port.game}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
}

fn start_limit_default() -> u64 {
    120
}
fn grace_default() -> u64 {
    15
}
fn restart_default() -> RestartRule {
    RestartRule::Always
}

/// A port that the workload listens on. The host's number is given out at creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    pub name: Name,
    pub protocol: Protocol,
}

/// A file written before each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub volume: Name,
    /// Relative, without `..`.
    pub path: String,
    pub content: String,
    /// How values are written in it.
    #[serde(default)]
    pub format: Format,
    /// Written only when it does not exist, so that people's edits survive.
    #[serde(default)]
    pub keep: bool,
}

/// A file fetched once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Download {
    pub url: String,
    pub sha256: String,
    pub volume: Name,
    pub path: String,
}

/// One or both ways to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runtimes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRuntime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerRuntime>,
}

impl Runtimes {
    /// Those that the template offers, the preferred first.
    pub fn offered(&self) -> Vec<Runtime> {
        let process = self.process.is_some().then_some(Runtime::Process);
        let container = self.container.is_some().then_some(Runtime::Container);
        process.into_iter().chain(container).collect()
    }
}

/// As a process tree on the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessRuntime {
    #[serde(default)]
    pub packages: Vec<Package>,
    /// Program and arguments; never a shell string.
    pub command: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The volume that is the working directory.
    pub workdir: Name,
}

/// A package that the process needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    pub manager: PackageManager,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A program whose presence proves that the package is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provides: Option<String>,
    /// For `npm`: the volume to install into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Name>,
}

/// As a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerRuntime {
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Volume to path in the container.
    #[serde(default)]
    pub mounts: BTreeMap<Name, String>,
    /// Port name to port in the container.
    #[serde(default)]
    pub publish: BTreeMap<Name, u16>,
    #[serde(default)]
    pub read_only_root: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The JSON Schema of templates, for editors and for `docs/reference/template.schema.json`.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Template).to_value();
    schema["title"] = "Ostler template".into();
    schema["description"] = "A recipe for workloads of one kind.".into();
    schema
}

impl Template {
    /// The JSON Schema of the variables' values, as forms and the API use it.
    pub fn variables_schema(&self) -> serde_json::Value {
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for v in &self.variables {
            properties.insert(v.name.to_string(), v.schema());
            if v.is_required() {
                required.push(serde_json::Value::from(v.name.to_string()));
            }
        }
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

impl Resource for Template {
    const KIND: ResourceKind = ResourceKind::Template;
    fn id(&self) -> String {
        self.name.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
    // Built-in templates are the same for everybody.
    fn is_shared(&self) -> bool {
        true
    }
}
