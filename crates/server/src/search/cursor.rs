//! Where the next page begins, as a text that callers hand back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::search::{Class, Key, Place, Query};

pub(super) fn text(place: &Place) -> String {
    let mut bytes = vec![place.class as u8, u8::try_from(place.by).unwrap_or(0)];
    for part in [&place.word, &place.sort] {
        // Words and titles are cut far below this.
        bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        bytes.extend(part.iter().take(usize::from(u8::MAX)));
    }
    bytes.extend(&place.key.0);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` for what was not made here, or for another query.
pub(super) fn place(text: &str, query: &Query) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (&[class, by], rest) = bytes.split_first_chunk()?;
    let (word, rest) = part(rest)?;
    let (sort, key) = part(rest)?;
    let place = Place {
        class: *Class::ALL.get(usize::from(class))?,
        by: usize::from(by),
        word: word.to_vec(),
        sort: sort.to_vec(),
        key: Key(key.to_vec()),
    };
    let is_within = match place.class {
        Class::Id => place.word.is_empty(),
        class => place.by < query.words() && query.span(class, place.by)?.contains(&place.word),
    };
    is_within.then_some(place)
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_serves_its_own_query_only() {
        let query = Query::parse("quake arena").unwrap();
        let key = Key(vec![0; 16]);
        let at = Place { class: Class::Word, by: 1, word: b"arena".to_vec(), sort: b"big quake".to_vec(), key };
        assert_eq!(place(&text(&at), &query), Some(at.clone()));
        assert_eq!(place(&text(&at), &Query::parse("quake luanti").unwrap()), None);
        assert_eq!(place(&text(&at), &Query::parse("arena").unwrap()), None);
        assert!(text(&Place { word: vec![7; 41], sort: vec![7; 24], ..at }).len() <= 200);
    }

    #[test]
    fn fuzz_search_cursor() {
        let query = Query::parse("quake arena").unwrap();
        let at = |class, by, word: &[u8]| Place {
            class,
            by,
            word: word.to_vec(),
            sort: b"big quake".to_vec(),
            key: Key(vec![1; 16]),
        };
        let samples = [at(Class::Word, 1, b"arena"), at(Class::Id, 0, b"")].map(|at| text(&at).into_bytes());
        ostler_fuzz::run("search_cursor", &samples, |data| {
            if let Some(at) = place(&String::from_utf8_lossy(data), &query) {
                assert_eq!(place(&text(&at), &query), Some(at));
            }
            // Past the letters, too.
            if let Some(at) = place(&URL_SAFE_NO_PAD.encode(data), &query) {
                assert!(at.by < query.words() || at.class == Class::Id);
                assert_eq!(place(&text(&at), &query), Some(at));
            }
        });
    }

    #[test]
    fn no_text_is_trouble() {
        let query = Query::parse("quake arena").unwrap();
        for seed in 0..20_000_u64 {
            let bytes: Vec<u8> = (0..seed % 40)
                .map(|n| (seed.wrapping_mul(2_654_435_761).wrapping_mul(n + 1) >> 13) as u8 % 9)
                .collect();
            if let Some(place) = place(&URL_SAFE_NO_PAD.encode(bytes), &query) {
                assert!(place.by < query.words() || place.class == Class::Id);
            }
        }
        for text in ["", "é", "====", "AAAA", &"A".repeat(200)] {
            let _ = place(text, &query);
        }
    }
}
