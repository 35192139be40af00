//! How a value enters a configuration file, so that the program reads what was typed: by the quoting of the file's own format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format of a file, which decides how values are written in it. A placeholder stands where a value stands, alone and
/// without quotation marks around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Values as they are: for files that are no settings.
    #[default]
    Text,
    /// `name = value` in sections. Where it matters, in double quotes, of which the outermost are dropped by the reader.
    Ini,
    /// `name=value` as Java reads it, with backslashes.
    Properties,
    Yaml,
    Json,
    Toml,
    /// As the text of an element or in an attribute's quotation marks.
    Xml,
    /// `name = value` to the end of the line, without any quoting: what cannot be written is refused.
    Conf,
}

/// The value as it is written. `is_word` is for numbers, `true` and `false`, which are no text. An error is a sentence about
/// the value.
pub(crate) fn quote(format: Format, value: &str, is_word: bool) -> Result<String, String> {
    if is_word {
        return Ok(value.to_owned());
    }
    match format {
        Format::Text => Ok(value.to_owned()),
        Format::Ini => ini(one_line(value)?),
        Format::Properties => Ok(properties(value)),
        Format::Yaml | Format::Json | Format::Toml => Ok(string(value)),
        Format::Xml => xml(value),
        Format::Conf => conf(one_line(value)?),
    }
}

fn one_line(value: &str) -> Result<&str, String> {
    if value.chars().any(crate::text::is_line_break) {
        return Err("use one line: this program's settings have no way to write a line break".to_owned());
    }
    Ok(value)
}

fn ini(value: &str) -> Result<String, String> {
    let is_plain = !value.is_empty() && value.trim() == value && !value.contains(['"', '\'', ';', '#', '\\']);
    Ok(if is_plain { value.to_owned() } else { format!("\"{value}\"") })
}

fn properties(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        match c {
            '\\' | '=' | ':' | '#' | '!' => out.extend(['\\', c]),
            ' ' if at == 0 => out.push_str("\\ "),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out
}

/// In the double quotes that JSON, YAML and TOML share.
fn string(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn xml(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push_str(&format!("&#{};", u32::from(c))),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                return Err("use no control characters: this program's settings cannot hold them".to_owned());
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn conf(value: &str) -> Result<String, String> {
    if value.trim() != value {
        return Err("do not begin or end with a space: this program's settings would lose it".to_owned());
    }
    if value.starts_with("\"\"\"") || value == "{" {
        return Err(format!("do not begin with {value:.3}: this program's settings would read it as something else"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As OpenTTD 13 reads a value (`src/ini_load.cpp`).
    fn read_ini(line: &str) -> String {
        let value =
            line.trim_matches([' ', '\t', '\n', '\r']).split_once('=').unwrap().1.trim_start_matches([' ', '\t']);
        let value = value.strip_prefix('"').unwrap_or(value);
        value.strip_suffix('"').unwrap_or(value).to_owned()
    }

    /// As `java.util.Properties` reads a value.
    fn read_properties(text: &str) -> String {
        let mut units: Vec<u16> = vec![];
        let mut chars = text.trim_start_matches([' ', '\t']).chars();
        while let Some(c) = chars.next() {
            match (c, if c == '\\' { chars.next() } else { None }) {
                ('\\', Some('u')) => {
                    let digits: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap());
                }
                ('\\', Some('n')) => units.push(10),
                ('\\', Some('r')) => units.push(13),
                ('\\', Some('t')) => units.push(9),
                ('\\', Some(other)) => units.push(other as u16),
                (c, _) => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        String::from_utf16(&units).unwrap()
    }

    fn read_xml(text: &str) -> String {
        let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#10;", "\n"), ("&#13;", "\r")];
        let text = pairs.iter().fold(text.replace("&#9;", "\t"), |text, (from, to)| text.replace(from, to));
        text.replace("&amp;", "&")
    }

    #[test]
    fn f24_what_people_type_is_what_the_program_reads() {
        for typed in ["\"quoted\"", " lead", "tail ", "a;b#c", "\"", "\"\"", "", "back\\slash", "plain", "'x'"] {
            let written = quote(Format::Ini, typed, false).unwrap();
            assert_eq!(read_ini(&format!("server_password = {written}\n")), typed);
        }
        for (typed, refused) in [(" lead", true), ("tail ", true), ("\"\"\"x", true), ("{", true), ("a \"b\" {", false)]
        {
            assert_eq!(quote(Format::Conf, typed, false).is_err(), refused, "{typed:?}");
        }
        assert!(quote(Format::Ini, "a\nb = c", false).is_err());
        assert!(quote(Format::Conf, "a\u{2028}b", false).is_err());
        for format in [Format::Ini, Format::Yaml, Format::Json, Format::Toml] {
            assert_eq!(quote(format, "true", true).unwrap(), "true");
        }
    }

    proptest! {
        #[test]
        fn f24_no_value_reads_as_another_or_as_more_than_itself(typed in any::<String>()) {
            let written = |format| quote(format, &typed, false);
            let json = written(Format::Json).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), typed.clone());
            // What a document cannot hold even escaped is refused by every reader; all else comes back.
            if let Ok(read) = serde_norway::from_str::<std::collections::BTreeMap<String, String>>(&format!("a: {}\n", written(Format::Yaml).unwrap())) {
                prop_assert_eq!(&read["a"], &typed);
            } else {
                prop_assert!(typed.contains(['\u{fffe}', '\u{ffff}']), "{:?}", typed);
            }
            prop_assert_eq!(read_properties(&written(Format::Properties).unwrap()), typed.clone());
            prop_assert!(!written(Format::Properties).unwrap().contains('\n'));
            if let Ok(text) = written(Format::Xml) {
                prop_assert!(!text.contains(['<', '>', '"', '\'']));
                prop_assert_eq!(read_xml(&text), typed.clone());
            }
            if let Ok(text) = written(Format::Ini) {
                prop_assert_eq!(read_ini(&format!("a = {text}\n")), typed.clone());
            }
            if let Ok(text) = written(Format::Conf) {
                prop_assert_eq!(text.trim(), typed.as_str());
            }
        }
    }
}
