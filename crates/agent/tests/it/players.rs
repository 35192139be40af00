//! The built-in templates' patterns on what their programs really print. Each fixture says where it comes from.

use ostler_agent::console::Console;
use ostler_model::template::{Template, parse};
use ostler_model::workload::blueprint::Probe;
use ostler_runtime::Clock;
use ostler_wire::console::ConsoleStream;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn template(name: &str) -> Template {
    let text = std::fs::read_to_string(root().join("templates").join(format!("{name}.yaml"))).unwrap();
    parse(&text).unwrap()
}

/// What a program printed, without the lines that say where it comes from.
fn recorded(name: &str) -> Vec<String> {
    let path = root().join("crates/agent/tests/fixtures/console").join(format!("{name}.txt"));
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().filter(|line| !line.starts_with("# ")).map(str::to_owned).collect()
}

/// How many players there were after each line.
fn counted(template: &Template, lines: &[String]) -> Vec<u32> {
    let console = Console::new(Clock::system());
    console.count_players(template.players.as_ref());
    let count = |line: &String| {
        console.push(ConsoleStream::Out, line);
        console.players().unwrap()
    };
    lines.iter().map(count).collect()
}

#[test]
fn f6_every_built_in_template_counts_a_real_client() {
    let mut names: Vec<String> = vec![];
    for entry in std::fs::read_dir(root().join("templates")).unwrap().map(Result::unwrap) {
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let template = template(&name);
        if template.players.is_some() {
            let counts = counted(&template, &recorded(&name));
            assert_eq!((counts.iter().max(), counts.last()), (Some(&1), Some(&0)), "{name}: {counts:?}");
            names.push(name);
        }
    }
    names.sort();
    assert_eq!(names, ["luanti", "minecraft", "openttd"]);
}

#[test]
fn f6_ready_patterns_hold_on_the_programs_own_lines() {
    for name in ["luanti", "minecraft"] {
        let template = template(name);
        let Some(Probe::Log(pattern)) = template.ready.first() else { panic!("{name} is ready by its log") };
        let pattern = regex::Regex::new(pattern).unwrap();
        assert!(recorded(name).iter().any(|line| pattern.is_match(line)), "{name}");
    }
}
