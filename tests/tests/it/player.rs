//! A player of a match with a real socket, who notices every turn that is missing, repeated or different.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Player {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    name: String,
    game: String,
    pub(crate) turns: Vec<Value>,
}

impl Player {
    /// Opens a socket and asks for a place. The secret is made of the name.
    pub(crate) async fn join(url: &str, game: &str, name: &str) -> Self {
        let (socket, _) = connect_async(url).await.unwrap();
        let mut player = Self { socket, name: name.to_owned(), game: game.to_owned(), turns: Vec::new() };
        let token = player.token();
        player.say(json!({"type": "join", "gameID": game, "token": token, "username": name})).await;
        player
    }

    /// Opens a new socket and comes back with the turns that it has.
    pub(crate) async fn rejoin(&mut self, url: &str) {
        self.socket = connect_async(url).await.unwrap().0;
        let (game, token, last) = (self.game.clone(), self.token(), self.turns.len());
        self.say(json!({"type": "rejoin", "gameID": game, "token": token, "lastTurn": last})).await;
    }

    fn token(&self) -> String {
        format!("the secret of {}", self.name)
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn act(&mut self, intent: Value) {
        self.say(json!({"type": "intent", "intent": intent})).await;
    }

    /// The next frame, `None` when the socket has ended. Turns are checked and kept.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("a frame in time")? {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    let turns = match frame["type"].as_str().unwrap() {
                        "start" => frame["turns"].as_array().unwrap().clone(),
                        "turn" => vec![frame["turn"].clone()],
                        _ => Vec::new(),
                    };
                    for turn in turns {
                        assert_eq!(turn["turnNumber"], self.turns.len(), "no turn is missing and none comes twice");
                        self.turns.push(turn);
                    }
                    return Some(frame);
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(_) | Err(_) => return None,
            }
        }
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

    /// Listens until it has so many turns.
    pub(crate) async fn hear_turns(&mut self, count: usize) {
        while self.turns.len() < count {
            assert!(self.hear().await.is_some(), "the socket ended at turn {}", self.turns.len());
        }
    }

    /// Listens until it has seen this intent in a turn.
    pub(crate) async fn hear_intent(&mut self, kind: &str) -> Value {
        loop {
            let mut all = self.turns.iter().flat_map(|turn| turn["intents"].as_array().unwrap());
            if let Some(intent) = all.find(|intent| intent["type"] == kind) {
                return intent.clone();
            }
            assert!(self.hear().await.is_some(), "the socket ended before `{kind}`");
        }
    }

    /// Listens until the socket ends.
    pub(crate) async fn hear_end(&mut self) {
        while self.hear().await.is_some() {}
    }
}
