//! Looking at workloads.

use super::view::{state_of, view, views};
use crate::app::App;
use crate::http::{Allowed, Collected, Found, InFamily, Load, Lookup, Query, Result, View, paging, reach_within};
use ostler_model::authz::{Read, Within};
use ostler_model::workload::Workload;
use ostler_store::workload::Filter;
use ostler_wire::Page;
use ostler_wire::workload::{WorkloadQuery, WorkloadView};

/// Pages that a list by state looks through at most; states are not in the table.
const PAGES_MOST: usize = 10;

/// The workloads of a workspace that you may see, newest first.
pub async fn list(
    app: App,
    all: Allowed<Within<Workload>, Read>,
    query: InFamily<Query<WorkloadQuery>>,
) -> Result<View<Page<WorkloadView>>> {
    let InFamily { kind, input: Query(query) } = query;
    let filter = Filter {
        reach: reach_within(&all),
        kind: kind.or(query.kind),
        node: query.node,
        search: query.search.filter(|text| !text.is_empty()),
    };
    let mut at = paging(query.limit, query.cursor.as_deref())?;
    let mut found = Vec::new();
    for _ in 0..PAGES_MOST {
        let page = app.store.workload_list(&filter, &at).await?;
        at.after = page.next;
        let is_wanted = |w: &Workload| query.state.is_none_or(|wanted| state_of(&app, w).0 == wanted);
        found.extend(page.items.into_iter().filter(is_wanted));
        if query.state.is_none() || at.after.is_none() || found.len() >= at.limit as usize {
            break;
        }
    }
    // The cursor stands after the last row that was looked at; what is over the limit is looked at again.
    if found.len() > at.limit as usize {
        found.truncate(at.limit as usize);
        at.after = found.last().map(|w| w.id.to_string());
    }
    Ok(View(Page { items: views(&app, found).await?, next_cursor: at.after }))
}

/// A workload as it is now.
pub async fn get(app: App, workload: Allowed<Workload, Read>, _: ()) -> Result<View<WorkloadView>> {
    Ok(View(view(&app, workload.resource).await?))
}

impl Load for Workload {
    const FOUND: Found = Found::Param("workload");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("workload") else { return Ok(None) };
        let found = app.store.workload_find(id).await?;
        Ok(found.filter(|workload| find.family().is_none_or(|kind| kind == workload.kind)))
    }
}

impl Collected for Workload {}
