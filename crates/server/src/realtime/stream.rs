//! The stream of events: first what was missed, then what happens, without a gap and without a repetition.

use super::bus::Follower;
use super::may::{may_see, touches_rights};
use super::sse::{self, Gone, KEEP_ALIVE, Pipe};
use super::standing::Standing;
use crate::app::App;
use crate::http::{Error, EventStream, Query, Raw, Result, SignedIn};
use ostler_model::authz::Kind;
use ostler_model::event::Event;
use ostler_model::{Id as _, Name, Time, WorkspaceId};
use ostler_wire::event::{EventStreamQuery, EventView};
use std::fmt::Write as _;
use std::sync::Arc;

/// How long a browser waits before it connects again.
const RETRY_MS: u32 = 2000;

/// Which events a reader wants.
struct Wanted {
    topics: Vec<Kind>,
    workspace: Option<WorkspaceId>,
}

impl Wanted {
    fn takes(&self, event: &Event) -> bool {
        (self.topics.is_empty() || self.topics.contains(&event.fact.topic()))
            && (self.workspace.is_none() || event.workspace == self.workspace)
    }
}

/// Follow events as Server-Sent Events. `id:` is the sequence number: a client that comes back with `Last-Event-ID` gets what
/// it missed first. An event `reset` says that this is not possible any more, and that lists must be read anew.
pub async fn stream(
    app: App,
    _: SignedIn,
    (Query(query), Raw(request)): (Query<EventStreamQuery>, Raw),
) -> Result<EventStream> {
    let wanted = Wanted {
        topics: topics(query.topics.as_deref())?,
        workspace: workspace(&app, query.workspace.as_deref()).await?,
    };
    let standing = Standing::new(&app, request.headers()).await.ok_or(Error::Credentials)?;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let after = match last.filter(|text| !text.is_empty()) {
        Some(text) => {
            Some(text.parse().map_err(|_| Error::Malformed("Last-Event-ID is a number from an id: line".into()))?)
        }
        None => query.after,
    };
    let start = Start::find(&app, after).await?;
    let own = app.clone();
    Ok(EventStream(sse::respond(&app, "events.stream", move |pipe| write(own, pipe, standing, wanted, start))))
}

/// Where a stream begins.
struct Start {
    follower: Follower,
    at: u64,
    is_reset: bool,
}

impl Start {
    async fn find(app: &App, after: Option<u64>) -> Result<Self> {
        let head = app.store.event_head().await?;
        let begin = |at, is_reset| Start { follower: app.bus.follow_after(at), at, is_reset };
        let Some(after) = after else { return Ok(begin(head, false)) };
        let oldest = app.store.event_oldest().await?.unwrap_or(head + 1);
        // From before the oldest that is kept, or from a database that is not this one.
        let is_lost = after > head || after + 1 < oldest;
        Ok(if is_lost { begin(head, true) } else { begin(after, false) })
    }
}

async fn write(app: App, pipe: Pipe, mut standing: Standing, wanted: Wanted, start: Start) -> Result<(), Gone> {
    let Start { mut follower, mut at, is_reset } = start;
    // The id is set even when nothing follows, so that a reader of a quiet stream resumes here as well.
    let mut text = format!("retry: {RETRY_MS}\nid: {at}\n\n");
    if is_reset {
        let _ = write!(text, "event: reset\ndata: {{\"seq\":{at}}}\n\n");
    }
    pipe.send(text).await?;
    let mut said_at = app.clock.now();
    loop {
        let events = tokio::select! {
            events = follower.next() => events,
            () = pipe.gone() => return Err(Gone),
            () = standing.moved() => Vec::new(),
        };
        if events.is_empty() {
            // Nothing was sent for a while: a stream whose reader may not read any more must end all the same.
            let Ok(Some(_)) = standing.now().await else { return Ok(()) };
            let now = app.clock.now();
            if now.since(said_at) >= KEEP_ALIVE {
                pipe.send(format!("id: {at}\n: still here\n\n")).await?;
                said_at = now;
            }
            continue;
        }
        let mut text = String::new();
        for event in events {
            at = event.seq;
            if touches_rights_of(&mut standing, &event).await? {
                let _ = standing.look().await.map_err(|_| Gone)?.ok_or(Gone)?;
            }
            if !wanted.takes(&event) {
                continue;
            }
            let who = standing.now().await.map_err(|_| Gone)?.ok_or(Gone)?;
            if may_see(who, &event) {
                frame(&mut text, event);
            }
        }
        if !text.is_empty() {
            pipe.send(text).await?;
        }
    }
}

async fn touches_rights_of(standing: &mut Standing, event: &Event) -> Result<bool, Gone> {
    let who = standing.now().await.map_err(|_| Gone)?.ok_or(Gone)?;
    Ok(touches_rights(who, event))
}

fn frame(text: &mut String, event: Arc<Event>) {
    let seq = event.seq;
    match serde_json::to_string(&view(Arc::unwrap_or_clone(event))) {
        // JSON has no line breaks in it, so it is one `data:` line.
        Ok(json) => drop(write!(text, "id: {seq}\ndata: {json}\n\n")),
        Err(error) => tracing::error!(%error, seq, "an event could not be written as JSON"),
    }
}

pub(super) fn view(event: Event) -> EventView {
    EventView { seq: event.seq, at: event.at, workspace: event.workspace, actor: event.actor, fact: event.fact }
}

/// Nouns with commas between them.
pub(super) fn topics(text: Option<&str>) -> Result<Vec<Kind>> {
    let known = [Kind::Workload, Kind::Node, Kind::Job, Kind::Workspace, Kind::Member, Kind::User, Kind::Key];
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            known.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|kind| kind.as_str()).collect();
                Error::field("topics", format!("{word} is not a topic; use {}", names.join(", ")))
            })
        })
        .collect()
}

async fn workspace(app: &App, text: Option<&str>) -> Result<Option<WorkspaceId>> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(id) = text.parse::<WorkspaceId>() {
        return Ok(Some(id));
    }
    // A name that does not exist is told like one that is somebody else's: by a stream on which nothing happens.
    let slug = text.parse::<Name>().map_err(|error| Error::field("workspace", error.to_string()))?;
    let found = app.store.workspace_by_slug(&slug).await?;
    let nowhere = || WorkspaceId::from_parts(Time::ZERO, 0);
    Ok(Some(found.map_or_else(nowhere, |workspace| workspace.id)))
}
