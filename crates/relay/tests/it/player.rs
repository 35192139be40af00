//! A player with a real socket, who notices every turn that is missing, repeated or different.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Player {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    token: String,
    game: String,
    pub(crate) me: Option<String>,
    pub(crate) start_info: Option<Value>,
    pub(crate) turns: Vec<Value>,
}

pub(crate) async fn open(url: &str) -> Option<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    Some(connect_async(url).await.ok()?.0)
}

impl Player {
    pub(crate) async fn join(base: &str, path: &str, game: &str, name: &str) -> Self {
        let socket = open(&format!("ws://{base}/{path}")).await.unwrap();
        let token = format!("token-of-{name}");
        let mut player = Self { socket, token, game: game.to_owned(), me: None, start_info: None, turns: Vec::new() };
        let token = player.token.clone();
        player.say(json!({"type": "join", "gameID": game, "token": token, "username": name})).await;
        player
    }

    pub(crate) async fn watch(base: &str, game: &str, query: &str) -> Self {
        let url = format!("ws://{base}/api/v1/matches/{game}/socket?watch=true{query}");
        let socket = open(&url).await.unwrap();
        Self { socket, token: String::new(), game: game.to_owned(), me: None, start_info: None, turns: Vec::new() }
    }

    /// Comes back with the turns it has. False while nobody answers.
    pub(crate) async fn rejoin(&mut self, base: &str, path: &str) -> bool {
        let Some(socket) = open(&format!("ws://{base}/{path}")).await else { return false };
        self.socket = socket;
        let (game, token, last) = (self.game.clone(), self.token.clone(), self.turns.len());
        self.say(json!({"type": "rejoin", "gameID": game, "token": token, "lastTurn": last})).await;
        true
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        let _ = self.socket.send(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text.to_owned())).await;
    }

    pub(crate) async fn act(&mut self, intent: Value) {
        self.say(json!({"type": "intent", "intent": intent})).await;
    }

    /// The next frame; `None` when the socket has ended. Turns are checked and kept.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("a frame in time")?;
            let Ok(Message::Text(text)) = message else {
                if matches!(message, Ok(Message::Ping(_) | Message::Pong(_))) {
                    continue;
                }
                return None;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            self.learn(&frame);
            return Some(frame);
        }
    }

    fn learn(&mut self, frame: &Value) {
        if let Some(me) = frame["myClientID"].as_str() {
            let me = me.to_owned();
            assert!(self.me.is_none() || self.me.as_ref() == Some(&me), "a player keeps their place");
            self.me = Some(me);
        }
        match frame["type"].as_str().unwrap() {
            "start" => {
                let info = frame["gameStartInfo"].clone();
                assert!(self.start_info.is_none() || self.start_info.as_ref() == Some(&info), "one start for all time");
                self.start_info = Some(info);
                frame["turns"].as_array().unwrap().iter().for_each(|turn| self.take(turn));
            }
            "turn" => self.take(&frame["turn"]),
            _ => {}
        }
    }

    fn take(&mut self, turn: &Value) {
        assert_eq!(turn["turnNumber"], self.turns.len(), "no turn is missing and none comes twice");
        self.turns.push(turn.clone());
    }

    /// Listens until a frame of this type comes.
    pub(crate) async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.hear().await.unwrap_or_else(|| panic!("the socket ended before `{kind}`"));
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Listens until it has seen this intent in a turn.
    pub(crate) async fn hear_intent(&mut self, kind: &str) -> Value {
        let mut seen = 0;
        loop {
            while seen < self.turns.len() {
                let found = self.turns[seen]["intents"].as_array().unwrap().iter().find(|i| i["type"] == kind);
                if let Some(intent) = found {
                    return intent.clone();
                }
                seen += 1;
            }
            assert!(self.hear().await.is_some(), "the socket ended before `{kind}`");
        }
    }

    /// Listens until it has so many turns.
    pub(crate) async fn hear_turns(&mut self, count: usize) {
        while self.turns.len() < count {
            assert!(self.hear().await.is_some(), "the socket ended at turn {}", self.turns.len());
        }
    }

    /// Listens until the socket ends.
    pub(crate) async fn hear_end(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        while let Some(frame) = self.hear().await {
            heard.push(frame);
        }
        heard
    }
}
