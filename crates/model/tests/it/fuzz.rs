//! Texts that strangers send and the model reads: templates, names, addresses, queries, and text that is only shown.

use ostler_model::template::parse;
use ostler_model::text::{is_direction, is_line_break};
use ostler_model::user::Email;
use ostler_model::{Foreign, Label, Name, NodeId, Time, WorkloadId, search};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

#[test]
fn fuzz_template() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let samples: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    ostler_fuzz::run("template", &samples, |data| {
        let Ok(template) = parse(&String::from_utf8_lossy(data)) else { return };
        template.runtimes.offered();
        template.variables_schema();
        for variable in &template.variables {
            variable.schema();
            let _ = variable.resolve(None);
        }
        // What was accepted is accepted again, and means the same.
        let again = parse(&serde_json::to_string(&template).unwrap());
        assert_eq!(again.as_ref(), Ok(&template));
    });
}

/// Text that reads as a value shows as a text that reads as the same value.
fn same<T: FromStr + Display + PartialEq>(text: &str) -> Option<String> {
    let value = text.parse::<T>().ok()?;
    let shown = value.to_string();
    assert!(shown.parse::<T>().is_ok_and(|again| again == value), "{text:?} shows as {shown:?}");
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    Some(shown)
}

/// The same for what has an alphabet of its own: nothing in it turns a line round or ends it.
fn plain<T: FromStr + Display + PartialEq>(text: &str) {
    if let Some(shown) = same::<T>(text) {
        assert!(!shown.chars().any(|c| is_line_break(c) || is_direction(c)), "{shown:?}");
    }
}

#[test]
fn fuzz_names() {
    let texts = [
        "ada@example.org",
        "ada.l+games@xn--exmple-cua.org",
        "wl_01j9z3k4m5n6p7q8r9s0t1v2w3",
        "nd_01j9z3k4m5n6p7q8r9s0t1v2w3",
        "quake-arena",
        "Luanti Räume 🐎",
        "2026-01-01T00:00:00.000Z",
        "2026-02-29T23:59:60+14:00",
        "192.0.2.0/24",
        "2001:db8::/32",
        "Europe/Berlin",
    ];
    ostler_fuzz::run("names", &texts.map(|text| text.as_bytes().to_vec()), |data| {
        let text = String::from_utf8_lossy(data);
        plain::<Email>(&text);
        plain::<Name>(&text);
        plain::<Label>(&text);
        plain::<WorkloadId>(&text);
        plain::<NodeId>(&text);
        plain::<Time>(&text);
        plain::<ostler_model::Network>(&text);
        plain::<ostler_model::Timezone>(&text);
    });
}

#[test]
fn fuzz_search_query() {
    let texts = ["quake arena", "räume", "wl_01j9z3k4m5n6p7q8r9s0t1v2w3", "a\u{301}b ﬁ ｱ", "\"two words\" -not *"];
    ostler_fuzz::run("search_query", &texts.map(|text| text.as_bytes().to_vec()), |data| {
        if let Ok(query) = search::Query::parse(&String::from_utf8_lossy(data)) {
            assert!(query.words() <= 64, "{} words", query.words());
        }
    });
}

#[test]
fn fuzz_foreign_text() {
    let texts = ["550 no such user\r\n", "a\u{1b}[2J\u{202e}b\u{2028}c\u{200b}", "back\\slash", "\u{e0041}\u{fff9}"];
    ostler_fuzz::run("foreign_text", &texts.map(|text| text.as_bytes().to_vec()), |data| {
        let shown = Foreign(String::from_utf8_lossy(data)).to_string();
        assert!(!shown.chars().any(|c| c.is_control() || is_line_break(c) || is_direction(c)), "{shown:?}");
        assert!(shown.len() < 500 * 12 + 40, "{} bytes", shown.len());
    });
}
