//! Lanes: the parts of the index that one search reads side by side, each in order.

use crate::db::conn::{Conn, placeholders};
use crate::db::error::Result;
use crate::db::value::{ToValue, Value};
use ostler_model::search::{Class, Doc, Key, Place, Query, Shelf, Sight};
use std::ops::Range;

/// Lanes that one statement reads.
pub(super) const AT_ONCE: usize = 48;
/// Counting to see which word is rarer stops here, in each lane.
const COUNT_MOST: u32 = 100;
/// Of the news of single things, so many of the newest are looked at.
const NEWS_MOST: u32 = 2000;

/// One part of the index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane<'a> {
    /// All that is in a home.
    Home(&'a str),
    /// One shelf of it.
    Shelf(&'a str, Shelf),
    /// One shelf, wherever it is.
    Anywhere(Shelf),
    /// The things with these ids, or the news of them, as far as they are in sight.
    Only { ids: &'a [String], sight: &'a Sight, is_news: bool },
}

/// An entry that was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// It has all the words and comes in no better class and at no earlier place.
    pub(super) is_found: bool,
}

/// The lanes in which a class has entries.
pub(super) fn lanes(sight: &Sight, class: Class) -> Vec<Lane<'_>> {
    let is_news = class == Class::News;
    let is_here = |shelf: &&Shelf| matches!(shelf, Shelf::News(_)) == is_news;
    if let Some(ids) = &sight.only {
        let is_any = sight.anywhere.iter().chain(sight.homes.iter().flat_map(|(_, all)| all)).any(|s| is_here(&s));
        return if is_any && !ids.is_empty() { vec![Lane::Only { ids, sight, is_news }] } else { Vec::new() };
    }
    let mut all: Vec<Lane<'_>> = sight.anywhere.iter().filter(is_here).map(|shelf| Lane::Anywhere(*shelf)).collect();
    for (home, shelves) in &sight.homes {
        if home != Doc::PLATFORM && Sight::is_whole(shelves, is_news) {
            all.push(Lane::Home(home));
        } else {
            all.extend(shelves.iter().filter(is_here).map(|shelf| Lane::Shelf(home, *shelf)));
        }
    }
    all
}

/// Text and values of a statement that is put together.
#[derive(Default)]
struct Text {
    values: Vec<Value>,
}

impl Text {
    /// The placeholder of a value.
    fn put(&mut self, value: &impl ToValue) -> String {
        self.values.push(value.to_value());
        format!("${}", self.values.len())
    }
    fn list(&mut self, values: &[String]) -> String {
        let list = placeholders(self.values.len() + 1, values.len());
        self.values.extend(values.iter().map(ToValue::to_value));
        list
    }
    /// What the lane reads from, up to and with the first condition.
    fn lane(&mut self, lane: &Lane<'_>) -> String {
        match lane {
            Lane::Home(home) => format!("search_word w WHERE w.home = {}", self.put(home)),
            Lane::Shelf(home, shelf) => {
                format!(
                    "search_word w WHERE w.home = {} AND w.shelf = {}",
                    self.put(home),
                    self.put(&shelf.to_string())
                )
            }
            Lane::Anywhere(shelf) => format!("search_word w WHERE w.shelf = {}", self.put(&shelf.to_string())),
            Lane::Only { ids, sight, is_news } => {
                // Where events are kept begins; things come before.
                let news = self.put(&vec![1_u8]);
                let side = if *is_news { ">=" } else { "<" };
                let ids = self.list(ids);
                let seen = self.sight(sight, *is_news);
                // A cross join, so that it begins with the few ids.
                format!(
                    "(SELECT d.doc FROM search_doc d WHERE d.subject IN ({ids}) AND d.doc {side} {news} AND {seen}
                      ORDER BY d.doc LIMIT {NEWS_MOST}) AS o CROSS JOIN search_word w WHERE w.doc = o.doc"
                )
            }
        }
    }
    fn sight(&mut self, sight: &Sight, is_news: bool) -> String {
        let here = |shelves: &[Shelf]| -> Vec<String> {
            let here = shelves.iter().filter(|shelf| matches!(shelf, Shelf::News(_)) == is_news);
            here.map(ToString::to_string).collect()
        };
        let mut any = vec![format!("d.shelf IN ({})", self.list(&here(&sight.anywhere)))];
        for (home, shelves) in &sight.homes {
            let home = self.put(home);
            any.push(format!("(d.home = {home} AND d.shelf IN ({}))", self.list(&here(shelves))));
        }
        format!("({})", any.join(" OR "))
    }
    fn within(&mut self, table: &str, span: &Range<Vec<u8>>) -> String {
        format!("{table}.word >= {} AND {table}.word < {}", self.put(&span.start), self.put(&span.end))
    }
    fn has(&mut self, span: &Range<Vec<u8>>) -> String {
        format!("EXISTS (SELECT 1 FROM search_word x WHERE x.doc = w.doc AND {})", self.within("x", span))
    }
    /// Whether an entry of this class is a result here and nowhere before.
    fn is_found(&mut self, query: &Query, class: Class, by: usize) -> String {
        let mut all = Vec::new();
        let others = (0..query.words()).filter(|n| *n != by);
        match class {
            Class::Id | Class::Title => {}
            Class::First | Class::Word => {
                all.push(format!("NOT {}", self.has(&query.whole())));
                if class == Class::Word {
                    all.push(format!("NOT {}", self.has(&query.first(by))));
                }
                for n in others {
                    all.push(format!("({} OR {})", self.has(&query.first(n)), self.has(&query.word(n))));
                }
            }
            Class::News => all.extend(others.map(|n| self.has(&query.news(n)))),
        }
        if matches!(class, Class::Word | Class::News) {
            let span = if class == Class::Word { query.word(by) } else { query.news(by) };
            let begin = self.put(&span.start);
            // Several words of it may begin so: it stands at the first.
            all.push(format!(
                "NOT EXISTS (SELECT 1 FROM search_word x WHERE x.doc = w.doc AND x.word >= {begin} AND x.word < w.word)"
            ));
        }
        if all.is_empty() { "1 = 1".to_owned() } else { all.join(" AND ") }
    }
}

/// The next entries of each lane after a place, in order.
pub(super) async fn read(
    db: &mut Conn,
    query: &Query,
    lanes: &[Lane<'_>],
    from: &Place,
    limit: usize,
) -> Result<Vec<Vec<Entry>>> {
    let Some(span) = query.span(from.class, from.by).filter(|_| !lanes.is_empty()) else { return Ok(Vec::new()) };
    let mut text = Text::default();
    let mut parts = Vec::new();
    for (n, lane) in lanes.iter().enumerate() {
        let is_found = text.is_found(query, from.class, from.by);
        let lane = text.lane(lane);
        let within = text.within("w", &(from.word.clone()..span.end.clone()));
        let (word, sort, key) = (text.put(&from.word), text.put(&from.sort), text.put(&from.key.0));
        let limit = text.put(&limit);
        parts.push(format!(
            "SELECT * FROM (SELECT CAST({n} AS BIGINT) AS lane, w.word, w.sort, w.doc,
                 CAST(CASE WHEN {is_found} THEN 1 ELSE 0 END AS BIGINT) AS is_found
             FROM {lane} AND {within} AND (w.word, w.sort, w.doc) > ({word}, {sort}, {key})
             ORDER BY w.word, w.sort, w.doc LIMIT {limit}) AS lane_{n}"
        ));
    }
    let mut all: Vec<Vec<Entry>> = lanes.iter().map(|_| Vec::new()).collect();
    for row in db.all(parts.join(" UNION ALL "), text.values).await? {
        let place = Place {
            word: row.get("word")?,
            sort: row.get("sort")?,
            key: Key(row.get("doc")?),
            class: from.class,
            by: from.by,
        };
        all[row.get::<u64>("lane")? as usize].push(Entry { place, is_found: row.get::<i64>("is_found")? == 1 });
    }
    // Each lane was read in order, but nobody promises that for the whole.
    all.iter_mut().for_each(|lane| lane.sort_unstable_by(|a, b| a.place.cmp(&b.place)));
    Ok(all)
}

/// How many entries each word has in these lanes, or a little more than can be told apart.
pub(super) async fn count(db: &mut Conn, query: &Query, class: Class, lanes: &[Lane<'_>]) -> Result<Vec<u64>> {
    let mut counts = vec![0; query.words()];
    // In few statements, because each has a way to go, and with few parts in each, because there may not be more.
    for lanes in lanes.chunks((AT_ONCE * 2).div_ceil(query.words())) {
        let mut text = Text::default();
        let mut parts = Vec::new();
        for by in 0..query.words() {
            let spans = if class == Class::News { vec![query.news(by)] } else { vec![query.first(by), query.word(by)] };
            for (n, lane) in lanes.iter().enumerate() {
                for (m, span) in spans.iter().enumerate() {
                    let lane = text.lane(lane);
                    let within = text.within("w", span);
                    parts.push(format!(
                        "SELECT CAST({by} AS BIGINT) AS nth, COUNT(*) AS n
                         FROM (SELECT 1 AS one FROM {lane} AND {within} LIMIT {COUNT_MOST}) AS c_{by}_{n}_{m}"
                    ));
                }
            }
        }
        for row in db.all(parts.join(" UNION ALL "), text.values).await? {
            counts[row.get::<u64>("nth")? as usize] += row.get::<u64>("n")?;
        }
    }
    Ok(counts)
}
