//! Reading a template: strict, and every problem named with its place and its remedy.

use super::variable::whole_match;
use super::{Format, Template, VariableType, render, spread};
use crate::workload::blueprint::{Probe, StopRule};
use std::collections::BTreeSet;

/// Something wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Problem {
    /// Path of the field, for example `variables[2].pattern`.
    pub field: String,
    pub message: String,
}

/// Largest accepted template: what people write by hand is far below.
const BYTES_MOST: usize = 256 << 10;

/// Reads and checks a template written in YAML.
pub fn parse(yaml: &str) -> Result<Template, Vec<Problem>> {
    if yaml.len() > BYTES_MOST {
        return Err(vec![Problem {
            field: String::new(),
            message: format!("a template has at most {BYTES_MOST} bytes"),
        }]);
    }
    // Enums are mappings with one key (`stop: {signal: TERM}`), as in JSON, not YAML tags.
    let read = serde_norway::Deserializer::from_str(yaml);
    let template: Template = serde_norway::with::singleton_map_recursive::deserialize(read).map_err(unreadable)?;
    let problems = Check { t: &template, problems: Vec::new() }.all();
    if problems.is_empty() { Ok(template) } else { Err(problems) }
}

/// The reader's complaint, with the field's path apart where the reader knows it.
fn unreadable(error: serde_norway::Error) -> Vec<Problem> {
    let text = error.to_string();
    let (field, message) = match text.split_once(": ") {
        Some((path, rest)) if !path.contains(' ') => (path.to_owned(), rest.to_owned()),
        _ => (String::new(), text),
    };
    vec![Problem { field, message }]
}

/// Where a text is, which decides what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    /// What the server writes, or shows to people.
    Text,
    Process,
    Container,
}

struct Check<'a> {
    t: &'a Template,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn all(mut self) -> Vec<Problem> {
        self.names();
        self.variables();
        self.files();
        self.runtimes();
        self.rules();
        self.problems
    }

    fn say(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { field: field.into(), message: message.into() });
    }

    fn names(&mut self) {
        let t = self.t;
        let lists = [
            ("variables", t.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>()),
            ("volumes", t.volumes.iter().map(crate::Name::as_str).collect()),
            ("ports", t.ports.iter().map(|p| p.name.as_str()).collect()),
        ];
        for (list, names) in lists {
            let mut seen = BTreeSet::new();
            for (i, name) in names.into_iter().enumerate() {
                if !seen.insert(name) {
                    self.say(format!("{list}[{i}].name"), format!("{name} is there twice; names are unique"));
                }
            }
        }
        if t.runtimes.offered().is_empty() {
            self.say("runtimes", "give a process, a container or both");
        }
    }

    fn variables(&mut self) {
        for (i, v) in self.t.variables.iter().enumerate() {
            let at = format!("variables[{i}]");
            match &v.of {
                VariableType::String { pattern: Some(p), .. } if whole_match(p).is_err() => {
                    self.say(format!("{at}.pattern"), "is not a regular expression that we know");
                }
                VariableType::Integer { min, max, .. } if min > max => {
                    self.say(format!("{at}.min"), "is larger than max")
                }
                VariableType::Choice { options, .. } if options.is_empty() => {
                    self.say(format!("{at}.options"), "give at least one")
                }
                _ => {}
            }
            if !v.is_required()
                && let Err(error) = v.resolve(None)
            {
                self.say(format!("{at}.default"), error.to_string());
            }
            let default = v.schema().get("default").cloned();
            if let Some(value) = default
                && let Err(error) = v.resolve(Some(&value))
            {
                self.say(format!("{at}.default"), error.to_string());
            }
        }
    }

    fn files(&mut self) {
        let t = self.t;
        for (i, f) in t.files.iter().enumerate() {
            self.volume(&format!("files[{i}].volume"), f.volume.as_str());
            self.path(&format!("files[{i}].path"), &f.path);
            self.text(&format!("files[{i}].content"), &f.content, In::Text);
            self.format(&format!("files[{i}].content"), f);
        }
        for (i, d) in t.downloads.iter().enumerate() {
            self.volume(&format!("downloads[{i}].volume"), d.volume.as_str());
            self.path(&format!("downloads[{i}].path"), &d.path);
            if d.sha256.len() != 64 || !d.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                self.say(format!("downloads[{i}].sha256"), "give 64 hexadecimal digits");
            }
        }
    }

    /// A placeholder that does not stand where a value stands, or in quotation marks of its own, makes a file that no
    /// program reads. Told for the formats that can be read here.
    fn format(&mut self, field: &str, file: &super::File) {
        let value = |_: &str| Some(super::quote(file.format, "a\"b: 'c' #d", false));
        let Ok(text) = super::render_with(&file.content, value, &[], |message| message) else { return };
        let error = match file.format {
            Format::Json => serde_json::from_str::<serde::de::IgnoredAny>(&text).err().map(|e| e.to_string()),
            Format::Yaml => serde_norway::from_str::<serde::de::IgnoredAny>(&text).err().map(|e| e.to_string()),
            Format::Text | Format::Ini | Format::Properties | Format::Toml | Format::Xml | Format::Conf => None,
        };
        if let Some(error) = error {
            let place = "each placeholder stands alone where a value stands, without quotation marks around it";
            self.say(field, format!("with values in their places this cannot be read ({error}); {place}"));
        }
    }

    fn runtimes(&mut self) {
        let t = self.t;
        if let Some(p) = &t.runtimes.process {
            if p.command.is_empty() {
                self.say("runtimes.process.command", "give a program and its arguments");
            }
            self.volume("runtimes.process.workdir", p.workdir.as_str());
            for (i, arg) in p.command.iter().enumerate() {
                self.argument(&format!("runtimes.process.command[{i}]"), arg, In::Process);
            }
            if p.command.first().is_some_and(|program| spread(program).is_some()) {
                self.say("runtimes.process.command[0]", "the program must be one text; only arguments can be spread");
            }
            for (k, v) in &p.env {
                self.text(&format!("runtimes.process.env.{k}"), v, In::Process);
            }
            for (i, package) in p.packages.iter().enumerate() {
                if let Some(volume) = &package.volume {
                    self.volume(&format!("runtimes.process.packages[{i}].volume"), volume.as_str());
                }
            }
        }
        if let Some(c) = &t.runtimes.container {
            for volume in c.mounts.keys() {
                self.volume("runtimes.container.mounts", volume.as_str());
            }
            for port in c.publish.keys() {
                self.port("runtimes.container.publish", port.as_str());
            }
            for (i, arg) in c.command.iter().flatten().enumerate() {
                self.argument(&format!("runtimes.container.command[{i}]"), arg, In::Container);
            }
            for (k, v) in &c.env {
                self.text(&format!("runtimes.container.env.{k}"), v, In::Container);
            }
        }
    }

    fn rules(&mut self) {
        let t = self.t;
        for (i, probe) in t.ready.iter().enumerate() {
            match probe {
                Probe::Log(p) if regex::Regex::new(p).is_err() => {
                    self.say(format!("ready[{i}].log"), "is not a regular expression that we know")
                }
                Probe::Log(_) => {}
                Probe::Tcp(port) => self.port(&format!("ready[{i}].tcp"), port),
                Probe::Udp(udp) => self.port(&format!("ready[{i}].udp.port"), &udp.port),
                Probe::Http(http) => self.port(&format!("ready[{i}].http.port"), &http.port),
            }
        }
        if let Some(players) = &t.players {
            for (field, p) in [("players.join", &players.join), ("players.leave", &players.leave)] {
                if regex::Regex::new(p).is_err() {
                    self.say(field, "is not a regular expression that we know");
                }
            }
        }
        if let StopRule::Command(line) = &t.stop
            && (line.is_empty() || line.chars().any(char::is_control))
        {
            self.say("stop.command", "give one line");
        }
        if !(1..=3600).contains(&t.start_limit_secs) {
            self.say("start_limit_secs", "use 1 to 3600");
        }
        if !(1..=600).contains(&t.grace_secs) {
            self.say("grace_secs", "use 1 to 600");
        }
        if let Some(connect) = &t.connect {
            self.text("connect", connect, In::Text);
        }
    }

    fn volume(&mut self, field: &str, name: &str) {
        if !self.t.volumes.iter().any(|v| v.as_str() == name) {
            self.say(field, format!("{name} is not one of this template's volumes"));
        }
    }

    fn port(&mut self, field: &str, name: &str) {
        if !self.t.ports.iter().any(|p| p.name.as_str() == name) {
            self.say(field, format!("{name} is not one of this template's ports"));
        }
    }

    fn path(&mut self, field: &str, path: &str) {
        let bad =
            path.is_empty() || path.starts_with('/') || path.split('/').any(|p| p.is_empty() || p == "." || p == "..");
        if bad {
            self.say(field, "use a relative path without empty parts, . or ..");
        }
    }

    fn argument(&mut self, field: &str, text: &str, place: In) {
        let Some(name) = spread(text) else { return self.text(field, text, place) };
        match self.t.variables.iter().find(|v| v.name.as_str() == name).map(|v| &v.of) {
            Some(VariableType::Text { .. }) => {}
            Some(_) => self.say(field, format!("{name} has one line; only a variable of type text can be spread")),
            None => self.say(field, format!("{{{{{name}...}}}} is not a variable of this template")),
        }
    }

    fn text(&mut self, field: &str, text: &str, place: In) {
        let mut values = super::Values::new();
        for v in &self.t.variables {
            values.insert(v.name.to_string(), String::new());
        }
        for p in &self.t.ports {
            values.insert(format!("port.{}", p.name), String::new());
        }
        if place != In::Text {
            for v in &self.t.volumes {
                values.insert(format!("volume.{v}"), String::new());
            }
            for given in self.t.kind.given() {
                values.insert((*given).to_owned(), String::new());
            }
        }
        if place == In::Process {
            values.insert("program.ostler".into(), String::new());
        }
        values.insert("address".into(), String::new());
        values.insert("name".into(), String::new());
        if let Err(message) = render(text, &values, &[]) {
            self.say(field, message);
        }
    }
}
