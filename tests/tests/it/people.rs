//! The first run by a script, people without mail, settings, and a server that starts anew: the built program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ostler_e2e::{EMAIL, House, PASSWORD, Running, ostler, until};
use serde_json::{Value, json};

/// One person at one terminal.
struct Person<'a> {
    home: &'a Path,
}

impl Person<'_> {
    /// Runs a command. Where it asks for the password, because it is done in person, the password is typed.
    fn run(&self, words: &[&str]) -> Output {
        use std::io::Write as _;
        let mut command = Command::new(ostler().unwrap());
        command.args(words).env("HOME", self.home).current_dir(self.home);
        for name in ["XDG_CONFIG_HOME", "OSTLER_URL", "OSTLER_KEY", "OSTLER_PROFILE", "OSTLER_WORKSPACE"] {
            command.env_remove(name);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that asks nothing may have ended already.
        let _ = writeln!(child.stdin.take().unwrap(), "{PASSWORD}");
        child.wait_with_output().unwrap()
    }
    fn ok(&self, words: &[&str]) -> String {
        let out = self.run(words);
        assert!(out.status.success(), "ostler {}: {out:?}", words.join(" "));
        String::from_utf8(out.stdout).unwrap()
    }
    fn fails(&self, words: &[&str], says: &str) {
        let out = self.run(words);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && text.contains(says), "ostler {}: {text}", words.join(" "));
    }
    fn log_in(&self, url: &str, email: &str, password: &str) {
        use std::io::Write as _;
        let mut command = Command::new(ostler().unwrap());
        command.args(["login", url, "--email", email, "--password-stdin"]).env("HOME", self.home);
        command.current_dir(self.home).env_remove("XDG_CONFIG_HOME");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        assert!(child.wait().unwrap().success());
    }
}

fn token(link: &str) -> &str {
    link.trim().split("#token=").nth(1).expect("a link")
}

#[tokio::test]
async fn an_admin_starts_the_server_anew_and_settings_hold_then() {
    let house = House::start("server", &[]).await.unwrap();
    let home = ostler_e2e::folder().unwrap();
    let ada = Person { home: home.path() };
    ada.log_in(&house.url(), EMAIL, PASSWORD);
    let before = house.get("/health").await.unwrap();
    ada.ok(&["setting", "set", "metrics_on_loopback", "true"]);
    let listed: Value = serde_json::from_str(&ada.ok(&["setting", "list", "--json"])).unwrap();
    assert_eq!(listed["restart_required"], true);
    let status: Value = house.get("/setup/status").await.unwrap();
    assert_eq!(status["state"], "restart_required");
    ada.ok(&["setting", "restart", "--wait"]);
    // A connection from before may still be in the client's hands; the first answer by the new server is what counts.
    let is_new = |health: &Value| health["bootId"] != before["bootId"];
    let after = house.wait("/health", Duration::from_secs(20), is_new).await.unwrap();
    assert_ne!(before["startedAt"], after["startedAt"]);
    let listed: Value = serde_json::from_str(&ada.ok(&["setting", "list", "--json"])).unwrap();
    assert_eq!(listed["restart_required"], false);
    let mut server = house.server;
    let running = server.as_mut().unwrap();
    running.signal("TERM").unwrap();
    assert!(running.ended(Duration::from_secs(20)).unwrap().success(), "and it still ends when told to");
}

#[tokio::test]
async fn people_come_in_and_back_in_without_mail() {
    let house = House::start("server", &[]).await.unwrap();
    let home = ostler_e2e::folder().unwrap();
    let ada = Person { home: home.path() };
    ada.log_in(&house.url(), EMAIL, PASSWORD);
    let link = ada.ok(&["user", "invite", "new@example.org", "--role", "member"]);
    let path = format!("/auth/invitations/{}/accept", token(&link));
    house.post(&path, json!({"password": "another horse battery"})).await.unwrap();
    let theirs = ostler_e2e::folder().unwrap();
    let new = Person { home: theirs.path() };
    new.log_in(&house.url(), "new@example.org", "another horse battery");
    ada.ok(&["user", "deactivate", "new@example.org"]);
    new.fails(&["node", "list"], "not valid");
    ada.ok(&["user", "reactivate", "new@example.org"]);
    new.ok(&["node", "list"]);
    ada.fails(&["user", "delete", "new@example.org", "--yes"], "refers");
    let data = house.data().display().to_string();
    let link = ada.ok(&["server", "--data", &data, "reset-link", EMAIL]);
    let path = format!("/auth/password/reset/{}", token(&link));
    house.post(&path, json!({"password": "a third horse battery"})).await.unwrap();
    ada.log_in(&house.url(), EMAIL, "a third horse battery");
}

#[test]
fn a_script_installs_and_unsafe_values_are_refused_with_the_line_to_change() {
    let home = ostler_e2e::folder().unwrap();
    let script = Person { home: home.path() };
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad = file("bad.toml", "public_url = \"http://ostler.example.org\"");
    script.fails(&["server", "--config", &bad, "--data", "x"], "public_url = \"https://");
    let unknown = file("unknown.toml", "cors_origins = [\"*\"]");
    script.fails(&["server", "--config", &unknown, "--data", "x"], "cors_origins");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let _server = Running::start(home.path(), "server", &["server", "--data", "data", "--listen", &listen]).unwrap();
    let secret = until("the secret is printed", Duration::from_secs(30), || {
        let log = fs::read_to_string(home.path().join("server.log"))?;
        Ok(log.split("#secret=").nth(1).and_then(|rest| rest.split_whitespace().next().map(str::to_owned)))
    })
    .unwrap();
    assert_eq!(script.ok(&["setup", "status", &url]).trim(), "setup");
    let (secret, password) = (file("secret", &secret), file("password", "correct horse battery\n"));
    let wrong = file("wrong", "guess");
    script.fails(&["setup", "check", &url, "--secret-file", &wrong, "database"], "secret");
    script.ok(&["setup", "check", &url, "--secret-file", &secret, "database"]);
    let who = ["--email", "ada@example.org", "--name", "Ada", "--first-workspace", "Stables"];
    let files = ["--secret-file", &secret, "--password-file", &password];
    let install = [&["setup", "install", &url][..], &files, &who].concat();
    script.fails(&[&install[..], &["--set", "trusted_proxies=[\"0.0.0.0/0\"]"]].concat(), "wrong");
    script.ok(&[&install[..], &["--set", "mail.port=2525"]].concat());
    assert_eq!(script.ok(&["setup", "status", &url]).trim(), "installed");
    let again = script.run(&install);
    assert_eq!(again.status.code(), Some(3), "it does not exist any more: {again:?}");
    script.log_in(&url, "ada@example.org", "correct horse battery");
}
