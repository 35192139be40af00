//! Calls that have one home: SQL in `store`, processes and raw files in `agent`, `unsafe` in the one listed file.

use super::Finding;
use super::tree::{File, Tree};

/// What may be called only in certain crates, and how to say so.
struct Home {
    paths: &'static [&'static str],
    crates: &'static [&'static str],
    /// Files elsewhere, each with the reason.
    files: &'static [(&'static str, &'static str)],
    rule: &'static str,
}

const HOMES: &[Home] = &[
    Home { paths: &["sqlx"], crates: &["store"], files: &[], rule: "only `store` knows SQL" },
    Home {
        paths: &[
            "std::process::Command",
            "std::process::Child",
            "std::os::unix::process",
            "tokio::process",
            "rustix",
            "nix",
            "libc",
            "bollard",
            "portable_pty",
        ],
        crates: &["agent", "ostler", "xtask", "testkit", "tests", "bench"],
        files: SYSTEM_CALLERS,
        rule: "only `agent` touches processes, containers and cgroups",
    },
    Home {
        paths: &["std::fs", "tokio::fs", "std::os::unix::fs", "cap_std"],
        crates: &["agent", "ostler", "xtask", "testkit", "fuzz", "tests", "bench"],
        files: FILE_READERS,
        rule: "only `agent` touches raw files (named exceptions in xtask/src/tidy/homes.rs)",
    },
];

/// Files outside `agent` that ask the system about their own process, and why they must.
const SYSTEM_CALLERS: &[(&str, &str)] = &[
    ("crates/server/src/http/conn/descriptors.rs", "the limit of descriptors is the process's own"),
    ("crates/store/src/db/room.rs", "how much of the database's disk is free decides whether the server is ready"),
];

/// Files outside `agent` that read or write files, and why they must.
const FILE_READERS: &[(&str, &str)] = &[
    ("crates/server/src/config.rs", "the configuration file and the data folder are the operator's"),
    (
        "crates/server/src/http/conn/owner.rs",
        "whose a connection from this machine is stands in the kernel's table and nowhere else",
    ),
    (
        "crates/server/src/mail/smtp.rs",
        "the certificates that the operator trusts are a file that the configuration names",
    ),
    (
        "crates/server/src/secret.rs",
        "the key that encrypts secrets lies in the data folder, readable by the server alone",
    ),
    ("crates/store/src/db/sqlite/mode.rs", "SQLite makes its file by the umask, which may be open to everybody"),
    ("crates/store/src/db/backup.rs", "an online backup is a new file, and half of one is removed again"),
    ("crates/cli/src/audit.rs", "exports and checkpoints to verify are files that a person names"),
    ("crates/relay/src/worker/disk.rs", "journals and archives of matches; a relay has no database"),
    ("crates/cli/src/setup.rs", "secrets for the first run come from files that a script names, never from arguments"),
    ("crates/cli/src/config.rs", "the login of the command line is a file in the person's home"),
];

/// The one place for `unsafe`, should it be unavoidable.
const UNSAFE: &[&str] = &["crates/agent/src/driver/process/sys.rs"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = stale_exceptions(tree);
    for (file, rust) in tree.rust() {
        // Build scripts read sources; nothing of them ships.
        if file.path.ends_with("/build.rs") {
            continue;
        }
        for home in HOMES.iter().filter(|home| !home.welcomes(file)) {
            let mut last = 0;
            for (path, line) in &rust.paths {
                let guilty = home.paths.iter().any(|forbidden| is_below(path, forbidden));
                if guilty && !file.is_test(*line) && *line != last {
                    found.push(Finding::new(&file.path, *line, format!("`{path}`: {}", home.rule)));
                    last = *line;
                }
            }
        }
        if !UNSAFE.contains(&file.path.as_str()) {
            let uses = rust.tokens.iter().filter(|(text, _)| text == "unsafe" || text == "unsafe_code");
            found.extend(
                uses.map(|(_, line)| Finding::new(&file.path, *line, format!("`unsafe` lives only in {}", UNSAFE[0]))),
            );
        }
    }
    found
}

/// An exception for a file that is gone would welcome whatever takes its name.
fn stale_exceptions(tree: &Tree) -> Vec<Finding> {
    let gone = |(path, _): &&(&'static str, &str)| tree.has("xtask/src/tidy/homes.rs") && !tree.has(path);
    let smell = |(path, _): &(&'static str, &str)| Finding {
        is_smell: true,
        ..Finding::new("xtask/src/tidy/homes.rs", 0, format!("excepts {path}, which does not exist"))
    };
    FILE_READERS.iter().filter(gone).map(smell).collect()
}

impl Home {
    fn welcomes(&self, file: &File) -> bool {
        self.crates.contains(&file.home()) || self.files.iter().any(|(path, _)| *path == file.path)
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn each_call_outside_its_home_is_found() {
        let planted = [
            "use sqlx::Row;",
            "use std::{fs, io};",
            "use std::process::{Command, ExitCode};",
            "async fn f() { tokio::fs::read(\"x\").await; }",
            "fn f() { other_macro!(::std::fs::read(\"x\")) }",
            "fn f() { unsafe { g() } }",
            "#![allow(unsafe_code)]",
            "use bollard::Docker as Engine;",
        ];
        for code in planted {
            assert_eq!(found(check, &[("crates/server/src/node/mod.rs", code)]).len(), 1, "{code}");
        }
    }

    #[test]
    fn homes_tests_words_in_text_and_exit_codes_are_fine() {
        let fine = [
            ("crates/store/src/tx.rs", "use sqlx::Row;"),
            ("crates/agent/src/file/mod.rs", "use std::fs;"),
            ("crates/server/src/config.rs", "use std::fs;"),
            ("crates/server/src/a.rs", "/// Not std::fs, not unsafe.\nfn f() { let _ = \"unsafe sqlx::Row\"; }"),
            ("crates/server/src/b.rs", "use std::process::ExitCode;"),
            ("crates/server/src/c.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}"),
            ("crates/server/tests/it/main.rs", "use std::process::Command;"),
            ("crates/server/build.rs", "use std::fs;"),
        ];
        for (path, code) in fine {
            assert_eq!(found(check, &[(path, code)]), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn a_module_that_is_declared_for_tests_is_test_code() {
        let door = ("crates/server/src/node/mod.rs", "//! Nodes.\n#[cfg(test)]\nmod oracle;\nmod real;");
        let uses = "use std::fs;";
        assert_eq!(found(check, &[door, ("crates/server/src/node/oracle.rs", uses)]), Vec::<String>::new());
        assert_eq!(found(check, &[door, ("crates/server/src/node/oracle/deep.rs", uses)]), Vec::<String>::new());
        assert_eq!(found(check, &[door, ("crates/server/src/node/real.rs", uses)]).len(), 1);
    }

    #[test]
    fn an_exception_for_a_file_that_is_gone_smells() {
        let findings = found(check, &[("xtask/src/tidy/homes.rs", "//! Here.")]);
        assert_eq!(findings.len(), FILE_READERS.len());
        assert!(findings[0].contains("smell: excepts crates/server/src/config.rs"), "{findings:?}");
    }

    #[test]
    fn code_for_not_test_is_not_test_code() {
        let code = "#[cfg(not(test))]\nmod real {\n    use std::fs;\n}";
        assert_eq!(found(check, &[("crates/server/src/c.rs", code)]).len(), 1);
    }
}
