//! `ostler match-worker`: hosts lockstep matches; all of them, or those of one worker.

use crate::log;
use crate::server::Ending;
use anyhow::{Context, Result, bail};
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use clap::Args as ClapArgs;
use ostler_model::Secret;
use ostler_relay::worker::front;
use ostler_relay::{Config, Rules, Worker};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::config::LogFormat;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:7460")]
    listen: SocketAddr,
    /// Folder for journals and archives.
    #[arg(long, default_value = "/var/lib/ostler/matches")]
    data: PathBuf,
    /// How many workers share the matches. Changing it needs an empty folder: ids say who owns them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Host only this one of them, counted from 0.
    #[arg(long)]
    index: Option<u32>,
    /// Most matches per worker at once.
    #[arg(long, default_value_t = 2_000)]
    most_matches: usize,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    log::to_terminal(LogFormat::Text);
    // Heard from the first moment on: a signal that comes while it starts must not end it the hard way.
    let mut ending = Ending::listen()?;
    let mut hangup = signal(SignalKind::hangup()).context("could not listen for SIGHUP")?;
    let spawn = Spawn::new();
    let workers = start(&args, &spawn).await?;
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("could not listen on {}", args.listen))?;
    println!("ostler match-worker listens on http://{}", listener.local_addr()?);
    // A turn is one small write that nothing follows for a while: it must not wait for the last one's acknowledgement.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let (stop, router) = (spawn.clone(), front(workers.clone()).route("/ready", get(async || StatusCode::OK)));
    drop(spawn.spawn("match-listen", async move {
        let serve = axum::serve(listener, router).with_graceful_shutdown(async move { stop.stopping().await });
        if let Err(error) = serve.await {
            tracing::error!("the listener failed: {error}");
        }
    }));
    let drained = async {
        tokio::select! {
            _ = hangup.recv() => {}
            () = told_to_drain(&spawn) => {}
        }
        tracing::info!("draining: what runs is finished, nothing new is taken");
        // All of them first: a match that one worker refuses must not land on the next.
        workers.iter().for_each(Worker::refuse_new);
        for worker in &workers {
            worker.drain().await;
        }
    };
    tokio::select! {
        () = ending.asked() => {}
        () = drained => {}
    }
    // What still runs goes on at the next start, from its journal.
    for worker in &workers {
        worker.flush().await;
    }
    spawn.shutdown().await;
    Ok(())
}

/// Resolves when standard input says `drain`: on a node, what is typed into the console.
async fn told_to_drain(spawn: &Spawn) {
    let (tell, told) = tokio::sync::oneshot::channel();
    // Reading ends with the process only; nothing waits for it.
    let reading = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        if lines.into_iter().any(|line| line.trim() == "drain") {
            // Nobody is told any more when the process ends anyway.
            let _ = tell.send(());
        }
    });
    match reading {
        // An input that ends has nothing more to say.
        Ok(_) if told.await.is_ok() => {}
        _ => spawn.stopping().await,
    }
}

async fn start(args: &Args, spawn: &Spawn) -> Result<Vec<Worker>> {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let admin_bot_key = match std::env::var("ADMIN_BOT_API_KEY") {
        Ok(key) if key.is_empty() => {
            bail!("ADMIN_BOT_API_KEY is set but empty; unset it to switch the bot's routes off")
        }
        Ok(key) => Some(Secret::new(key)),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => bail!("ADMIN_BOT_API_KEY is no text"),
    };
    let mut workers = Vec::new();
    let hosted = match args.index {
        Some(index) if index >= args.workers => bail!("--index {index}: the workers are 0 to {}", args.workers - 1),
        Some(index) => index..index + 1,
        None => 0..args.workers,
    };
    for index in hosted {
        let config = Config {
            index,
            count: args.workers,
            data_dir: args.data.join(format!("w{index}")),
            admin_bot_key: admin_bot_key.clone(),
            titles: Rules::builtin(),
            most_matches: args.most_matches,
        };
        let started = Worker::start(config, clock.clone(), ids.clone(), spawn.clone()).await;
        workers.push(started.with_context(|| format!("worker {index} cannot start"))?);
    }
    Ok(workers)
}
