//! One searchable thing, and its entries in the index.

use super::text::{cut, words};
use crate::authz::Kind;
use crate::event::Event;
use crate::{UserId, WorkspaceId};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// Words of one document; more would only be noise.
const WORDS_MOST: usize = 32;
/// How much of the title orders documents that share a word.
const SORT_BYTES: usize = 24;

/// Marks a title in the index; words begin with letters and digits.
pub(super) const TITLE: u8 = b'=';
/// Marks a word of an event: they come after all things.
pub(super) const NEWS: u8 = b'~';

/// What a document is kept under: the same for the same thing, for ever. Events come newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<u8>);

impl Key {
    /// Of a thing: its kind, where it belongs, and its id.
    pub fn thing(kind: Kind, home: &str, subject: &str) -> Self {
        let digest = Sha256::digest(format!("{kind}/{home}/{subject}").as_bytes());
        Self([&[0], &digest[..15]].concat())
    }
    /// Of an event.
    pub fn event(seq: u64) -> Self {
        Self([&[1], (!seq).to_be_bytes().as_slice()].concat())
    }
    /// The sequence number, when it is an event's.
    pub fn seq(&self) -> Option<u64> {
        let bytes = self.0.strip_prefix(&[1])?;
        Some(!u64::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// What has to be readable for a document to be found: things of a kind, or news about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    Things(Kind),
    /// Teams: whoever may read about members reads about them, so they are of no kind of their own.
    Teams,
    News(Kind),
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shelf::Things(kind) => write!(f, "{kind}"),
            Shelf::Teams => f.write_str(TEAMS),
            Shelf::News(topic) => write!(f, "event.{topic}"),
        }
    }
}

const TEAMS: &str = "team";

/// A text that names no shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such shelf")]
pub struct ShelfError;

impl std::str::FromStr for Shelf {
    type Err = ShelfError;
    fn from_str(text: &str) -> Result<Self, ShelfError> {
        let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(ShelfError);
        match text.strip_prefix("event.") {
            Some(topic) => kind(topic).map(Shelf::News),
            None if text == TEAMS => Ok(Shelf::Teams),
            None => kind(text).map(Shelf::Things),
        }
    }
}

/// A searchable thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    pub key: Key,
    pub shelf: Shelf,
    /// The workspace's or person's id, or [`Doc::PLATFORM`].
    pub home: String,
    pub workspace: Option<WorkspaceId>,
    pub owner: Option<UserId>,
    /// The id that access is decided on.
    pub subject: String,
    pub title: String,
    pub subtitle: String,
    /// Also found by these.
    pub more: String,
}

impl Doc {
    /// The home of what belongs to no workspace.
    pub const PLATFORM: &'static str = "platform";

    /// A thing in a workspace, or on the platform.
    pub fn thing(kind: Kind, workspace: Option<WorkspaceId>, subject: impl fmt::Display, title: &str) -> Self {
        let home = workspace.map_or_else(|| Self::PLATFORM.to_owned(), |id| id.to_string());
        let subject = subject.to_string();
        Self {
            key: Key::thing(kind, &home, &subject),
            shelf: Shelf::Things(kind),
            home,
            workspace,
            owner: None,
            subject,
            title: title.to_owned(),
            subtitle: String::new(),
            more: String::new(),
        }
    }
    /// A team.
    pub fn team(workspace: WorkspaceId, subject: impl fmt::Display, title: &str) -> Self {
        Self { shelf: Shelf::Teams, ..Self::thing(Kind::Member, Some(workspace), subject, title) }
    }
    /// The same thing, found by its owner and nobody else.
    #[must_use]
    pub fn owned_by(mut self, owner: UserId) -> Self {
        self.owner = Some(owner);
        self.home = owner.to_string();
        if let Shelf::Things(kind) = self.shelf {
            self.key = Key::thing(kind, &self.home, &self.subject);
        }
        self
    }
    /// With a second line, which is searched too.
    #[must_use]
    pub fn about(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }
    /// Also found by these words.
    #[must_use]
    pub fn by(mut self, more: impl Into<String>) -> Self {
        self.more = more.into();
        self
    }
    /// An event, with the name that its thing had at the time. `None` for those that are mere progress.
    pub fn event(event: &Event, about: Option<&str>) -> Option<Self> {
        let title = event.fact.title()?;
        let about = about.or_else(|| event.fact.named());
        let doc = Self::thing(Kind::Event, event.workspace, event.fact.subject(), &title);
        Some(Self {
            key: Key::event(event.seq),
            shelf: Shelf::News(event.fact.topic()),
            owner: event.fact.person(),
            subtitle: about
                .map_or_else(|| format!("by {}", event.actor), |name| format!("{name} · by {}", event.actor)),
            ..doc
        })
    }

    /// The entries that it is found by: words in order, and what orders documents that share one.
    pub fn entries(&self) -> (BTreeSet<Vec<u8>>, Vec<u8>) {
        let title = words(&self.title);
        let other = words(&self.subtitle).into_iter().chain(words(&self.more));
        if let Shelf::News(_) = self.shelf {
            let all = title.into_iter().chain(other.filter(|word| word != "by"));
            return (all.take(WORDS_MOST).map(|word| marked(NEWS, &word)).collect(), Vec::new());
        }
        let whole = title.join(" ");
        // The first word of the title is found by the title itself.
        let numbers: Vec<String> = title.iter().filter_map(|word| number(word)).collect();
        let rest = title.into_iter().skip(1).chain(numbers).chain(other);
        let mut all: BTreeSet<Vec<u8>> = rest.take(WORDS_MOST).map(|word| cut(&word)).collect();
        all.insert(marked(TITLE, &whole));
        let mut sort = cut(&whole);
        sort.truncate(SORT_BYTES);
        (all, sort)
    }
}

/// The number that a word ends with: `server42` is found by `42`.
fn number(word: &str) -> Option<String> {
    let digits = word.trim_start_matches(|c: char| !c.is_ascii_digit());
    let is_number = digits.len() < word.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.to_owned())
}

pub(super) fn marked(mark: u8, text: &str) -> Vec<u8> {
    let mut out = vec![mark];
    out.extend(cut(text));
    out
}

/// The first text after all that begin with this one.
pub fn prefix_end(begin: &[u8]) -> Vec<u8> {
    let mut end = begin.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}
