//! The OpenAPI document against the server that serves it: no 5xx, no answer that the document does not name.
//!
//! schemathesis reads the document as a stranger would and makes thousands of requests from it, good and bad. A stranger who
//! only guesses ids is answered 404 by most routes, so it is also told what there is: a node that is online, workloads,
//! people, keys. Whatever a DELETE names is made to be deleted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::gone;
use anyhow::{Context, Result, ensure};
use ostler_e2e::{House, Running};
use serde_json::{Value, json};

/// What counts as a failure. The checks that are left out hold every API to customs that ours does not follow, each for a reason.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      unsupported_method,ignored_auth";
/// Streams never end, and a stranger who starts the server anew is cut off in the middle of the next request: these are
/// asked by hand. Who has demanded a second factor of themselves sees little else from then on: that comes last.
const LEFT_OUT: &str = "/(stream|platform-settings/restart|mfa/requirement)$";
const LAST: &str = "/mfa/requirement$";
/// A stranger in a hurry: limits on the rate are tested elsewhere, and would hide every other answer here.
const NO_LIMITS: &str = "[rates]\nper_address = 0\nper_actor = 0\nper_address_burst = 0\nper_actor_burst = 0\n";
/// How many things there are of each kind: with the first all may be done but deletion, which is for the others.
const OF_EACH: usize = 4;
/// As many operations, of some 190, may find nothing: those whose secrets only a person's mailbox has, and those that a key is refused
/// whatever it names, because only a person in session does them, so that guessed ids are all that answers otherwise.
const WITHOUT_DATA: u32 = 44;

/// It would take ids out of answers, and delete what others are still to find.
const NO_BORROWING: &str = "[phases.examples.extra-data-sources]\nresponses = false\n\
                            [phases.coverage.extra-data-sources]\nresponses = false\n\
                            [phases.fuzzing.extra-data-sources]\nresponses = false\n";

#[tokio::test]
async fn a_stranger_with_the_document_finds_no_surprise() {
    let Some(program) = std::env::var_os("OSTLER_TEST_SCHEMATHESIS").filter(|p| !p.is_empty()) else {
        assert!(std::env::var_os("CI").is_none(), "OSTLER_TEST_SCHEMATHESIS is not set, and CI may not skip this");
        eprintln!("SKIPPED: schemathesis is missing; name it in OSTLER_TEST_SCHEMATHESIS");
        return;
    };
    let config = ostler_e2e::folder().unwrap();
    let file = config.path().join("ostler.toml");
    std::fs::write(&file, NO_LIMITS).unwrap();
    let house = House::start("server", &["--config", file.to_str().unwrap()]).await.unwrap();
    let _agent = join(&house).await.unwrap();
    let things = furnish(&house).await.unwrap();
    let told = config.path().join("schemathesis.toml");
    std::fs::write(&told, tell(&house.get("/openapi.json").await.unwrap(), &things)).unwrap();
    let text =
        run(Path::new(&program), &house, &told, ["--exclude-path-regex", LEFT_OUT, "--max-time", "120"]).unwrap();
    for param in ["workload", "node", "user"] {
        house.get(&format!("/{param}s/{}", things[param][0])).await.expect("what nobody was to delete is still there");
    }
    // A run that could not read the document, or that tested nothing, must not pass.
    assert!(text.contains("passed"), "{text}");
    let missing = text.split("Missing test data: ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    assert!(missing.unwrap_or(0) <= WITHOUT_DATA, "most routes were not reached\n{text}");
    by_hand(&house, &things["node"][0]).await.unwrap();
    // What a node runs outlives its agent: it must not outlive the test.
    for workload in &things["workload"] {
        let _gone_already = house.delete(&format!("/workloads/{workload}")).await;
        gone(&house, workload).await.unwrap();
    }
    let text = run(Path::new(&program), &house, &told, ["--include-path-regex", LAST, "--max-time", "30"]).unwrap();
    assert!(text.contains("4 selected"), "{text}");
}

/// What a stranger with the document cannot ask in a hurry, held to it as well.
async fn by_hand(house: &House, node: &str) -> Result<()> {
    let document = house.get("/openapi.json").await?;
    let as_told = async |method: &str, path: &str, query: &str| -> Result<u16> {
        let url = format!("{}/api/v1{}{query}", house.url(), path.replace("{node}", node));
        let request = house.http.request(method.parse()?, url).bearer_auth(&house.key);
        let answer = tokio::time::timeout(Duration::from_secs(20), request.send()).await??;
        let (status, media) = (answer.status().as_u16(), answer.headers()["content-type"].to_str()?.to_owned());
        let told = &document["paths"][format!("/api/v1{path}")][method.to_lowercase()]["responses"][status.to_string()];
        let is_named = told["content"].as_object().is_some_and(|all| all.keys().any(|name| media.starts_with(name)));
        ensure!(status < 500 && is_named, "{method} {path}{query} answered {status} {media}");
        Ok(status)
    };
    for (path, wrong) in
        [("/events/stream", "?after=x"), ("/events/stream", "?topics=%00"), ("/nodes/{node}/stats/stream", "?x=1")]
    {
        ensure!(as_told("GET", path, "").await? == 200, "{path} streams");
        as_told("GET", path, wrong).await?;
    }
    ensure!(as_told("POST", "/platform-settings/restart", "").await? == 202, "the server starts anew");
    house.wait("/nodes", Duration::from_secs(30), |page| page["items"][0]["state"] == "online").await?;
    Ok(())
}

fn run(program: &Path, house: &House, told: &Path, which: [&str; 4]) -> Result<String> {
    let out = Command::new(program)
        .arg("--config-file")
        .arg(told)
        .args(["run", &format!("{}/api/v1/openapi.json", house.url())])
        .args(["--header", &format!("Authorization: Bearer {}", house.key)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(which)
        .args(["--max-examples", "20", "--seed", "1", "--workers", "1"])
        .args([
            "--suppress-health-check",
            "all",
            "--request-timeout",
            "20",
            "--generation-database",
            "none",
            "--no-color",
        ])
        .current_dir(house.dir())
        .output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}\n{}\n{}", String::from_utf8_lossy(&out.stderr), house.log());
    Ok(text)
}

/// Makes this machine a node of the house.
async fn join(house: &House) -> Result<Running> {
    let home = home(house).await?;
    let token = house.post(&format!("/workspaces/{home}/join-tokens"), json!({"label": "Here"})).await?;
    let token = token["token"].as_str().with_context(|| format!("no token in {token}"))?;
    let (state, data) = (house.dir().join("agent"), house.dir().join("workloads"));
    let (state, data) = (state.display().to_string(), data.display().to_string());
    let url = house.url();
    let words = ["agent", "join", &url, token, "--state-dir", &state, "--data-dir", &data];
    Running::start(house.dir(), "agent", &[words.as_slice(), &["--port-range", "26900-26999"]].concat())
}

/// Ids by the name of the parameter that they are for.
type Things = BTreeMap<&'static str, Vec<String>>;

/// The first workspace.
async fn home(house: &House) -> Result<String> {
    id(&house.get("/workspaces").await?["items"][0])
}

/// Makes some of everything.
async fn furnish(house: &House) -> Result<Things> {
    let mut things = Things::new();
    let node = house.wait("/nodes", Duration::from_secs(30), |page| page["items"][0]["state"] == "online").await?;
    let home = home(house).await?;
    things.insert("node", vec![id(&node["items"][0])?]);
    things.insert("workspace", vec![home.clone()]);
    for n in 0..OF_EACH {
        let mut made = async |param: &'static str, path: &str, body: Value| -> Result<Value> {
            let answer = house.post(path, body).await?;
            let id = answer.get("target").or_else(|| answer.get("id")).and_then(Value::as_str).map(str::to_owned);
            let id = id.or_else(|| answer[param]["id"].as_str().map(str::to_owned));
            let id = id.or_else(|| answer["gameID"].as_str().map(str::to_owned));
            things.entry(param).or_default().push(id.with_context(|| format!("no id in {answer}"))?);
            Ok(answer)
        };
        let workload = json!({"name": format!("Clock {n}"), "template": "process",
            "variables": {"program": "sleep", "arguments": "100000"}, "limits": {"memory_bytes": 33_554_432}});
        let accepted = made("workload", "/game/servers", workload).await?;
        // Onto the platform only people in person invite; into a workspace a key may.
        let user = json!({"email": format!("u{n}@example.org"), "name": format!("User {n}"), "role": "viewer"});
        made("user", &format!("/workspaces/{home}/invites"), user).await?;
        made("key", "/keys", json!({"label": format!("Key {n}"), "capabilities": ["workload:read"]})).await?;
        made("workspace", "/workspaces", json!({"name": format!("Space {n}")})).await?;
        made("token", &format!("/workspaces/{home}/join-tokens"), json!({"label": format!("Rack {n}")})).await?;
        let guest = json!({"email": format!("guest{n}@example.org"), "role": "viewer"});
        made("invite", &format!("/workspaces/{home}/invites"), guest).await?;
        made("match", "/matches", json!({"title": "tic-tac-toe"})).await?;
        made("bot", "/bots", json!({"name": format!("Ladder {n}")})).await?;
        let role = json!({"name": format!("Watch {n}"), "capabilities": ["workload:operate"]});
        made("role", &format!("/workspaces/{home}/roles"), role).await?;
        let team = json!({"name": format!("Crew {n}"), "grant": {"role": "viewer", "on": "workspace"}});
        made("team", &format!("/workspaces/{home}/teams"), team).await?;
        things.entry("job").or_default().extend(accepted["job_id"].as_str().map(str::to_owned));
    }
    things.insert("template", ["process", "luanti"].map(str::to_owned).to_vec());
    let first = &things["workload"][0];
    house.wait(&format!("/workloads/{first}"), Duration::from_secs(60), |w| w["state"] == "running").await?;
    Ok(things)
}

fn id(thing: &Value) -> Result<String> {
    Ok(thing["id"].as_str().with_context(|| format!("no id in {thing}"))?.to_owned())
}

/// What schemathesis is told: for each operation, which ids its parameters mostly have. The rest it guesses.
fn tell(document: &Value, things: &Things) -> String {
    let mut text = NO_BORROWING.to_owned();
    for (param, ids) in things {
        let (kept, doomed) = ids.split_at(1);
        for (name, ids) in [("kept", kept), ("doomed", doomed)] {
            if !ids.is_empty() {
                writeln!(text, "[dictionaries.{param}-{name}]\nvalues = {}", json!(ids)).expect("a string takes all");
            }
        }
    }
    for (path, operations) in document["paths"].as_object().expect("a document has paths") {
        for method in operations.as_object().expect("a path has operations").keys() {
            // The one node would be gone for all that follow.
            let which = if method == "delete" { "doomed" } else { "kept" };
            let bound: Vec<String> = things
                .iter()
                .filter(|(param, ids)| path.contains(&format!("{{{param}}}")) && (which == "kept" || ids.len() > 1))
                // Tokens of people are secrets; those of nodes are ids.
                .filter(|(param, _)| **param != "token" || path.contains("join-tokens"))
                .map(|(param, _)| {
                    // Whoever deletes a member does it in the workspace that has some.
                    let which = if path.ends_with(&format!("{{{param}}}")) { which } else { "kept" };
                    format!("\"path.{param}\" = {{ dictionary = \"{param}-{which}\", probability = 0.8 }}\n")
                })
                .collect();
            if !bound.is_empty() {
                let name = format!("{} {path}", method.to_uppercase());
                write!(
                    text,
                    "[[operations]]\ninclude-name = {}\n[operations.parameters]\n{}",
                    json!(name),
                    bound.concat()
                )
                .expect("a string takes all");
            }
        }
    }
    text
}
