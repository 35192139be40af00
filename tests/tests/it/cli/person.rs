//! One person at one terminal, who types the commands of the built program.

use std::process::{Command, Output, Stdio};

use ostler_e2e::{EMAIL, House, PASSWORD, ostler};
use serde_json::Value;

/// One person at one terminal: a home of their own, signed in or not.
pub(crate) struct Person {
    pub(crate) home: tempfile::TempDir,
    pub(crate) url: String,
}

impl Person {
    pub(crate) fn new(house: &House) -> Self {
        Self { home: ostler_e2e::folder().unwrap(), url: house.url() }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(ostler().unwrap());
        command.args(words).env("HOME", self.home.path()).current_dir(self.home.path()).stdin(Stdio::null());
        for name in ["XDG_CONFIG_HOME", "OSTLER_URL", "OSTLER_KEY", "OSTLER_PROFILE", "OSTLER_WORKSPACE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command. Where it asks for the password, because it is done in person, the password is typed.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.type_in(words, PASSWORD)
    }

    /// What it printed; it must have succeeded.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let out = self.run(words);
        assert!(out.status.success(), "ostler {}: {}", words.join(" "), both(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let text = self.ok(&[words, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("ostler {}: {why}: {text}", words.join(" ")))
    }

    /// It must fail with this code, and say this.
    pub(crate) fn fails(&self, code: i32, words: &[&str], says: &str) {
        let out = self.run(words);
        let text = both(&out);
        assert_eq!(out.status.code(), Some(code), "ostler {}: {text}", words.join(" "));
        assert!(text.contains(says), "ostler {}: {text} does not say {says:?}", words.join(" "));
    }

    pub(crate) fn log_in(&self) -> Output {
        self.log_in_as(EMAIL, PASSWORD)
    }

    pub(crate) fn log_in_as(&self, email: &str, password: &str) -> Output {
        self.type_in(&["login", &self.url, "--email", email, "--password-stdin"], password)
    }

    /// The same house with a key instead of a sign-in: the exit code, and what it printed.
    pub(crate) fn with_key(&self, key: &str, words: &[&str]) -> (Option<i32>, String) {
        let out = self.command(words).env("OSTLER_URL", &self.url).env("OSTLER_KEY", key).output().unwrap();
        (out.status.code(), both(&out))
    }

    pub(crate) fn type_in(&self, words: &[&str], line: &str) -> Output {
        use std::io::Write as _;
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that asks nothing may have ended already.
        let _ = writeln!(child.stdin.take().unwrap(), "{line}");
        child.wait_with_output().unwrap()
    }
}

pub(crate) fn both(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
