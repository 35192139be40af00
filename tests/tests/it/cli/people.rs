//! Roles, teams, search, second factors, providers and people, by commands, with a second person who feels what they do.

use super::person::{Person, both};
use ostler_e2e::{EMAIL, House, PASSWORD};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

const GRACE: &str = "grace@example.org";

/// Ada owns the house and a running workload called Clock; Grace is a viewer.
async fn two() -> (House, Person, Person) {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let link = ada.ok(&["user", "invite", GRACE, "--name", "Grace", "--role", "viewer"]);
    let token = link.trim().split("#token=").nth(1).expect("a link");
    house.post(&format!("/auth/invitations/{token}/accept"), json!({"password": PASSWORD})).await.unwrap();
    let grace = Person::new(&house);
    assert!(grace.log_in_as(GRACE, PASSWORD).status.success());
    let node = ada.json(&["node", "list"])[0]["name"].as_str().unwrap().to_owned();
    ada.ok(&["node", "wait", &node]);
    let words = ["game", "create", "process", "--name", "Clock", "--set", "program=sleep", "--set", "arguments=600"];
    ada.ok(&[&words[..], &["--wait"]].concat());
    (house, ada, grace)
}

fn slug(ada: &Person) -> String {
    ada.json(&["workspace", "list"])[0]["slug"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_role_is_made_given_changed_and_replaced_and_holds_at_once() {
    let (_house, ada, grace) = two().await;
    let home = slug(&ada);
    assert!(ada.ok(&["role"]).contains("Viewer"));
    let made = ada.json(&["role", "create", "Night watch", "--can", "workload:operate", "--can", "event:read"]);
    let id = made["id"].as_str().unwrap();
    grace.fails(4, &["game", "stop", "Clock"], "workload:operate");
    let given = ada.ok(&["workspace", "member", &home, GRACE, "--role", "night watch"]);
    assert!(given.contains("Night watch") && !given.contains(id), "people read names: {given}");
    assert!(ada.ok(&["workspace", "members", &home]).contains("Night watch"));
    grace.fails(4, &["game", "stop", "Clock"], "sign in again");
    assert!(grace.log_in_as(GRACE, PASSWORD).status.success());
    assert_eq!(grace.json(&["game", "stop", "Clock", "--wait"])["state"], "stopped");
    grace.fails(4, &["role", "create", "Mine", "--can", "workload:write"], "role or a key");
    grace.fails(4, &["game", "delete", "Clock", "--yes"], "workload:write");

    ada.fails(5, &["role", "create", "Night watch", "--can", "node:read"], "taken");
    ada.fails(2, &["role", "create", "Bad", "--can", "workload:rule"], "kind:verb");
    ada.fails(2, &["role", "create", "Bad", "--can", "platform:read"], "platform:read");
    ada.fails(2, &["role", "create", "Bad"], "--can");
    ada.fails(2, &["role", "edit", "viewer", "--can", "node:read"], "every workspace");
    ada.fails(2, &["role", "delete", "Owner", "--yes"], "every workspace");
    ada.fails(3, &["role", "edit", "Day wach", "--name", "x"], "Night watch");

    ada.ok(&["role", "edit", "Night watch", "--can", "workload:read", "--name", "Day watch"]);
    grace.fails(4, &["game", "start", "Clock"], "workload:operate");
    ada.ok(&["user", "invite", "eve@example.org", "--role", "Day watch"]);
    let invites = ada.ok(&["user", "invites"]);
    assert!(invites.contains("eve@example.org") && invites.contains("Day watch"), "{invites}");
    ada.fails(5, &["role", "delete", "Day watch", "--yes"], "--replace");
    ada.fails(1, &["role", "delete", "Day watch", "--replace", "viewer"], "--yes");
    ada.fails(3, &["role", "delete", "Day watch", "--replace", "nobody", "--yes"], "Viewer");
    ada.ok(&["role", "delete", "Day watch", "--replace", "viewer", "--yes"]);
    let members = ada.json(&["workspace", "members", &home]);
    let of_grace = members.as_array().unwrap().iter().find(|m| m["email"] == GRACE).unwrap();
    assert_eq!(of_grace["role"], "viewer", "{members}");
    assert_eq!(ada.json(&["role", "list"]).as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_team_gives_its_members_what_it_has_and_takes_it_back() {
    let (_house, ada, grace) = two().await;
    let made = ada.run(&["team", "create", "Harbour crew", "--role", "member", "--on", "clock"]);
    let said = both(&made);
    assert!(said.contains("Clock") && !said.contains("wl_"), "people read names: {said}");
    grace.fails(4, &["game", "stop", "Clock"], "workload:operate");
    ada.ok(&["team", "add", "harbour crew", GRACE]);
    assert!(ada.ok(&["team", "members", "Harbour crew"]).contains("Grace"));
    assert!(grace.log_in_as(GRACE, PASSWORD).status.success());
    assert_eq!(grace.json(&["game", "stop", "Clock", "--wait"])["state"], "stopped");
    grace.fails(4, &["game", "create", "process", "--name", "Mine", "--set", "program=sleep"], "workload:write");
    let teams = ada.json(&["team", "list"]);
    assert!(teams[0]["grant"]["on"]["only"][0].as_str().unwrap().starts_with("wl_"), "programs read ids: {teams}");

    ada.fails(5, &["team", "create", "Harbour crew"], "taken");
    ada.fails(5, &["team", "add", "Harbour crew", GRACE], "taken");
    ada.fails(3, &["team", "add", "Harbour crew", "zoe@example.org"], "zoe@example.org");
    ada.fails(3, &["team", "add", "Harbor crew", GRACE], "there is Harbour crew");
    ada.fails(3, &["team", "create", "X", "--role", "nope"], "Viewer");
    ada.fails(3, &["team", "create", "X", "--role", "viewer", "--on", "Clok"], "Clok");
    ada.fails(2, &["team", "create", "X", "--on", "Clock"], "--role");
    ada.fails(2, &["team", "edit", "Harbour crew", "--no-role", "--role", "viewer"], "--no-role");
    grace.fails(4, &["team", "create", "Mine"], "member:write");

    ada.ok(&["team", "edit", "Harbour crew", "--no-role", "--name", "Crew"]);
    assert!(ada.ok(&["team"]).contains("Crew"), "a team without a role is listed");
    grace.fails(4, &["game", "start", "Clock"], "workload:operate");
    ada.ok(&["team", "edit", "Crew", "--role", "member"]);
    assert!(ada.ok(&["team"]).contains("workspace"), "everywhere, when nothing is named");
    assert_eq!(grace.json(&["game", "start", "Clock", "--wait"])["state"], "running");
    ada.ok(&["team", "remove", "Crew", GRACE]);
    ada.fails(3, &["team", "remove", "Crew", GRACE], "not there");
    grace.fails(4, &["game", "stop", "Clock"], "workload:operate");
    ada.fails(1, &["team", "delete", "Crew"], "--yes");
    ada.ok(&["team", "delete", "Crew", "--yes"]);
    ada.fails(3, &["team", "delete", "Crew", "--yes"], "no team called Crew");
}

#[tokio::test]
async fn a_search_finds_what_one_may_see_and_says_when_there_is_more() {
    let (_house, ada, grace) = two().await;
    let found = ada.json(&["search", "clo", "--kind", "workload"]);
    assert_eq!((found.as_array().unwrap().len(), &found[0]["title"]), (1, &json!("Clock")), "{found}");
    let id = found[0]["id"].as_str().unwrap();
    assert_eq!(ada.json(&["search", id, "--kind", "workload"])[0]["id"], id, "an id finds the thing");
    assert!(ada.ok(&["search", "CLÓCK", "process"]).contains("Clock"), "all words, in any case, without accents");
    let table = ada.ok(&["search", "clock"]);
    assert!(table.contains("workload") && table.contains("event"), "{table}");
    let some = ada.run(&["search", "clock", "--limit", "1"]);
    assert_eq!(String::from_utf8_lossy(&some.stdout).lines().count(), 2, "{}", both(&some));
    assert!(both(&some).contains("--limit"), "{}", both(&some));
    assert!(ada.ok(&["search", "ock"]).contains("beginning of a word"));
    assert_eq!(ada.json(&["search", "nothingatall"]), json!([]));
    assert_eq!(ada.json(&["search", "grace", "--kind", "user"])[0]["subtitle"], GRACE);
    assert_eq!(grace.json(&["search", "ada", "--kind", "user"]), json!([]), "people are for platform admins");
    assert_eq!(grace.json(&["search", "clock", "--kind", "workload"])[0]["id"], id);
    ada.fails(2, &["search"], "WORDS");
    ada.fails(2, &["search", "a", "--kind", "fish"], "workload, node");
    ada.fails(3, &["search", "clock", "--workspace", "nope"], "not_found");
}

/// What an authenticator app shows now.
fn code(secret: &str) -> String {
    let script = "const c = require('crypto'), s = process.argv[1]; let bits = '';
        for (const x of s) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(x).toString(2).padStart(5, '0');
        const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
        const at = Buffer.alloc(8); at.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
        const h = c.createHmac('sha1', key).update(at).digest(), o = h[19] & 15;
        console.log(String((h.readUInt32BE(o) & 0x7fffffff) % 1000000).padStart(6, '0'));";
    let out = Command::new("node").args(["-e", script, secret]).output().expect("node is here");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// `ostler factor setup`, with an app that shows the right code: the recovery codes.
fn set_up(person: &Person) -> Vec<String> {
    let mut command = person.command(&["factor", "setup", "--label", "phone"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    writeln!(typed, "{PASSWORD}").unwrap();
    let mut asked = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut asked).unwrap();
    let secret = asked.trim().strip_prefix("Enter this into your app: ").unwrap_or_else(|| panic!("{asked}"));
    writeln!(typed, "{}", code(secret)).unwrap();
    drop(typed);
    let mut codes = String::new();
    child.stdout.take().unwrap().read_to_string(&mut codes).unwrap();
    assert!(child.wait().unwrap().success(), "{codes}");
    codes.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn second_factors_are_set_up_demanded_and_reset_by_commands() {
    let (_house, ada, grace) = two().await;
    let none = ada.run(&["factor"]);
    assert!(both(&none).contains("0 recovery codes are left"), "{}", both(&none));
    assert!(ada.ok(&["factor", "require"]).contains("No second factor is demanded"));
    assert_eq!(ada.json(&["factor", "require", "--yes", "--grace-days", "7"])["grace_days"], 7);
    let demanded = grace.run(&["factor"]);
    assert!(both(&demanded).contains("is demanded from"), "{}", both(&demanded));
    assert!(ada.ok(&["factor", "require", "--no"]).contains("No second factor"));
    let home = slug(&ada);
    assert_eq!(ada.json(&["factor", "require", "--within", &home, "--yes"])["is_required"], true);
    grace.fails(4, &["factor", "require", "--within", &home, "--no"], "workspace:write");
    ada.ok(&["factor", "require", "--within", &home, "--no"]);
    ada.fails(2, &["factor", "require", "--grace-days", "3"], "--yes");

    // The key of this machine is not enough.
    let wrong = ada.type_in(&["factor", "codes"], "not this one");
    assert_eq!(wrong.status.code(), Some(4), "{}", both(&wrong));
    let early = ada.type_in(&["factor", "codes"], PASSWORD);
    assert!(early.status.code() == Some(5) && both(&early).contains("ostler factor setup"), "{}", both(&early));
    let codes = set_up(&grace);
    assert_eq!(codes.len(), 10, "{codes:?}");
    assert_eq!(grace.json(&["factor", "list"])["factors"][0]["label"], "phone");
    let enter = |person: &Person, words: &[&str], code: &str| person.type_in(words, &format!("{PASSWORD}\n{code}"));
    let login = ["login", grace.url.as_str(), "--email", GRACE, "--password-stdin"];
    let wrong = enter(&grace, &login, "aaaa-aaaa-aaaa-aaaa");
    assert_eq!(wrong.status.code(), Some(4), "{}", both(&wrong));
    assert!(enter(&grace, &login, &codes[0]).status.success(), "a recovery code signs in");
    assert_eq!(enter(&grace, &login, &codes[0]).status.code(), Some(4), "once");
    let fresh = enter(&grace, &["factor", "codes"], &codes[1]);
    assert_eq!(String::from_utf8_lossy(&fresh.stdout).lines().count(), 10, "{}", both(&fresh));
    grace.fails(3, &["factor", "remove", "tablet", "--yes"], "ostler factor list");
    ada.fails(3, &["factor", "reset", "zoe@example.org", "--yes"], "zoe@example.org");
    let reset = ada.type_in(&["factor", "reset", GRACE, "--yes"], PASSWORD);
    assert!(reset.status.success(), "{}", both(&reset));
    assert!(grace.log_in_as(GRACE, PASSWORD).status.success(), "the password is enough again");
    assert!(grace.json(&["factor", "list"])["factors"].as_array().unwrap().is_empty());
}

/// A provider that only describes itself, for as long as the test runs.
fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let modulus = format!("{}w", "u".repeat(341));
    let key = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": modulus, "e": "AQAB"});
    let text = json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"), "keys": [key]})
    .to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", text.len());
            let _ = write!(stream, "{head}\r\nconnection: close\r\n\r\n{text}");
        }
    });
    issuer
}

#[tokio::test]
async fn a_provider_is_tested_added_changed_and_deleted_without_its_secret_being_shown() {
    let house = House::start("server", &[]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let issuer = issuer();
    assert!(ada.ok(&["provider", "test", &issuer]).contains(&format!("{issuer}/authorize")));
    assert!(ada.ok(&["provider"]).contains("Nothing here yet"), "a test changes nothing");
    ada.fails(2, &["provider", "test", "http://127.0.0.1:9"], "issuer");
    ada.fails(2, &["provider", "test", "nonsense"], "https");
    ada.fails(2, &["provider", "add", "corp", "--client-id", "x"], "https://id.example.org");
    let add = ["provider", "add", "corp", "--issuer", &issuer, "--client-id", "ostler", "--secret"];
    let more = ["--name", "Corp", "--domain", "example.org", "--enabled", "yes", "--json"];
    let added = ada.type_in(&[&add[..], &more[..]].concat(), &format!("its secret\n{PASSWORD}"));
    assert!(added.status.success() && !both(&added).contains("its secret"), "{}", both(&added));
    let made: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!(
        (&made["slug"], &made["is_enabled"], &made["domains"]),
        (&json!("corp"), &json!(true), &json!(["example.org"]))
    );
    let again = ada.type_in(&add, &format!("its secret\n{PASSWORD}"));
    assert!(again.status.code() == Some(5) && both(&again).contains("taken"), "{}", both(&again));
    assert_eq!(ada.json(&["provider", "set", "corp", "--enabled", "no"])["is_enabled"], false);
    ada.fails(2, &["provider", "set", "corp", "--enabled", "perhaps"], "yes or no");
    ada.fails(3, &["provider", "set", "corpse", "--enabled", "no"], "there is corp");
    let listed = ada.run(&["provider"]);
    assert!(both(&listed).contains("public_url"), "nobody can be sent back yet: {}", both(&listed));
    ada.fails(1, &["provider", "delete", "corp"], "--yes");
    ada.ok(&["provider", "delete", "corp", "--yes"]);
    ada.fails(3, &["provider", "delete", "corp", "--yes"], "no provider called corp");
}

#[tokio::test]
async fn people_are_kept_out_named_anew_and_deleted_only_when_nothing_refers_to_them() {
    let (_house, ada, grace) = two().await;
    assert!(ada.ok(&["user", "list"]).contains("Grace"));
    assert_eq!(ada.json(&["user", "rename", GRACE, "Grace H."])["name"], "Grace H.");
    let refers = ada.json(&["user", "references", GRACE]);
    assert!(!refers.as_array().unwrap().is_empty());
    ada.fails(5, &["user", "delete", GRACE, "--yes"], "ostler user references");
    ada.ok(&["user", "deactivate", GRACE]);
    grace.fails(4, &["node", "list"], "ostler login");
    ada.ok(&["user", "reactivate", GRACE]);
    grace.ok(&["node", "list"]);
    grace.fails(3, &["user", "list"], "not yours to see");
    for verb in ["deactivate", "delete"] {
        let words = if verb == "delete" { vec!["user", verb, EMAIL, "--yes"] } else { vec!["user", verb, EMAIL] };
        ada.fails(5, &words, "nother platform admin");
    }
    ada.fails(3, &["user", "rename", "zoe@example.org", "Zoe"], GRACE);
    ada.fails(2, &["user", "invite", "nonsense"], "name@example.org");
    ada.fails(5, &["user", "resend", GRACE], "accepted");
    // Somebody who never came is deleted without a trace.
    let first = ada.ok(&["user", "invite", "eve@example.org"]);
    assert_ne!(ada.ok(&["user", "resend", "eve@example.org"]), first, "the earlier link ends");
    ada.fails(5, &["user", "reactivate", "eve@example.org"], "ostler user resend");
    ada.fails(1, &["user", "delete", "eve@example.org"], "--yes");
    ada.ok(&["user", "delete", "eve@example.org", "--yes"]);
    ada.ok(&["user", "invite", "eve@example.org", "--role", "viewer"]);
    let invite = ada.json(&["user", "invites"])[0]["id"].as_str().unwrap().to_owned();
    ada.ok(&["user", "withdraw", &invite]);
    assert_eq!(ada.json(&["user", "invites"]), json!([]));
    ada.fails(3, &["user", "withdraw", "inv_none"], "not_found");
}
