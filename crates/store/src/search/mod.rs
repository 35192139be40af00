//! Search: an ordered index of words, kept with the things themselves, read in ranges.
//!
//! What somebody may not see is not read: each home (a workspace, the platform, a person) and each shelf (a kind) is a part
//! of the index of its own. So a search costs what it finds, however much others have, and bounded work in the worst case:
//! then a page is short, and its cursor says where to go on.

mod fill;
mod lane;
mod noun;
mod write;

pub use fill::Filling;
pub(crate) use write::{follow, forget_before, tell};

use crate::db::conn::{Conn, placeholders};
use crate::db::error::Result;
use crate::db::store::{Store, snapshot};
use crate::db::value::{ToValue, Value, args};
use lane::{Entry, Lane, count, lanes, read};
use ostler_model::search::{Class, Doc, Key, Place, Query, Sight};
use std::collections::BTreeMap;

/// The most results on one page.
pub const RESULTS_MOST: usize = 50;
/// The most entries that one search looks at before it answers with what it has: as many as a few milliseconds allow.
const ENTRIES_MOST: usize = 500;
/// The entries read from one lane at first, when there are several words.
const AT_ONCE_FIRST: usize = 100;
/// The most entries read from one lane at once.
const ENTRIES_AT_ONCE: usize = 400;

/// One page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In order.
    pub docs: Vec<Doc>,
    /// Where the next page begins; `None` on the last one. A page may be short and still have a next one.
    pub next: Option<Place>,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub query: &'a Query,
    pub sight: &'a Sight,
    /// Searched too: what is not in the database. The caller may see these.
    pub extra: &'a [Doc],
    /// Only what comes after this place.
    pub after: Option<&'a Place>,
    /// 1 to [`RESULTS_MOST`].
    pub limit: usize,
}

impl Store {
    /// Finds what lies within sight.
    pub async fn search(&self, search: &Search<'_>) -> Result<Found> {
        snapshot!(self, "search", |db| { Walk::new(search).run(db).await })
    }
}

/// A search under way.
struct Walk<'a> {
    search: &'a Search<'a>,
    limit: usize,
    places: Vec<Place>,
    /// Documents that were read on the way.
    docs: BTreeMap<Key, Doc>,
    looked_at: usize,
}

/// How going through a class ended.
enum End {
    /// There are no more in it.
    Through,
    /// The page is full, or enough was looked at: go on after this place.
    At(Place),
}

impl<'a> Walk<'a> {
    fn new(search: &'a Search<'a>) -> Self {
        let limit = search.limit.clamp(1, RESULTS_MOST);
        Self { search, limit, places: Vec::new(), docs: BTreeMap::new(), looked_at: 0 }
    }

    async fn run(mut self, db: &mut Conn) -> Result<Found> {
        let from = self.search.after.map_or(Class::Id, |place| place.class);
        let mut next = None;
        for class in Class::ALL.into_iter().filter(|class| *class >= from) {
            let after = self.search.after.filter(|place| place.class == class);
            let end = match class {
                Class::Id => self.by_id(db, after).await?,
                _ => self.class(db, class, after).await?,
            };
            if let End::At(place) = end {
                next = Some(place);
                break;
            }
        }
        let docs = self.fetch(db).await?;
        Ok(Found { docs, next })
    }

    /// The thing with the id that was typed, and the news of it.
    async fn by_id(&mut self, db: &mut Conn, after: Option<&Place>) -> Result<End> {
        let Some(id) = self.search.query.id() else { return Ok(End::Through) };
        let from = after.map(|place| place.key.0.clone()).unwrap_or_default();
        let sql = "SELECT * FROM search_doc WHERE subject = $1 AND doc > $2 ORDER BY doc LIMIT $3";
        let rows = db.all(sql, args![id, from, ENTRIES_AT_ONCE]).await?;
        let mut last = None;
        for row in &rows {
            let doc = write::from_row(row)?;
            let place = Place { class: Class::Id, by: 0, word: vec![], sort: vec![], key: doc.key.clone() };
            last = Some(place.clone());
            if !self.search.sight.covers(&doc) {
                continue;
            }
            if self.places.len() == self.limit {
                return Ok(End::At(self.places[self.limit - 1].clone()));
            }
            self.docs.insert(doc.key.clone(), doc);
            self.places.push(place);
        }
        let is_cut = rows.len() == ENTRIES_AT_ONCE;
        Ok(last.filter(|_| is_cut).map_or(End::Through, End::At))
    }

    async fn class(&mut self, db: &mut Conn, class: Class, after: Option<&Place>) -> Result<End> {
        let all = lanes(self.search.sight, class);
        let by = match after {
            Some(place) => place.by,
            None if class == Class::Title => 0,
            None => rarest(db, self.search.query, class, &all).await?,
        };
        let Some(span) = self.search.query.span(class, by) else { return Ok(End::Through) };
        let begin = Place { class, by, word: span.start.clone(), sort: vec![], key: Key(vec![]) };
        let mut from = after.cloned().unwrap_or(begin);
        // Of several words most entries of one lack another, so more are read than are wanted.
        let is_one = self.search.query.words() == 1;
        let several = if is_one { 0 } else { AT_ONCE_FIRST.min(ENTRIES_MOST / all.len().max(1)) };
        let mut at_once = several.max(self.limit + 1);
        loop {
            let mut entries = Vec::new();
            // Beyond this nothing is known yet: a lane that was not read to its end may have something there.
            let mut known_to: Option<Place> = None;
            let mut unread: usize = 0;
            for chunk in all.chunks(lane::AT_ONCE) {
                for lane in read(db, self.search.query, chunk, &from, at_once).await? {
                    self.looked_at += lane.len();
                    if lane.len() == at_once {
                        unread += 1;
                        let last = lane.last().map(|entry: &Entry| entry.place.clone());
                        known_to = [known_to, last].into_iter().flatten().min();
                    }
                    entries.extend(lane.into_iter().filter(|entry| entry.is_found).map(|entry| entry.place));
                }
            }
            entries.extend(self.extra(class, by).into_iter().filter(|place| *place > from));
            entries.sort_unstable();
            entries.dedup();
            for place in entries {
                if known_to.as_ref().is_some_and(|known| place > *known) {
                    break;
                }
                if self.places.len() == self.limit {
                    return Ok(End::At(self.places[self.limit - 1].clone()));
                }
                self.places.push(place);
            }
            let Some(known) = known_to else { return Ok(End::Through) };
            if self.looked_at >= ENTRIES_MOST {
                return Ok(End::At(known));
            }
            from = known;
            // The others have no more than they have shown.
            let share = (ENTRIES_MOST - self.looked_at).div_ceil(unread);
            at_once = (at_once * 4).min(ENTRIES_AT_ONCE).min(share);
        }
    }

    /// Where those that are not in the database stand, in this class.
    fn extra(&mut self, class: Class, by: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for doc in self.search.extra {
            let place = self.search.query.place(doc, (by, by));
            if let Some(place) = place.filter(|place| place.class == class) {
                self.docs.insert(doc.key.clone(), doc.clone());
                places.push(place);
            }
        }
        places
    }

    async fn fetch(mut self, db: &mut Conn) -> Result<Vec<Doc>> {
        let missing: Vec<&Key> =
            self.places.iter().map(|place| &place.key).filter(|key| !self.docs.contains_key(key)).collect();
        if !missing.is_empty() {
            let sql = format!("SELECT * FROM search_doc WHERE doc IN ({})", placeholders(1, missing.len()));
            let values: Vec<Value> = missing.iter().map(|key| key.0.to_value()).collect();
            for row in db.all(sql, values).await? {
                let doc = write::from_row(&row)?;
                self.docs.insert(doc.key.clone(), doc);
            }
        }
        Ok(self.places.iter().filter_map(|place| self.docs.remove(&place.key)).collect())
    }
}

/// The word of the query that the fewest have: the class is gone through by it, and the others are looked for in what it gives.
async fn rarest(db: &mut Conn, query: &Query, class: Class, lanes: &[Lane<'_>]) -> Result<usize> {
    if query.words() == 1 {
        return Ok(0);
    }
    let counts = count(db, query, class, lanes).await?;
    Ok(counts.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(by, _)| by))
}
