//! Keeping the index: in the transaction of the change itself, from the facts that it tells.
//!
//! It is done while the transaction holds the counter of events. So of two changes at once the later one sees all that the
//! earlier one has done, and nothing is missed between them.

use super::noun::{NOUNS, Noun, about, touched};
use crate::db::conn::{Conn, placeholders};
use crate::db::error::Result;
use crate::db::row::{Row, unreadable};
use crate::db::value::{ToValue, Value, args};
use ostler_model::WorkspaceId;
use ostler_model::authz::Kind;
use ostler_model::event::Event;
use ostler_model::search::{Doc, Key, Shelf};
use std::collections::{BTreeMap, BTreeSet};

/// What things are called, by shelf and cause, or were called before they were deleted.
type Names = BTreeMap<(Shelf, String), String>;

/// Brings the index up to date with what these facts are about, and says what the thing of each is called.
pub(crate) async fn follow(
    conn: &mut Conn,
    events: &[Event],
    more: Vec<(Shelf, String)>,
) -> Result<Vec<Option<String>>> {
    let mut causes: BTreeSet<(Shelf, String)> = more.into_iter().collect();
    for event in events {
        causes.extend(touched(&event.fact).iter().map(|shelf| (*shelf, event.fact.subject())));
    }
    let mut names = Names::new();
    for (shelf, cause) in causes {
        for noun in NOUNS.iter().filter(|noun| noun.shelf == shelf) {
            if let Some(name) = refresh(conn, noun, &cause, false).await? {
                names.insert((shelf, cause.clone()), name);
            }
        }
    }
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        // A person has many keys; which one it was about is not said.
        let shelf = about(&event.fact);
        if event.fact.title().is_none() || shelf == Shelf::Things(Kind::Key) {
            all.push(None);
            continue;
        }
        let at = (shelf, event.fact.subject());
        if !names.contains_key(&at)
            && let Some(name) = named(conn, shelf, &at.1).await?
        {
            names.insert(at.clone(), name);
        }
        all.push(names.get(&at).cloned());
    }
    Ok(all)
}

/// Adds the events that people look for. Those of workspaces that are gone are nobody's to find.
pub(crate) async fn tell(conn: &mut Conn, events: &[(&Event, Option<&str>)]) -> Result<()> {
    let docs: Vec<Doc> = events.iter().filter_map(|(event, about)| Doc::event(event, *about)).collect();
    let homes: BTreeSet<WorkspaceId> = docs.iter().filter_map(|doc| doc.workspace).collect();
    let homes: Vec<WorkspaceId> = homes.into_iter().collect();
    let mut there = BTreeSet::new();
    if !homes.is_empty() {
        let sql = format!("SELECT id FROM workspace WHERE id IN ({})", placeholders(1, homes.len()));
        for row in conn.all(sql, homes.iter().map(ToValue::to_value).collect()).await? {
            there.insert(row.get::<WorkspaceId>("id")?);
        }
    }
    for doc in docs.iter().filter(|doc| doc.workspace.is_none_or(|id| there.contains(&id))) {
        insert(conn, doc, None).await?;
    }
    Ok(())
}

/// Removes events that are older than this one.
pub(crate) async fn forget_before(conn: &mut Conn, seq: u64) -> Result<()> {
    let (after, end) = (Key::event(seq).0, vec![2]);
    conn.exec("DELETE FROM search_doc WHERE doc > $1 AND doc < $2", args![after, end]).await.map(|_| ())
}

/// Looks at the things of this cause again. Says what the last of them is called, or was before it went.
pub(super) async fn refresh(conn: &mut Conn, noun: &Noun, cause: &str, is_forced: bool) -> Result<Option<String>> {
    let sql = format!("{} WHERE {} = $1", noun.from, noun.cause);
    let mut now: BTreeMap<Key, Doc> = BTreeMap::new();
    for row in conn.all(sql, args![cause]).await? {
        let doc = (noun.doc)(&row)?;
        now.insert(doc.key.clone(), doc);
    }
    let sql = "SELECT * FROM search_doc WHERE shelf = $1 AND cause = $2";
    let mut name = None;
    for row in conn.all(sql, args![noun.shelf.to_string(), cause]).await? {
        let before = from_row(&row)?;
        name = Some(before.title.clone());
        if !is_forced && now.get(&before.key) == Some(&before) {
            now.remove(&before.key);
            continue;
        }
        conn.exec("DELETE FROM search_doc WHERE doc = $1", args![before.key.0]).await?;
        // With a workspace goes all that was in it, also what is deleted with it without a fact of its own.
        if noun.shelf == Shelf::Things(Kind::Workspace) && !now.contains_key(&before.key) {
            conn.exec("DELETE FROM search_doc WHERE workspace_id = $1", args![cause]).await?;
        }
    }
    for doc in now.values() {
        // What is forced trusts nothing that is there, not even which cause a document is kept under.
        if is_forced {
            conn.exec("DELETE FROM search_doc WHERE doc = $1", args![doc.key.0]).await?;
        }
        insert(conn, doc, Some(cause)).await?;
        name = Some(doc.title.clone());
    }
    Ok(name)
}

async fn named(conn: &mut Conn, shelf: Shelf, cause: &str) -> Result<Option<String>> {
    let sql = "SELECT title FROM search_doc WHERE shelf = $1 AND cause = $2 LIMIT 1";
    let row = conn.opt(sql, args![shelf.to_string(), cause]).await?;
    row.map(|row| row.get("title")).transpose()
}

/// Writes a document that is not there, with its entries.
pub(super) async fn insert(conn: &mut Conn, doc: &Doc, cause: Option<&str>) -> Result<()> {
    conn.exec(
        "INSERT INTO search_doc (doc, shelf, home, cause, subject, workspace_id, owner_id, title, subtitle, more)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            doc.key.0,
            doc.shelf.to_string(),
            doc.home,
            cause,
            doc.subject,
            doc.workspace,
            doc.owner,
            doc.title,
            doc.subtitle,
            doc.more
        ],
    )
    .await?;
    let (words, sort) = doc.entries();
    let mut values: Vec<Value> = args![doc.key.0, doc.home, doc.shelf.to_string(), sort];
    let rows: Vec<String> = (5..5 + words.len()).map(|n| format!("($1, ${n}, $2, $3, $4)")).collect();
    values.extend(words.iter().map(ToValue::to_value));
    let sql = format!("INSERT INTO search_word (doc, word, home, shelf, sort) VALUES {}", rows.join(", "));
    conn.exec(sql, values).await.map(|_| ())
}

/// Reads the columns of `search_doc`.
pub(super) fn from_row(row: &Row) -> Result<Doc> {
    Ok(Doc {
        key: Key(row.get("doc")?),
        shelf: row.parse("shelf").map_err(|_| unreadable("shelf"))?,
        home: row.get("home")?,
        workspace: row.get("workspace_id")?,
        owner: row.get("owner_id")?,
        subject: row.get("subject")?,
        title: row.get("title")?,
        subtitle: row.get("subtitle")?,
        more: row.get("more")?,
    })
}
