//! What somebody typed, and where a document stands in the order of answers.

use super::doc::{Doc, Key, NEWS, Shelf, TITLE, marked, prefix_end};
use super::text::{cut, words};
use std::ops::Range;

/// Characters of a query.
const CHARS_MOST: usize = 200;
/// Words of a query.
const WORDS_MOST: usize = 8;

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("type at least one letter or digit")]
    Empty,
    #[error("use at most {CHARS_MOST} characters")]
    TooLong,
    #[error("use at most {WORDS_MOST} words")]
    TooMany,
}

/// A query that can be answered: every word may be the beginning of a longer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    id: Option<String>,
    whole: String,
    words: Vec<String>,
}

/// The order of answers; within each, by word, then by title, and news by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The query is its id.
    Id,
    /// Its title is the query, or begins with it.
    Title,
    /// Its title begins with one of the words, and it has the others.
    First,
    /// It has all the words.
    Word,
    /// An event that has all the words.
    News,
}

impl Class {
    /// In order.
    pub const ALL: [Class; 5] = [Class::Id, Class::Title, Class::First, Class::Word, Class::News];
}

/// Where a document stands among the answers. The order is total, so it serves as a cursor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub class: Class,
    /// The word of the query by which the class was gone through: the rarest one.
    pub by: usize,
    pub word: Vec<u8>,
    pub sort: Vec<u8>,
    pub key: Key,
}

/// A range of entries.
pub(super) type Span = Range<Vec<u8>>;

fn span(begin: Vec<u8>) -> Span {
    let end = prefix_end(&begin);
    begin..end
}

impl Query {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let text = text.trim();
        if text.chars().count() > CHARS_MOST {
            return Err(QueryError::TooLong);
        }
        let typed = words(text);
        if typed.is_empty() {
            return Err(QueryError::Empty);
        }
        let whole = typed.join(" ");
        let mut words: Vec<String> = Vec::new();
        for word in typed {
            // What is the beginning of another word is found with it.
            if words.iter().any(|other| other.starts_with(&word)) {
                continue;
            }
            words.retain(|other| !word.starts_with(other.as_str()));
            words.push(word);
        }
        if words.len() > WORDS_MOST {
            return Err(QueryError::TooMany);
        }
        Ok(Self { id: looks_like_id(text).then(|| text.to_owned()), whole, words })
    }
    /// The id that was typed, if it looks like one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
    /// How many words have to be found.
    pub fn words(&self) -> usize {
        self.words.len()
    }
    /// Titles that begin with the whole query.
    pub fn whole(&self) -> Span {
        span(marked(TITLE, &self.whole))
    }
    /// Titles whose first word this one begins.
    pub fn first(&self, word: usize) -> Span {
        span(marked(TITLE, &self.words[word]))
    }
    /// Other words of things that this one begins.
    pub fn word(&self, word: usize) -> Span {
        span(cut(&self.words[word]))
    }
    /// Words of events that this one begins.
    pub fn news(&self, word: usize) -> Span {
        span(marked(NEWS, &self.words[word]))
    }
    /// The range that a class goes through by one of the words. Nothing for ids, which are not among the entries.
    pub fn span(&self, class: Class, by: usize) -> Option<Span> {
        match class {
            Class::Id => None,
            Class::Title => Some(self.whole()),
            // When one word is all of the query, `Title` has these.
            Class::First => Some(self.first(by)).filter(|span| *span != self.whole()),
            Class::Word => Some(self.word(by)),
            Class::News => Some(self.news(by)),
        }
    }

    /// Where a document stands, if it is found at all, with each class gone through by these words (`First` and `Word`; `News`).
    pub fn place(&self, doc: &Doc, by: (usize, usize)) -> Option<Place> {
        let (entries, sort) = doc.entries();
        let within = |span: &Span| entries.range(span.clone()).next().cloned();
        let at = |class, by, word| Some(Place { class, by, word, sort: sort.clone(), key: doc.key.clone() });
        if self.id.as_deref() == Some(doc.subject.as_str()) {
            return Some(Place { class: Class::Id, by: 0, word: Vec::new(), sort: Vec::new(), key: doc.key.clone() });
        }
        if let Shelf::News(_) = doc.shelf {
            let is_found = (0..self.words.len()).all(|n| within(&self.news(n)).is_some());
            return is_found.then(|| within(&self.news(by.1))).flatten().and_then(|word| at(Class::News, by.1, word));
        }
        if let Some(word) = within(&self.whole()) {
            return at(Class::Title, 0, word);
        }
        if !(0..self.words.len()).all(|n| within(&self.first(n)).or_else(|| within(&self.word(n))).is_some()) {
            return None;
        }
        if let Some(word) = within(&self.first(by.0)) {
            return at(Class::First, by.0, word);
        }
        within(&self.word(by.0)).and_then(|word| at(Class::Word, by.0, word))
    }
}

/// As in `wl_01j9zq3c8vdt4x0f5k2m7n6p1r`.
fn looks_like_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(prefix, rest)| {
        (2..=3).contains(&prefix.len())
            && rest.len() == 26
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Kind;

    fn class(query: &str, title: &str, more: &str) -> Option<Class> {
        let doc = Doc::thing(Kind::Node, None, "nd_01j9zq3c8vdt4x0f5k2m7n6p1r", title).about(more);
        Query::parse(query).unwrap().place(&doc, (0, 0)).map(|place| place.class)
    }

    #[test]
    fn titles_come_before_words() {
        for (query, title, more, found) in [
            ("quake", "Quake", "", Some(Class::Title)),
            ("qua", "Quake Arena", "", Some(Class::Title)),
            ("quake ar", "Quake-Arena", "", Some(Class::Title)),
            ("quake luanti", "Quake Arena", "luanti", Some(Class::First)),
            ("arena quake", "Quake Arena", "", Some(Class::Word)),
            ("arena", "Quake Arena", "", Some(Class::Word)),
            ("42", "server42", "", Some(Class::Word)),
            ("rena", "Quake Arena", "", None),
            ("quake other", "Quake Arena", "", None),
            ("nd_01j9zq3c8vdt4x0f5k2m7n6p1r", "Quake", "", Some(Class::Id)),
            ("nd_01j9zq3c8vdt4x0f5k2m7n6p1s", "Quake", "", None),
            ("räu straße", "Die Raeume", "STRASSE Räume", Some(Class::Word)),
        ] {
            assert_eq!(class(query, title, more), found, "{query} in {title}, {more}");
        }
    }

    #[test]
    fn what_cannot_be_searched_for_is_said() {
        assert_eq!(Query::parse(" … "), Err(QueryError::Empty));
        assert_eq!(Query::parse(&"a".repeat(201)), Err(QueryError::TooLong));
        assert_eq!(Query::parse("a b c d e f g h i"), Err(QueryError::TooMany));
        assert_eq!(Query::parse("se server SERVER serv").unwrap().words(), 1);
    }
}
