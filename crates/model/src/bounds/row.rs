//! One row of the table.

/// One bound.
pub struct Bound {
    pub name: &'static str,
    /// A sentence: what grows, and why this is enough.
    pub what: &'static str,
    pub value: u64,
    pub unit: Unit,
    pub who: Who,
    /// What happens to who goes further.
    pub beyond: &'static str,
    /// The test that pushes past it.
    pub test: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    BytesPerSecond,
    PerSecond,
    PerMinute,
    PerHour,
    Millis,
}

/// Who can make it grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Anonymous,
    Member,
    Workload,
    Node,
    Player,
    Provider,
}

impl Who {
    /// As people say it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Who::Anonymous => "anyone on the network",
            Who::Member => "people and keys",
            Who::Workload => "workloads",
            Who::Node => "nodes",
            Who::Player => "players",
            Who::Provider => "identity providers",
        }
    }
}

impl Unit {
    /// With its unit, as people read it.
    #[must_use]
    pub fn show(self, value: u64) -> String {
        let bytes = |value: u64| match value {
            v if v >= 1 << 30 && v.is_multiple_of(1 << 30) => format!("{} GiB", v >> 30),
            v if v >= 1 << 20 && v.is_multiple_of(1 << 20) => format!("{} MiB", v >> 20),
            v if v >= 1 << 10 && v.is_multiple_of(1 << 10) => format!("{} KiB", v >> 10),
            v => format!("{v} bytes"),
        };
        match self {
            Unit::Count => value.to_string(),
            Unit::Bytes => bytes(value),
            Unit::BytesPerSecond => format!("{} a second", bytes(value)),
            Unit::PerSecond => format!("{value} a second"),
            Unit::PerMinute => format!("{value} a minute"),
            Unit::PerHour => format!("{value} an hour"),
            Unit::Millis if value.is_multiple_of(1000) => format!("{} s", value / 1000),
            Unit::Millis => format!("{value} ms"),
        }
    }
}

/// Declares constants of `u64` and their rows: documentation, name = value, unit, who, what happens beyond, test.
macro_rules! bounds {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:expr, $unit:ident, $who:ident, $beyond:literal, $test:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: u64 = $value;)*
        pub(crate) const ROWS: &[$crate::bounds::Bound] = &[$($crate::bounds::Bound {
            name: stringify!($name),
            what: concat!($($doc),+),
            value: $name,
            unit: $crate::bounds::Unit::$unit,
            who: $crate::bounds::Who::$who,
            beyond: $beyond,
            test: $test,
        }),*];
    };
}
pub(crate) use bounds;
