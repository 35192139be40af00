//! The command line: one file per noun, over the same API as everybody else.
//!
//! What it promises: `--json` prints the API's own shapes and nothing else on standard output; remarks and progress go to
//! standard error; exit codes tell the truth (see [`EXIT_CODES`]); no secret is ever an argument; text that comes from games
//! and other people cannot drive the terminal.

mod api;
mod audit;
mod bot;
mod complete;
mod config;
mod console;
mod event;
mod exit;
mod factor;
mod ground;
mod job;
mod key;
mod login;
mod matches;
mod node;
mod plain;
mod provider;
mod reference;
mod role;
mod search;
mod setting;
mod setup;
mod show;
mod size;
mod stats;
mod team;
mod template;
mod user;
mod wait;
mod workload;
mod workspace;

pub use exit::{EXIT_CODES, exit_code};
pub use plain::harmless;
pub use reference::reference;

use crate::exit::Trouble;
use anyhow::Result;
use clap::Subcommand;

/// What the command line can ask of a control plane.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in to a control plane and keep an API key for this machine.
    Login(login::Login),
    /// Give this machine's key back.
    Logout(login::Logout),
    /// Game servers.
    Game(workload::Args),
    /// Workloads of every kind.
    Workload(workload::Args),
    /// Nodes, and how machines join.
    Node(node::Args),
    /// Find anything that you may see.
    Search(search::Args),
    /// Templates that workloads are made from.
    Template(template::Args),
    /// Long operations.
    Job(job::Args),
    /// Lockstep multiplayer matches.
    Match(matches::Args),
    /// Programs that make matches.
    Bot(bot::Args),
    /// API keys.
    Key(key::Args),
    /// Workspaces and their members.
    Workspace(workspace::Args),
    /// What members of a workspace can be.
    Role(role::Args),
    /// Teams of a workspace, and what they may do.
    Team(team::Args),
    /// People, invitations, and who is kept out.
    User(user::Args),
    /// Second factors: yours, and those that are demanded.
    Factor(factor::Args),
    /// Parties that people may sign in with.
    Provider(provider::Args),
    /// Settings of the platform, and mail.
    Setting(setting::Args),
    /// The first run, for scripts.
    Setup(setup::Args),
    /// What happened, and what happens.
    Event(event::Args),
    /// Who did what.
    Audit(audit::Args),
    /// Print the script that switches on tab completion, for example: source <(ostler completion bash)
    Completion(complete::Args),
}

/// Carries a command out.
pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Login(args) => login::login(args).await,
        Command::Logout(args) => login::logout(args).await,
        Command::Game(args) => Box::pin(workload::run("/game/servers", args)).await,
        Command::Workload(args) => Box::pin(workload::run("/workloads", args)).await,
        Command::Node(args) => Box::pin(node::run(args)).await,
        Command::Search(args) => search::run(args).await,
        Command::Template(args) => template::run(args).await,
        Command::Job(args) => job::run(args).await,
        Command::Match(args) => Box::pin(matches::run(args)).await,
        Command::Bot(args) => bot::run(args).await,
        Command::Key(args) => key::run(args).await,
        Command::Workspace(args) => workspace::run(args).await,
        Command::Role(args) => role::run(args).await,
        Command::Team(args) => Box::pin(team::run(args)).await,
        Command::User(args) => Box::pin(user::run(args)).await,
        Command::Factor(args) => Box::pin(factor::run(args)).await,
        Command::Provider(args) => provider::run(args).await,
        Command::Setting(args) => setting::run(args).await,
        Command::Setup(args) => setup::run(args).await,
        Command::Event(args) => event::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Completion(args) => complete::run(&args),
    }
}

/// Asks before something that has no way back. Scripts say `--yes`; where nobody can answer, nothing is done.
fn confirm(name: &str, what: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    let typed = ground::ask(&format!("{what} Type {name} to go on"))?;
    if typed.trim() == name {
        return Ok(());
    }
    Err(Trouble::Failed("nothing was done; scripts say --yes".to_owned()).into())
}
