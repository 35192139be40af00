//! The match workers that live in the server's own process.

use anyhow::{Context as _, Result};
use ostler_model::{Millis, Secret};
use ostler_relay::worker::WorkerError;
use ostler_relay::{Config, Rules, Worker};
use ostler_server::Running;
use ostler_server::app::App;
use ostler_server::config::Config as ServerConfig;
use ostler_server::matches::Door;
use std::path::PathBuf;

/// Most matches of one worker: some ten thousand players.
const MOST: usize = 2_000;
/// A server that has just stopped in this process lets go of its folders within this time.
const HANDOVER: Millis = Millis::secs(5);

/// A server with its match workers.
pub(crate) async fn serve(config: ServerConfig) -> Result<Running> {
    let server = ostler_server::serve(config).await?;
    match attach(&server.app).await {
        Ok(()) => Ok(server),
        Err(error) => {
            server.stop().await;
            Err(error)
        }
    }
}

/// Starts the configured workers and opens the server's doors to them. Their matches go on where they were.
async fn attach(app: &App) -> Result<()> {
    // Only this process knows it: whoever reaches a worker's routes has come through the server.
    let key = Secret::new(hex(&app.ids.bytes::<32>()));
    let (here, count) = (app.config.matches.here(), app.config.matches.workers);
    let mut doors = Vec::new();
    for index in 0..here {
        let data_dir = app.config.data_dir.join("matches").join(format!("w{index}"));
        let worker = start(app, &key, (index, count), data_dir.clone()).await;
        let worker = worker.with_context(|| {
            format!("match worker {index} cannot use {}; matches.in_process = 0 hosts none here", data_dir.display())
        })?;
        doors.push(Door::new(index, key.clone(), worker.router()));
    }
    app.matches.attach(doors);
    Ok(())
}

async fn start(app: &App, key: &Secret, (index, count): (u32, u32), data_dir: PathBuf) -> Result<Worker> {
    let until = app.clock.now() + HANDOVER;
    loop {
        let config = Config {
            index,
            count,
            data_dir: data_dir.clone(),
            admin_bot_key: Some(key.clone()),
            titles: Rules::builtin(),
            most_matches: MOST,
        };
        match Worker::start(config, app.clock.clone(), app.ids.clone(), app.spawn.clone()).await {
            Ok(worker) => return Ok(worker),
            Err(WorkerError::Disk(error)) if error.is_locked() && app.clock.now() < until => {
                app.clock.sleep(Millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
