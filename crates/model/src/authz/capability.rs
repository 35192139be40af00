//! Capabilities: one verb on one kind of resource, written `kind:verb`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of resource that access is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Platform,
    Workspace,
    Member,
    User,
    Session,
    Key,
    Node,
    Template,
    Workload,
    Match,
    Bot,
    Job,
    Event,
    Audit,
}

impl Kind {
    /// Every kind, in the order in which tables show them.
    pub const ALL: [Kind; 14] = [
        Kind::Platform,
        Kind::Workspace,
        Kind::Member,
        Kind::User,
        Kind::Session,
        Kind::Key,
        Kind::Node,
        Kind::Template,
        Kind::Workload,
        Kind::Match,
        Kind::Bot,
        Kind::Job,
        Kind::Event,
        Kind::Audit,
    ];
    /// True for what belongs to workspaces: only these are a workspace's to give. The platform, people and their sign-ins are not.
    pub const fn is_in_workspace(self) -> bool {
        match self {
            Kind::Platform | Kind::User | Kind::Session => false,
            Kind::Workspace
            | Kind::Member
            | Kind::Key
            | Kind::Node
            | Kind::Template
            | Kind::Workload
            | Kind::Match
            | Kind::Bot
            | Kind::Job
            | Kind::Event
            | Kind::Audit => true,
        }
    }
    /// The noun, as routes, commands and tables spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Platform => "platform",
            Kind::Workspace => "workspace",
            Kind::Member => "member",
            Kind::User => "user",
            Kind::Session => "session",
            Kind::Key => "key",
            Kind::Node => "node",
            Kind::Template => "template",
            Kind::Workload => "workload",
            Kind::Match => "match",
            Kind::Bot => "bot",
            Kind::Job => "job",
            Kind::Event => "event",
            Kind::Audit => "audit",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may be done. Every other verb on a resource implies being able to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerbKind {
    /// See it.
    Read,
    /// Use it: start, stop, console, cancel.
    Operate,
    /// Create, change or delete it.
    Write,
    /// Say what was observed. Nodes about themselves and the platform's own loops; never a person.
    Report,
}

impl VerbKind {
    /// Every verb.
    pub const ALL: [VerbKind; 4] = [VerbKind::Read, VerbKind::Operate, VerbKind::Write, VerbKind::Report];
    /// As in `workload:operate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            VerbKind::Read => "read",
            VerbKind::Operate => "operate",
            VerbKind::Write => "write",
            VerbKind::Report => "report",
        }
    }
}

/// A verb as a type, so that a function can demand a grant of exactly this strength.
pub trait Verb: Send + Sync + 'static {
    /// The verb as a value.
    const VERB: VerbKind;
}
/// See it.
#[derive(Debug, Clone, Copy)]
pub struct Read;
/// Use it.
#[derive(Debug, Clone, Copy)]
pub struct Operate;
/// Create, change or delete it.
#[derive(Debug, Clone, Copy)]
pub struct Write;
/// Say what was observed.
#[derive(Debug, Clone, Copy)]
pub struct Report;
impl Verb for Read {
    const VERB: VerbKind = VerbKind::Read;
}
impl Verb for Operate {
    const VERB: VerbKind = VerbKind::Operate;
}
impl Verb for Write {
    const VERB: VerbKind = VerbKind::Write;
}
impl Verb for Report {
    const VERB: VerbKind = VerbKind::Report;
}

/// One verb on one kind, for example `workload:operate`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability {
    pub kind: Kind,
    pub verb: VerbKind,
}

impl Capability {
    /// Pairs a kind with a verb.
    pub const fn new(kind: Kind, verb: VerbKind) -> Self {
        Self { kind, verb }
    }
    const fn bit(self) -> u64 {
        1 << (self.kind as u64 * 4 + self.verb as u64)
    }
    /// Every capability that people and keys can hold, in table order. `report` is not among them.
    pub fn grantable() -> impl Iterator<Item = Capability> {
        Kind::ALL.into_iter().flat_map(|kind| {
            [VerbKind::Read, VerbKind::Operate, VerbKind::Write].into_iter().map(move |verb| Capability { kind, verb })
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.verb.as_str())
    }
}
impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a capability is written kind:verb, for example workload:read")]
pub struct CapabilityError;

impl std::str::FromStr for Capability {
    type Err = CapabilityError;
    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        Capability::grantable().find(|c| c.to_string() == text).ok_or(CapabilityError)
    }
}
impl Serialize for Capability {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
impl schemars::JsonSchema for Capability {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Capability".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let all: Vec<String> = Capability::grantable().map(|c| c.to_string()).collect();
        schemars::json_schema!({"type": "string", "enum": all})
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// Nothing.
    pub const NONE: CapabilitySet = CapabilitySet(0);
    /// All that people and keys can hold.
    pub fn everything() -> Self {
        Capability::grantable().collect()
    }
    /// True when the capability, or one that implies it, is in the set. Any verb but `report` implies `read`.
    pub fn allows(self, c: Capability) -> bool {
        if self.0 & c.bit() != 0 {
            return true;
        }
        c.verb == VerbKind::Read
            && [VerbKind::Operate, VerbKind::Write].into_iter().any(|verb| self.0 & Capability { verb, ..c }.bit() != 0)
    }
    /// The set with one more.
    #[must_use]
    pub fn with(self, c: Capability) -> Self {
        Self(self.0 | c.bit())
    }
    /// What both allow. Implied reads are kept.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Capability::grantable().filter(|c| self.allows(*c) && other.allows(*c)).collect()
    }
    /// What either holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// True when everything in `self` is allowed by `other`.
    pub fn within(self, other: Self) -> bool {
        self.iter().all(|c| other.allows(c))
    }
    /// Those held, in table order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::grantable()
            .chain(Kind::ALL.into_iter().map(|kind| Capability { kind, verb: VerbKind::Report }))
            .filter(move |c| self.0 & c.bit() != 0)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(iter: I) -> Self {
        iter.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_a_bit_and_a_spelling_of_its_own() {
        let all: Vec<Capability> = Capability::grantable().collect();
        for (i, c) in all.iter().enumerate() {
            let alone = CapabilitySet::NONE.with(*c);
            assert_eq!(alone.iter().collect::<Vec<_>>(), vec![*c]);
            assert_eq!(c.to_string().parse::<Capability>().unwrap(), *c);
            assert!(all.iter().skip(i + 1).all(|other| other.to_string() != c.to_string()));
        }
        assert!("workload:report".parse::<Capability>().is_err(), "nobody can be given the right to report");
    }

    #[test]
    fn reading_is_implied_and_survives_an_intersection() {
        let write = CapabilitySet::NONE.with(Capability::new(Kind::Workload, VerbKind::Write));
        let read = Capability::new(Kind::Workload, VerbKind::Read);
        assert!(write.allows(read));
        assert!(write.and(CapabilitySet::NONE.with(read)).allows(read));
        assert!(!write.allows(Capability::new(Kind::Workload, VerbKind::Operate)));
        assert!(!CapabilitySet::everything().allows(Capability::new(Kind::Workload, VerbKind::Report)));
    }
}
