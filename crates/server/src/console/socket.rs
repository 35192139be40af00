//! The console as a WebSocket: lines one way, commands the other.

use super::{node, path, refused, type_in};
use crate::app::App;
use crate::fleet::Lines;
use crate::http::{Allowed, Error, Query, Raw, Result, Upgrade, same_origin};
use crate::realtime::standing::Standing;
use crate::workload::guard;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::IntoResponse as _;
use ostler_model::Millis;
use ostler_model::authz::{Operate, Origin, Read, VerbKind, authorize, decide};
use ostler_model::workload::Workload;
use ostler_wire::console::{ConsoleFrame, ConsoleInput, ConsoleLine, ConsoleQuery};
use std::sync::Arc;

/// Lines that go into one frame.
const BATCH: usize = 200;
/// How long the first line of a frame waits for others.
const GATHER: Millis = Millis(5);
/// A reader that takes nothing for this long is let go; it continues with `after`.
const SLOW: Millis = Millis::secs(30);
/// What a client may send in one frame.
const FRAME_BYTES: usize = 16 << 10;
/// Close codes of RFC 6455.
const TRY_AGAIN: u16 = 1013;
const NOT_ALLOWED: u16 = 1008;
const GOING_AWAY: u16 = 1001;

/// Follow a workload's console over a WebSocket and type into it. Frames are JSON: `lines` and `refused` from the server,
/// `command` from the client. Typing needs `workload:operate`; `after` continues where an earlier connection ended.
pub async fn console(
    app: App,
    workload: Allowed<Workload, Read>,
    (Query(query), Raw(request)): (Query<ConsoleQuery>, Raw),
) -> Result<Upgrade> {
    let (mut parts, _) = request.into_parts();
    // A browser sends its cookie with a WebSocket from any site; only the origin tells.
    same_origin(&app, &parts)?;
    let standing = Standing::new(&app, &parts.headers).await.ok_or(Error::Credentials)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|_| Error::Malformed("this is a WebSocket; connect with one".to_owned()))?;
    let node = node(&workload.resource)?;
    let after = query.after.unwrap_or(0);
    let path = path(&workload.resource, &format!("console?after={after}&follow=true"));
    let lines = app.fleet.lines::<ConsoleLine>(node, &path).await.map_err(refused)?;
    let origin = workload.caller.origin.clone();
    let session = Session { app: app.clone(), workload: workload.resource, standing, origin };
    let upgrade = upgrade.max_message_size(FRAME_BYTES).max_frame_size(FRAME_BYTES);
    Ok(Upgrade(upgrade.on_upgrade(move |socket| session.run(socket, lines)).into_response()))
}

struct Session {
    app: App,
    workload: Workload,
    standing: Standing,
    origin: Arc<Origin>,
}

/// Why it ends, as close code and word.
type End = (u16, &'static str);

impl Session {
    async fn run(mut self, mut socket: WebSocket, mut lines: Lines<ConsoleLine>) {
        let end = self.talk(&mut socket, &mut lines).await;
        if let Err((code, reason)) = end {
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            // Whoever does not read the goodbye gets none.
            let _ = self.app.clock.timeout(Millis::secs(5), socket.send(close)).await;
        }
    }

    async fn talk(&mut self, socket: &mut WebSocket, lines: &mut Lines<ConsoleLine>) -> Result<(), End> {
        let drain = self.app.drain.clone();
        loop {
            tokio::select! {
                line = lines.next() => {
                    let Some(Ok(first)) = line else { return Err((TRY_AGAIN, "the node went away")) };
                    let (batch, is_over) = self.gather(first, lines).await;
                    self.allowed(VerbKind::Read).await?;
                    self.send(socket, &ConsoleFrame::Lines { lines: batch }).await?;
                    if is_over {
                        return Err((TRY_AGAIN, "the node went away"));
                    }
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.typed(socket, text.as_str()).await?,
                    Some(Ok(Message::Binary(_))) => return Err((1003, "frames are text")),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                },
                () = self.standing.moved() => self.allowed(VerbKind::Read).await?,
                () = drain.cancelled() => return Err((GOING_AWAY, "the server restarts")),
            }
        }
    }

    async fn gather(&self, first: ConsoleLine, lines: &mut Lines<ConsoleLine>) -> (Vec<ConsoleLine>, bool) {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match self.app.clock.timeout(GATHER, lines.next()).await {
                Some(Some(Ok(line))) => batch.push(line),
                Some(Some(Err(_)) | None) => return (batch, true),
                None => break,
            }
        }
        (batch, false)
    }

    async fn typed(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), End> {
        let Ok(ConsoleInput::Command { command }) = serde_json::from_str(text) else {
            let message = "send {\"type\":\"command\",\"command\":\"…\"}".to_owned();
            return self.send(socket, &ConsoleFrame::Refused { message }).await;
        };
        let grant = self.standing.now().await.ok().flatten();
        if let Some(Err(refused)) = grant.map(|who| guard(who, self.workload.kind)) {
            return self.send(socket, &ConsoleFrame::Refused { message: refused.to_string() }).await;
        }
        let grant = grant.and_then(|who| authorize::<Workload, Operate>(who, &self.workload, &self.origin).ok());
        let done = match grant {
            Some(grant) => type_in(&self.app, &self.workload, &grant, &command).await.map_err(|error| match error {
                Error::Invalid(fields) => fields.into_iter().map(|f| f.message).collect::<Vec<_>>().join("; "),
                error => error.to_string(),
            }),
            // Losing the right to read ends the connection at the next look; lacking the right to type does not.
            None => Err("this needs the capability workload:operate".to_owned()),
        };
        match done {
            Ok(()) => Ok(()),
            Err(message) => self.send(socket, &ConsoleFrame::Refused { message }).await,
        }
    }

    async fn allowed(&mut self, verb: VerbKind) -> Result<(), End> {
        match self.standing.now().await {
            Ok(Some(who)) if decide(who, &self.workload, verb).is_ok() => Ok(()),
            Ok(_) => Err((NOT_ALLOWED, "you may not see this any more")),
            Err(_) => Err((TRY_AGAIN, "the database is busy")),
        }
    }

    async fn send(&self, socket: &mut WebSocket, frame: &ConsoleFrame) -> Result<(), End> {
        let text = serde_json::to_string(frame).map_err(|_| (1011, "a line could not be written"))?;
        match self.app.clock.timeout(SLOW, socket.send(Message::Text(text.into()))).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err((TRY_AGAIN, "too slow")),
        }
    }
}
