//! Ids: prefixed, sortable by time, parsed once at the edge.

use std::fmt;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id of this kind looks like {prefix}_01j9zq3c8vdt4x0f5k2m7n6p1r")]
pub struct IdError {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

/// What every id type offers; lets generic code make and print ids.
pub trait Id:
    Copy + Eq + Ord + std::hash::Hash + fmt::Display + std::str::FromStr<Err = IdError> + Send + Sync + 'static
{
    /// The part before the underscore.
    const PREFIX: &'static str;
    /// Builds an id from a time and 80 random bits.
    fn from_parts(at: crate::Time, random: u128) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_parts(at: crate::Time, random: u128) -> Self {
                let ms = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(ulid::Ulid::from_parts(ms, random).0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buf = [0; ulid::ULID_LEN];
                let text = ulid::Ulid(self.0).array_to_str(&mut buf);
                f.write_str(concat!($prefix, "_"))?;
                for c in text.chars() {
                    fmt::Write::write_char(f, c.to_ascii_lowercase())?;
                }
                Ok(())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError { prefix: $prefix };
                let rest = text.strip_prefix(concat!($prefix, "_")).ok_or(wrong.clone())?;
                // One spelling per id: upper case and look-alike letters are not accepted.
                let plain = rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
                let id = ulid::Ulid::from_string(rest).map_err(|_| wrong.clone())?;
                if !plain || Self(id.0).to_string() != text { return Err(wrong); }
                Ok(Self(id.0))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
                    "examples": [concat!($prefix, "_01j9zq3c8vdt4x0f5k2m7n6p1r")],
                })
            }
        }
    )*};
}

ids! {
    /// A workspace, the tenant.
    WorkspaceId = "ws";
    /// A person.
    UserId = "us";
    /// An API key.
    KeyId = "key";
    /// A browser session of a person.
    SessionId = "ses";
    /// An invitation of a person.
    InviteId = "inv";
    /// A mail that waits to be sent.
    MailId = "ml";
    /// A machine that runs the agent.
    NodeId = "nd";
    /// A single-use right to add a node.
    JoinTokenId = "jt";
    /// Something long-lived on a node.
    WorkloadId = "wl";
    /// A long operation of the control plane.
    JobId = "job";
    /// One audit entry.
    AuditId = "au";
    /// One request, in logs, audit and error envelopes.
    RequestId = "req";
    /// One run of the server process.
    BootId = "boot";
    /// One control plane, for good: nodes obey only the installation that they joined.
    InstallationId = "ins";
    /// A stored secret value.
    SecretId = "sec";
    /// A second factor of a person.
    FactorId = "fac";
    /// A program that makes matches.
    BotId = "bot";
    /// A party that people may sign in with.
    ProviderId = "idp";
    /// A role that a workspace made for itself.
    RoleId = "rl";
    /// A team of a workspace.
    TeamId = "tm";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_reads_back_as_itself(ms in 0_i64..253_402_300_799_000, random: u128) {
            let id = WorkloadId::from_parts(Time::from_millis(ms), random);
            prop_assert_eq!(id.to_string().parse::<WorkloadId>().unwrap(), id);
        }

        #[test]
        fn text_order_is_time_order(a in 0_i64..253_402_300_799_000, b in 0_i64..253_402_300_799_000, random: u128) {
            prop_assume!(a < b);
            let [a, b] = [a, b].map(|ms| NodeId::from_parts(Time::from_millis(ms), random).to_string());
            prop_assert!(a < b);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,64}") {
            if let Ok(id) = text.parse::<UserId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn one_spelling_per_id() {
        let id = WorkloadId::from_parts(Time::from_millis(1_700_000_000_000), 7).to_string();
        for wrong in [
            id.to_uppercase(),
            id.replace("wl_", "nd_"),
            id.replace("wl_", ""),
            format!("{id}0"),
            id.replacen('0', "o", 1),
        ] {
            assert!(wrong.parse::<WorkloadId>().is_err(), "{wrong} must not be read");
        }
    }
}
