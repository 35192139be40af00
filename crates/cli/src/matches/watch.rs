//! `ostler match watch`: a match's turns, live or as they were.

use crate::api::Api;
use crate::exit::Trouble;
use crate::show::{self, clean, text};
use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use ostler_wire::client::ClientError;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// Prints turns as they come, until the match ends or lets go.
pub(super) async fn watch(api: &Api, path: &str, with_empty: bool) -> Result<()> {
    let key = generate_key();
    let (stream, accept) = api.client.socket(path, &key).await?;
    if accept != derive_accept_key(key.as_bytes()) {
        let why = "it upgraded to something that is no WebSocket".to_owned();
        return Err(ClientError::Unreadable { url: api.client.base().to_owned(), why }.into());
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(frame)) => {
                let frame: Value =
                    serde_json::from_str(&frame).context("the server sent something that is no frame")?;
                if frame["type"] == "error" {
                    return ended(&frame);
                }
                print_frame(&frame, with_empty, api.common.json)?;
            }
            Ok(Message::Close(_)) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(Trouble::Failed(format!("the connection was cut: {error}")).into()),
        }
    }
    Ok(())
}

fn ended(frame: &Value) -> Result<()> {
    match frame["error"].as_str().unwrap_or_default() {
        "finished" => Ok(()),
        other => Err(Trouble::Failed(format!("the match let go: {}", clean(other))).into()),
    }
}

fn print_frame(frame: &Value, with_empty: bool, json: bool) -> Result<()> {
    match frame["type"].as_str() {
        Some("start") => {
            for turn in frame["turns"].as_array().into_iter().flatten() {
                print_turn(turn, with_empty, json)?;
            }
            Ok(())
        }
        Some("turn") => print_turn(&frame["turn"], with_empty, json),
        _ => Ok(()),
    }
}

fn print_turn(turn: &Value, with_empty: bool, json: bool) -> Result<()> {
    let intents = turn["intents"].as_array().map_or(&[][..], Vec::as_slice);
    if intents.is_empty() && !with_empty {
        return Ok(());
    }
    if json {
        return show::print(&turn.to_string());
    }
    let number = text(&turn["turnNumber"]);
    if intents.is_empty() {
        return show::print(&number);
    }
    for intent in intents {
        let mut rest = intent.as_object().cloned().unwrap_or_default();
        let (who, kind) = (rest.remove("clientID").unwrap_or_default(), rest.remove("type").unwrap_or_default());
        let line = format!("{number}  {}  {}  {}", text(&who), text(&kind), Value::Object(rest));
        show::print(&clean(&line))?;
    }
    Ok(())
}
