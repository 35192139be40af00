//! `ostler up`: control plane, this machine as its first node, and a game to look at, in one process.

use crate::agent::{Local, Machine, ports};
use crate::server::{Ending, asked, log};
use anyhow::Result;
use clap::Args as ClapArgs;
use ostler_model::workload::State;
use ostler_model::{Millis, Secret, WorkloadId};
use ostler_server::app::App;
use ostler_server::config::Config;
use ostler_server::local;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Folder for everything.
    #[arg(long, default_value = "./data")]
    data: PathBuf,
    /// Address and port of panel and API.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where players reach this machine; found out when absent.
    #[arg(long)]
    address: Option<String>,
    /// Ports that workloads may get, first and last.
    #[arg(long, default_value = "27000-27999", value_parser = ports)]
    port_range: (u16, u16),
    /// Make no demo game.
    #[arg(long)]
    no_demo: bool,
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
    log(config.log);
    let public_url = config.public_url();
    let mut ending = Ending::listen()?;
    let mut server = crate::matches::serve(config).await?;
    let url = format!("http://{}", server.address);
    let machine = Local::prepare(&Machine::below(&args.data, args.address, args.port_range)).await?;
    machine.pin_first(server.app.link_key.public())?;
    if !machine.has_joined()? {
        let token = local::join_token(&server.app).await?;
        machine.join(&url, &token, None).await?;
    }
    let agent = machine.start().await?;
    welcome(&public_url, server.setup_secret.as_ref());
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
    agent.stop().await;
    server.stop().await;
    Ok(())
}

fn welcome(public_url: &str, secret: Option<&Secret>) {
    println!("\n  Panel         {public_url}");
    if let Some(secret) = secret {
        println!("  First admin   {public_url}/setup#secret={}", secret.reveal());
    }
    println!("  Stop          Ctrl-C\n");
}

/// Makes the demo as soon as there is a workspace, and says how it goes.
async fn demo(app: &App) {
    const LOOK_EVERY: Millis = Millis(500);
    let id = loop {
        match local::demo(app).await {
            Ok(Some(id)) => break id,
            Ok(None) => app.clock.sleep(Millis::secs(1)).await,
            Err(error) => return tracing::warn!("the demo game could not be made: {error:#}"),
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
    let reason = reason.map(|text| format!(": {text}")).unwrap_or_default();
    match (state, port) {
        (State::Running, Some(port)) => {
            println!("  Demo game     running; join it with Luanti at port {port} of this machine ({id})")
        }
        _ => println!("  Demo game     {}{reason}", state.as_str()),
    }
}
