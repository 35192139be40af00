//! One player's socket: frames in, texts out.

use super::host::{Host, Parcel, QUEUE_FRAMES};
use super::{Worker, who};
use crate::engine::{Conn, Input, Match, Output, step};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use ostler_model::Millis;
use ostler_model::matches::{ClientId, GameId, owner};
use ostler_wire::match_cbor;
use ostler_wire::matches::{ClientFrame, FRAME_LIMIT_BYTES, ServerFrame};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// A fresh socket must say who it is before this.
const HELLO: Millis = Millis::secs(10);
/// A socket that takes nothing for so long is gone.
const SEND: Millis = Millis::secs(20);
/// Read from a socket at once. Most frames are far smaller, and larger ones come in pieces.
const READ_BYTES: usize = 1024;
/// Longest secret by which a player is known again.
const TOKEN_BYTES: usize = 512;

/// What the platform knows about who opens a socket. Set as a request extension by the server in front, never by clients.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    /// An administrator of the platform.
    pub is_admin: bool,
    /// The name by which others may mean this person.
    pub public_id: Option<String>,
}

/// What a socket is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// A player says so in the first frame.
    Play,
    /// Watch a running match, or an archived one again.
    Watch { id: GameId, from: u64, pace: Millis },
}

pub(super) fn accept(worker: Worker, upgrade: WebSocketUpgrade, trusted: Trusted, purpose: Purpose) -> Response {
    let upgrade = upgrade.max_message_size(FRAME_LIMIT_BYTES).max_frame_size(FRAME_LIMIT_BYTES);
    // The library fills this much with noughts each time it looks for input, which is once for every turn sent.
    let upgrade = upgrade.read_buffer_size(READ_BYTES);
    let upgrade = upgrade.protocols([match_cbor::SUBPROTOCOL]);
    upgrade.on_upgrade(async move |socket| {
        let stop = worker.0.spawn.clone();
        tokio::select! {
            () = stop.stopping() => {}
            () = serve(worker, socket, trusted, purpose) => {}
        }
    })
}

async fn serve(worker: Worker, mut socket: WebSocket, trusted: Trusted, purpose: Purpose) {
    let conn = worker.0.next_conn.fetch_add(1, Ordering::Relaxed);
    let hello = match purpose {
        Purpose::Play => match worker.0.clock.timeout(HELLO, first(&worker, conn, &mut socket, trusted)).await {
            Some(Ok(hello)) => hello,
            Some(Err(code)) => return say_and_close(&mut socket, code).await,
            None => return say_and_close(&mut socket, "kick_reason.no_join").await,
        },
        Purpose::Watch { id, from, pace } => match worker.host(id) {
            Some(host) => (host, Input::Spectate { conn, last_turn: from }),
            None => return replay(&worker, socket, id, from, pace).await,
        },
    };
    let (host, input) = hello;
    let (sender, parcels) = mpsc::channel(QUEUE_FRAMES);
    host.attach(conn, sender, is_compact(&socket));
    feed(&worker, &host, input);
    pump(&worker, &host, conn, socket, parcels).await;
    feed(&worker, &host, Input::Gone { conn });
    host.detach(conn);
}

fn feed(worker: &Worker, host: &Arc<Host>, input: Input) {
    let now = worker.0.clock.now();
    host.with(worker, |game: &mut Match, out: &mut Vec<Output>| out.extend(step(game, input, now)));
}

/// The first frame: which match, and who.
async fn first(
    worker: &Worker,
    conn: Conn,
    socket: &mut WebSocket,
    trusted: Trusted,
) -> Result<(Arc<Host>, Input), &'static str> {
    const INVALID: &str = "kick_reason.invalid_message";
    let frame = loop {
        match socket.recv().await {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => break read(&message, is_compact(socket)).ok_or(INVALID)?.0,
            Some(Err(_)) | None => return Err(INVALID),
        }
    };
    let find = |id: GameId, token: &str| {
        if token.is_empty() || token.len() > TOKEN_BYTES {
            return Err(INVALID);
        }
        if owner(id, worker.0.config.count) != worker.0.config.index {
            return Err("wrong-worker");
        }
        worker.host(id).ok_or("not-found")
    };
    match frame {
        ClientFrame::Join { game_id, token, username, clan_tag } => {
            let host = find(game_id, &token)?;
            let Trusted { is_admin, public_id } = trusted;
            let fresh = ClientId::from_random(worker.0.ids.bytes());
            let who = who(&token);
            Ok((host, Input::Join { conn, who, public_id, username, clan_tag, is_admin, fresh }))
        }
        ClientFrame::Rejoin { game_id, token, last_turn, run } => {
            Ok((find(game_id, &token)?, Input::Rejoin { conn, who: who(&token), last_turn, run }))
        }
        _ => Err(INVALID),
    }
}

/// Moves frames both ways until either side ends.
async fn pump(worker: &Worker, host: &Arc<Host>, conn: Conn, socket: WebSocket, mut parcels: mpsc::Receiver<Parcel>) {
    let is_compact = is_compact(&socket);
    let (mut sink, mut stream) = socket.split();
    let outwards = async {
        while let Some(parcel) = parcels.recv().await {
            let mut next = Some(parcel);
            // Everything that waits goes out in one write.
            while let Some(parcel) = next {
                let (message, is_last) = match parcel {
                    Parcel::Text(text) => (Message::Text(text), false),
                    Parcel::Compact(bytes) => (Message::Binary(bytes), false),
                    Parcel::Close(reason) => (close(&reason), true),
                };
                match worker.0.clock.timeout(SEND, sink.feed(message)).await {
                    Some(Ok(())) if !is_last => {}
                    _ => {
                        let _ = worker.0.clock.timeout(SEND, sink.flush()).await;
                        return;
                    }
                }
                next = parcels.try_recv().ok();
            }
            if !matches!(worker.0.clock.timeout(SEND, sink.flush()).await, Some(Ok(()))) {
                return;
            }
        }
    };
    let inwards = async {
        while let Some(Ok(message)) = stream.next().await {
            let input = match message {
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => return,
                Message::Text(_) | Message::Binary(_) => match read(&message, is_compact) {
                    Some((frame, size_bytes)) => Input::Frame { conn, frame, size_bytes },
                    None => Input::Malformed { conn },
                },
            };
            let is_end = matches!(input, Input::Malformed { .. });
            feed(worker, host, input);
            if is_end {
                // The other half says why, then closes.
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = outwards => {}
        () = inwards => {}
    }
}

fn is_compact(socket: &WebSocket) -> bool {
    socket.protocol().is_some_and(|chosen| chosen.as_bytes() == match_cbor::SUBPROTOCOL.as_bytes())
}

/// A client's frame and its length as text. Binary frames are for those who asked for them.
fn read(message: &Message, is_compact: bool) -> Option<(ClientFrame, usize)> {
    match message {
        Message::Text(text) => Some((ClientFrame::read(text)?, text.len())),
        Message::Binary(bytes) if is_compact => match_cbor::read(bytes),
        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
}

/// A frame in the form that was asked for.
fn written(text: String, is_compact: bool) -> Message {
    if is_compact { Message::Binary(match_cbor::from_text(&text).into()) } else { Message::Text(text.into()) }
}

fn close(reason: &str) -> Message {
    let reason = reason.chars().take(100).collect::<String>();
    Message::Close(Some(CloseFrame { code: 1000, reason: reason.into() }))
}

async fn say_and_close(socket: &mut WebSocket, code: &str) {
    let text = ServerFrame::Error { error: code.to_owned(), message: None }.text();
    let message = written(text, is_compact(socket));
    if socket.send(message).await.is_ok() {
        let _ = socket.send(close(code)).await;
    }
}

/// An archived match, turn by turn.
async fn replay(worker: &Worker, mut socket: WebSocket, id: GameId, from: u64, pace: Millis) {
    let archive = match worker.archive(id).await {
        Ok(Some(archive)) => archive,
        Ok(None) => return say_and_close(&mut socket, "not-found").await,
        Err(error) => {
            tracing::error!(game = %id, "an archive cannot be read: {error}");
            return say_and_close(&mut socket, "unreadable").await;
        }
    };
    let is_compact = is_compact(&socket);
    for text in archive.replay(usize::try_from(from).unwrap_or(usize::MAX)) {
        let sent = worker.0.clock.timeout(SEND, socket.send(written(text, is_compact))).await;
        if !matches!(sent, Some(Ok(()))) {
            return;
        }
        if pace.0 > 0 {
            worker.0.clock.sleep(pace).await;
        }
    }
    say_and_close(&mut socket, "finished").await;
}
