//! The endpoint.

use super::cursor;
use crate::app::App;
use crate::http::{Error, Query, Result, Routes, SignedIn, View, allow, find_workspace};
use ostler_model::WorkspaceId;
use ostler_model::authz::{Authority, Kind, Read};
use ostler_model::search::{Doc, Query as Words, Shelf, Sight, What};
use ostler_model::workspace::Workspace;
use ostler_store::search::{RESULTS_MOST, Search};
use ostler_wire::Page;
use ostler_wire::search::{SearchHit, SearchQuery};

const USUAL: u32 = 20;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("search").get("/api/v1/search", search)
}

/// Search everything that you may see, by name, id and what is known of it.
///
/// All words have to be there, each as the beginning of a word. What is called so comes first, then what begins so, then
/// what has the words elsewhere, then events, newest first. A page may hold fewer than `limit` and still have a next one.
pub async fn search(app: App, who: SignedIn, Query(input): Query<SearchQuery>) -> Result<View<Page<SearchHit>>> {
    let query = Words::parse(&input.q).map_err(|error| Error::field("q", error.to_string()))?;
    let limit = input.limit.unwrap_or(USUAL) as usize;
    if !(1..=RESULTS_MOST).contains(&limit) {
        return Err(Error::field("limit", format!("use 1 to {RESULTS_MOST}")));
    }
    let after = input.cursor.as_deref().filter(|text| !text.is_empty());
    let after = after.map(|text| cursor::place(text, &query)).map(|place| {
        place.ok_or_else(|| Error::field("cursor", "use the next_cursor of the page before, with the same words"))
    });
    let after = after.transpose()?;
    let workspace = match &input.workspace {
        Some(text) => Some(within(&app, &who, text).await?),
        None => None,
    };
    let rights = &who.caller.authority;
    let sight = Sight::of(rights, input.kind, workspace);
    let extra = if workspace.is_none() { templates(&app, rights, input.kind) } else { Vec::new() };
    let wanted = Search { query: &query, sight: &sight, extra: &extra, after: after.as_ref(), limit };
    let found = app.store.search(&wanted).await?;
    // What the index leaves in is decided on like anything else.
    let items = found.docs.into_iter().filter(|doc| doc.is_readable(rights)).map(hit).collect();
    Ok(View(Page { items, next_cursor: found.next.as_ref().map(cursor::text) }))
}

/// A workspace that the caller may see; another one looks like none.
async fn within(app: &App, who: &SignedIn, text: &str) -> Result<WorkspaceId> {
    let workspace = find_workspace(app, text).await?.ok_or(Error::NotFound)?;
    allow::<Workspace, Read>(&who.caller, &workspace)?;
    Ok(workspace.id)
}

fn templates(app: &App, who: &Authority, what: Option<What>) -> Vec<Doc> {
    if what.is_some_and(|what| what != What::Template) {
        return Vec::new();
    }
    let all = app.templates.iter().map(|entry| {
        let it = &entry.template;
        Doc::thing(Kind::Template, None, &it.name, &it.title).about(it.summary.clone()).by(it.name.to_string())
    });
    all.filter(|doc| doc.is_readable(who)).collect()
}

fn hit(doc: Doc) -> SearchHit {
    let path = path(&doc);
    let (kind, id, about) = match doc.shelf {
        Shelf::News(_) => (What::Event, doc.key.seq().unwrap_or_default().to_string(), Some(doc.subject)),
        shelf @ (Shelf::Things(_) | Shelf::Teams) => {
            // Whatever is written into the index is one of the nouns that can be searched for.
            let what = What::ALL.into_iter().find(|what| what.shelf() == Some(shelf)).unwrap_or(What::Event);
            (what, doc.subject, None)
        }
    };
    SearchHit { kind, id, title: doc.title, subtitle: doc.subtitle, workspace: doc.workspace, about, path }
}

/// Where the panel shows it.
fn path(doc: &Doc) -> String {
    let id = &doc.subject;
    match doc.shelf {
        Shelf::Things(Kind::Workload) => format!("/workloads/{id}"),
        Shelf::Things(Kind::Node) => format!("/nodes/{id}"),
        Shelf::Things(Kind::Template) => format!("/workloads/new?template={id}"),
        Shelf::Things(Kind::Member | Kind::Workspace) => "/settings/workspace".to_owned(),
        Shelf::Teams => "/settings/teams".to_owned(),
        Shelf::Things(Kind::User) => "/settings/people".to_owned(),
        Shelf::Things(Kind::Key) => "/settings/keys".to_owned(),
        // What is gone has no page of its own any more.
        Shelf::News(topic) if doc.title.ends_with("deleted") => format!("/activity?topic={topic}"),
        Shelf::News(Kind::Workload) => format!("/workloads/{id}/activity"),
        Shelf::News(Kind::Node) => format!("/nodes/{id}"),
        Shelf::News(Kind::Job) => format!("/jobs/{id}"),
        Shelf::News(topic @ (Kind::Member | Kind::Workspace | Kind::Key)) => format!("/activity?topic={topic}"),
        Shelf::Things(_) | Shelf::News(_) => "/activity".to_owned(),
    }
}
