//! The table of suites, in the order they run. Adding one is adding one row.

use super::needs::Need;

/// One row of the table.
pub struct Suite {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it does.
    pub work: Work,
    /// Without these it cannot run.
    pub needs: &'static [Need],
    /// Without these it runs, and covers less.
    pub wants: &'static [Need],
    /// After this long it is stopped and has failed.
    pub minutes: u64,
}

/// What a suite does.
pub enum Work {
    /// Commands in the repository's root; each is one check.
    Commands(&'static [&'static [&'static str]]),
    /// Rust tests that this suite picks and no later row picks more narrowly.
    Rust(Pick),
    /// npm scripts of the panel; all of them must exist.
    Npm(&'static [&'static str]),
    /// `cargo xtask tidy`, one check per rule.
    Tidy,
}

/// Which Rust tests. A test belongs to the *last* row that picks it, so each test runs exactly once.
#[derive(Clone, Copy)]
pub enum Pick {
    /// Tests inside libraries and binaries.
    Unit,
    /// Every integration test.
    Integration,
    /// The integration tests of one crate.
    Crate(&'static str),
    /// Integration tests with a module, or a name that begins with it, of one of these names.
    Module(&'static [&'static str]),
}

const fn suite(name: &'static str, minutes: u64, work: Work) -> Suite {
    Suite { name, work, needs: &[], wants: &[], minutes }
}

/// Every suite. `panel` comes before what is compiled because the server embeds what it builds.
pub const SUITES: &[Suite] = &[
    suite("tidy", 2, Work::Tidy),
    suite("fmt", 2, Work::Commands(&[&["cargo", "fmt", "--all", "--check"]])),
    Suite { needs: &[Need::Node], ..suite("panel", 8, Work::Npm(&["check", "lint", "test", "build"])) },
    suite("build", 20, Work::Commands(&[&["cargo", "build", "--workspace", "--bins", "--tests"]])),
    suite(
        "clippy",
        12,
        Work::Commands(&[&["cargo", "clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"]]),
    ),
    suite("generated", 3, Work::Commands(&[&["cargo", "xtask", "generate", "--check"]])),
    Suite { wants: &[Need::Postgres], ..suite("unit", 8, Work::Rust(Pick::Unit)) },
    Suite { wants: &[Need::Postgres], ..suite("contracts", 8, Work::Rust(Pick::Integration)) },
    Suite { needs: &[Need::Postgres], ..suite("databases", 8, Work::Rust(Pick::Crate("ostler-store"))) },
    Suite { wants: &[Need::Postgres], ..suite("server", 8, Work::Rust(Pick::Crate("ostler-server"))) },
    Suite { needs: &[Need::Bubblewrap], ..suite("agent", 8, Work::Rust(Pick::Crate("ostler-agent"))) },
    Suite {
        needs: &[Need::Node],
        ..suite(
            "clients",
            5,
            Work::Commands(&[
                &["npm", "--prefix", "clients/ostler-match", "ci", "--no-audit", "--no-fund"],
                &["npm", "--prefix", "clients/ostler-match", "test"],
            ]),
        )
    },
    suite("fleet", 10, Work::Rust(Pick::Module(&["fleet", "sim"]))),
    Suite { needs: &[Need::Nginx, Need::Apache], ..suite("proxies", 4, Work::Rust(Pick::Module(&["proxies"]))) },
    Suite { needs: &[Need::Docker], ..suite("docker", 8, Work::Rust(Pick::Module(&["docker", "container"]))) },
    // Docker's client fills either engine.
    Suite { needs: &[Need::Podman, Need::Docker], ..suite("podman", 8, Work::Rust(Pick::Module(&["podman"]))) },
    Suite {
        needs: &[Need::Node, Need::Bubblewrap, Need::Luanti, Need::OpenTtd, Need::Docker, Need::Postgres],
        ..suite("house", 10, Work::Rust(Pick::Crate("ostler-e2e")))
    },
    Suite {
        needs: &[Need::Node, Need::Bubblewrap],
        ..suite("matches", 8, Work::Rust(Pick::Module(&["match_worker", "match_host"])))
    },
    Suite { needs: &[Need::Schemathesis], ..suite("api", 8, Work::Rust(Pick::Module(&["schemathesis"]))) },
    Suite { needs: &[Need::Node, Need::Luanti], ..suite("tour", 8, Work::Rust(Pick::Module(&["tour"]))) },
    Suite { needs: &[Need::Node, Need::Chromium, Need::Luanti], ..suite("browser", 15, Work::Npm(&["e2e"])) },
];

/// The nextest filter of a suite: its own pick without those of later rows.
pub fn filter(name: &str) -> Option<String> {
    let at = SUITES.iter().position(|suite| suite.name == name)?;
    let Work::Rust(pick) = SUITES[at].work else { return None };
    let later: Vec<String> = SUITES[at + 1..]
        .iter()
        .filter_map(|suite| match suite.work {
            Work::Rust(pick) => Some(pick.expression()),
            _ => None,
        })
        .collect();
    let own = pick.expression();
    Some(if later.is_empty() { own } else { format!("({own}) - ({})", later.join(" | ")) })
}

/// Which suite a test belongs to, by the same rule.
pub fn owner(package: &str, is_unit: bool, test: &str) -> Option<&'static str> {
    let picked = |suite: &&Suite| matches!(suite.work, Work::Rust(pick) if pick.holds(package, is_unit, test));
    SUITES.iter().rev().find(picked).map(|suite| suite.name)
}

impl Pick {
    fn expression(self) -> String {
        match self {
            Self::Unit => "kind(lib) | kind(bin)".to_owned(),
            Self::Integration => "kind(test)".to_owned(),
            Self::Crate(name) => format!("(kind(test) & package(={name}))"),
            Self::Module(names) => format!("(kind(test) & test(/^(.*::)?({})/))", names.join("|")),
        }
    }

    fn holds(self, package: &str, is_unit: bool, test: &str) -> bool {
        match self {
            Self::Unit => is_unit,
            Self::Integration => !is_unit,
            Self::Crate(name) => !is_unit && package == name,
            Self::Module(names) => {
                !is_unit && test.split("::").any(|part| names.iter().any(|name| part.starts_with(name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_has_exactly_one_suite_and_the_narrowest_wins() {
        let cases = [
            ("ostler-model", true, "id::tests::parses", "unit"),
            ("ostler-store", true, "tx::fleet", "unit"),
            ("ostler-cli", false, "help::golden", "contracts"),
            ("ostler-store", false, "migrate::empty", "databases"),
            ("ostler-server", false, "access::matrix", "server"),
            ("ostler-agent", false, "process::kills_the_tree", "agent"),
            ("ostler-agent", false, "docker::limits", "docker"),
            ("ostler-agent", false, "engine::podman::limits", "podman"),
            ("ostler-testkit", false, "fleet::two_nodes", "fleet"),
            ("ostler-e2e", false, "luanti::joins", "house"),
            ("ostler-e2e", false, "tour::readme", "tour"),
        ];
        for (package, is_unit, test, expected) in cases {
            assert_eq!(owner(package, is_unit, test), Some(expected), "{package} {test}");
        }
    }

    #[test]
    fn a_filter_leaves_out_what_later_rows_pick() {
        let unit = filter("unit").unwrap();
        assert!(unit.starts_with("(kind(lib) | kind(bin)) - ("), "{unit}");
        assert!(filter("agent").unwrap().contains("docker|container"));
        assert_eq!(filter("tour").unwrap(), "(kind(test) & test(/^(.*::)?(tour)/))");
        assert_eq!(filter("fmt"), None);
    }

    #[test]
    fn names_are_unique() {
        for (at, suite) in SUITES.iter().enumerate() {
            assert!(SUITES[at + 1..].iter().all(|other| other.name != suite.name), "{} twice", suite.name);
        }
    }
}
