//! Workers of matches on a node: made, played on through the server, killed, left alone by the agent, drained and deleted.

use crate::player::Player;
use crate::support::{READY, clean, gone, processes};
use ostler_e2e::{BOT_KEY, House, Running, folder, until_async};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);

/// A server with one worker of its own and one for a node, and that node.
struct Place {
    house: House,
    agent: Option<Running>,
    agent_args: Vec<String>,
    _config: TempDir,
}

impl Place {
    async fn new() -> Self {
        let config = folder().unwrap();
        let file = config.path().join("server.toml");
        let text = format!("[matches]\nworkers = 2\nin_process = 1\nadmin_bot_key = \"{BOT_KEY}\"\n");
        std::fs::write(&file, text).unwrap();
        let house = House::start("server", &["--config", &file.display().to_string()]).await.unwrap();
        let first = 30_000 + u32::from(house.url().rsplit(':').next().unwrap().parse::<u16>().unwrap()) % 300 * 8;
        let folder = |name: &str| house.dir().join(name).display().to_string();
        let agent_args = ["--state-dir", &folder("agent"), "--data-dir", &folder("data"), "--port-range"];
        let mut agent_args: Vec<String> = agent_args.iter().map(ToString::to_string).collect();
        agent_args.push(format!("{first}-{}", first + 7));
        let workspace = house.get("/workspaces").await.unwrap()["items"][0]["id"].as_str().unwrap().to_owned();
        let token = house.post(&format!("/workspaces/{workspace}/join-tokens"), json!({})).await.unwrap();
        let mut place = Self { house, agent: None, agent_args, _config: config };
        let (url, token) = (place.house.url(), token["token"].as_str().unwrap().to_owned());
        place.start_agent(&["agent", "join", &url, &token]);
        place.house.wait("/nodes", SOON, |page| page["items"][0]["state"] == "online").await.unwrap();
        place
    }

    fn start_agent(&mut self, words: &[&str]) {
        let args: Vec<&str> = words.iter().copied().chain(self.agent_args.iter().map(String::as_str)).collect();
        self.agent = Some(Running::start(self.house.dir(), "agent", &args).unwrap());
    }

    /// Ends the agent and starts it again: what it runs goes on.
    async fn restart_agent(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.signal("TERM").unwrap();
        agent.ended(SOON).unwrap();
        self.house.wait("/nodes", SOON, |page| page["items"][0]["state"] == "offline").await.unwrap();
        self.start_agent(&["agent", "run"]);
        self.house.wait("/nodes", SOON, |page| page["items"][0]["state"] == "online").await.unwrap();
    }

    async fn host(&self) -> String {
        let made = self.house.post("/workloads", json!({"name": "Matches", "template": "match-host"})).await.unwrap();
        let id = made["target"].as_str().unwrap().to_owned();
        let is_up = |w: &Value| w["state"] == "running" && w["is_ready"] == true;
        let seen = self.house.wait(&format!("/workloads/{id}"), READY, is_up).await.unwrap();
        assert_eq!(seen["kind"], "match-host");
        id
    }

    /// One request of the trusted bot's through the server: the status and the answer.
    async fn bot(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.house.url());
        let request = self.house.http.request(method.parse().unwrap(), url).header("x-admin-bot-key", BOT_KEY);
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Waits until the worker on the node says what it knows of this match.
    async fn answers(&self, game: &str) -> Value {
        until_async("the worker on the node answers", READY, async || {
            let (status, seen) = self.bot("GET", &format!("/w1/api/adminbot/game/{game}"), Value::Null).await;
            Ok((status == 200).then_some(seen))
        })
        .await
        .unwrap_or_else(|why| panic!("{why:#}\n{}\n{}", self.house.log(), self.agent_log()))
    }

    fn agent_log(&self) -> String {
        std::fs::read_to_string(self.house.dir().join("agent.log")).unwrap_or_default()
    }

    fn socket(&self) -> String {
        self.house.url().replace("http://", "ws://") + "/w1"
    }
}

/// The worker itself: what bubblewrap has started.
fn worker_of(id: &str) -> u32 {
    let is_worker = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(" match-worker ") && !line.contains("bwrap")
    };
    let found: Vec<u32> = processes(id).into_iter().filter(is_worker).collect();
    assert_eq!(found.len(), 1, "one worker, not {found:?}");
    found[0]
}

#[tokio::test]
async fn matches_on_a_node_outlive_their_worker_and_the_agent_and_end_with_their_host() {
    let mut place = Place::new().await;
    let (status, refused) = place.bot("POST", "/w1/api/adminbot/create_game", json!({})).await;
    assert_eq!(status, 503, "nobody hosts it yet: {refused}");
    let id = place.host().await;
    let second = place.house.post("/workloads", json!({"name": "More", "template": "match-host"})).await.unwrap_err();
    let second = format!("{second:#}");
    assert!(
        second.contains("409") && second.contains("no_free_worker") && second.contains("matches.workers"),
        "{second}"
    );

    // A match on the node's worker, made and played through the server.
    let (status, made) = place.bot("POST", "/w1/api/adminbot/create_game", json!({"startDelay": 0})).await;
    assert_eq!((status, &made["workerPath"]), (200, &json!("w1")), "{made}\n{}", place.house.log());
    let game = made["gameID"].as_str().unwrap().to_owned();
    let mut players = Vec::new();
    for name in ["ada", "bob"] {
        let mut player = Player::join(&place.socket(), &game, name).await;
        player.hear_type("lobby_info").await;
        players.push(player);
    }
    let timer = json!({"type": "toggle_game_start_timer"});
    let path = format!("/w1/api/adminbot/game/{game}/intent");
    assert_eq!(place.bot("POST", &path, timer).await.0, 200);
    for player in &mut players {
        player.hear_type("start").await;
    }
    players[0].act(json!({"type": "attack", "troops": 7})).await;
    let seen = players[0].hear_intent("attack").await;
    assert_eq!(players[1].hear_intent("attack").await, seen);
    // The path without a prefix leads to the owner, too.
    assert_eq!(place.bot("GET", &format!("/api/adminbot/game/{game}"), Value::Null).await.0, 200);

    // The worker dies: the agent starts it again, and the match goes on where it was.
    let before = worker_of(&id);
    assert!(Command::new("kill").args(["-KILL", &before.to_string()]).status().unwrap().success());
    for player in &mut players {
        player.hear_end().await;
    }
    place.answers(&game).await;
    assert_ne!(worker_of(&id), before);
    for player in &mut players {
        player.rejoin(&place.socket()).await;
        player.hear_type("start").await;
    }
    players[1].act(json!({"type": "again"})).await;
    let seen = players[1].hear_intent("again").await;
    assert_eq!(players[0].hear_intent("again").await, seen);

    // The agent goes and comes back: sockets end with the link, the worker does not notice.
    let before = worker_of(&id);
    place.restart_agent().await;
    for player in &mut players {
        player.hear_end().await;
    }
    place.answers(&game).await;
    assert_eq!(worker_of(&id), before, "it was adopted, not started again");
    for player in &mut players {
        player.rejoin(&place.socket()).await;
        player.hear_type("start").await;
    }
    players[0].act(json!({"type": "third"})).await;
    let seen = players[0].hear_intent("third").await;
    assert_eq!(players[1].hear_intent("third").await, seen);
    let both = players.iter().map(|player| player.turns.len()).min().unwrap();
    assert_eq!(players[0].turns[..both], players[1].turns[..both], "no two players ever see different turns");

    drained_and_deleted(&place, &id, &game, players).await;
}

/// A host that drains takes nothing new; when it is deleted, what it still had is over, and says why.
async fn drained_and_deleted(place: &Place, id: &str, game: &str, mut players: Vec<Player>) {
    let house = &place.house;
    let seen = house.get(&format!("/matches/{game}")).await.unwrap();
    assert_eq!((&seen["match"]["phase"], &seen["match"]["lost"]), (&json!("active"), &Value::Null), "{seen}");
    house.post(&format!("/workloads/{id}/console/command"), json!({"command": "drain"})).await.unwrap();
    until_async("it takes nothing new", SOON, async || {
        let (status, _) = place.bot("POST", "/w1/api/adminbot/create_game", json!({})).await;
        Ok((status == 503).then_some(()))
    })
    .await
    .unwrap();
    let (status, made) = place.bot("POST", "/api/adminbot/create_game", json!({})).await;
    assert_eq!((status, &made["workerPath"]), (200, &json!("w0")), "the other one takes it: {made}");
    players[0].act(json!({"type": "still"})).await;
    players[1].hear_intent("still").await;

    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(house, id).await.unwrap();
    let seen = house.get(&format!("/matches/{game}")).await.unwrap();
    assert_eq!(
        (&seen["match"]["phase"], &seen["match"]["lost"]),
        (&json!("finished"), &json!("host_deleted")),
        "{seen}"
    );
    for player in &mut players {
        player.hear_end().await;
    }
    clean(house, id).await.unwrap();
    let key = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default().contains("ADMIN_BOT_API_KEY");
    assert!(!key(house.dir().join("ostler.log")) && !key(house.dir().join("agent.log")));
}
