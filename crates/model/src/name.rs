//! Names that people choose, checked once at the edge.

use std::fmt;

/// A DNS-safe name: 1–63 of a–z, 0–9 and inner dashes. Used in addresses, accounts and paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A label for people: 1–80 printable characters that look like what they are, no leading or trailing space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("use 1 to 63 characters of a–z, 0–9 and dashes, with no dash at either end")]
    Name,
    #[error("use 1 to 80 printable characters, with no space at either end")]
    Label,
    #[error("leave out characters that are invisible or change the direction of the text")]
    Hidden,
}

impl Name {
    fn check(text: &str) -> Result<(), NameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ok =
            (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
        if ok { Ok(()) } else { Err(NameError::Name) }
    }
    /// The nearest valid name to any text: lower case, runs of other characters become one dash. `fallback` when nothing is left.
    pub fn slug(text: &str, fallback: &'static str) -> Self {
        let mut out = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                out.push(c);
            } else if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
            if out.len() == 63 {
                break;
            }
        }
        let out = out.trim_end_matches('-');
        Self(if out.is_empty() { fallback } else { out }.to_owned())
    }
    /// The nth of several that would like this name: `stables`, `stables-2`, `stables-3`.
    #[must_use]
    pub fn numbered(&self, nth: u32) -> Self {
        if nth < 2 {
            return self.clone();
        }
        let end = format!("-{nth}");
        let keep = self.0.len().min(63 - end.len());
        Self(format!("{}{end}", self.0[..keep].trim_end_matches('-')))
    }
}

impl Label {
    /// A label that was kept by an earlier release, which accepted more: what does not show is left out.
    pub fn kept(text: &str) -> Self {
        if Self::check(text).is_ok() {
            return Self(text.to_owned());
        }
        let shown = |c: &char| !c.is_control() && !crate::text::is_invisible(*c) && !crate::text::is_direction(*c);
        let text: String = text.chars().filter(shown).take(80).collect();
        Self(if text.trim().is_empty() { "?" } else { text.trim() }.to_owned())
    }
    fn check(text: &str) -> Result<(), NameError> {
        let count = text.chars().count();
        let ok = (1..=80).contains(&count) && text.trim() == text && !text.chars().any(char::is_control);
        match ok {
            true if crate::text::is_shown(text) => Ok(()),
            true => Err(NameError::Hidden),
            false => Err(NameError::Label),
        }
    }
}

macro_rules! text_type {
    ($name:ident, $schema:expr) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::check(text).map(|()| Self(text.to_owned()))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::check(&text).map_err(serde::de::Error::custom)?;
                Ok(Self(text))
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}

text_type!(
    Name,
    schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "examples": ["my-server"]})
);
text_type!(
    Label,
    schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[^\\s\\x00-\\x1f\\x7f-\\x9f]([^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f])?$", "examples": ["My server"]})
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_slug_is_always_a_name(text in "\\PC{0,200}") {
            let slug = Name::slug(&text, "thing");
            prop_assert!(slug.as_str().parse::<Name>().is_ok(), "{slug}");
            prop_assert!(slug.numbered(1000).as_str().parse::<Name>().is_ok());
            prop_assert_ne!(slug.numbered(2), slug.numbered(3));
        }
    }

    #[test]
    fn a_longest_name_that_ends_like_a_second_one_is_its_own_second_and_not_its_third() {
        let name: Name = format!("{}-2", "x".repeat(61)).parse().unwrap();
        assert_eq!(name.numbered(2), name);
        assert_ne!(name.numbered(3), name);
    }

    #[test]
    fn f27_a_label_hides_nothing_and_emoji_are_whole() {
        for hidden in [
            "\u{200B}",
            "a\u{200B}b",
            "\u{FEFF}a",
            "a\u{202E}b",
            "a\u{2066}b",
            "a\u{200D}b",
            "\u{200D}",
            "👩\u{200D}",
            "ا\u{061C}b",
        ] {
            assert_eq!(hidden.parse::<Label>(), Err(NameError::Hidden), "{hidden:?}");
        }
        for shown in
            ["👩\u{200D}🚀 Ada", "🏳\u{FE0F}\u{200D}🌈", "👩🏽\u{200D}💻", "ශ්\u{200D}රී", "Ünïcødé", "مرحبا", "日本語"]
        {
            assert!(shown.parse::<Label>().is_ok(), "{shown:?}");
        }
    }

    #[test]
    fn f27_what_an_earlier_release_has_kept_is_still_read() {
        for (kept, read) in
            [("Ada", "Ada"), ("\u{200B}", "?"), ("A\u{202E}da \u{FEFF}", "Ada"), ("👩\u{200D}🚀", "👩\u{200D}🚀")]
        {
            assert_eq!(Label::kept(kept).as_str(), read);
            assert_eq!(read.parse::<Label>(), Ok(Label::kept(kept)));
        }
    }

    #[test]
    fn names_and_labels_are_checked() {
        for ok in ["a", "my-server", "0", &"x".repeat(63)] {
            assert!(ok.parse::<Name>().is_ok(), "{ok}");
        }
        for wrong in ["", "-a", "a-", "A", "a b", "a_b", "ä", &"x".repeat(64)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
        for wrong in ["", " a", "a ", "a\nb", &"x".repeat(81)] {
            assert!(wrong.parse::<Label>().is_err(), "{wrong:?}");
        }
        assert_eq!(Name::slug("Ada's  Räume!", "thing").as_str(), "ada-s-r-ume");
    }
}
