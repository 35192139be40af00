//! One player's socket: frames in, texts out.

use super::host::Host;
use super::outlet::{self, Inlet, Outlet};
use super::{Worker, who};
use crate::engine::{Conn, Input, Match, Output, step};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use hyper::upgrade::Upgraded;
use ostler_model::Millis;
use ostler_model::matches::{ClientId, GameId, owner};
use ostler_wire::match_cbor;
use ostler_wire::matches::{ClientFrame, FRAME_LIMIT_BYTES, ServerFrame};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// A fresh socket must say who it is before this.
const HELLO: Millis = Millis::secs(10);
/// A match that has just ended is in the archive within this, or the disk is stuck.
const ARCHIVED: Millis = Millis::secs(10);
/// After the last word what still comes is read for so long, unless the other side closes first.
const LINGER: Millis = Millis::secs(2);
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

/// Answers a request for a socket, and serves it from the moment on that it is one.
pub(super) fn accept(worker: Worker, mut request: Request, trusted: Trusted, purpose: Purpose) -> Response {
    let mut answer = match create_response_with_body(&request, Body::empty) {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("this is for WebSockets: {error}")).into_response(),
    };
    let is_compact = asks_for(request.headers(), match_cbor::SUBPROTOCOL);
    if is_compact {
        let name = HeaderValue::from_static(match_cbor::SUBPROTOCOL);
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let spawn = worker.0.spawn.clone();
    drop(spawn.spawn("match-socket", async move {
        if let Ok(upgraded) = upgrade.await {
            serve(worker, upgraded, is_compact, trusted, purpose).await;
        }
    }));
    answer
}

fn asks_for(headers: &HeaderMap, protocol: &str) -> bool {
    let named = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|name| name.trim() == protocol)
}

async fn serve(worker: Worker, upgraded: Upgraded, is_compact: bool, trusted: Trusted, purpose: Purpose) {
    let conn = worker.0.next_conn.fetch_add(1, Ordering::Relaxed);
    let (outlet, reader, writer, rest) = Outlet::open(upgraded);
    let inlet = Inlet { reader, outlet: outlet.clone() };
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_LIMIT_BYTES))
        .max_frame_size(Some(FRAME_LIMIT_BYTES))
        // The library fills this much with noughts each time it looks for input.
        .read_buffer_size(READ_BYTES);
    let stream = WebSocketStream::from_partially_read(inlet, rest.to_vec(), Role::Server, Some(config)).await;
    let mut socket = Socket { conn, stream, outlet: outlet.clone(), is_compact };
    let mut seat = None;
    {
        let mut drained = pin!(outlet.drain(&worker.0.clock, writer));
        tokio::select! {
            () = drained.as_mut() => {}
            () = talk(&worker, &mut socket, trusted, purpose, &mut seat) => {
                outlet.finish();
                drained.await;
            }
        }
    }
    if let Some(host) = seat {
        feed(&worker, &host, Input::Gone { conn });
        host.detach(conn);
    }
    if !outlet.is_cut() {
        // A connection that ends with something unread takes with it what the other side has not read yet: the reason.
        let inlet = socket.stream.get_mut();
        worker.0.clock.timeout(LINGER, tokio::io::copy(&mut inlet.reader, &mut tokio::io::sink())).await;
    }
}

/// One open socket, as its task sees it.
struct Socket {
    conn: Conn,
    stream: WebSocketStream<Inlet>,
    outlet: Arc<Outlet>,
    is_compact: bool,
}

impl Socket {
    fn say(&self, text: String) -> bool {
        self.outlet.send(if self.is_compact {
            outlet::binary(match_cbor::from_text(&text))
        } else {
            outlet::text(text)
        })
    }
    fn say_and_close(&self, code: &str) {
        self.say(ServerFrame::Error { error: code.to_owned(), message: None }.text());
        self.outlet.close(code);
    }
}

/// Until the socket's side has nothing more to say. `seat` is the match in which it was seen, to be left in the end.
async fn talk(worker: &Worker, socket: &mut Socket, trusted: Trusted, purpose: Purpose, seat: &mut Option<Arc<Host>>) {
    let conn = socket.conn;
    let (host, input) = match purpose {
        Purpose::Play => {
            let mut place = worker.0.pending.enter();
            let said = tokio::select! {
                said = worker.0.clock.timeout(HELLO, first(worker, socket, trusted)) => said,
                () = place.taken() => None,
            };
            match said {
                Some(Ok(hello)) => hello,
                Some(Err(code)) => return socket.say_and_close(code),
                None => return socket.say_and_close("kick_reason.no_join"),
            }
        }
        Purpose::Watch { id, from, pace } => match worker.0.clock.timeout(ARCHIVED, worker.running(id)).await {
            Some(Some(host)) => (host, Input::Spectate { conn, last_turn: from }),
            Some(None) => return replay(worker, socket, id, from, pace).await,
            None => return socket.say_and_close("unreadable"),
        },
    };
    *seat = Some(host.clone());
    host.attach(conn, socket.outlet.clone(), socket.is_compact);
    feed(worker, &host, input);
    while let Some(Ok(message)) = socket.stream.next().await {
        let input = match message {
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Close(_) => return,
            Message::Text(_) | Message::Binary(_) => match read(&message, socket.is_compact) {
                Some((frame, size_bytes)) => Input::Frame { conn, frame, size_bytes },
                None => Input::Malformed { conn },
            },
        };
        let is_end = matches!(input, Input::Malformed { .. });
        feed(worker, &host, input);
        if is_end {
            // The match says why, then closes the outlet.
            std::future::pending::<()>().await;
        }
    }
}

fn feed(worker: &Worker, host: &Arc<Host>, input: Input) {
    let now = worker.0.clock.now();
    host.with(worker, |game: &mut Match, out: &mut Vec<Output>| out.extend(step(game, input, now)));
}

/// The first frame: which match, and who.
async fn first(worker: &Worker, socket: &mut Socket, trusted: Trusted) -> Result<(Arc<Host>, Input), &'static str> {
    const INVALID: &str = "kick_reason.invalid_message";
    let conn = socket.conn;
    let frame = loop {
        match socket.stream.next().await {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => break read(&message, socket.is_compact).ok_or(INVALID)?.0,
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

/// A client's frame and its length as text. Binary frames are for those who asked for them.
fn read(message: &Message, is_compact: bool) -> Option<(ClientFrame, usize)> {
    match message {
        Message::Text(text) => Some((ClientFrame::read(text)?, text.len())),
        Message::Binary(bytes) if is_compact => match_cbor::read(bytes),
        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

/// An archived match, turn by turn.
async fn replay(worker: &Worker, socket: &mut Socket, id: GameId, from: u64, pace: Millis) {
    let archive = match worker.archive(id).await {
        Ok(Some(archive)) => archive,
        Ok(None) => return socket.say_and_close("not-found"),
        Err(error) => {
            tracing::error!(game = %id, "an archive cannot be read: {error}");
            return socket.say_and_close("unreadable");
        }
    };
    for text in archive.replay(usize::try_from(from).unwrap_or(usize::MAX)) {
        socket.outlet.room().await;
        if !socket.say(text) {
            return;
        }
        if pace.0 > 0 {
            worker.0.clock.sleep(pace).await;
        }
    }
    socket.outlet.room().await;
    socket.say_and_close("finished");
}
