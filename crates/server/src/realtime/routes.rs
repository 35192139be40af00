//! Events, over the API.

use super::may::may_see;
use super::stream::{stream, topics, view};
use crate::app::App;
use crate::http::{Allowed, Collected, Error, Query, Result, Routes, View, paging};
use ostler_model::authz::{Collection, Read};
use ostler_model::event::Event;
use ostler_store::Reach;
use ostler_store::event::Filter;
use ostler_wire::Page;
use ostler_wire::event::{EventQuery, EventView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("event")
        .get("/api/v1/events", list)
        .get("/api/v1/workspaces/{workspace}/events", list)
        .get("/api/v1/events/stream", stream)
}

/// What happened in a workspace, newest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<Event>, Read>,
    Query(query): Query<EventQuery>,
) -> Result<View<Page<EventView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let at = paging(query.limit, query.cursor.as_deref())?;
    let before = match at.after.as_deref() {
        Some(text) => Some(text.parse().map_err(|_| Error::field("cursor", "use the next_cursor of the page before"))?),
        None => None,
    };
    let filter =
        Filter { reach: Reach::workspace(workspace), topics: topics(query.topics.as_deref())?, subject: query.subject };
    let events = app.store.event_history(&filter, before, at.limit).await?;
    let is_full = events.len() == at.limit as usize;
    let next_cursor = events.last().filter(|_| is_full).map(|event| event.seq.to_string());
    let who = &all.caller.authority;
    let items = events.into_iter().filter(|event| may_see(who, event)).map(view).collect();
    Ok(View(Page { items, next_cursor }))
}

impl Collected for Event {}
