//! Match workers for a test's server.

use crate::server::TestServer;
use ostler_model::Secret;
use ostler_relay::{Config, Rules};

pub use ostler_relay::Worker;
use ostler_server::matches::Door;
use tempfile::TempDir;

/// Opens the server's doors to this many workers, and gives the folder that they live in.
pub async fn attach(t: &TestServer, count: u32) -> (Vec<Worker>, TempDir) {
    let dir = tempfile::tempdir().expect("a folder for a test");
    let key = Secret::new("the platform's own");
    let (mut workers, mut doors) = (Vec::new(), Vec::new());
    for index in 0..count {
        let config = Config {
            index,
            count,
            data_dir: dir.path().join(index.to_string()),
            admin_bot_key: Some(key.clone()),
            titles: Rules::builtin(),
            most_matches: 100,
        };
        let (clock, ids, spawn) = (t.app.clock.clone(), t.app.ids.clone(), t.app.spawn.clone());
        let worker = Worker::start(config, clock, ids, spawn).await.expect("a worker starts in an empty folder");
        doors.push(Door::new(index, key.clone(), worker.router()));
        workers.push(worker);
    }
    t.app.matches.attach(doors);
    (workers, dir)
}
