//! A small world with one of everything, kept as a database file that is copied for each change that is tried.

use super::crew;
use ostler_model::authz::{
    Actor, ActorKind, Authority, Capability, CapabilitySet, Collection, Grant, Kind as Noun, Origin, Role, Scope,
    SystemReason, Write, authorize,
};
use ostler_model::matches::{Bot, Maker, Match, Phase};
use ostler_model::node::{Abilities, Facts, Isolation, JoinToken, Node};
use ostler_model::user::{State, User};
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::workspace::Member;
use ostler_model::{Millis, NodeId, Secret, UserId, WorkspaceId};
use ostler_runtime::Ids;
use ostler_server::config::{Config, Matches, Rates};
use ostler_store::{MasterKey, Options, Store, job, node, workload};
use ostler_testkit::server::{As, SkipClock, TestServer, nothing};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// Who tries, from nobody to a key that lacks just what is needed.
pub(super) const CALLERS: [&str; 24] = [
    "nobody", "garbage", "basic", "expired", "suspend", "kept-out", "revoked", "ended", "node", "strangr", "viewer",
    "member", "admin", "owner", "root", "custom", "teamed", "teamoff", "key", "weakkey", "farkey", "wskey", "onekey",
    "archive",
];

/// What is where, and as whom to come.
pub(super) struct World {
    file: TempDir,
    pub(super) workspace: WorkspaceId,
    pub(super) theirs: WorkspaceId,
    /// The person that paths about a person name.
    pub(super) target: UserId,
    /// The member, who owns the session and the key that paths name.
    pub(super) member: UserId,
    pub(super) people: BTreeMap<&'static str, (UserId, As)>,
    pub(super) node: NodeId,
    pub(super) names: BTreeMap<&'static str, String>,
    /// Keys of the owner that lack one noun each.
    pub(super) weak: BTreeMap<Noun, As>,
    pub(super) others: BTreeMap<&'static str, As>,
    /// Keys of a platform admin that hold one capability each.
    pub(super) single: Vec<(Capability, As)>,
    /// A person in each state.
    pub(super) states: Vec<(&'static str, UserId)>,
    pub(super) node_key: Ed25519KeyPair,
}

const FILE: &str = "world.db";

async fn server(dir: &Path) -> TestServer {
    let time = SkipClock::new();
    let store = Store::open(Options::sqlite(dir.join(FILE), time.clock(), MasterKey::new([7; 32]))).await.unwrap();
    let ids = Ids::system(time.clock());
    // With a key, so that the bots' routes exist; without workers, so that no answer waits for one.
    let admin_bot_key = Some(Secret::new("the platform's own bot"));
    let matches = Matches { workers: 0, admin_bot_key, ..Matches::default() };
    TestServer::on(Config { rates: Rates::NONE, matches, ..Config::default() }, store, time, ids).await
}

/// A server on a copy of the world.
pub(super) struct Copy {
    pub(super) t: TestServer,
    dir: TempDir,
}

impl Copy {
    /// The database's file, to look into from outside.
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join(FILE)
    }
    pub(super) async fn stop(self) {
        self.t.stop().await;
    }
}

impl World {
    pub(super) async fn copy(&self) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        self.fill(dir.path());
        Copy { t: server(dir.path()).await, dir }
    }

    /// The same with the workspace archived, whatever is under way in it.
    pub(super) async fn archived(&self) -> Copy {
        let dir = tempfile::tempdir().unwrap();
        self.fill(dir.path());
        let db = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
        let sql = "UPDATE workspace SET archived_at = created_at WHERE id = $1";
        assert_eq!(db.execute(sql, [self.workspace.to_string()]).unwrap(), 1);
        drop(db);
        Copy { t: server(dir.path()).await, dir }
    }

    fn fill(&self, dir: &Path) {
        for name in [FILE, "world.db-wal"] {
            let from = self.file.path().join(name);
            if from.exists() {
                std::fs::copy(from, dir.join(name)).unwrap();
            }
        }
        // However long the tests take, these sessions have just begun.
        let db = rusqlite::Connection::open(dir.join(FILE)).unwrap();
        let now = ostler_runtime::Clock::system().now();
        db.execute("UPDATE session SET created_at = $1", [now.as_millis()]).unwrap();
    }

    pub(super) async fn build() -> World {
        let file = tempfile::tempdir().unwrap();
        let t = server(file.path()).await;
        let boss = t.person(false).await;
        let space = t.workspace(&boss).await;
        let stranger = t.person(false).await;
        let theirs = t.workspace(&stranger).await;
        let root = t.person(true).await;
        let mut people = BTreeMap::new();
        for (name, role) in [("viewer", Role::Viewer), ("member", Role::Member), ("admin", Role::Admin)] {
            let (user, browser) = t.member(&space, role).await;
            people.insert(name, (user.id, browser));
        }
        for (name, user) in [("owner", &boss), ("strangr", &stranger), ("root", &root)] {
            people.insert(name, (user.id, t.browser(user).await));
        }
        let (target, _) = t.member(&space, Role::Viewer).await;
        t.person_named("friend@example.org", false).await;
        let member = t.app.store.user_get(people["member"].0).await.unwrap();
        let node_key = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let node = add_node(&t, space.id, node_key.public_key().as_ref()).await;
        let mut names = things(&t, &member, space.id, &node).await;
        crew::gather(&t, (space.id, target.id), &mut people, &mut names).await;
        let (weak, mut others) = keys(&t, &boss, theirs.id).await;
        let all = CapabilitySet::everything();
        others.insert("wskey", t.key(&boss, all, Scope::Workspace(space.id)).await.1);
        others.insert("onekey", t.key(&boss, all, Scope::Only(vec![names["workload"].clone()])).await.1);
        let mut single = Vec::new();
        for capability in Capability::grantable() {
            single.push((capability, t.key(&root, CapabilitySet::NONE.with(capability), Scope::All).await.1));
        }
        let states = crew::states(&t).await;
        t.stop().await;
        World {
            single,
            states,
            file,
            workspace: space.id,
            theirs: theirs.id,
            target: target.id,
            member: member.id,
            people,
            node: node.id,
            names,
            weak,
            others,
            node_key,
        }
    }

    /// What to put into a path for a parameter.
    pub(super) fn param(&self, noun: &str, name: &str, is_absent: bool) -> String {
        match (name, is_absent) {
            ("workspace", false) => self.workspace.to_string(),
            ("workspace", true) => nothing::<WorkspaceId>().to_string(),
            ("user", true) => nothing::<UserId>().to_string(),
            ("user", false) if ["member", "team"].contains(&noun) => self.target.to_string(),
            ("user", false) => self.member.to_string(),
            (name, false) => self.names.get(name).unwrap_or_else(|| panic!("the world has no {name}")).clone(),
            (name, true) => absent(self.names.get(name).unwrap_or_else(|| panic!("the world has no {name}"))),
        }
    }
}

/// Another id of the same form, or another name.
fn absent(there: &str) -> String {
    match there.split_once('_') {
        Some((prefix, _)) => format!("{prefix}_{}", nothing::<NodeId>().to_string().trim_start_matches("nd_")),
        None => "no-such-thing".to_owned(),
    }
}

async fn add_node(t: &TestServer, workspace: WorkspaceId, public_key: &[u8]) -> Node {
    let now = t.app.clock.now();
    let grant: Grant<Collection<Node>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    let token = |expires_at| JoinToken {
        id: t.app.ids.next(),
        workspace: Some(workspace),
        created_by: None,
        label: None,
        created_at: now,
        expires_at,
        used_at: None,
        node: None,
    };
    t.app.store.join_token_create(&grant, &token(now + Millis::secs(60)), b"secret", now).await.unwrap();
    let can = Abilities { isolation: Isolation::Full, ..Abilities::default() };
    let facts = Facts { port_range: (20_000, 20_099), memory_bytes: 64 << 30, can, ..Facts::default() };
    let joining =
        node::Joining { id: t.app.ids.next(), name: "rack".parse().unwrap(), public_key: public_key.to_vec(), facts };
    t.app.store.node_join(b"secret", &joining, &Origin::default(), now).await.unwrap()
}

/// One of everything that paths can name.
async fn things(t: &TestServer, member: &User, workspace: WorkspaceId, node: &Node) -> BTreeMap<&'static str, String> {
    let (store, now) = (&t.app.store, t.app.clock.now());
    let mut names = BTreeMap::new();
    names.insert("node", node.id.to_string());
    names.insert("template", "process".to_owned());
    names.insert("factor", factor(t, member).await);
    t.browser(member).await;
    let sessions = store.session_list(member.id, now).await.unwrap();
    names.insert("session", sessions[0].id.to_string());
    let (key, _) = t.key(member, CapabilitySet::everything(), Scope::All).await;
    names.insert("key", key.id.to_string());
    let grant: Grant<Collection<Node>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    let token = JoinToken {
        id: t.app.ids.next(),
        workspace: Some(workspace),
        created_by: None,
        label: None,
        created_at: now,
        expires_at: now + Millis::secs(86_400),
        used_at: None,
        node: None,
    };
    let (bot, game) = bot_and_match(t, workspace).await;
    names.insert("bot", bot);
    names.insert("match", game.clone());
    names.insert("game", game);
    names.insert("invite", invited(t, workspace).await);
    names.insert("provider", provider(t).await);
    names.insert("token", store.join_token_create(&grant, &token, b"open", now).await.unwrap().id.to_string());
    let named = |name: &str| workload::New {
        id: t.app.ids.next(),
        kind: Kind::Game,
        name: name.parse().unwrap(),
        spec: Spec {
            template: "process".into(),
            runtime: Runtime::Process,
            variables: BTreeMap::from([("program".into(), "sleep".into())]),
            limits: Limits::default(),
        },
        node: Some(node.id),
        power: Power::Off,
        ports: vec!["main".into()],
        hosting: None,
    };
    let new = named("Quake");
    // Due in ten years: a job that nobody works on while the matrix looks.
    let job = job::New {
        id: t.app.ids.next(),
        workspace: Some(workspace),
        kind: "workload.provision".into(),
        target: new.id.to_string(),
        input: "{}".into(),
        step: Some("place".into()),
        due_at: now + Millis::secs(10 * 365 * 86_400),
    };
    names.insert("job", job.id.to_string());
    let grant: Grant<Collection<Workload>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    let workload = store.workload_create(&grant, &new, Some(&job), now).await.unwrap();
    names.insert("workload", workload.id.to_string());
    let other = store.workload_create(&grant, &named("Doom"), None, now).await.unwrap();
    names.insert("other", other.id.to_string());
    names
}

/// A passkey of the member.
async fn factor(t: &TestServer, member: &User) -> String {
    let now = t.app.clock.now();
    let key = ostler_store::factor::Passkey {
        id: t.app.ids.next(),
        user: member.id,
        credential_id: b"credential".to_vec(),
        public_key: vec![0],
        sign_count: 0,
    };
    let sessions = t.app.store.session_list(member.id, now).await.unwrap();
    // Adding a factor ends all sessions but one, and the member needs theirs: the only one.
    let fresh = ostler_store::factor::Fresh { code_hashes: &[], keep: sessions.last().map(|session| session.id) };
    let grant = t.may(member, member).await;
    let ticket: (&[u8], _) = (b"ticket", now + Millis::secs(60));
    let label = "Laptop".parse().unwrap();
    t.app.store.factor_passkey_add(&grant, (&key, &label), ticket, fresh, now).await.unwrap().id.to_string()
}

/// A provider that nobody reaches.
async fn provider(t: &TestServer) -> String {
    let now = t.app.clock.now();
    let provider = ostler_model::oidc::Provider {
        id: t.app.ids.next(),
        slug: "corporate".parse().unwrap(),
        name: "Corporate".parse().unwrap(),
        preset: ostler_model::oidc::Preset::Generic,
        issuer: "http://127.0.0.1:1".into(),
        client_id: "ostler".into(),
        client_secret: None,
        scopes: vec!["openid".into()],
        is_enabled: true,
        trusts_email: false,
        domains: vec![],
        created_at: now,
    };
    let grant: Grant<ostler_model::authz::Platform, Write> =
        t.grant(SystemReason::Setup, &ostler_model::authz::Platform);
    t.app.store.provider_create(&grant, &provider, None, now).await.unwrap().id.to_string()
}

/// A bot, and a match that it made long ago.
async fn bot_and_match(t: &TestServer, workspace: WorkspaceId) -> (String, String) {
    let (store, now, origin) = (&t.app.store, t.app.clock.now(), std::sync::Arc::new(Origin::default()));
    let root = Authority { is_platform_admin: true, ..Authority::bot(None, "root") };
    let root = Authority { actor: Actor { kind: ActorKind::User(t.app.ids.next()), label: "root".to_owned() }, ..root };
    let bot = Bot {
        id: t.app.ids.next(),
        workspace,
        name: "resident".parse().unwrap(),
        prefix: "ostbot_abcdef".to_owned(),
        titles: Vec::new(),
        per_minute: 0,
        created_at: now,
        last_used_at: None,
    };
    let grant = authorize::<Collection<Bot>, Write>(&root, &Collection::of(workspace), &origin).unwrap();
    store.bot_create(&grant, &bot, b"a bot", now).await.unwrap();
    let over = Match {
        id: "aB3dE5gH".parse().unwrap(),
        workspace: Some(workspace),
        title: "tic-tac-toe".to_owned(),
        maker: Maker::Bot(bot.id),
        made_by: "bot:ladder".to_owned(),
        worker: 0,
        phase: Phase::Finished,
        players: 2,
        turns: 9,
        created_at: now,
        started_at: Some(now),
        ended_at: Some(now),
        lost: None,
    };
    let grant = authorize::<Match, Write>(&Authority::bot(Some(bot.id), "bot:ladder"), &over, &origin).unwrap();
    (bot.id.to_string(), store.match_create(&grant, &over, now).await.unwrap().id.to_string())
}

/// An invitation that nobody has accepted.
async fn invited(t: &TestServer, workspace: WorkspaceId) -> String {
    let now = t.app.clock.now();
    let grant: Grant<Collection<Member>, Write> = t.grant(SystemReason::Setup, &Collection::of(workspace));
    let user = ostler_store::user::New {
        id: t.app.ids.next(),
        email: "invited@example.org".parse().unwrap(),
        name: "Invited".parse().unwrap(),
        state: State::Invited,
        is_platform_admin: false,
        password_hash: None,
    };
    let expires_at = now + Millis::secs(86_400);
    let new = ostler_store::invite::New { id: t.app.ids.next(), token_hash: b"invited", expires_at, mail: None };
    t.app.store.member_invite(&grant, &user, Role::Viewer, new, now).await.unwrap().1.id.to_string()
}

/// A session of somebody that has been ended.
async fn ended(t: &TestServer, user: &User) -> As {
    let before = t.app.store.session_list(user.id, t.app.clock.now()).await.unwrap();
    let browser = t.browser(user).await;
    let after = t.app.store.session_list(user.id, t.app.clock.now()).await.unwrap();
    let session = after.into_iter().find(|session| !before.contains(session)).unwrap();
    t.app.store.session_revoke(&t.may(user, &session).await, t.app.clock.now()).await.unwrap();
    browser
}

type Keys = (BTreeMap<Noun, As>, BTreeMap<&'static str, As>);

/// Keys of the owner: strong, weak in one noun, valid elsewhere, expired, and one whose owner is suspended.
async fn keys(t: &TestServer, boss: &User, theirs: WorkspaceId) -> Keys {
    let mut weak = BTreeMap::new();
    for noun in Noun::ALL {
        let set: CapabilitySet = CapabilitySet::everything().iter().filter(|c| c.kind != noun).collect();
        weak.insert(noun, t.key(boss, set, Scope::All).await.1);
    }
    let all = CapabilitySet::everything();
    let mut others = BTreeMap::new();
    others.insert("key", t.key(boss, all, Scope::All).await.1);
    others.insert("farkey", t.key(boss, all, Scope::Workspace(theirs)).await.1);
    others.insert("expired", t.expired_key(boss, all).await);
    let late = t.person(true).await;
    others.insert("suspend", t.key(&late, all, Scope::All).await.1);
    others.insert("kept-out", t.browser(&late).await);
    let (revoked, secret) = t.key(boss, all, Scope::All).await;
    t.app.store.key_delete(&t.may(boss, &revoked).await, t.app.clock.now()).await.unwrap();
    others.insert("revoked", secret);
    others.insert("ended", ended(t, boss).await);
    let grant: Grant<Collection<User>, Write> = t.grant(SystemReason::Setup, &Collection::platform());
    t.app.store.user_set_state(&grant, late.id, State::Deactivated, t.app.clock.now()).await.unwrap();
    others.insert("garbage", As::Bearer("ost_garbage".into()));
    others.insert("basic", As::Header("Basic YWRhOnNlY3JldA==".into()));
    others.insert("nobody", As::Nobody);
    (weak, others)
}
