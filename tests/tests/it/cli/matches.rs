//! Matches and bots from the command line, against players with real sockets.

use super::person::{Person, both};
use crate::player::Player;
use ostler_e2e::{House, until};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// `ostler match watch`, whose output goes to a file.
struct Watching {
    child: Child,
    file: std::path::PathBuf,
}

impl Watching {
    fn start(ada: &Person, name: &str, words: &[&str]) -> Self {
        let file = ada.home.path().join(name);
        let mut command = ada.command(words);
        let out = File::create(&file).unwrap();
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).stdin(Stdio::null()).spawn().unwrap();
        Self { child, file }
    }

    fn says(&self, needle: &str) {
        let seen = || Ok(std::fs::read_to_string(&self.file)?.contains(needle).then_some(()));
        until(&format!("it says {needle:?}"), SOON, seen).unwrap();
    }

    fn ended(mut self) -> String {
        let status = until("the watching ends", SOON, || Ok(self.child.try_wait()?)).unwrap();
        let text = std::fs::read_to_string(&self.file).unwrap();
        assert!(status.success(), "{status}: {text}");
        text
    }
}

fn state_of(ada: &Person, id: &str) -> String {
    ada.json(&["match", "show", id])["match"]["phase"].as_str().unwrap().to_owned()
}

/// Makes a lobby and lets two players in: its id and the two.
async fn lobby(ada: &Person) -> (String, Vec<Player>) {
    let made = ada.run(&["match", "create", "OpenFront", "--set", "bots=5", "--set", "startDelay=30"]);
    let said = both(&made);
    assert!(made.status.success() && said.contains("lobby"), "{said}");
    let socket = said.split("Players join at ").nth(1).expect("where players go").trim().to_owned();
    let id = ada.json(&["match", "list"])[0]["id"].as_str().unwrap().to_owned();
    let mut players = Vec::new();
    for name in ["ada", "bob"] {
        let mut player = Player::join(&socket, &id, name).await;
        player.hear_type("lobby_info").await;
        players.push(player);
    }
    (id, players)
}

fn titles_are_listed_and_wrong_ones_refused(ada: &Person) {
    assert!(ada.ok(&["match"]).contains("Nothing here yet"));
    assert!(ada.ok(&["match", "titles"]).contains("Tic-tac-toe"));
    assert!(ada.json(&["match", "titles"])[0]["config_schema"].is_object());
    ada.fails(3, &["match", "create", "chess"], "openfront, tic-tac-toe");
    ada.fails(2, &["match", "create", "openfront", "--set", "bots=many"], "bots");
    ada.fails(2, &["match", "create", "openfront", "--set", "bots"], "FIELD=VALUE");
}

fn lobby_is_configured_and_wrong_words_are_refused(ada: &Person, id: &str) {
    let seen = ada.json(&["match", "show", id]);
    assert_eq!((&seen["info"]["numClients"], &seen["match"]["phase"]), (&json!(2), &json!("lobby")), "{seen}");
    let table = ada.ok(&["match", "show", id]);
    assert!(table.contains("CLIENT") && table.contains("bob") && table.contains("bots=5"), "{table}");
    let cheats = r#"hostCheats={"gold":true}"#;
    let set = ada.json(&["match", "configure", id, "--set", "bots=9", "--set", cheats]);
    assert_eq!(set["info"]["gameConfig"]["hostCheats"]["gold"], true, "{set}");
    let set = ada.json(&["match", "configure", id, "--set", "difficulty=Hard"]);
    assert_eq!(set["info"]["gameConfig"]["bots"], 9, "what is left out stays: {set}");
    assert!(set["info"]["gameConfig"]["hostCheats"].is_null(), "and hostCheats is cleared: {set}");
    ada.fails(2, &["match", "configure", id, "--set", "cheese=1"], "cheese");
    ada.fails(2, &["match", "configure", id, "--set", "gameType=Public"], "private");
    ada.fails(2, &["match", "configure", id], "--set");
    ada.fails(5, &["match", "pause", id], "lobby");
    ada.fails(5, &["match", "archive", id], "ostler match watch");
    ada.fails(3, &["match", "kick", id, "zzzzzzzz"], "ostler match show");
    for verb in ["show", "start", "pause", "watch", "archive"] {
        ada.fails(3, &["match", verb, "aaaaaaaa"], "ostler match list --archived");
        ada.fails(3, &["match", verb, "../nodes"], "ostler match list");
    }
    let starts = |seen: &Value| seen["info"]["msUntilStart"].as_u64();
    assert!(starts(&ada.json(&["match", "start", id])) > Some(0));
    assert!(starts(&ada.json(&["match", "start", id])) > Some(0), "twice does not take it back");
    assert_eq!(starts(&ada.json(&["match", "start", id, "--cancel"])), None);
    ada.ok(&["match", "configure", id, "--set", "startDelay=0"]);
}

#[tokio::test]
async fn a_match_is_made_configured_played_ended_and_kept_by_commands() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    titles_are_listed_and_wrong_ones_refused(&ada);
    let (id, mut players) = lobby(&ada).await;
    let id = id.as_str();
    lobby_is_configured_and_wrong_words_are_refused(&ada, id);
    let live = Watching::start(&ada, "live", &["match", "watch", id, "--json"]);
    let idle = Watching::start(&ada, "idle", &["match", "watch", id, "--empty"]);
    ada.ok(&["match", "start", id]);
    for player in &mut players {
        player.hear_type("start").await;
    }
    until("it is running", SOON, || Ok((state_of(&ada, id) == "active").then_some(()))).unwrap();
    ada.fails(5, &["match", "start", id], "started");
    ada.fails(5, &["match", "start", id, "--cancel"], "no start to take back");

    // Words of players that would drive a terminal.
    players[0].act(json!({"type": "attack", "by": "\u{1b}[2J"})).await;
    players[1].hear_intent("attack").await;
    live.says("attack");
    idle.says("\n3\n");
    // Who leaves with Ctrl-C has not failed.
    assert!(Command::new("kill").args(["-INT", &idle.child.id().to_string()]).status().unwrap().success());
    assert!(!idle.ended().contains('\u{1b}'));

    assert!(ada.ok(&["match", "pause", id]).contains("Paused"));
    assert_eq!(ada.json(&["match", "pause", id])["stats"]["isPaused"], true, "twice is once");
    assert_eq!(ada.json(&["match", "pause", id, "--resume"])["stats"]["isPaused"], false);
    let seen = ada.json(&["match", "show", id]);
    let bob = seen["info"]["clients"].as_array().unwrap().iter().find(|client| client["username"] == "bob").unwrap();
    let bob = bob["clientID"].as_str().unwrap();
    assert!(!ada.ok(&["match", "kick", id, bob]).contains("bob"), "he is out");
    players[1].hear_end().await;
    ada.fails(3, &["match", "kick", id, bob], "Nobody in the match");

    ada.fails(1, &["match", "end", id], "--yes");
    let wrong = ada.type_in(&["match", "end", id], "aaaaaaaa");
    assert_eq!(wrong.status.code(), Some(1), "{}", both(&wrong));
    assert_eq!(state_of(&ada, id), "active");
    ada.ok(&["match", "end", id, "--yes"]);
    // The next command finds it archived: scripts do not wait.
    let kept: Value = serde_json::from_str(&ada.ok(&["match", "archive", id])).unwrap();
    assert_eq!((&kept["gameID"], &kept["config"]["bots"]), (&json!(id), &json!(9)), "{kept}");
    players[0].hear_end().await;
    assert!(ada.json(&["match", "list"]).as_array().unwrap().is_empty());
    let archived = ada.json(&["match", "list", "--archived"]);
    assert_eq!((&archived[0]["id"], &archived[0]["phase"]), (&json!(id), &json!("finished")), "{archived}");
    for verb in ["start", "pause"] {
        ada.fails(5, &["match", verb, id], "ostler match archive");
    }
    ada.fails(5, &["match", "end", id, "--yes"], "over");

    let seen = live.ended();
    assert_eq!(ada.ok(&["match", "watch", id, "--json"]), seen, "a replay is what was seen live");
    let kinds: Vec<Value> = seen
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|turn| turn["intents"].as_array().unwrap().clone())
        .map(|intent| intent["type"].clone())
        .collect();
    assert_eq!(kinds[..3], ["attack", "toggle_pause", "toggle_pause"], "{kinds:?}");
    let plain = ada.ok(&["match", "watch", id, "--from", "1"]);
    assert!(plain.contains("toggle_pause") && !plain.contains('\u{1b}'), "{plain}");
}

/// One request with a bot's key: the status and the answer.
async fn ask(house: &House, key: &str, path: &str) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/adminbot/{path}", house.url());
    let answer = http.post(url).header("x-admin-bot-key", key).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_bot_gets_a_key_that_is_rotated_limited_and_taken_away_by_commands() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    assert!(ada.ok(&["bot"]).contains("Nothing here yet"));
    let made = ada.run(&["bot", "create", "ladder", "--title", "tic-tac-toe", "--per-minute", "120"]);
    let key = String::from_utf8(made.stdout.clone()).unwrap();
    let key = key.trim();
    assert!(key.starts_with("ostbot_") && !key.contains(char::is_whitespace), "the key alone: {key}");
    assert!(both(&made).contains("x-admin-bot-key"), "and where it goes: {}", both(&made));

    let (status, created) = ask(&house, key, "create_game?title=tic-tac-toe").await;
    assert_eq!(status, 200, "{created}");
    let id = created["gameID"].as_str().unwrap();
    let (status, refused) = ask(&house, key, "create_game?title=openfront").await;
    assert_eq!((status, &refused["error"]), (403, &json!("title_not_allowed")));
    let seen = ada.json(&["match", "list"]);
    assert_eq!((&seen[0]["id"], &seen[0]["made_by"]), (&json!(id), &json!("bot:ladder")), "{seen}");
    let bots = ada.json(&["bot", "list"]);
    assert!(bots[0]["last_used_at"].is_string() && bots[0].get("secret").is_none(), "{bots}");
    assert!(ada.ok(&["bot"]).contains("tic-tac-toe"));

    ada.fails(5, &["bot", "create", "ladder"], "taken");
    ada.fails(2, &["bot", "create", "other", "--title", "chess"], "openfront, tic-tac-toe");
    ada.fails(3, &["bot", "rotate", "laddr"], "there is ladder");
    ada.fails(1, &["bot", "delete", "ladder"], "--yes");
    let reader = ada.ok(&["key", "create", "reader", "--can", "bot:read"]);
    assert_eq!(ada.with_key(reader.trim(), &["bot", "list"]).0, Some(0));
    let (code, said) = ada.with_key(reader.trim(), &["bot", "create", "mine"]);
    assert!(code == Some(4) && said.contains("bot:write"), "{said}");

    let fresh = ada.json(&["bot", "rotate", "LADDER"]);
    let fresh = fresh["secret"].as_str().unwrap();
    assert_eq!(ask(&house, key, "create_game?title=tic-tac-toe").await.0, 401, "the old key ends");
    assert_eq!(ask(&house, fresh, "create_game?title=tic-tac-toe").await.0, 200);
    let slow = ada.ok(&["bot", "create", "slow", "--per-minute", "1"]);
    assert_eq!(ask(&house, slow.trim(), "create_game?title=openfront").await.0, 200);
    assert_eq!(ask(&house, slow.trim(), "create_game?title=openfront").await.0, 429);
    ada.ok(&["bot", "delete", "ladder", "--yes"]);
    assert_eq!(ask(&house, fresh, "create_game?title=tic-tac-toe").await.0, 401);
    assert_eq!(state_of(&ada, id), "lobby", "its matches go on");
}
