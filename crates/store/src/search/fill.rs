//! Filling the index anew: for a database from before there was one, or in another form. In small steps beside all other
//! work, each of which leaves what it has done right; so one that is interrupted is begun again and nothing is lost.

use super::noun::NOUNS;
use super::write::{forget_before, insert, refresh};
use crate::db::conn::Conn;
use crate::db::error::Result;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::Time;
use ostler_model::event::Event;
use ostler_model::search::{Doc, Key};

/// The form of the index that this program writes. Another number has it filled anew at the next start.
const FORM: u64 = 2;

/// Things and events in one step: a fraction of a second, during which other writers wait.
const STEP: u32 = 100;

/// How far filling has come. Begins with the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filling {
    noun: usize,
    cause: String,
    seq: u64,
}

impl Store {
    /// True when the index has the form that this program expects.
    pub async fn search_is_filled(&self) -> Result<bool> {
        let form: u64 = read!(self, "search_is_filled", |db| {
            db.one("SELECT value FROM counter WHERE name = 'search'", args![]).await?.get("value")
        })?;
        Ok(form == FORM)
    }
    /// Takes one step, and says where the next one begins; `None` when all is done. Right at any time and any number of times.
    pub async fn search_fill(&self, from: &Filling, at: Time) -> Result<Option<Filling>> {
        change!(self, "search_fill", at, |tx| {
            // Nothing changes between reading a thing and writing its entries.
            tx.exec("UPDATE counter SET value = value WHERE name = 'event'", args![]).await?;
            match NOUNS.get(from.noun) {
                Some(_) => things(tx, from).await.map(Some),
                None => events(tx, from.seq).await.map(|seq| seq.map(|seq| Filling { seq, ..from.clone() })),
            }
        })
    }
    /// Every document of the index, in order. For comparing it with what it should be.
    pub async fn search_docs(&self) -> Result<Vec<Doc>> {
        read!(self, "search_docs", |db| {
            db.all("SELECT * FROM search_doc ORDER BY doc", args![]).await?.iter().map(super::write::from_row).collect()
        })
    }
    /// Every entry of the index with its document's title, in order. For comparing it with what it should be.
    pub async fn search_entries(&self) -> Result<Vec<(Vec<u8>, Vec<u8>, String)>> {
        read!(self, "search_entries", |db| {
            let sql = "SELECT d.doc, w.word, w.home, w.shelf, w.sort, d.cause, d.title, d.subtitle
                       FROM search_doc d LEFT JOIN search_word w ON w.doc = d.doc ORDER BY d.doc, w.word";
            let mut all = Vec::new();
            for row in db.all(sql, args![]).await? {
                let rest = ["home", "shelf", "cause", "title", "subtitle"];
                let rest = rest.map(|column| row.get::<Option<String>>(column));
                let rest = rest.into_iter().collect::<Result<Vec<_>>>()?;
                all.push((row.get("doc")?, row.get("word")?, format!("{rest:?} {:?}", row.get::<Vec<u8>>("sort")?)));
            }
            Ok(all)
        })
    }
}

async fn things(conn: &mut Conn, from: &Filling) -> Result<Filling> {
    let noun = &NOUNS[from.noun];
    let (_, rest) = noun.from.split_once(" FROM ").expect("every noun is read from a table");
    // Also those that are only in the index, so that what should not be there goes.
    let cause = noun.cause;
    let sql = format!(
        "SELECT {cause} AS cause FROM {rest} WHERE {cause} > $1
         UNION SELECT cause FROM search_doc WHERE shelf = $2 AND cause > $1 ORDER BY cause LIMIT $3"
    );
    let rows = conn.all(sql, args![from.cause, noun.shelf.to_string(), STEP]).await?;
    let mut next = Filling { noun: from.noun + 1, ..Filling::default() };
    for row in &rows {
        let cause: String = row.get("cause")?;
        refresh(conn, noun, &cause, true).await?;
        if rows.len() == STEP as usize {
            next = Filling { cause, ..from.clone() };
        }
    }
    Ok(next)
}

async fn events(conn: &mut Conn, after: u64) -> Result<Option<u64>> {
    let rows = conn
        .all(
            "SELECT e.*, w.id AS there FROM event e LEFT JOIN workspace w ON w.id = e.workspace_id
             WHERE e.seq > $1 ORDER BY e.seq LIMIT $2",
            args![after, STEP],
        )
        .await?;
    let seqs = rows.iter().map(|row| row.get("seq")).collect::<Result<Vec<u64>>>()?;
    if after == 0 {
        forget_before(conn, seqs.first().copied().unwrap_or(u64::MAX)).await?;
    }
    let Some(last) = seqs.last() else {
        let (newest, first) = (vec![1], Key::event(after).0);
        conn.exec("DELETE FROM search_doc WHERE doc >= $1 AND doc < $2", args![newest, first]).await?;
        conn.exec("UPDATE counter SET value = $1 WHERE name = 'search'", args![FORM]).await?;
        return Ok(None);
    };
    let span = (Key::event(*last).0, Key::event(after).0);
    conn.exec("DELETE FROM search_doc WHERE doc >= $1 AND doc < $2", args![span.0, span.1]).await?;
    for row in &rows {
        if let Some(doc) = event(row)? {
            insert(conn, &doc, None).await?;
        }
    }
    Ok(Some(*last))
}

fn event(row: &Row) -> Result<Option<Doc>> {
    let event: Event = crate::event::from_row(row)?;
    let is_there = event.workspace.is_none() || row.get::<Option<String>>("there")?.is_some();
    let about: Option<String> = row.get("about")?;
    Ok(Doc::event(&event, about.as_deref()).filter(|_| is_there))
}
