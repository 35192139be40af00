//! Trying it all.

use super::expect::{Must, must};
use super::world::{CALLERS, Copy, World};
use http::Method;
use ostler_server::http::{Access, Endpoint, Found, Presence};
use ostler_testkit::server::{Answer, As};
use ostler_wire::link::sign::{Dialled, Signed};
use rusqlite::Connection;
use schemars::SchemaGenerator;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Mutations that no sample is accepted by in this small world, each with the reason. For these the rule that what is done
/// writes one entry is shown elsewhere.
const NEVER_DONE: &[(&str, &str)] = &[
    ("console.command", "the node is away here; `the_console_is_read_and_typed_into`"),
    ("factor.create", "needs an authenticator; the factor room's own tests"),
    ("factor.totp_confirm", "needs an app; the factor room's own tests"),
    ("invite.accept", "the sample is nobody's link; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("match.create", "no worker is here; `matches`"),
    ("match.create_game", "the callers are no bots; `matches`"),
    ("match.end", "the match is over; `matches`"),
    ("match.end_game", "the callers are no bots; `matches`"),
    ("match.intent", "the callers are no bots; `matches`"),
    ("match.kick", "the match is over; `matches`"),
    ("match.pause", "the match is over; `matches`"),
    ("match.start", "the match is over; `matches`"),
    ("match.update", "the match is over; `matches`"),
    ("node.delete", "the node has a workload; the store's tests"),
    ("node.forget", "wants the node's own name; `f4_a_lost_node_and_what_was_on_it_can_be_forgotten`"),
    ("node.join", "the sample is nobody's token; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("platform.check_database", "asks another server, and changes nothing"),
    ("platform.check_redis", "asks another server, and changes nothing"),
    ("platform.check_smtp", "asks another server, and changes nothing"),
    ("platform.install", "happens once; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("provider.create", "asks another server first; the OIDC room's own tests"),
    ("provider.link", "asks another server first; the OIDC room's own tests"),
    ("provider.unlink", "nobody here is linked; the OIDC room's own tests"),
    ("provider.test", "asks another server; the OIDC room's own tests"),
    ("session.confirm", "nobody here has a password; the factor room's own tests"),
    ("session.login", "the sample is nobody; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("session.passkey_verify", "needs an authenticator; the factor room's own tests"),
    ("session.recover", "needs a code; the factor room's own tests"),
    ("session.refresh", "the sample is nobody's; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("session.verify", "needs an app; the factor room's own tests"),
    ("setting.check_smtp", "asks another server, and changes nothing"),
    ("user.change_password", "nobody here has a password; the people room's own tests"),
    ("user.delete", "the target is a member; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("user.join", "the sample is nobody's link; `s1_the_second_invitation_is_accepted_by_the_person_who_is_signed_in`"),
    ("user.resend_invite", "the target has accepted; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("user.spend", "the sample is nobody's link; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("workload.forget", "wants the workload's own name; `f4_a_lost_node_and_what_was_on_it_can_be_forgotten`"),
    ("workspace.archive", "a job is under way; `what_the_matrix_has_no_sample_for_writes_one_entry_as_well`"),
    ("workspace.delete", "the workspace has a workload; the store's tests"),
];

/// Mutations that change nothing that an audit entry could be about, each with the reason.
const UNAUDITED: &[(&str, &str)] = &[];

/// Entries that say nothing of what was before and after, each with the reason.
const NO_CHANGE: &[(&str, &str)] = &[
    ("audit.checkpoint", "signs what is there"),
    ("match.", "what a worker is asked to do; matches keep a journal of their own"),
    ("platform.check", "looks, and changes nothing"),
    ("platform.restart", "the process is another one, and no thing"),
    ("session.challenge", "half of a sign-in"),
    ("user.forgot", "for whom it was must not be told"),
    ("workload.command", "what is typed into a console is the workload's"),
];

#[tokio::test]
async fn every_endpoint_answers_every_caller_as_declared() {
    let world = World::build().await;
    let shared = world.copy().await;
    let db = open(&shared);
    let archived = world.archived().await;
    let archived_db = open(&archived);
    let mut table = heading();
    let mut wrong: Vec<String> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    let endpoints: Vec<Endpoint> = ostler_server::routes().into_iter().filter(|e| e.family.is_none()).collect();
    for endpoint in &endpoints {
        for is_absent in if can_be_absent(endpoint) { vec![false, true] } else { vec![false] } {
            let mut row = row_start(endpoint, is_absent);
            for caller in CALLERS {
                let expected = must(&world, endpoint, caller, is_absent);
                if endpoint.access == Access::Public && caller != "nobody" {
                    write!(row, " {:>8}", "=").unwrap();
                    continue;
                }
                let cell = Cell { world: &world, endpoint, caller, is_absent, expected };
                let is_change = expected == Must::Pass && endpoint.is_mutation();
                let answer = if is_change {
                    cell.on_a_copy(&mut wrong).await
                } else if caller == "archive" {
                    cell.on(&archived, &archived_db, &mut wrong).await
                } else {
                    cell.on(&shared, &db, &mut wrong).await
                };
                if is_change && answer.status.is_success() {
                    done.insert(endpoint.action());
                }
                write!(row, " {:>8}", answer.status.as_u16()).unwrap();
            }
            writeln!(table, "{}", row.trim_end()).unwrap();
        }
    }
    shared.stop().await;
    archived.stop().await;
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    golden("access.txt", &table);
    was_done(&endpoints, &done);
}

/// Otherwise "each accepted mutation writes one entry" would hold for what is never accepted.
fn was_done(endpoints: &[Endpoint], done: &BTreeSet<String>) {
    let all: BTreeSet<String> = endpoints.iter().filter(|e| e.is_mutation()).map(Endpoint::action).collect();
    let never: BTreeSet<&str> = all.iter().filter(|action| !done.contains(*action)).map(String::as_str).collect();
    let listed: BTreeSet<&str> = NEVER_DONE.iter().map(|(action, _)| *action).collect();
    let missing: Vec<&&str> = never.difference(&listed).collect();
    assert!(missing.is_empty(), "give these a sample that is accepted here, or a reason in NEVER_DONE: {missing:?}");
    let needless: Vec<&&str> = listed.difference(&never).collect();
    assert!(needless.is_empty(), "these are done here; take them off NEVER_DONE: {needless:?}");
}

#[tokio::test]
async fn other_methods_are_refused_with_the_list_of_those_that_exist() {
    let world = World::build().await;
    let copy = world.copy().await;
    let endpoints: Vec<Endpoint> = ostler_server::routes();
    let paths: BTreeSet<&str> = endpoints.iter().map(|e| e.path.as_str()).collect();
    for path in paths {
        let has: BTreeSet<String> = endpoints.iter().filter(|e| e.path == path).map(|e| e.method.to_string()).collect();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if has.contains(method.as_str()) {
                continue;
            }
            let answer = copy.t.ask(&world.people["root"].1, method.clone(), path, None).await.is(405);
            let allowed: BTreeSet<String> =
                answer.header("allow").unwrap().split(", ").filter(|m| *m != "HEAD").map(str::to_owned).collect();
            assert_eq!(allowed, has, "{method} {path}");
        }
    }
    copy.stop().await;
}

struct Cell<'a> {
    world: &'a World,
    endpoint: &'a Endpoint,
    caller: &'a str,
    is_absent: bool,
    expected: Must,
}

impl Cell<'_> {
    fn say(&self, what: &str) -> String {
        let case = if self.is_absent { "absent" } else { "existing" };
        format!("{} {} as {} ({case}): {what}", self.endpoint.method, self.endpoint.path, self.caller)
    }

    /// A request that must change nothing: all of them meet the same database.
    async fn on(&self, copy: &Copy, db: &Connection, wrong: &mut Vec<String>) -> Answer {
        let before = if self.endpoint.is_mutation() { Some(digest(db)) } else { None };
        let answer = self.ask(copy).await;
        self.check(&answer, wrong);
        if let Some(before) = before
            && digest(db) != before
        {
            wrong.push(self.say("a refused request changed the database"));
        }
        let is_noted = self.endpoint.is_mutation() && !matches!(self.expected, Must::Pass | Must::Archived);
        let entries = audited(db, &answer);
        let right = if is_noted { vec!["refused".to_owned()] } else { vec![] };
        if entries != right {
            wrong.push(self.say(&format!("audit entries are {entries:?}, not {right:?}")));
        }
        answer
    }

    /// A request that may change something: on a database of its own.
    async fn on_a_copy(&self, wrong: &mut Vec<String>) -> Answer {
        let copy = if self.caller == "archive" { self.world.archived().await } else { self.world.copy().await };
        let db = open(&copy);
        let before = digest(&db);
        let answer = self.ask(&copy).await;
        self.check(&answer, wrong);
        let entries = audited(&db, &answer);
        let is_excused = UNAUDITED.iter().any(|(action, _)| *action == self.endpoint.action());
        if answer.status.is_success() {
            if entries != ["done"] && !is_excused {
                wrong.push(self.say(&format!("was done, and its audit entries are {entries:?}")));
            }
            wrong.extend(untold(&db, &answer).iter().map(|entry| self.say(entry)));
        } else if digest(&db) != before {
            wrong.push(self.say(&format!("answered {} and changed the database", answer.status)));
        }
        copy.stop().await;
        answer
    }

    fn check(&self, answer: &Answer, wrong: &mut Vec<String>) {
        let (status, code) = (answer.status.as_u16(), answer.json()["error"].as_str().unwrap_or_default().to_owned());
        let is_right = match self.expected {
            Must::Pass if self.endpoint.access == Access::Public => status < 500,
            Must::Pass => !(status == 401 || status == 404 || status == 403 && code == "forbidden" || status == 500),
            Must::Unauthorized => status == 401,
            Must::Archived => status == 409 && code == "workspace_archived",
            Must::Lack => status == 403 && code == "forbidden",
            Must::Person => status == 403 && code == "person_only",
            Must::Hide => status == 404 && answer.without_request_id() == hidden(),
        };
        if !is_right {
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            wrong.push(self.say(&format!("must {:?}, answered {status} {text}", self.expected)));
        }
    }

    async fn ask(&self, copy: &Copy) -> Answer {
        let endpoint = self.endpoint;
        let mut path = endpoint.path.clone();
        let found = match endpoint.access {
            Access::Allowed { found, .. } => Some(found),
            _ => None,
        };
        for name in endpoint.params() {
            let is_the_one = match found {
                Some(Found::Param(param)) => param == name,
                Some(Found::InWorkspace | Found::PartlyInWorkspace) => name == "workspace",
                _ => true,
            };
            let value = self.world.param(endpoint.noun, name, self.is_absent && is_the_one);
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        if matches!(found, Some(Found::InWorkspace | Found::PartlyInWorkspace))
            && !endpoint.params().any(|p| p == "workspace")
        {
            path = format!("{path}?workspace={}", self.world.param("workspace", "workspace", self.is_absent));
        }
        let body = (endpoint.input)(&mut SchemaGenerator::default()).sample;
        copy.t.ask(&self.credentials(copy, &path), endpoint.method.clone(), &path, body.as_ref()).await
    }

    fn credentials(&self, copy: &Copy, path: &str) -> As {
        let world = self.world;
        match self.caller {
            "node" => {
                let app = &copy.t.app;
                let (at, nonce) = (app.clock.now(), app.ids.bytes());
                let path = path.split('?').next().unwrap_or_default();
                let dialled = Some(Dialled { authority: "localhost".to_owned(), lease: None, boot: [1; 16] });
                let mut signed = Signed { node: world.node, at, nonce, dialled, signature: [0; 64] };
                let bytes = signed.message(self.endpoint.method.as_str(), path, app.installation);
                signed.signature = world.node_key.sign(&bytes).as_ref().try_into().unwrap();
                As::Header(signed.header())
            }
            "weakkey" => match self.endpoint.access {
                Access::Allowed { capability, .. } => world.weak[&capability.kind].clone(),
                _ => world.others["key"].clone(),
            },
            "archive" => world.people["owner"].1.clone(),
            name => world.others.get(name).or_else(|| world.people.get(name).map(|(_, who)| who)).unwrap().clone(),
        }
    }
}

/// What everybody sees who may not see.
fn hidden() -> Value {
    serde_json::json!({ "error": "not_found", "message": "there is no such thing here, or it is not yours to see" })
}

fn can_be_absent(endpoint: &Endpoint) -> bool {
    match endpoint.access {
        Access::Allowed { found: Found::Param(_) | Found::InWorkspace | Found::PartlyInWorkspace, .. } => true,
        Access::Allowed { found: Found::Own, .. } => endpoint.params().any(|p| p == "user"),
        _ => false,
    }
}

pub(super) fn open(copy: &Copy) -> Connection {
    Connection::open_with_flags(copy.path(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// When something was last used is written by itself, some time after.
const BY_ITSELF: [&str; 3] = ["seen_at", "last_used_at", "last_used_from"];

/// Everything but the audit trail and what counts attempts, as one text.
pub(super) fn digest(db: &Connection) -> String {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| digest_sql(db));
    db.prepare_cached(sql).unwrap().query_one([], |row| row.get(0)).unwrap()
}

/// The first column of every row.
fn column(db: &Connection, sql: &str, value: Option<&str>) -> Vec<String> {
    let mut statement = db.prepare_cached(sql).unwrap();
    let rows = statement.query_map(rusqlite::params_from_iter(value), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn digest_sql(db: &Connection) -> String {
    let mut tables = Vec::new();
    for name in column(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", None) {
        if ["audit", "audit_checkpoint", "chain", "throttle", "idempotency"].contains(&name.as_str())
            || name.starts_with("sqlite_")
        {
            continue;
        }
        let columns = column(db, "SELECT name FROM pragma_table_info($1)", Some(&name));
        let columns = columns.iter().filter(|c| !BY_ITSELF.contains(&c.as_str()));
        let columns: Vec<String> = columns.map(|c| format!("quote({c})")).collect();
        tables.push(format!("SELECT '{name} ' || {} AS line FROM {name}", columns.join(" || '|' || ")));
    }
    format!(
        "SELECT group_concat(line, char(10)) FROM (SELECT line FROM ({}) ORDER BY line)",
        tables.join(" UNION ALL ")
    )
}

/// The outcomes of the audit entries that this request wrote.
fn audited(db: &Connection, answer: &Answer) -> Vec<String> {
    column(db, "SELECT outcome FROM audit WHERE request_id = $1", answer.header("x-request-id"))
}

/// The entries of this request that leave open what was before and what is after.
fn untold(db: &Connection, answer: &Answer) -> Vec<String> {
    let id = answer.header("x-request-id").unwrap();
    let sql = "SELECT action, details FROM audit WHERE request_id = $1 AND outcome = 'done'";
    let mut statement = db.prepare_cached(sql).unwrap();
    let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut untold = Vec::new();
    for row in rows {
        let (action, details): (String, Option<String>) = row.unwrap();
        let details: Value = details.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        let is_told =
            details["before"].is_object() && details["after"].is_object() && details["digest"]["after"].is_string();
        if !is_told && !NO_CHANGE.iter().any(|(listed, _)| action.starts_with(listed)) {
            untold.push(format!("{action} does not say what was before and what is after: {details}"));
        }
    }
    untold
}

fn heading() -> String {
    let mut text = String::from(
        "Who gets which answer from which endpoint. Made by crates/server/tests/it/access; read it whenever it changes.\n\
         \n\
         basic: another scheme. suspend: key of a deactivated person, kept-out: their browser.\n\
         revoked: a deleted key. ended: a session that was ended. node: a node's signature. strangr: owner of another workspace.\n\
         root: platform admin, member of nothing. key: the owner's, with everything. weakkey: the owner's, lacking this noun.\n\
         farkey: the owner's, for another workspace only. wskey: the owner's, for this one only. onekey: the owner's, for the\n\
         workload only. custom: a member whose role is the workspace's own (operate workloads, read jobs). teamed: a viewer whose\n\
         team has the role member on the workload and admin on the node. teamoff: a viewer whose team has it on others.\n\
         archive: the owner, with the workspace archived. `=`: public, credentials are not looked at.\n\
         401 who are you, 403 not you, 404 not yours to know; anything else: access was given, and this came of it.\n\n",
    );
    write!(text, "{:<74}{:<19}", "endpoint", "access").unwrap();
    for caller in CALLERS {
        write!(text, " {caller:>8}").unwrap();
    }
    text.push('\n');
    text
}

fn row_start(endpoint: &Endpoint, is_absent: bool) -> String {
    let access = match endpoint.access {
        Access::Public => "public".to_owned(),
        Access::SignedIn => "signed in".to_owned(),
        Access::NodeLink => "node".to_owned(),
        Access::Bot => "bot".to_owned(),
        Access::Allowed { capability, .. } => capability.to_string(),
    };
    let case = if is_absent { " (absent)" } else { "" };
    // With a mark for what keys may not do, whatever they hold.
    let access = match endpoint.presence {
        Presence::Any => access,
        Presence::InPerson => format!("{access} !"),
        Presence::Confirmed => format!("{access} !!"),
    };
    format!("{:<74}{access:<19}", format!("{:<7}{}{case}", endpoint.method.as_str(), endpoint.path))
}

pub(super) fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("OSTLER_GENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> = text.lines().filter(|line| !kept.lines().any(|k| k == *line)).collect();
    assert!(text == kept, "{} is stale; look at what changed:\n{}", path.display(), changed.join("\n"));
}
