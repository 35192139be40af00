//! `ostler up`: control plane, this machine as its first node, and a game to look at, in one process.

use crate::agent::{Local, Machine, ports};
use crate::log;
use crate::server::{Ending, asked};
use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use ostler_model::workload::State;
use ostler_model::{Foreign, Millis, Secret, WorkloadId};
use ostler_server::app::App;
use ostler_server::config::Config;
use ostler_server::local;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Folder for everything.
    #[arg(long, default_value = "./data")]
    data: PathBuf,
    /// Address and port of panel and API.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where players reach this machine; what was given last, else found out, when absent.
    #[arg(long)]
    address: Option<String>,
    /// Ports that workloads may get, first and last [default: 27000-27999, or what was given last]
    #[arg(long, value_parser = ports)]
    port_range: Option<(u16, u16)>,
    /// An image that containers may run beside those of their templates, for example 'ghcr.io/our-team/*'. Can be repeated.
    #[arg(long)]
    allow_image: Vec<String>,
    /// Make no demo game.
    #[arg(long)]
    no_demo: bool,
    /// Show the log here, too; it is written to `ostler.log` in the folder in any case.
    #[arg(long)]
    log_to_terminal: bool,
    /// `stderr` is the same as --log-to-terminal.
    #[arg(long, env = "OSTLER_LOG_TO", value_name = "WHERE", hide = true)]
    log_to: Option<LogTo>,
}

/// Where else the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogTo {
    File,
    Stderr,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    // Accounts of workloads pass through this folder on the way to their volumes; the server's own is closed to them.
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&args.data)?;
    let (data, listen) = (args.data.join("server"), args.listen);
    let read = || -> Result<Config> {
        let mut config = Config::load(None, |name| std::env::var(name).ok())?;
        config.flag("data_dir", |config| config.data_dir.clone_from(&data));
        config.flag("listen", |config| config.listen = listen);
        Ok(config)
    };
    let config = read()?;
    let log_file = args.data.join("ostler.log");
    log::to_file(config.log, &log_file, args.log_to_terminal || args.log_to == Some(LogTo::Stderr))?;
    let public_url = config.public_url();
    let mut ending = Ending::listen()?;
    let mut server = crate::matches::serve(config).await?;
    let url = format!("http://{}", server.address);
    // A runtime of its own: what the agent does for a workload must not delay the control plane.
    let runtime = AgentRuntime::new()?;
    let below = Machine::below(&args.data, args.address, args.port_range, args.allow_image);
    let machine = runtime.run(async move { Local::prepare(&below).await }).await?;
    let notes = machine.notes();
    machine.pin_first(server.app.link_key.public())?;
    let token = if machine.has_joined()? { None } else { Some(local::join_token(&server.app).await?) };
    let agent = runtime
        .run(async move {
            if let Some(token) = token {
                machine.join(&url, &token, None).await?;
            }
            machine.start().await
        })
        .await?;
    welcome(&public_url, server.setup_secret.as_ref(), &notes, &log_file);
    if !args.no_demo {
        let app = server.app.clone();
        server.app.spawn.spawn("up.demo", async move { demo(&app).await });
    }
    // The agent and what it runs go on while the server starts anew; it dials again by itself.
    while let Some(config) = asked(&server, &mut ending, read).await? {
        server.stop().await;
        server = crate::matches::serve(config).await?;
    }
    println!("Stopping. Games go on and are taken over at the next start.");
    runtime
        .run(async move {
            agent.stop().await;
            Ok(())
        })
        .await?;
    server.stop().await;
    Ok(())
}

/// Threads of the agent's own.
struct AgentRuntime(Option<tokio::runtime::Runtime>);

impl AgentRuntime {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("agent")
            .enable_all()
            .build()
            .context("the agent's threads cannot be started")?;
        Ok(Self(Some(runtime)))
    }
    /// Does something on it and waits for the outcome.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let runtime = self.0.as_ref().context("the agent's threads have ended")?;
        runtime.spawn(work).await.context("the agent failed")?
    }
}

impl Drop for AgentRuntime {
    fn drop(&mut self) {
        // Within another runtime, waiting for its threads is not allowed; all tasks have ended, or the process does.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn welcome(public_url: &str, secret: Option<&Secret>, notes: &[String], log: &Path) {
    println!("\n  Panel         {public_url}");
    if let Some(secret) = secret {
        println!("  First admin   {public_url}/setup#secret={}", secret.reveal());
    }
    // What this machine cannot do is part of the summary: nobody would look for it in the log.
    for note in notes {
        println!("  Note          {}", Foreign(note));
    }
    println!("  Log           {}", log.display());
    println!("  Stop          Ctrl-C\n");
}

/// Makes the demo as soon as there is a workspace, and says how it goes.
async fn demo(app: &App) {
    const LOOK_EVERY: Millis = Millis(500);
    // A machine that does not isolate processes makes it wait: what to install is printed, and it is tried again.
    const TRY_EVERY: Millis = Millis::secs(10);
    let mut trouble = None;
    let id = loop {
        match local::demo(app).await {
            Ok(Some(id)) => break id,
            Ok(None) => app.clock.sleep(Millis::secs(1)).await,
            Err(error) => {
                let why = format!("{error:#}");
                if trouble.as_ref() != Some(&why) {
                    println!("  Demo game     waits: {why}");
                    trouble = Some(why);
                }
                app.clock.sleep(TRY_EVERY).await;
            }
        }
    };
    let mut said = None;
    loop {
        match local::look(app, id).await {
            Ok(Some((state, reason, port))) if said.as_ref() != Some(&(state, reason.clone())) => {
                say(id, state, reason.as_deref(), port);
                if matches!(state, State::Running | State::Stopped) {
                    return;
                }
                said = Some((state, reason));
            }
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => return tracing::warn!("the demo game cannot be looked at: {error}"),
        }
        app.clock.sleep(LOOK_EVERY).await;
    }
}

fn say(id: WorkloadId, state: State, reason: Option<&str>, port: Option<u16>) {
    let reason = reason.map(|text| format!(": {}", Foreign(text))).unwrap_or_default();
    match (state, port) {
        (State::Running, Some(port)) => {
            println!("  Demo game     running; join it with Luanti at port {port} of this machine ({id})")
        }
        _ => println!("  Demo game     {}{reason}", state.as_str()),
    }
}
