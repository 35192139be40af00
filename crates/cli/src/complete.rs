//! Tab completion: words from the command tree, names from the control plane when it answers at once.

use crate::api::{Api, Common, NODE, Noun, WORKSPACE};
use crate::show::{at, clean, text};
use anyhow::Result;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use std::ffi::OsStr;
use std::time::Duration;

/// A shell is waiting for the next character.
const PATIENCE: Duration = Duration::from_millis(1200);
/// More than this nobody reads.
const MOST: usize = 200;

/// How to switch it on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

/// Prints the script that a shell reads at its start.
pub(crate) fn run(args: &Args) -> Result<()> {
    let shells = clap_complete::env::Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(|| anyhow::anyhow!("{} is not known", args.shell))?;
    let mut script = Vec::new();
    shell.write_registration("COMPLETE", "ostler", "ostler", "ostler", &mut script)?;
    crate::show::print(String::from_utf8_lossy(&script).trim_end())
}

pub(crate) fn workloads() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| names(typed, &crate::workload::WORKLOAD, "name", "state"))
}
pub(crate) fn nodes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| names(typed, &NODE, "name", "state"))
}
pub(crate) fn workspaces() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| names(typed, &WORKSPACE, "slug", "name"))
}
pub(crate) fn templates() -> ArgValueCompleter {
    let noun = Noun { list: "/templates", ..WORKSPACE };
    ArgValueCompleter::new(move |typed: &OsStr| names(typed, &noun, "template.name", "template.title"))
}

/// Names that begin like what was typed. Anything that goes wrong means none: a shell is no place for errors.
fn names(typed: &OsStr, noun: &Noun, name: &str, help: &str) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().to_lowercase();
    let ask = async {
        let api = Api::open(Common {
            profile: variable("OSTLER_PROFILE"),
            workspace: variable("OSTLER_WORKSPACE"),
            json: false,
        });
        let Ok(api) = api else { return Vec::new() };
        let path = if noun.is_in_workspace { api.within(noun.list) } else { noun.list.to_owned() };
        let all = api.all(&path, MOST);
        tokio::select! {
            all = all => all.unwrap_or_default(),
            () = crate::ground::pause(PATIENCE) => Vec::new(),
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let all = runtime.block_on(ask);
    runtime.shutdown_background();
    all.iter()
        .map(|item| (text(at(item, name)), text(at(item, help))))
        .filter(|(name, _)| name.to_lowercase().starts_with(&typed))
        .map(|(name, help)| CompletionCandidate::new(name).help(Some(clean(&help).into())))
        .collect()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
