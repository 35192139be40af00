//! The form in which words are compared: no case, no accents, no compatibility variants; words are runs of letters and digits.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longer words and titles are cut, in the index and in the query alike.
pub(super) const BYTES_MOST: usize = 40;

/// The words of a text, in order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    // Upper case first: it takes apart what has no other capital, such as ß, as case folding does.
    let plain =
        text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    for c in plain.nfkd().filter(|c| !is_combining_mark(*c)) {
        if !c.is_alphanumeric() {
            all.extend(finished(&mut word));
            continue;
        }
        // Scripts without spaces: each sign is a word, so that what stands in the middle is found.
        if is_sign(c) {
            all.extend(finished(&mut word));
            all.push(c.to_string());
        } else {
            word.push(c);
        }
    }
    all.extend(finished(&mut word));
    all
}

fn finished(word: &mut String) -> Option<String> {
    (!word.is_empty()).then(|| std::mem::take(word))
}

/// Han, kana and their extensions.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// At most so many bytes. Not text any more, only something to compare.
pub(super) fn cut(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    bytes[..bytes.len().min(BYTES_MOST)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_variants_do_not_matter() {
        for (a, b) in [
            ("Straße", "STRASSE"),
            ("Räume", "raume"),
            ("Ａｄａ", "ada"),
            ("Σίσυφος", "σισυφοσ"),
            ("ﬁle", "FILE"),
            ("İstanbul", "istanbul"),
            ("é", "e\u{301}"),
        ] {
            assert_eq!(words(a), words(b), "{a} and {b}");
        }
        assert_eq!(words("  my-server_01 (EU)! "), ["my", "server", "01", "eu"]);
        assert_eq!(words("東京サーバー2"), ["東", "京", "サ", "ー", "ハ", "ー", "2"]);
        assert!(words("… !? 🐎").is_empty());
    }

    proptest! {
        #[test]
        fn words_of_words_are_the_same_words(text in "\\PC{0,60}") {
            let once = words(&text);
            prop_assert_eq!(words(&once.join(" ")), once);
        }
    }
}
