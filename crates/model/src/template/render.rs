//! Rendering: the one substitution that templates know.

use std::collections::BTreeMap;

/// Values by placeholder, for example `motd` or `port.game`.
pub type Values = BTreeMap<String, String>;

/// Replaces each `{{name}}` by its value. Values are inserted as they are and never read again, so a value that
/// contains braces stays what it is. Placeholders in `keep` stay for somebody later; others that are unknown are an error.
pub fn render(text: &str, values: &Values, keep: &[&str]) -> Result<String, String> {
    let value = |name: &str| values.get(name).map(|value| Ok(value.clone()));
    render_with(text, value, keep, |message| message)
}

/// Replaces each `{{name}}` by what the function says, whose errors end it; `say` makes one of a sentence.
pub(crate) fn render_with<E>(
    text: &str,
    value: impl Fn(&str) -> Option<Result<String, E>>,
    keep: &[&str],
    say: impl Fn(String) -> E,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        out.push_str(&rest[..open]);
        let tail = &rest[open + 2..];
        let close = tail.find("}}").ok_or_else(|| say("a {{ has no }}".to_owned()))?;
        let name = tail[..close].trim();
        match value(name) {
            Some(value) => out.push_str(&value?),
            None if keep.iter().any(|prefix| name.starts_with(prefix)) => {
                out.push_str("{{");
                out.push_str(name);
                out.push_str("}}");
            }
            None => return Err(say(format!("{{{{{name}}}}} is not a variable, port or volume of this template"))),
        }
        rest = &tail[close + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The variable's name, when an argument is `{{name...}}` and nothing else: each line of its value is one argument.
pub fn spread(text: &str) -> Option<&str> {
    text.strip_prefix("{{")?.strip_suffix("...}}").map(str::trim).filter(|name| !name.contains(['{', '}']))
}

/// Every argument of a command. There is no shell: what a line of a value holds is one argument, whatever is in it.
pub fn arguments(command: &[String], values: &Values, keep: &[&str]) -> Result<Vec<String>, String> {
    let mut out = Vec::with_capacity(command.len());
    for part in command {
        match spread(part) {
            None => out.push(render(part, values, keep)?),
            Some(name) => {
                let value = values.get(name).ok_or_else(|| format!("{{{{{name}...}}}} is not a variable"))?;
                out.extend(value.lines().filter(|line| !line.is_empty()).map(str::to_owned));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        [("motd", "hi {{port.game}}"), ("port.game", "27000")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn a_value_is_inserted_as_it_is_and_never_read_again() {
        assert_eq!(render("a {{motd}} b {{ port.game }}", &values(), &[]).unwrap(), "a hi {{port.game}} b 27000");
    }

    #[test]
    fn each_line_of_a_spread_value_is_one_argument_and_nothing_is_split() {
        let values = [("args".to_owned(), "-x\n\n$(id); a 'b' | c\n{{volume.data}}".to_owned())].into();
        let command = ["run".to_owned(), "{{args...}}".to_owned(), "--end".to_owned()];
        let made = arguments(&command, &values, &["volume."]).unwrap();
        assert_eq!(made, ["run", "-x", "$(id); a 'b' | c", "{{volume.data}}", "--end"]);
        assert!(arguments(&["{{other...}}".to_owned()], &values, &[]).is_err());
    }

    #[test]
    fn what_the_agent_fills_in_stays_and_the_rest_is_refused() {
        assert_eq!(render("{{volume.data}}/x", &values(), &["volume."]).unwrap(), "{{volume.data}}/x");
        assert!(render("{{volume.data}}", &values(), &[]).unwrap_err().contains("volume.data"));
        assert!(render("{{motd", &values(), &[]).is_err());
    }
}
