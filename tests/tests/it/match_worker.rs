//! `ostler match-worker`: whole matches against the built program, also through its death and its end.

use crate::player::Player;
use ostler_e2e::{BOT_KEY, MatchHost, until_async};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Makes a match and starts it with two players: its id, its socket's address, and the two.
async fn begin(host: &MatchHost) -> (String, String, Vec<Player>) {
    let (status, made) = host.bot("POST create_game", json!({"startDelay": 0})).await.unwrap();
    assert_eq!(status, 200, "{made}");
    let id = made["gameID"].as_str().unwrap().to_owned();
    let socket = format!("ws://{}/{}", host.address, made["workerPath"].as_str().unwrap());
    let mut players = Vec::new();
    for name in ["ada", "bob"] {
        let mut player = Player::join(&socket, &id, name).await;
        player.hear_type("lobby_info").await;
        players.push(player);
    }
    let timer = json!({"type": "toggle_game_start_timer"});
    let (status, info) = host.bot(&format!("POST game/{id}/intent"), timer).await.unwrap();
    assert_eq!((status, &info["numClients"]), (200, &json!(2)), "{info}");
    for player in &mut players {
        player.hear_type("start").await;
    }
    (id, socket, players)
}

#[tokio::test]
async fn a_match_outlives_the_death_of_its_worker() {
    let mut host = MatchHost::start(2).unwrap();
    let (id, socket, mut players) = begin(&host).await;
    players[0].act(json!({"type": "attack", "troops": 7})).await;
    let seen = players[0].hear_intent("attack").await;
    assert_eq!(players[1].hear_intent("attack").await, seen);
    players[1].hear_turns(8).await;

    host.kill().unwrap();
    for player in &mut players {
        player.hear_end().await;
    }
    host.resume().unwrap();
    for player in &mut players {
        player.rejoin(&socket).await;
    }
    players[1].act(json!({"type": "again"})).await;
    let seen = players[1].hear_intent("again").await;
    assert_eq!(players[0].hear_intent("again").await, seen);
    let both = players.iter().map(|player| player.turns.len()).min().unwrap();
    assert_eq!(players[0].turns[..both], players[1].turns[..both], "no two players ever see different turns");

    assert_eq!(host.bot(&format!("DELETE game/{id}"), Value::Null).await.unwrap().0, 204);
    for player in &mut players {
        player.hear_end().await;
    }
    let path = format!("GET archive/{id}");
    let archive = until_async("the match is archived", SOON, async || {
        let (status, archive) = host.bot(&path, Value::Null).await?;
        Ok((status == 200).then_some(archive))
    });
    let archive = archive.await.unwrap();
    for player in &players {
        assert_eq!(player.turns[..], archive["turns"].as_array().unwrap()[..player.turns.len()]);
    }
}

#[tokio::test]
async fn a_hangup_drains_and_the_last_match_ends_the_process() {
    let mut host = MatchHost::start(2).unwrap();
    let (id, _, mut players) = begin(&host).await;
    host.process.as_ref().unwrap().signal("HUP").unwrap();
    // Both workers refuse, not only the one with a match.
    for path in ["w0", "w1", ""] {
        let base = format!("http://{}/{path}", host.address);
        let refused = until_async("a new match is refused", SOON, async || {
            let (status, answer) = host.bot_at(base.trim_end_matches('/'), "POST create_game", json!({})).await?;
            // The signal has not arrived yet: what was made meanwhile would keep the process alive.
            if let Some(early) = answer["gameID"].as_str() {
                host.bot(&format!("DELETE game/{early}"), Value::Null).await?;
            }
            Ok((status == 503).then_some(answer))
        });
        assert_eq!(refused.await.unwrap()["error"], "busy");
    }
    let had = players[0].turns.len();
    players[0].hear_turns(had + 5).await;
    assert_eq!(host.bot(&format!("DELETE game/{id}"), Value::Null).await.unwrap().0, 204);
    for player in &mut players {
        player.hear_end().await;
    }
    assert!(host.process.as_mut().unwrap().ended(SOON).unwrap().success(), "{}", host.log());
    let is_kept = |n: u32| host.data().join(format!("w{n}/archive/{id}.json.gz")).is_file();
    assert!((0..2).any(is_kept), "it was archived before the end");
}

#[tokio::test]
async fn a_terminated_worker_goes_on_where_it_was_and_never_with_another_number_of_workers() {
    let mut host = MatchHost::start(2).unwrap();
    let (_, socket, mut players) = begin(&host).await;
    players[0].hear_turns(3).await;
    host.process.as_ref().unwrap().signal("TERM").unwrap();
    assert!(host.process.as_mut().unwrap().ended(SOON).unwrap().success(), "{}", host.log());
    players[0].hear_end().await;
    host.resume().unwrap();
    players[0].rejoin(&socket).await;
    players[0].hear_turns(6).await;
    host.kill().unwrap();
    host.workers = 3;
    let error = format!("{:#}", host.resume().unwrap_err());
    assert!(error.contains("of 2"), "{error}");
}

/// `fixtures/match/bot.sh`: curl makes, configures, starts, pauses and ends a match that four players on `ws` play.
#[tokio::test]
async fn a_bot_in_plain_curl_and_four_node_players_play_a_whole_match() {
    let host = MatchHost::start(2).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/match/bot.sh");
    let mut bot = std::process::Command::new("bash");
    bot.args([script, &format!("http://{}", host.address)]).env("ADMIN_BOT_API_KEY", BOT_KEY);
    let out = bot.output().expect("bash, curl and node are here");
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}{wrong}{}", host.log());
    let steps: Vec<&str> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let wanted = ["created", "joined", "configured", "started", "played", "paused", "kicked", "resumed", "finished"];
    assert_eq!(steps, [&wanted[..], &["archived"]].concat());
}
