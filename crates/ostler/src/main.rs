//! The one binary: `ostler up | server | agent | match-worker`.

mod agent;
mod log;
mod match_worker;
mod matches;
mod server;
mod up;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::process::ExitCode;

/// One control plane for everything a team hosts.
#[derive(Parser)]
#[command(name = "ostler", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: control plane, agent and a demo game.
    Up(up::Args),
    /// Make this machine a node, or run its agent.
    Agent(agent::Args),
    /// Run the control plane, back it up, or write its reference.
    Server(server::Args),
    /// Host lockstep multiplayer matches. SIGHUP drains: what runs is finished, nothing new is taken.
    MatchWorker(match_worker::Args),
    #[command(flatten)]
    Client(ostler_cli::Command),
}

fn main() -> ExitCode {
    if let Some(code) = agent::pump() {
        return code;
    }
    // A second provider in one process is a mistake elsewhere; the first one stays.
    drop(rustls::crypto::ring::default_provider().install_default());
    // Answers a shell that asks for completions, and ends there; before the runtime, because names are asked for in one of its own.
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    run()
}

/// Every command, each with the exit codes below its help.
pub(crate) fn command() -> clap::Command {
    fn with_codes(command: clap::Command) -> clap::Command {
        command.after_help(ostler_cli::EXIT_CODES).mut_subcommands(with_codes)
    }
    with_codes(Cli::command())
}

#[tokio::main]
async fn run() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        Command::Up(args) => up::run(args).await,
        Command::Agent(args) => agent::run(args).await,
        Command::Server(args) => server::run(args).await,
        Command::MatchWorker(args) => match_worker::run(args).await,
        Command::Client(command) => ostler_cli::run(command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What a server, a node or a file has said is in there, too.
            eprintln!("ostler: {}", ostler_cli::harmless(&format!("{error:#}")));
            ExitCode::from(ostler_cli::exit_code(&error))
        }
    }
}
