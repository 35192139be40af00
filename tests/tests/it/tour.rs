//! The README's tour, run exactly as it stands there.
//!
//! `ostler up` in it becomes a house of the test's own, and its usual address becomes that house's; nothing else is changed.

use std::process::Command;

use ostler_e2e::{House, ostler};

const README: &str = include_str!("../../../README.md");

/// The lines that begin with `$ ` in the console blocks.
fn commands() -> Vec<String> {
    let blocks = README.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_tour_in_the_readme_works_as_it_stands() {
    let commands = commands();
    assert!(commands.len() > 8, "the tour has become short: {commands:?}");
    assert_eq!(commands[0], "ostler up --no-demo");
    assert!(commands[1].contains("/setup/install"), "the first admin comes second: {}", commands[1]);

    // The house runs the first two commands itself: one goes on for ever, the other is how a house gets its admin.
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let home = ostler_e2e::folder().unwrap();
    let binary = ostler().unwrap();
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    for command in &commands[2..] {
        let here = command.replace("http://127.0.0.1:8080", &house.url());
        let out = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &here])
            .env("PATH", &path)
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(home.path())
            .output()
            .unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "$ {command}\n{said}{wrong}\n{}", house.log());
        if command.contains("console") {
            assert!(said.contains("listening on"), "the console shows the game's own words: {said}");
        }
    }
}
