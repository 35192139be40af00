//! The nineteen cases that the protocol's source tests, by name. HTTP cases run through the real router.

use crate::bot::Bot;
use crate::engine::{active, lobby, object, step_join};
use ostler_model::Time;
use ostler_model::matches::Phase;
use ostler_relay::engine::{Input, IntentActor, Match, Output, step};
use serde_json::{Value, json};

const NOW: Time = Time::from_millis(10_000);

fn by_bot(game: &mut Match, intent: Value) -> u16 {
    let mut out = Vec::new();
    game.handle_intent(&object(intent), IntentActor::BOT, NOW, &mut out).status
}

fn public() -> Match {
    lobby("openfront", json!({"gameType": "Public"}))
}

#[test]
fn bot_updates_the_config_of_a_private_lobby() {
    let mut game = lobby("openfront", json!({}));
    assert_eq!(by_bot(&mut game, json!({"type": "update_game_config", "config": {"bots": 3}})), 200);
    assert_eq!(game.info(NOW).game_config["bots"], 3);
}

#[test]
fn bot_toggles_the_start_timer() {
    let mut game = lobby("openfront", json!({"startDelay": 5}));
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_game_start_timer"})), 200);
    assert_eq!(game.info(NOW).ms_until_start, Some(5_000));
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_game_start_timer"})), 200);
    assert_eq!(game.info(NOW).starts_at, None);
}

#[test]
fn bot_kicks_a_player() {
    let mut game = lobby("openfront", json!({}));
    step_join(&mut game, 1, "ada", NOW);
    let id = game.info(NOW).clients[0].client_id;
    assert_eq!(by_bot(&mut game, json!({"type": "kick_player", "targetClientID": id})), 200);
    assert_eq!(game.info(NOW).num_clients, 0);
}

#[test]
fn bot_pauses_and_resumes() {
    let mut game = active("openfront", 2);
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_pause", "paused": true})), 200);
    assert!(game.is_paused());
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_pause", "paused": false})), 200);
    assert!(!game.is_paused());
}

#[test]
fn bot_may_not_configure_a_public_game() {
    assert_eq!(by_bot(&mut public(), json!({"type": "update_game_config", "config": {}})), 403);
}

#[test]
fn bot_may_not_start_a_public_game() {
    assert_eq!(by_bot(&mut public(), json!({"type": "toggle_game_start_timer"})), 403);
}

#[test]
fn bot_may_not_kick_or_pause_in_a_public_game() {
    assert_eq!(by_bot(&mut public(), json!({"type": "kick_player", "targetClientID": "x"})), 403);
    assert_eq!(by_bot(&mut public(), json!({"type": "toggle_pause", "paused": true})), 403);
}

#[test]
fn config_is_refused_after_the_start() {
    assert_eq!(by_bot(&mut active("openfront", 2), json!({"type": "update_game_config", "config": {}})), 409);
}

#[test]
fn start_timer_is_refused_after_the_start() {
    assert_eq!(by_bot(&mut active("openfront", 2), json!({"type": "toggle_game_start_timer"})), 409);
}

#[test]
fn pause_is_refused_before_the_start() {
    let mut game = lobby("openfront", json!({}));
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_pause", "paused": true})), 409);
    assert_eq!(game.phase(), Phase::Lobby);
}

#[test]
fn pause_is_stamped_with_the_placeholder_id() {
    let mut game = active("openfront", 2);
    assert_eq!(by_bot(&mut game, json!({"type": "toggle_pause", "paused": true, "clientID": "aB3dE5gH"})), 200);
    let out = step(&mut game, Input::Tick, NOW + ostler_model::Millis(100_000));
    assert!(out.iter().any(|o| matches!(o, Output::All { text, .. } if text.contains("toggle_pause"))));
    let turn: Value = serde_json::from_str(game.turns().last().unwrap()).unwrap();
    assert_eq!(turn["intents"][0], json!({"clientID": "ADMINBOT", "paused": true, "type": "toggle_pause"}));
}

#[test]
fn gameplay_from_the_bot_is_refused() {
    assert_eq!(by_bot(&mut active("openfront", 2), json!({"type": "attack", "troops": 5})), 400);
}

#[test]
fn mark_disconnected_from_the_bot_is_refused() {
    let intent = json!({"type": "mark_disconnected", "clientID": "aB3dE5gH", "isDisconnected": true});
    assert_eq!(by_bot(&mut active("openfront", 2), intent), 400);
}

#[tokio::test]
async fn create_refuses_public() {
    let bot = Bot::start(Some("secret")).await;
    assert_eq!(bot.post("create_game", json!({"gameType": "Public"})).await.0, 400);
    assert_eq!(bot.post("create_game", json!({})).await.0, 200);
}

#[tokio::test]
async fn create_refuses_singleplayer() {
    let bot = Bot::start(Some("secret")).await;
    assert_eq!(bot.post("create_game", json!({"gameType": "Singleplayer"})).await.0, 400);
    assert_eq!(bot.post("create_game", json!({"gameType": "Private"})).await.0, 200);
}

#[tokio::test]
async fn key_unset_answers_404_without_a_body() {
    let bot = Bot::start(None).await;
    for path in ["create_game", "game/aB3dE5gH/intent", "nothing"] {
        assert_eq!(bot.raw(path, Some("secret")).await, (404, String::new()), "{path}");
    }
}

#[tokio::test]
async fn key_missing_answers_401() {
    assert_eq!(Bot::start(Some("secret")).await.raw("create_game", None).await.0, 401);
}

#[tokio::test]
async fn key_wrong_answers_401() {
    let bot = Bot::start(Some("secret")).await;
    for wrong in ["", "secre", "secrets", "SECRET"] {
        assert_eq!(bot.raw("create_game", Some(wrong)).await.0, 401, "{wrong}");
    }
}

#[tokio::test]
async fn key_right_passes() {
    assert_eq!(Bot::start(Some("secret")).await.raw("create_game", Some("secret")).await.0, 200);
}
