//! The command line: one file per noun, over the same API as everybody else.
//!
//! Exit codes tell the truth: 0 done, 1 failed, 2 wrong words, 3 not found, 4 not allowed, 5 refused by the present state,
//! 6 not in time, 7 the server cannot be reached.

mod api;
mod config;
mod list;
mod login;
mod node;
mod show;
mod workload;

pub use api::exit_code;

use anyhow::Result;
use clap::Subcommand;

/// What the command line can ask of a control plane.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in to a control plane and keep an API key for this machine.
    Login(login::Args),
    /// Game servers.
    Game(workload::Args),
    /// Workloads of every kind.
    Workload(workload::Args),
    /// Nodes and join tokens.
    Node(node::Args),
    /// Templates that workloads are made from.
    Template(list::Args),
    /// Jobs, newest first.
    Job(list::Args),
    /// API keys.
    Key(list::Args),
    /// What happened.
    Event(list::Args),
    /// Who did what.
    Audit(list::Args),
}

/// Carries a command out.
pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Login(args) => login::run(args).await,
        Command::Game(args) => workload::run("/game/servers", args).await,
        Command::Workload(args) => workload::run("/workloads", args).await,
        Command::Node(args) => node::run(args).await,
        Command::Template(args) => list::run(&list::TEMPLATES, args).await,
        Command::Job(args) => list::run(&list::JOBS, args).await,
        Command::Key(args) => list::run(&list::KEYS, args).await,
        Command::Event(args) => list::run(&list::EVENTS, args).await,
        Command::Audit(args) => list::run(&list::AUDIT, args).await,
    }
}
