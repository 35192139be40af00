//! Text that others wrote: which characters do not show what they do, and how foreign text is shown.

use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// Characters shown of a foreign text; more is cut, with the number that is missing.
const SHOWN: usize = 500;

/// Direction marks, embeddings, overrides and isolates: they show a text in another order than it has.
#[must_use]
pub const fn is_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take no room, so that two different texts look the same. The joiner of emoji, U+200D, is one of
/// them: where text is for people, callers allow it between visible characters.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200D}'
            | '\u{2028}'..='\u{2029}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// True when a text for people looks like what it is: nothing in it is invisible or changes the direction of what follows.
///
/// Joiners are shown where their scripts need them: U+200D within an emoji, and both joiners after a virama, as RFC 5892 has it.
#[must_use]
pub fn is_shown(text: &str) -> bool {
    let all: Vec<char> = text.chars().collect();
    all.iter().enumerate().all(|(at, &c)| {
        let before = at.checked_sub(1).map(|at| all[at]);
        match c {
            '\u{200C}' | '\u{200D}' if before.is_some_and(is_virama) => true,
            '\u{200D}' => before.is_some_and(is_pictograph) && all.get(at + 1).copied().is_some_and(is_pictograph),
            c => !is_invisible(c) && !is_direction(c),
        }
    })
}

fn is_virama(c: char) -> bool {
    const VIRAMA: u8 = 9;
    unicode_normalization::char::canonical_combining_class(c) == VIRAMA
}

/// What emoji are made of: pictures, skin tones, and the selector that asks for the coloured form.
const fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{FE0F}' | '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// A password in the form in which it is compared, whatever keyboard it comes from: RFC 8265, `OpaqueString`.
#[must_use]
pub fn opaque(text: &str) -> String {
    let is_space =
        |c| matches!(c, '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}');
    text.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect()
}

/// Characters that begin a new line for some program that shows text: forged log lines are made of them.
#[must_use]
pub const fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{000B}' | '\u{000C}' | '\u{0085}' | '\u{2028}' | '\u{2029}')
}

/// Text from a node, a provider, a mail server or a person, on its way to a log or an error message.
///
/// Displayed on one line: control, direction and invisible characters are escaped as `\u{1b}`, a backslash is doubled,
/// and what is longer than 500 characters is cut. Quoting for a page, a mail or a header is the business of those who
/// write one; this type is for text that stays text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Foreign<T>(pub T);

impl<T: fmt::Display> fmt::Display for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let text = self.0.to_string();
        for c in text.chars().take(SHOWN) {
            if c == '\\' {
                f.write_str("\\\\")?;
            } else if c.is_control() || is_direction(c) || is_invisible(c) || is_line_break(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        match text.chars().count() {
            0..=SHOWN => Ok(()),
            all => write!(f, "… ({} more characters)", all - SHOWN),
        }
    }
}

impl<T: fmt::Display> fmt::Debug for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_line_and_shows_what_it_hides() {
        for (text, shown) in [
            ("plain – text 🐎", "plain – text 🐎"),
            ("a\nWARN forged", "a\\u{a}WARN forged"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("exe\u{202e}gpj", "exe\\u{202e}gpj"),
            ("a\u{200b}b\u{2028}c", "a\\u{200b}b\\u{2028}c"),
            ("back\\slash", "back\\\\slash"),
        ] {
            assert_eq!(Foreign(text).to_string(), shown);
        }
        let long = Foreign("é".repeat(1000)).to_string();
        assert!(long.ends_with("… (500 more characters)") && long.chars().count() < 530, "{long}");
    }
}
