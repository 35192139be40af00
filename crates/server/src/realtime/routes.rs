//! Events, over the API.

use super::may::may_see;
use super::stream::{stream, topics, view};
use crate::app::App;
use crate::http::{Allowed, Collected, Error, Query, Result, Routes, View, paging};
use ostler_model::authz::{Read, Within};
use ostler_model::event::Event;
use ostler_store::Reach;
use ostler_store::event::Filter;
use ostler_wire::Page;
use ostler_wire::event::{EventQuery, EventView};

/// Pages that a list looks through at most for one reader.
const PAGES_MOST: usize = 10;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("event")
        .get("/api/v1/events", list)
        .get("/api/v1/workspaces/{workspace}/events", list)
        .get("/api/v1/events/stream", stream)
}

/// What happened in a workspace, as far as you may see it, newest first.
pub async fn list(
    app: App,
    all: Allowed<Within<Event>, Read>,
    Query(query): Query<EventQuery>,
) -> Result<View<Page<EventView>>> {
    let at = paging(query.limit, query.cursor.as_deref())?;
    let mut before = match at.after.as_deref() {
        Some(text) => Some(text.parse().map_err(|_| Error::field("cursor", "use the next_cursor of the page before"))?),
        None => None,
    };
    let filter = Filter {
        reach: Reach::workspace(all.resource.workspace_id()),
        topics: topics(query.topics.as_deref())?,
        subject: query.subject,
    };
    let who = &all.caller.authority;
    let mut items = Vec::new();
    // Each is decided on by itself. Whoever may see few gets what is among some pages, and where to go on.
    for _ in 0..PAGES_MOST {
        let events = app.store.event_history(&filter, before, at.limit).await?;
        let is_last = events.len() < at.limit as usize;
        before = None;
        for event in events {
            before = Some(event.seq);
            if may_see(who, &event) {
                items.push(view(event));
            }
            if items.len() == at.limit as usize {
                break;
            }
        }
        let is_full = items.len() == at.limit as usize;
        if is_full || is_last {
            before = before.filter(|_| is_full);
            break;
        }
    }
    Ok(View(Page { items, next_cursor: before.map(|seq| seq.to_string()) }))
}

impl Collected for Event {}
