//! The policy as a table for people. (`oracle.rs` holds it against sentences that were written without looking at it.)

use ostler_model::authz::{Capability, Kind, Role, SystemReason, VerbKind};
use std::fmt::Write as _;

#[test]
fn each_role_holds_all_that_the_one_below_it_holds() {
    for pair in Role::ALL.windows(2) {
        let [below, above] = pair else { unreachable!() };
        assert!(below.capabilities().within(above.capabilities()), "{below:?} holds more than {above:?}");
        assert!(!above.capabilities().within(below.capabilities()), "{above:?} is no more than {below:?}");
    }
}

/// What a row of the table asks.
type May = Box<dyn Fn(Kind, VerbKind) -> bool>;

#[test]
fn the_table_is_the_one_that_people_have_read() {
    let mut text = String::from(
        "What each role may do with the things of its workspace, and the platform with what.\n\
         Made by crates/model/tests/it/policy.rs. r: read, o: operate, w: write, p: report.\n\n",
    );
    let rows: Vec<(String, May)> = Role::ALL
        .into_iter()
        .map(|role| {
            let may = move |kind, verb| role.capabilities().allows(Capability::new(kind, verb));
            (format!("role {}", role.as_str()), Box::new(may) as May)
        })
        .chain(SystemReason::ALL.into_iter().map(|reason| {
            let may = move |kind, verb| reason.capabilities().allows(Capability::new(kind, verb));
            (format!("system {}", reason.as_str()), Box::new(may) as May)
        }))
        .collect();
    write!(text, "{:<18}", "").unwrap();
    for kind in Kind::ALL {
        write!(text, "{:>10}", kind.as_str()).unwrap();
    }
    text.push('\n');
    for (name, may) in rows {
        write!(text, "{name:<18}").unwrap();
        for kind in Kind::ALL {
            let cell: String =
                [(VerbKind::Read, 'r'), (VerbKind::Operate, 'o'), (VerbKind::Write, 'w'), (VerbKind::Report, 'p')]
                    .into_iter()
                    .filter(|(verb, _)| may(kind, *verb))
                    .map(|(_, letter)| letter)
                    .collect();
            write!(text, "{:>10}", if cell.is_empty() { "-" } else { &cell }).unwrap();
        }
        text.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/policy.txt");
    if std::env::var_os("OSTLER_GENERATE").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text == kept, "the policy changed; read tests/golden/policy.txt after OSTLER_GENERATE=1:\n{text}");
}
