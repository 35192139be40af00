//! Time zones by their IANA names, from the table that is compiled in: every machine knows the same ones.

use std::fmt;

/// The name of a time zone, such as `Europe/Berlin`, in the one spelling of the table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Timezone(String);

/// A text that names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use an IANA name such as Europe/Berlin or UTC")]
pub struct TimezoneError;

impl Timezone {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Timezone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Timezone {
    type Err = TimezoneError;
    fn from_str(text: &str) -> Result<Self, TimezoneError> {
        // The bundled table and not the machine's: what one server accepts, all do.
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(text).map_err(|_| TimezoneError)?;
        let name = if zone == jiff::tz::TimeZone::UTC { Some("UTC") } else { zone.iana_name() };
        name.map(|name| Self(name.to_owned())).ok_or(TimezoneError)
    }
}

impl serde::Serialize for Timezone {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Timezone {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Timezone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timezone".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "An IANA name", "maxLength": 64, "examples": ["Europe/Berlin", "UTC"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_one_spelling_and_what_is_none_is_refused() {
        assert_eq!("europe/berlin".parse::<Timezone>().unwrap().as_str(), "Europe/Berlin");
        assert_eq!("utc".parse::<Timezone>().unwrap(), Timezone::default());
        for wrong in ["", "Berlin", "Europe/Atlantis", "+02:00", "../etc/passwd", "Europe/Berlin "] {
            assert_eq!(wrong.parse::<Timezone>(), Err(TimezoneError), "{wrong}");
        }
    }
}
