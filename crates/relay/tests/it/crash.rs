//! kill -9 of a worker's process in the middle of 200 matches: every player comes back to every turn.

use crate::bot::{Bot, workers};
use crate::player::Player;
use ostler_relay::worker::front;
use ostler_runtime::Spawn;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MATCHES: usize = 200;
const FOLDER: &str = "OSTLER_TEST_MATCH_FOLDER";
const ADDRESS: &str = "OSTLER_TEST_MATCH_ADDRESS";

/// The process that is killed: this test binary, told by its environment to be a worker. Without it, nothing happens.
#[test]
fn worker_process() {
    let Some(dir) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let address = std::env::var(ADDRESS).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
        let spawn = Spawn::new();
        let router = front(workers(&dir, Some("secret"), 2, &spawn).await);
        let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
        println!("\nlistening {}", listener.local_addr().unwrap());
        axum::serve(listener, router).await.unwrap();
    });
}

struct Process(Child);

impl Process {
    fn start(dir: &Path, address: &str) -> (Self, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::worker_process", "--exact", "--nocapture"])
            .env(FOLDER, dir)
            .env(ADDRESS, address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
        (Self(child), found.expect("the worker listens"))
    }
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn kill_in_the_middle_of_200_matches_loses_and_repeats_no_turn() {
    let dir = tempfile::tempdir().unwrap();
    let (process, base) = Process::start(dir.path(), "127.0.0.1:0");
    let bot = Bot::at(base.clone(), Some("secret"));
    let mut matches = Vec::new();
    for n in 0..MATCHES {
        let (id, path) = bot.create("", json!({"startDelay": 0})).await;
        let mut players = Vec::new();
        for seat in 0..2 {
            let mut player = Player::join(&base, &path, &id, &format!("{n}-{seat}")).await;
            player.hear_type("lobby_info").await;
            players.push(player);
        }
        assert_eq!(bot.intent(&id, json!({"type": "toggle_game_start_timer"})).await.0, 200);
        matches.push((path, players));
    }
    for (_, players) in &mut matches {
        for (seat, player) in players.iter_mut().enumerate() {
            player.hear_type("start").await;
            player.act(json!({"type": "build", "seat": seat})).await;
            let wanted = 3 + seat * 4;
            player.hear_turns(wanted).await;
        }
    }
    process.kill();
    // Whatever had reached a socket before the kill was seen.
    for player in matches.iter_mut().flat_map(|(_, players)| players) {
        player.hear_end().await;
    }
    let (process, again) = Process::start(dir.path(), &base);
    assert_eq!(again, base);
    let deadline = Instant::now() + Duration::from_secs(60);
    for (path, players) in &mut matches {
        for player in players.iter_mut() {
            while !player.rejoin(&base, path).await {
                assert!(Instant::now() < deadline, "the worker answers again");
            }
            let had = player.turns.len();
            player.act(json!({"type": "again"})).await;
            player.hear_intent("again").await;
            assert!(player.turns.len() > had);
        }
    }
    for (_, players) in &mut matches {
        let most = players.iter().map(|player| player.turns.len()).max().unwrap();
        for player in players.iter_mut() {
            player.hear_turns(most).await;
        }
        let (one, other) = players.split_at(1);
        let both = one[0].turns.len().min(other[0].turns.len());
        assert_eq!(one[0].turns[..both], other[0].turns[..both], "no two players ever see different turns");
    }
    process.kill();
}
