//! Whole matches over real sockets.

use crate::bot::Bot;
use crate::player::Player;
use serde_json::json;

#[tokio::test]
async fn a_bot_and_four_players_play_a_whole_match() {
    let bot = Bot::start(Some("secret")).await;
    let (id, path) = bot.create("", json!({"bots": 5})).await;
    let mut players = Vec::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        let mut player = Player::join(&bot.base, &path, &id, name).await;
        player.hear_type("lobby_info").await;
        players.push(player);
    }
    let (_, info) =
        bot.intent(&id, json!({"type": "update_game_config", "config": {"startDelay": 0, "bots": 9}})).await;
    assert_eq!((&info["numClients"], &info["gameConfig"]["bots"]), (&json!(4), &json!(9)));
    assert_eq!(bot.intent(&id, json!({"type": "toggle_game_start_timer"})).await.0, 200);
    for player in &mut players {
        player.hear_type("prestart").await;
        assert_eq!(player.hear_type("start").await["gameStartInfo"]["players"].as_array().unwrap().len(), 4);
    }
    players[0].act(json!({"type": "attack", "troops": 7, "clientID": "forged00"})).await;
    let me = players[0].me.clone().unwrap();
    for player in &mut players {
        assert_eq!(player.hear_intent("attack").await, json!({"type": "attack", "troops": 7, "clientID": me}));
    }
    assert_eq!(bot.intent(&id, json!({"type": "toggle_pause", "paused": true})).await.0, 200);
    assert_eq!(players[1].hear_intent("toggle_pause").await["clientID"], "ADMINBOT");
    players[1].act(json!({"type": "sneak"})).await;
    let target = players[3].me.clone().unwrap();
    assert_eq!(bot.intent(&id, json!({"type": "kick_player", "targetClientID": target})).await.0, 200);
    let heard = players[3].hear_end().await;
    assert!(heard.iter().any(|frame| frame["error"] == "kick_reason.admin"), "{heard:?}");
    let mut back = Player::join(&bot.base, &path, &id, "dan").await;
    assert_eq!(back.hear_type("error").await["error"], "kick_reason.kicked");
    assert_eq!(bot.intent(&id, json!({"type": "toggle_pause", "paused": false})).await.0, 200);
    players.truncate(3);
    let so_far = players[0].turns.len();
    for player in &mut players {
        player.hear_turns(so_far + 5).await;
        player.say(json!({"type": "winner", "winner": ["player", me], "allPlayersStats": {"a": 1}})).await;
    }
    for player in &mut players {
        player.hear_end().await;
        assert!(player.turns.iter().all(|t| t["intents"].as_array().unwrap().iter().all(|i| i["type"] != "sneak")));
    }
    let archived = wait_for_archive(&bot, &id).await;
    assert_eq!((&archived["winner"], &archived["players"].as_array().unwrap().len()), (&json!(["player", me]), &4));
    let all = archived["turns"].as_array().unwrap();
    for player in &players {
        assert_eq!(player.turns[..], all[..player.turns.len()], "everybody saw what is kept");
    }
    let mut again = Player::watch(&bot.base, &id, "&pace_ms=0").await;
    again.hear_end().await;
    assert_eq!((&again.turns, again.start_info.as_ref()), (all, players[0].start_info.as_ref()));
    assert_eq!(bot.get(&format!("game/{id}")).await.0, 404);
}

async fn wait_for_archive(bot: &Bot, id: &str) -> serde_json::Value {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let (status, archive) = bot.get(&format!("archive/{id}")).await;
        if status == 200 {
            return archive;
        }
        assert!(std::time::Instant::now() < deadline, "the match is archived");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn malformed_frames_are_a_kick_and_never_a_crash() {
    let bot = Bot::start(Some("secret")).await;
    let (id, path) = bot.create("", json!({})).await;
    for (n, text) in ["", "{", "[]", r#"{"type":"teleport"}"#, r#"{"type":"ping","x":1}"#].into_iter().enumerate() {
        let mut player = Player::join(&bot.base, &path, &id, &format!("mallory{n}")).await;
        player.hear_type("lobby_info").await;
        player.say_text(text).await;
        let heard = player.hear_end().await;
        assert_eq!(heard.last().unwrap()["error"], "kick_reason.invalid_message", "{text}");
    }
    assert_eq!(bot.get(&format!("game/{id}/stats")).await.1["kicked"], 5);
}

#[tokio::test]
async fn ids_are_judged_before_they_are_looked_up() {
    let bot = Bot::start(Some("secret")).await;
    let (id, path) = bot.create("", json!({})).await;
    assert_eq!(bot.get("game/not-an-id").await.0, 400);
    let (status, found) = bot.get(&format!("game/{id}")).await;
    assert_eq!((status, &found["gameID"]), (200, &json!(id)));
    let other = if path == "w0" { "w1" } else { "w0" };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong = http.get(format!("http://{}/{other}/api/game/{id}", bot.base)).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    let unknown = bot.ask(reqwest::Method::DELETE, &format!("game/{id}"), None).await.0;
    assert_eq!(unknown, 204);
    wait_for_archive(&bot, &id).await;
    assert_eq!(bot.ask(reqwest::Method::DELETE, &format!("game/{id}"), None).await.0, 404);
}
