//! The tab key, in the shells themselves: the script that `ostler completion` prints, and names from a real control plane.

use super::person::{Person, both};
use ostler_e2e::{House, ostler};
use std::process::Command;

/// A shell, and what it takes to press the tab key in it without a terminal: `$WORDS` are quoted words, `$LAST` counts from 0.
struct Shell {
    name: &'static str,
    tab: &'static str,
}

const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        tab:
            "source <(ostler completion bash); COMP_WORDS=($WORDS); COMP_CWORD=$LAST; COMP_TYPE=9; _clap_complete_ostler
              printf '%s\\n' \"${COMPREPLY[@]}\"",
    },
    Shell {
        name: "zsh",
        // What the completion system would show is printed instead.
        tab: "compdef() { :; }; _describe() { print -l -- ${(P)3}; }; source <(ostler completion zsh)
              words=($WORDS); (( CURRENT = $LAST + 1 )); _clap_dynamic_completer_ostler",
    },
    Shell { name: "fish", tab: "ostler completion fish | source; complete -C (string join ' ' -- $LINE)" },
];

/// What the tab key offers at the end of this line.
fn tab(person: &Person, shell: &Shell, line: &[&str]) -> String {
    let binary = ostler().unwrap();
    let words = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = shell.tab.replace("$WORDS", &words).replace("$LINE", &words);
    let script = script.replace("$LAST", &(line.len() - 1).to_string());
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell.name);
    command.args(["-c", &script]).env("HOME", person.home.path()).env("PATH", path);
    for name in ["XDG_CONFIG_HOME", "OSTLER_URL", "OSTLER_KEY", "OSTLER_PROFILE", "OSTLER_WORKSPACE"] {
        command.env_remove(name);
    }
    both(&command.output().unwrap())
}

#[tokio::test]
async fn every_shell_completes_words_and_names() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let node = ada.json(&["node", "list"])[0]["name"].as_str().unwrap().to_owned();
    ada.fails(2, &["completion", "tcsh"], "fish");
    let here: Vec<&Shell> =
        SHELLS.iter().filter(|shell| Command::new(shell.name).args(["-c", "true"]).output().is_ok()).collect();
    assert!(here.iter().any(|shell| shell.name == "bash"));
    for shell in SHELLS.iter().filter(|shell| !here.iter().any(|other| other.name == shell.name)) {
        eprintln!("SKIPPED: {} is not on this machine", shell.name);
    }
    for shell in &here {
        let says = |line: &[&str], needle: &str| {
            let said = tab(&ada, shell, line);
            assert!(said.contains(needle), "{}: {line:?} does not offer {needle:?}: {said}", shell.name);
        };
        says(&["ostler", "ga"], "game");
        says(&["ostler", "match", ""], "configure");
        says(&["ostler", "node", "get", ""], &node);
        says(&["ostler", "game", "create", "lu"], "luanti");
        says(&["ostler", "game", "create", "--mem"], "--memory");
    }
    // A shell is no place for errors: without a control plane there are simply no names.
    drop(house);
    for shell in here {
        let said = tab(&ada, shell, &["ostler", "node", "get", ""]);
        assert!(!said.contains("rror") && !said.contains(&node), "{}: {said}", shell.name);
    }
}
