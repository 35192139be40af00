//! docs/reference/cli.md: every command with its arguments, what it prints, and how it ends. Written from the definitions that
//! the program itself reads its arguments by; what a command prints is in a table of its own, which a test keeps complete.

mod prints;

use crate::exit::EXIT_CODES;
use clap::{Arg, ArgAction, Command};
use std::fmt::Write as _;

const INTRO: &str = "# Commands

Written from the program's own definitions; `ostler COMMAND --help` says the same.

- What programs read goes to standard output, remarks and progress to standard error. With `--json` standard output is the API's own
  shape and nothing else: of a list, the array of its items.
- Tables leave columns out in which nobody has anything to say. Times in them are relative and sizes binary; JSON is exact.
- Things are named by name or id. A name is found in any case when nothing has it exactly; one that several things have is refused
  with their ids. A name that nothing has is answered with what there is.
- What cannot be taken back asks for the name once more. Scripts say `--yes`; without an answer and without `--yes` nothing is done.
- No secret is ever an argument: passwords are typed, or read from standard input or a file.

";

const COMMON: &str = "
## Options of every command that asks a control plane

| option | variable | meaning |
|---|---|---|
| `--json` | | Print JSON, in the shape of the API. |
| `--profile PROFILE` | `OSTLER_PROFILE` | The sign-in to use, as named at `ostler login --profile`. |
| `--workspace WORKSPACE` | `OSTLER_WORKSPACE` | The workspace, by its short name or id; your first one when absent. |
| | `OSTLER_URL`, `OSTLER_KEY` | The control plane and an API key, instead of what `ostler login` has kept. |

## How commands end

| code | when |
|---|---|
";

/// The whole page, for a program with these commands.
pub fn reference(root: &Command) -> String {
    let mut out = String::from(INTRO);
    for noun in visible(root) {
        let name = noun.get_name();
        let _ = writeln!(out, "- [`ostler {name}`](#ostler-{name}): {}", about(noun));
    }
    out.push_str(COMMON);
    for part in EXIT_CODES.trim_start_matches("Exit codes: ").split(", ") {
        let (code, when) = part.split_once(' ').unwrap_or((part, ""));
        let _ = writeln!(out, "| {code} | {} |", when.trim());
    }
    out.push_str("\nWith `--wait` the code is that of the end: 1 when what was waited for failed, 6 when it did not come in time.\n");
    for noun in visible(root) {
        chapter(&mut out, &[noun], 2);
    }
    out
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
}

fn about(command: &Command) -> String {
    let text = command.get_about().map(ToString::to_string).unwrap_or_default();
    if text.ends_with('.') || text.is_empty() { text } else { format!("{text}.") }
}

/// A command and everything below it. `path` leads to it from the program.
fn chapter(out: &mut String, path: &[&Command], level: usize) {
    let Some(command) = path.last() else { return };
    let words: Vec<&str> = path.iter().map(|c| c.get_name()).collect();
    let words = words.join(" ");
    let _ = write!(out, "\n{} ostler {words}\n\n", "#".repeat(level.min(4)));
    let text = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "{text}{}", if text.ends_with('.') { "" } else { "." });
    let runs = !command.is_subcommand_required_set() || command.get_subcommands().next().is_none();
    let leaf = command.get_subcommands().next().is_none();
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| is_own(arg)).collect();
    if leaf || (runs && !own.is_empty()) {
        let _ = write!(out, "\n```\n{}\n```\n", usage(&words, &own));
        arguments(out, &own);
    }
    if let Some(prints) = prints::of(&words) {
        let _ = write!(out, "\nPrints {prints}.\n");
    }
    for below in visible(command) {
        chapter(out, &[path, &[below]].concat(), level + 1);
    }
}

/// Those that are in every command are explained once.
fn is_own(arg: &Arg) -> bool {
    let name = arg.get_id().as_str();
    !arg.is_hide_set() && !matches!(name, "help" | "version" | "json" | "profile" | "workspace")
}

fn usage(words: &str, own: &[&Arg]) -> String {
    let (placed, named): (Vec<&Arg>, Vec<&Arg>) = own.iter().partition(|arg| arg.is_positional());
    let mut text = format!("ostler {words}");
    for arg in named.iter().filter(|arg| arg.is_required_set()).chain(&placed) {
        let shown = spelt(arg);
        let more = if is_repeated(arg) { "…" } else { "" };
        let _ = if arg.is_required_set() { write!(text, " {shown}{more}") } else { write!(text, " [{shown}{more}]") };
    }
    if named.iter().any(|arg| !arg.is_required_set()) {
        text.push_str(" [OPTIONS]");
    }
    text
}

fn is_repeated(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append) || arg.get_num_args().is_some_and(|n| n.max_values() > 1)
}

/// `--set FIELD=VALUE`, `NAME`.
fn spelt(arg: &Arg) -> String {
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let value = if names.is_empty() { arg.get_id().as_str().to_uppercase() } else { names.join(" ") };
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) if takes => format!("--{long} {value}"),
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) if takes => format!("-{short} {value}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => value,
    }
}

fn arguments(out: &mut String, own: &[&Arg]) {
    if own.is_empty() {
        return;
    }
    out.push_str("\n| argument | meaning |\n|---|---|\n");
    for arg in own {
        let mut meaning = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " ");
        if !meaning.ends_with('.') {
            meaning.push('.');
        }
        let values: Vec<String> = arg.get_possible_values().iter().map(|v| format!("`{}`", v.get_name())).collect();
        if !values.is_empty() && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
            let _ = write!(meaning, " One of {}.", values.join(", "));
        }
        let defaults: Vec<String> = arg.get_default_values().iter().map(|v| format!("`{}`", v.display())).collect();
        if !defaults.is_empty() && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
            let _ = write!(meaning, " Without it: {}.", defaults.join(", "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(meaning, " Also `{}`.", variable.display());
        }
        let _ = writeln!(out, "| `{}` | {} |", spelt(arg).replace('|', "\\|"), meaning.replace('|', "\\|"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Subcommand as _;

    fn root() -> Command {
        let mut root = crate::Command::augment_subcommands(Command::new("ostler"));
        root.build();
        root
    }

    fn leaves(command: &Command, path: &str, out: &mut Vec<String>) {
        for below in visible(command) {
            let path = format!("{path} {}", below.get_name()).trim().to_owned();
            if visible(below).next().is_none() {
                out.push(path.clone());
            }
            leaves(below, &path, out);
        }
    }

    #[test]
    fn every_command_says_what_it_prints_and_nothing_else_is_told_of() {
        let mut all = Vec::new();
        leaves(&root(), "", &mut all);
        assert!(all.len() > 100, "{all:?}");
        let silent: Vec<&String> = all.iter().filter(|path| prints::of(path).is_none()).collect();
        assert!(silent.is_empty(), "add to reference/prints.rs: {silent:?}");
        let gone: Vec<&&str> =
            prints::CLIENT.iter().map(|(path, _)| path).filter(|p| !all.iter().any(|l| l == **p)).collect();
        assert!(gone.is_empty(), "no command any more: {gone:?}");
    }

    #[test]
    fn every_argument_is_in_the_page_with_its_meaning() {
        let page = reference(&root());
        assert!(page.contains("### ostler match create\n"), "{page}");
        assert!(page.contains("| `--set FIELD=VALUE` | A field of its configuration"), "{page}");
        assert!(page.contains("| 7 | the server cannot be reached |"), "{page}");
        assert!(!page.contains("` | ."), "an argument has no words: {page}");
    }

    /// What an error tells people to type must exist.
    #[test]
    fn every_command_in_the_table_of_errors_exists() {
        let root = root();
        for code in ostler_wire::code::CODES {
            for words in code.next.split("`ostler ").skip(1).filter_map(|rest| rest.split('`').next()) {
                let mut at = &root;
                for word in words.split(' ').take_while(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
                    if word.starts_with('-') || visible(at).next().is_none() {
                        break;
                    }
                    at = at.find_subcommand(word).unwrap_or_else(|| panic!("{}: ostler {words}", code.name));
                }
                assert!(visible(at).next().is_none(), "{}: ostler {words} is no whole command", code.name);
            }
        }
    }
}
