//! The policy once more, as sentences, without looking at how the model decides.
//!
//! Somebody is described in words: what they are, where they are a member, which teams they are in, what their key says. From
//! the description one side makes an `Authority`, and the oracle makes a list of sentences "these words hold at this place".
//! A request is allowed when one sentence covers it. Slow, flat and without a shortcut.

use ostler_model::authz::{
    Actor, ActorKind, Authority, Capability, CapabilitySet, Denied, Kind, Limit, Membership, Resource, Role, RoleRef,
    Scope, SystemReason, VerbKind, Within, decide,
};
use ostler_model::team::TeamReach;
use ostler_model::{BotId, Id as _, KeyId, NodeId, RoleId, Time, UserId, WorkspaceId, role};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn workspace(n: u8) -> WorkspaceId {
    WorkspaceId::from_parts(Time::ZERO, n.into())
}
fn user(n: u8) -> UserId {
    UserId::from_parts(Time::ZERO, n.into())
}
fn bot(n: u8) -> BotId {
    BotId::from_parts(Time::ZERO, n.into())
}
fn node(n: u8) -> NodeId {
    NodeId::from_parts(Time::ZERO, n.into())
}

/// A thing of the kind at this place in the list of kinds.
#[derive(Debug, Clone)]
struct Thing<const K: usize>(What);

/// What is asked for.
#[derive(Debug, Clone)]
struct What {
    workspace: Option<WorkspaceId>,
    owner: Option<UserId>,
    bot: Option<BotId>,
    is_shared: bool,
    id: String,
    about: Option<String>,
}

impl<const K: usize> Resource for Thing<K> {
    const KIND: Kind = Kind::ALL[K];
    fn id(&self) -> String {
        self.0.id.clone()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.0.workspace
    }
    fn owner(&self) -> Option<UserId> {
        self.0.owner
    }
    fn bot(&self) -> Option<BotId> {
        self.0.bot
    }
    fn is_shared(&self) -> bool {
        self.0.is_shared
    }
    fn about(&self) -> Option<String> {
        self.0.about.clone()
    }
}

macro_rules! of_kind {
    ($kind:expr, $f:ident($($arg:expr),*)) => {
        match $kind {
            0 => $f::<0>($($arg),*), 1 => $f::<1>($($arg),*), 2 => $f::<2>($($arg),*), 3 => $f::<3>($($arg),*),
            4 => $f::<4>($($arg),*), 5 => $f::<5>($($arg),*), 6 => $f::<6>($($arg),*), 7 => $f::<7>($($arg),*),
            8 => $f::<8>($($arg),*), 9 => $f::<9>($($arg),*), 10 => $f::<10>($($arg),*), 11 => $f::<11>($($arg),*),
            12 => $f::<12>($($arg),*), 13 => $f::<13>($($arg),*),
            _ => panic!("a kind was added; add its number here"),
        }
    };
}

fn ask<const K: usize>(who: &Authority, what: &What, verb: VerbKind) -> Result<(), Denied> {
    decide(who, &Thing::<K>(what.clone()), verb)
}
fn ask_within<const K: usize>(who: &Authority, at: WorkspaceId, verb: VerbKind) -> Result<(), Denied> {
    decide(who, &Within::<Thing<K>>::of(at), verb)
}
/// Whether a list shows the thing.
fn shows<const K: usize>(who: &Authority, at: WorkspaceId, what: &What) -> bool {
    let list = Within::<Thing<K>>::of(at);
    let names = |ids: &[String]| ids.contains(&what.id) || what.about.as_ref().is_some_and(|id| ids.contains(id));
    decide(who, &list, VerbKind::Read).is_ok()
        && list.only(who).is_none_or(|ids| names(&ids))
        && list.scope(who).is_none_or(names)
}

/// Somebody, in words.
#[derive(Debug, Clone)]
enum Who {
    Nobody,
    Node(u8),
    /// The platform's own when it has no number.
    Bot(Option<u8>),
    Platform(SystemReason),
    Person {
        n: u8,
        is_admin: bool,
        places: BTreeMap<u8, Job>,
        teams: Vec<Team>,
        key: Option<Key>,
    },
}

/// A role.
#[derive(Debug, Clone)]
enum Job {
    BuiltIn(Role),
    Own(Vec<Capability>),
}

#[derive(Debug, Clone)]
struct Team {
    workspace: u8,
    job: Job,
    on: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Key {
    words: Vec<Capability>,
    scope: Scope,
}

impl Job {
    fn name(&self) -> RoleRef {
        match self {
            Job::BuiltIn(role) => (*role).into(),
            Job::Own(_) => RoleId::from_parts(Time::ZERO, 1).into(),
        }
    }
    fn allowed(&self) -> CapabilitySet {
        match self {
            Job::BuiltIn(role) => role.capabilities(),
            Job::Own(words) => role::effective(words.iter().copied()),
        }
    }
}

impl Who {
    /// As the server would put it together from its rows.
    fn authority(&self) -> Authority {
        let Who::Person { n, is_admin, places, teams, key } = self else {
            return match self {
                Who::Node(n) => Authority::node(node(*n), "node"),
                Who::Bot(n) => Authority::bot(n.map(bot), "bot"),
                Who::Platform(reason) => Authority::system(*reason),
                Who::Nobody | Who::Person { .. } => Authority::anonymous(),
            };
        };
        let mut memberships: Vec<Membership> =
            places.iter().map(|(at, job)| Membership::new(workspace(*at), job.name(), job.allowed())).collect();
        for team in teams {
            let reach = team.on.clone().map_or(TeamReach::Workspace, TeamReach::Only);
            if let Some(member) = memberships.iter_mut().find(|m| m.workspace == workspace(team.workspace)) {
                member.add(&reach, team.job.allowed());
            }
        }
        let kind = match key {
            Some(_) => ActorKind::Key { id: KeyId::from_parts(Time::ZERO, 0), owner: user(*n) },
            None => ActorKind::User(user(*n)),
        };
        Authority {
            actor: Actor { kind, label: "somebody".into() },
            is_platform_admin: *is_admin,
            memberships,
            limit: key
                .as_ref()
                .map(|key| Limit { capabilities: key.words.iter().copied().collect(), scope: key.scope.clone() }),
        }
    }
}

// The oracle. From here on nothing of `authz` decides anything; only its names are used.

/// Where words hold.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    Everywhere,
    In(WorkspaceId),
    OwnedBy(UserId),
    MadeBy(BotId),
    WhatIsShared,
    On(WorkspaceId, String),
    Node(NodeId),
}

struct Sentence {
    words: BTreeSet<String>,
    at: Place,
}

const NOUNS: [&str; 14] = [
    "platform",
    "workspace",
    "member",
    "user",
    "session",
    "key",
    "node",
    "template",
    "workload",
    "match",
    "bot",
    "job",
    "event",
    "audit",
];

/// Words with the readings that come with them. `node: rw` is `node:read` and `node:write`.
fn words(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (noun, verbs) = part.split_once(':').unwrap();
        for verb in verbs.trim().chars() {
            let verb = match verb {
                'r' => "read",
                'o' => "operate",
                'w' => "write",
                'p' => "report",
                other => panic!("{other} is no verb"),
            };
            out.insert(format!("{noun}:{verb}"));
        }
    }
    with_readings(out)
}

fn with_readings(mut words: BTreeSet<String>) -> BTreeSet<String> {
    for noun in NOUNS {
        if ["operate", "write"].iter().any(|verb| words.contains(&format!("{noun}:{verb}"))) {
            words.insert(format!("{noun}:read"));
        }
    }
    words
}

fn every(verbs: &str) -> BTreeSet<String> {
    words(&NOUNS.map(|noun| format!("{noun}:{verbs}")).join(";"))
}

/// The table, as a person would write it down.
fn of_role(role: Role) -> BTreeSet<String> {
    words(match role {
        Role::Viewer => "workspace:r; member:r; node:r; template:r; workload:r; match:r; job:r; event:r",
        Role::Member => "workspace:r; member:r; node:r; template:r; workload:row; match:row; job:ro; event:r",
        Role::Admin => {
            "workspace:r; member:rw; node:row; template:rw; workload:row; match:row; bot:rw; job:ro; event:r; key:rw; audit:r"
        }
        Role::Owner => {
            "workspace:rw; member:rw; node:row; template:rw; workload:row; match:row; bot:rw; job:ro; event:r; key:rw; audit:r"
        }
    })
}

fn of_job(job: &Job) -> BTreeSet<String> {
    match job {
        Job::BuiltIn(role) => of_role(*role),
        // Nobody holds by a role of a workspace's own what its owner does not, and everybody sees the workspace they are in.
        Job::Own(said) => {
            let said: BTreeSet<String> = said.iter().map(|word| word.to_string()).collect();
            let mut held: BTreeSet<String> = said.intersection(&of_role(Role::Owner)).cloned().collect();
            held.insert("workspace:read".into());
            with_readings(held)
        }
    }
}

fn of_platform(reason: SystemReason) -> BTreeSet<String> {
    words(match reason {
        SystemReason::Setup => "platform:w; user:w; workspace:w; member:w; session:w; node:w; workload:w",
        SystemReason::Job => "job:o; workload:ow; node:r",
        SystemReason::Reconcile => "node:pr; workload:pr; match:p",
        SystemReason::Retention => "event:w; job:w; session:w; audit:w",
        SystemReason::SignIn => "session:w; user:r",
    })
}

fn sentences(who: &Who) -> Vec<Sentence> {
    match who {
        Who::Nobody => Vec::new(),
        Who::Bot(None) => vec![Sentence { words: words("match:row"), at: Place::Everywhere }],
        Who::Bot(Some(n)) => vec![Sentence { words: words("match:row"), at: Place::MadeBy(bot(*n)) }],
        Who::Node(n) => vec![Sentence { words: words("node:p"), at: Place::Node(node(*n)) }],
        Who::Platform(reason) => vec![Sentence { words: of_platform(*reason), at: Place::Everywhere }],
        Who::Person { n, is_admin, places, teams, .. } => {
            let mut all = vec![
                Sentence { words: every("row"), at: Place::OwnedBy(user(*n)) },
                Sentence { words: every("r"), at: Place::WhatIsShared },
            ];
            if *is_admin {
                all.push(Sentence { words: every("row"), at: Place::Everywhere });
            }
            for (at, job) in places {
                all.push(Sentence { words: of_job(job), at: Place::In(workspace(*at)) });
            }
            // Whoever is not in the workspace is not in its teams.
            for team in teams.iter().filter(|team| places.contains_key(&team.workspace)) {
                let home = workspace(team.workspace);
                match &team.on {
                    None => all.push(Sentence { words: of_job(&team.job), at: Place::In(home) }),
                    Some(ids) => all.extend(
                        ids.iter().map(|id| Sentence { words: of_job(&team.job), at: Place::On(home, id.clone()) }),
                    ),
                }
            }
            all
        }
    }
}

fn covers(at: &Place, noun: &str, what: &What) -> bool {
    match at {
        Place::Everywhere => true,
        Place::In(id) => what.workspace == Some(*id),
        Place::OwnedBy(id) => what.owner == Some(*id),
        Place::MadeBy(id) => what.bot == Some(*id),
        Place::WhatIsShared => what.is_shared,
        Place::On(home, id) => {
            what.workspace == Some(*home) && (what.id == *id || what.about.as_deref() == Some(id.as_str()))
        }
        Place::Node(id) => noun == "node" && what.id == id.to_string(),
    }
}

fn key_of(who: &Who) -> Option<&Key> {
    match who {
        Who::Person { key, .. } => key.as_ref(),
        Who::Nobody | Who::Node(_) | Who::Bot(_) | Who::Platform(_) => None,
    }
}

/// What a key's own words refuse before anything is looked at.
fn key_lacks(who: &Who, word: &str) -> bool {
    key_of(who).is_some_and(|key| {
        let own = with_readings(key.words.iter().map(|word| word.to_string()).collect());
        !own.contains(word)
    })
}

fn in_scope(who: &Who, what: &What) -> bool {
    match key_of(who).map(|key| &key.scope) {
        None | Some(Scope::All) => true,
        Some(Scope::Workspace(id)) => what.is_shared || what.workspace == Some(*id),
        Some(Scope::Only(ids)) => ids.iter().any(|id| what.id == *id || what.about.as_deref() == Some(id.as_str())),
    }
}

fn oracle(who: &Who, kind: usize, what: &What, verb: VerbKind) -> Result<(), Denied> {
    let noun = NOUNS[kind];
    let word = format!("{noun}:{}", verb.as_str());
    let lacks = Err(Denied::Lacks(Capability::new(Kind::ALL[kind], verb)));
    if matches!(who, Who::Nobody) {
        return Err(Denied::SignIn);
    }
    if key_lacks(who, &word) {
        return lacks;
    }
    let all = sentences(who);
    let said = |word: &str| all.iter().any(|s| s.words.contains(word) && covers(&s.at, noun, what));
    match (in_scope(who, what), said(&word), said(&format!("{noun}:read"))) {
        (true, true, _) => Ok(()),
        (true, false, true) => lacks,
        (false, ..) | (true, false, false) => Err(Denied::Hidden),
    }
}

/// A list shows itself to whoever may read anything that can be in it.
fn oracle_within(who: &Who, kind: usize, at: WorkspaceId, verb: VerbKind) -> Result<(), Denied> {
    let noun = NOUNS[kind];
    let word = format!("{noun}:{}", verb.as_str());
    if matches!(who, Who::Nobody) {
        return Err(Denied::SignIn);
    }
    if key_lacks(who, &word) {
        return Err(Denied::Lacks(Capability::new(Kind::ALL[kind], verb)));
    }
    let may_come = match key_of(who).map(|key| &key.scope) {
        Some(Scope::Workspace(id)) => *id == at,
        None | Some(Scope::All | Scope::Only(_)) => true,
    };
    let all = sentences(who);
    let anywhere = |word: &str, partly: bool| {
        all.iter().any(|s| {
            s.words.contains(word)
                && match &s.at {
                    Place::Everywhere => true,
                    Place::In(home) => *home == at,
                    Place::On(home, _) => partly && *home == at,
                    Place::OwnedBy(_) | Place::MadeBy(_) | Place::WhatIsShared | Place::Node(_) => false,
                }
        })
    };
    match (may_come, anywhere(&word, verb == VerbKind::Read), anywhere(&format!("{noun}:read"), true)) {
        (true, true, _) => Ok(()),
        (true, false, true) => Err(Denied::Lacks(Capability::new(Kind::ALL[kind], verb))),
        (false, ..) | (true, false, false) => Err(Denied::Hidden),
    }
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[abc]", 1 => (0_u8..2).prop_map(|n| node(n).to_string())]
}

fn job() -> impl Strategy<Value = Job> {
    let word = prop::sample::select(Capability::grantable().collect::<Vec<_>>());
    prop_oneof![
        prop::sample::select(Role::ALL.to_vec()).prop_map(Job::BuiltIn),
        prop::collection::vec(word, 0..8).prop_map(Job::Own),
    ]
}

fn who() -> impl Strategy<Value = Who> {
    let team = (0_u8..3, job(), prop::option::weighted(0.8, prop::collection::vec(id(), 0..3)));
    let team = team.prop_map(|(workspace, job, on)| Team { workspace, job, on });
    let scope = prop_oneof![
        Just(Scope::All),
        (0_u8..3).prop_map(|n| Scope::Workspace(workspace(n))),
        prop::collection::vec(id(), 0..3).prop_map(Scope::Only),
    ];
    let word = prop::sample::select(Capability::grantable().collect::<Vec<_>>());
    let key = (prop::collection::vec(word, 0..20), scope).prop_map(|(words, scope)| Key { words, scope });
    let person = (
        0_u8..3,
        prop::bool::weighted(0.15),
        prop::collection::btree_map(0_u8..3, job(), 0..3),
        prop::collection::vec(team, 0..4),
        prop::option::of(key),
    )
        .prop_map(|(n, is_admin, places, teams, key)| Who::Person { n, is_admin, places, teams, key });
    prop_oneof![
        10 => person,
        1 => prop::sample::select(SystemReason::ALL.to_vec()).prop_map(Who::Platform),
        1 => (0_u8..2).prop_map(Who::Node),
        1 => prop::option::of(0_u8..2).prop_map(Who::Bot),
        1 => Just(Who::Nobody),
    ]
}

fn what() -> impl Strategy<Value = What> {
    let place = prop::option::weighted(0.8, (0_u8..3).prop_map(workspace));
    let owner = prop::option::weighted(0.2, (0_u8..3).prop_map(user));
    let bot = prop::option::of((0_u8..2).prop_map(bot));
    (place, owner, bot, prop::bool::weighted(0.2), id(), prop::option::weighted(0.4, id()))
        .prop_map(|(workspace, owner, bot, is_shared, id, about)| What { workspace, owner, bot, is_shared, id, about })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, ..ProptestConfig::default() })]

    #[test]
    fn the_policy_and_the_oracle_agree(who in who(), kind in 0..14_usize, what in what()) {
        let authority = who.authority();
        for verb in VerbKind::ALL {
            let decided = of_kind!(kind, ask(&authority, &what, verb));
            prop_assert_eq!(decided, oracle(&who, kind, &what, verb), "{:?} on {}", verb, NOUNS[kind]);
        }
    }

    #[test]
    fn the_policy_and_the_oracle_agree_on_lists(who in who(), kind in 0..14_usize, at in 0_u8..3) {
        let authority = who.authority();
        for verb in [VerbKind::Read, VerbKind::Operate, VerbKind::Write] {
            // The platform, nodes and bots read no lists of people's workspaces.
            if matches!(who, Who::Platform(_) | Who::Node(_) | Who::Bot(_)) { continue; }
            let decided = of_kind!(kind, ask_within(&authority, workspace(at), verb));
            prop_assert_eq!(decided, oracle_within(&who, kind, workspace(at), verb), "{:?} on {}", verb, NOUNS[kind]);
        }
    }

    #[test]
    fn a_list_shows_what_may_be_read_and_nothing_else(who in who(), kind in 0..14_usize, what in what(), at in 0_u8..3) {
        let authority = who.authority();
        let what = What { workspace: Some(workspace(at)), owner: None, is_shared: false, ..what };
        let shown = of_kind!(kind, shows(&authority, workspace(at), &what));
        if matches!(who, Who::Person { .. }) {
            prop_assert_eq!(shown, of_kind!(kind, ask(&authority, &what, VerbKind::Read)).is_ok());
        }
    }

    #[test]
    fn nobody_gains_by_leaving_a_team_or_a_workspace(who in who(), kind in 0..14_usize, what in what(), at in 0..4_usize) {
        let before = who.authority();
        let mut less = who;
        if let Who::Person { places, teams, .. } = &mut less {
            if at < teams.len() { teams.remove(at); } else { places.pop_last(); }
        }
        let after = less.authority();
        for verb in VerbKind::ALL {
            if of_kind!(kind, ask(&after, &what, verb)).is_ok() {
                prop_assert_eq!(of_kind!(kind, ask(&before, &what, verb)), Ok(()));
            }
        }
    }

    #[test]
    fn a_key_is_never_stronger_than_its_owner(who in who(), kind in 0..14_usize, what in what()) {
        let with_key = who.authority();
        let mut owner = who;
        if let Who::Person { key, .. } = &mut owner { *key = None; }
        let owner = owner.authority();
        for verb in VerbKind::ALL {
            if of_kind!(kind, ask(&with_key, &what, verb)).is_ok() {
                prop_assert_eq!(of_kind!(kind, ask(&owner, &what, verb)), Ok(()));
            }
        }
    }

    #[test]
    fn whoever_may_do_anything_may_read(who in who(), kind in 0..14_usize, what in what()) {
        let authority = who.authority();
        for verb in [VerbKind::Operate, VerbKind::Write] {
            if of_kind!(kind, ask(&authority, &what, verb)).is_ok() {
                prop_assert_eq!(of_kind!(kind, ask(&authority, &what, VerbKind::Read)), Ok(()));
            }
        }
    }

    #[test]
    fn no_team_gives_anything_on_things_of_another_workspace(who in who(), kind in 0..14_usize, what in what()) {
        // As if ids of other workspaces had got into a team's list all the same.
        let Who::Person { is_admin: false, places, key, .. } = &who else { return Ok(()) };
        let Some(home) = what.workspace else { return Ok(()) };
        if places.keys().all(|at| workspace(*at) != home) && what.owner.is_none() && !what.is_shared && key.is_none() {
            for verb in VerbKind::ALL {
                prop_assert_eq!(of_kind!(kind, ask(&who.authority(), &what, verb)), Err(Denied::Hidden));
            }
        }
    }
}
