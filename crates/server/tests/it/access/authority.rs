//! Authority is given, not found: every change × every single capability × every state of a person.
//!
//! What a request changes about credentials, rights and memberships is read from the database, not from what the handler says,
//! and printed into `golden/authority.txt`: a line says who did what to whom. Two rules hold whatever the table says: a key,
//! and a session that has not lately shown who is behind it, change nothing that decides who a person is.

use super::matrix::{digest, golden, open};
use super::world::{Copy, World};
use ostler_model::authz::Capability;
use ostler_server::http::{Access, Endpoint, Found, Presence};
use ostler_testkit::server::{Answer, As};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use schemars::SchemaGenerator;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What credentials, rights and memberships are kept in, and the column that says whose they are.
const HANDS: &[(&str, Option<&str>)] = &[
    ("users", Some("id")),
    ("identity", Some("user_id")),
    ("factor", Some("user_id")),
    ("recovery_code", Some("user_id")),
    ("session", Some("user_id")),
    ("session_proof", None),
    ("api_key", Some("user_id")),
    ("member", Some("user_id")),
    ("team_member", Some("user_id")),
    ("password_reset", Some("user_id")),
    ("invite", Some("user_id")),
    ("team", None),
    ("team_resource", None),
    ("role", None),
    ("bot", None),
    ("join_token", None),
    ("provider", None),
    ("setting", None),
    ("factor_requirement", None),
];

/// When something was last used or changed says nothing about whose it is.
const BESIDE: [&str; 7] =
    ["changed_at", "seen_at", "last_used_at", "last_used_from", "rights", "old_token_hash", "old_until"];

/// What decides who a person is: neither keys nor unconfirmed sessions change it.
const IDENTITY: [&str; 12] = [
    "users.email",
    "users.password_hash",
    "users.is_platform_admin",
    "users.email_verified_at",
    "users.state",
    "users -1",
    "identity",
    "factor",
    "recovery_code",
    "password_reset",
    "provider",
    "a link is shown",
];

/// Who asks for a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// A platform admin's key with the one capability that the endpoint declares.
    Key,
    /// A platform admin in a session of yesterday.
    Session,
    /// A platform admin who has lately shown who they are.
    Confirmed,
}

impl Who {
    const ALL: [Who; 3] = [Who::Key, Who::Session, Who::Confirmed];
    fn word(self) -> &'static str {
        match self {
            Who::Key => "key",
            Who::Session => "session",
            Who::Confirmed => "confirmed",
        }
    }
}

#[tokio::test]
async fn nothing_changes_hands_by_a_single_capability_beyond_the_golden_table() {
    let world = World::build().await;
    let shared = world.copy().await;
    let db = open(&shared);
    let endpoints: Vec<Endpoint> = ostler_server::routes().into_iter().filter(|e| e.family.is_none()).collect();
    let (mut table, mut wrong) = (heading(), Vec::new());
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.is_mutation()) {
        let Access::Allowed { capability, .. } = endpoint.access else { continue };
        let before = digest(&db);
        for (other, key) in world.single.iter().filter(|(single, _)| *single != capability) {
            let answer = ask(&world, &shared, endpoint, None, key).await;
            if !matches!(answer.status.as_u16(), 403 | 404) {
                wrong.push(format!("{} with {other} alone: {}", endpoint.action(), answer.status));
            }
        }
        if digest(&db) != before {
            wrong.push(format!("{} with another capability alone changed the database", endpoint.action()));
        }
        row(&world, endpoint, capability, &mut table, &mut wrong).await;
    }
    shared.stop().await;
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    golden("authority.txt", &table);
}

fn heading() -> String {
    "What each change does to credentials, rights and memberships, asked for by a platform admin in three ways: with a key that holds\n\
     the one capability, in a session of yesterday, and in a session that has lately shown who is behind it. Where a path names a\n\
     person, once for each state of theirs. (own) is the admin's, the others are named. Changes that touch none of it are left out.\n"
        .to_owned()
}

/// The lines of one endpoint: none when nothing of this changes.
async fn row(world: &World, endpoint: &Endpoint, capability: Capability, table: &mut String, wrong: &mut Vec<String>) {
    let names_a_person = endpoint.params().any(|name| name == "user") && ["user", "factor"].contains(&endpoint.noun);
    let whom: Vec<Option<(&str, ostler_model::UserId)>> =
        if names_a_person { world.states.iter().map(|state| Some(*state)).collect() } else { vec![None] };
    let mut lines: Vec<(String, BTreeSet<&str>)> = Vec::new();
    for whom in whom {
        for who in Who::ALL {
            let copy = world.copy().await;
            let (answer, changes) = try_it(world, &copy, endpoint, (who, capability), whom).await;
            copy.stop().await;
            let is_identity = |change: &String| IDENTITY.iter().any(|kind| change.starts_with(kind));
            if who != Who::Confirmed && changes.iter().any(is_identity) && !only_ends(endpoint) {
                wrong.push(format!("{} as {}: {}", endpoint.action(), who.word(), changes.join(", ")));
            }
            let code = answer.json()["error"].as_str().unwrap_or_default().to_owned();
            let expected = match (endpoint.presence, who) {
                (Presence::Any, _) | (_, Who::Confirmed) | (Presence::InPerson, Who::Session) => None,
                (_, Who::Key) => Some("person_only"),
                (Presence::Confirmed, Who::Session) => Some("confirm_first"),
            };
            if expected.is_some_and(|expected| expected != code) {
                wrong.push(format!("{} as {} answered {} {code}", endpoint.action(), who.word(), answer.status));
            }
            let what = match (expected, changes.is_empty()) {
                (Some(code), _) => format!("refused: {code}"),
                (None, true) if answer.status.is_success() => "-".to_owned(),
                (None, true) => format!("refused: {code}"),
                (None, false) => changes.join(", "),
            };
            let of = whom.map(|(name, _)| format!(" of {name}")).unwrap_or_default();
            let line = format!("    {:<10}{of:<16}{what}", who.word());
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, seen)) => _ = seen.insert(who.word()),
                None => lines.push((line, BTreeSet::from([who.word()]))),
            }
        }
    }
    let is_silent = endpoint.presence == Presence::Any
        && lines.iter().all(|(line, _)| line.trim_end().ends_with(" -") || line.contains("refused: "));
    if !is_silent {
        writeln!(table, "\n{:<7}{}  {capability}", endpoint.method.as_str(), endpoint.path).unwrap();
        for (line, _) in lines {
            writeln!(table, "{}", line.trim_end()).unwrap();
        }
    }
}

/// What only takes away: signing out ends sessions, and a person who never accepted goes with their last invitation.
fn only_ends(endpoint: &Endpoint) -> bool {
    endpoint.noun == "session" || endpoint.action() == "invite.revoke"
}

/// Asks once, and says what has changed hands.
async fn try_it(
    world: &World,
    copy: &Copy,
    endpoint: &Endpoint,
    (who, capability): (Who, Capability),
    whom: Option<(&str, ostler_model::UserId)>,
) -> (Answer, Vec<String>) {
    let db = open(copy);
    let (root, browser) = &world.people["root"];
    let single = world.single.iter().find(|(single, _)| *single == capability).map(|(_, key)| key.clone());
    let as_whom = match who {
        Who::Key => single.unwrap_or(As::Nobody),
        Who::Session | Who::Confirmed => browser.clone(),
    };
    if who == Who::Session {
        let writer = Connection::open(copy.path()).unwrap();
        writer.execute("UPDATE session SET created_at = created_at - 86400000", []).unwrap();
    }
    let before = hands(&db);
    let answer = ask(world, copy, endpoint, whom, &as_whom).await;
    let after = hands(&db);
    let name = |id: &str| {
        let state = world.states.iter().find(|(_, user)| user.to_string() == id).map(|(name, _)| (*name).to_owned());
        let person =
            || world.people.iter().find(|(_, (user, _))| user.to_string() == id).map(|(name, _)| (*name).to_owned());
        if id == root.to_string() {
            "own".to_owned()
        } else {
            state.or_else(person).unwrap_or_else(|| "another's".to_owned())
        }
    };
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |what: String| *changes.entry(what).or_default() += 1;
    let whose = |owner: &Option<String>| owner.as_deref().map(|id| format!(" ({})", name(id))).unwrap_or_default();
    for (key, (owner, cells)) in &before {
        match after.get(key) {
            None => add(format!("{} -1{}", key.0, whose(owner))),
            Some((_, now)) => {
                for (column, cell) in cells {
                    if now.get(column) != Some(cell) {
                        add(format!("{}.{column}{}", key.0, whose(owner)));
                    }
                }
            }
        }
    }
    for (key, (owner, _)) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        add(format!("{} +1{}", key.0, whose(owner)));
    }
    if answer.status.is_success() && answer.json()["link"].is_string() {
        add("a link is shown".to_owned());
    }
    (answer, changes.into_iter().map(|(what, n)| if n > 1 { format!("{what} ×{n}") } else { what }).collect())
}

async fn ask(
    world: &World,
    copy: &Copy,
    endpoint: &Endpoint,
    whom: Option<(&str, ostler_model::UserId)>,
    who: &As,
) -> Answer {
    let mut path = endpoint.path.clone();
    for name in endpoint.params() {
        let value = match whom {
            Some((_, user)) if name == "user" => user.to_string(),
            _ => world.param(endpoint.noun, name, false),
        };
        path = path.replace(&format!("{{{name}}}"), &value);
    }
    let in_workspace =
        matches!(endpoint.access, Access::Allowed { found: Found::InWorkspace | Found::PartlyInWorkspace, .. });
    if in_workspace && !endpoint.params().any(|name| name == "workspace") {
        path = format!("{path}?workspace={}", world.workspace);
    }
    let body = (endpoint.input)(&mut SchemaGenerator::default()).sample;
    copy.t.ask(who, endpoint.method.clone(), &path, body.as_ref()).await
}

type Row = (Option<String>, BTreeMap<String, Cell>);

/// Every credential, right and membership there is.
fn hands(db: &Connection) -> BTreeMap<(&'static str, i64), Row> {
    let mut all = BTreeMap::new();
    for (table, owner) in HANDS {
        let mut statement = db.prepare(&format!("SELECT rowid AS row_number, * FROM {table}")).unwrap();
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let mut cells = BTreeMap::new();
            for (at, column) in columns.iter().enumerate().skip(1).filter(|(_, c)| !BESIDE.contains(&c.as_str())) {
                cells.insert(column.clone(), row.get::<_, Cell>(at).unwrap());
            }
            let owner = owner.and_then(|owner| match cells.get(owner) {
                Some(Cell::Text(id)) => Some(id.clone()),
                _ => None,
            });
            all.insert((*table, row.get(0).unwrap()), (owner, cells));
        }
    }
    all
}
