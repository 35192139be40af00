//! The policy as a table for people, and against an oracle that was written without looking at it.

use ostler_model::authz::{
    Actor, ActorKind, Authority, Capability, CapabilitySet, Denied, Kind, Limit, Membership, Resource, Role, Scope,
    SystemReason, VerbKind, decide,
};
use ostler_model::{BotId, Id as _, KeyId, NodeId, Time, UserId, WorkspaceId};
use proptest::prelude::*;
use std::fmt::Write as _;

fn workspace(n: u8) -> WorkspaceId {
    WorkspaceId::from_parts(Time::ZERO, n.into())
}
fn made_by(n: u8) -> BotId {
    BotId::from_parts(Time::ZERO, n.into())
}
fn user(n: u8) -> UserId {
    UserId::from_parts(Time::ZERO, n.into())
}

/// A thing of the kind at this place in the list of kinds.
#[derive(Debug, Clone)]
struct Thing<const K: usize> {
    workspace: Option<WorkspaceId>,
    owner: Option<UserId>,
    bot: Option<BotId>,
    is_shared: bool,
    id: String,
}

impl<const K: usize> Resource for Thing<K> {
    const KIND: Kind = Kind::ALL[K];
    fn id(&self) -> String {
        self.id.clone()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
    fn owner(&self) -> Option<UserId> {
        self.owner
    }
    fn bot(&self) -> Option<BotId> {
        self.bot
    }
    fn is_shared(&self) -> bool {
        self.is_shared
    }
}

/// What the oracle and the policy both look at.
#[derive(Debug, Clone)]
struct Case {
    who: Authority,
    kind: usize,
    workspace: Option<WorkspaceId>,
    owner: Option<UserId>,
    bot: Option<BotId>,
    is_shared: bool,
    id: String,
}

fn policy(case: &Case, verb: VerbKind) -> Result<(), Denied> {
    macro_rules! of {
        ($($k:literal)*) => {
            match case.kind {
                $($k => decide(
                    &case.who,
                    &Thing::<$k> {
                        workspace: case.workspace,
                        owner: case.owner,
                        bot: case.bot,
                        is_shared: case.is_shared,
                        id: case.id.clone(),
                    },
                    verb,
                ),)*
                _ => panic!("a kind was added; add its number here"),
            }
        };
    }
    of!(0 1 2 3 4 5 6 7 8 9 10 11 12 13)
}

/// The rules once more, in another form: a list of texts per role, and one question after the other.
fn oracle(case: &Case, verb: VerbKind) -> Result<(), Denied> {
    let kind = Kind::ALL[case.kind];
    let word = format!("{}:{}", kind.as_str(), verb.as_str());
    let lacks = Err(Denied::Lacks(Capability::new(kind, verb)));
    if case.who.actor.kind == ActorKind::Anonymous {
        return Err(Denied::SignIn);
    }
    if let Some(limit) = &case.who.limit {
        let held: Vec<String> = limit.capabilities.iter().map(|c| c.to_string()).collect();
        let reads = verb == VerbKind::Read && held.iter().any(|h| h.starts_with(&format!("{}:", kind.as_str())));
        if !held.contains(&word) && !reads {
            return lacks;
        }
        let is_reached = match &limit.scope {
            Scope::All => true,
            Scope::Workspace(id) => case.is_shared || case.workspace == Some(*id),
            Scope::Only(ids) => ids.contains(&case.id),
        };
        if !is_reached {
            return Err(Denied::Hidden);
        }
    }
    match (may(case, kind, verb), may(case, kind, VerbKind::Read)) {
        (true, _) => Ok(()),
        (false, true) => lacks,
        (false, false) => Err(Denied::Hidden),
    }
}

fn may(case: &Case, kind: Kind, verb: VerbKind) -> bool {
    match case.who.actor.kind {
        ActorKind::Anonymous => false,
        ActorKind::Node(id) => kind == Kind::Node && verb == VerbKind::Report && case.id == id.to_string(),
        ActorKind::Bot(mine) => match (kind, verb, mine) {
            (Kind::Match, VerbKind::Report, _) => false,
            (Kind::Match, _, None) => true,
            (Kind::Match, _, Some(_)) => case.bot == mine,
            _ => false,
        },
        ActorKind::System(reason) => {
            let held: Vec<Capability> = reason.capabilities().iter().collect();
            held.contains(&Capability::new(kind, verb))
                || verb == VerbKind::Read && held.iter().any(|c| c.kind == kind && c.verb != VerbKind::Report)
        }
        ActorKind::User(own) | ActorKind::Key { owner: own, .. } => {
            verb != VerbKind::Report
                && (case.who.is_platform_admin
                    || case.owner == Some(own)
                    || verb == VerbKind::Read && case.is_shared
                    || case.who.memberships.iter().any(|m| {
                        // The first membership counts: nobody is twice in one workspace.
                        Some(m.workspace) == case.workspace
                            && case.who.role_in(m.workspace).is_some_and(|role| table(role, kind, verb))
                    }))
        }
    }
}

/// What a role may do, as a person would write it down.
fn table(role: Role, kind: Kind, verb: VerbKind) -> bool {
    let words: &[&str] = match kind {
        Kind::Workspace => &["r", "r", "r", "rw"],
        Kind::Member => &["r", "r", "rw", "rw"],
        Kind::Node => &["r", "r", "row", "row"],
        Kind::Template => &["r", "r", "rw", "rw"],
        Kind::Workload => &["r", "row", "row", "row"],
        Kind::Match => &["r", "row", "row", "row"],
        Kind::Bot => &["", "", "rw", "rw"],
        Kind::Job => &["r", "ro", "ro", "ro"],
        Kind::Event => &["r", "r", "r", "r"],
        Kind::Key => &["", "", "rw", "rw"],
        Kind::Audit => &["", "", "r", "r"],
        Kind::Platform | Kind::User | Kind::Session => &["", "", "", ""],
    };
    let letter = match verb {
        VerbKind::Read => 'r',
        VerbKind::Operate => 'o',
        VerbKind::Write => 'w',
        VerbKind::Report => return false,
    };
    words[role as usize].contains(letter)
}

fn authority() -> impl Strategy<Value = Authority> {
    let role = prop::sample::select(Role::ALL.to_vec());
    let memberships = prop::collection::btree_map(0_u8..3, role, 0..3);
    let set = prop::collection::vec(prop::sample::select(Capability::grantable().collect::<Vec<_>>()), 0..20);
    let scope = prop_oneof![
        Just(Scope::All),
        (0_u8..3).prop_map(|n| Scope::Workspace(workspace(n))),
        prop::collection::vec("[abc]", 0..3).prop_map(Scope::Only),
    ];
    let limit = prop::option::of(
        (set, scope).prop_map(|(set, scope)| Limit { capabilities: set.into_iter().collect::<CapabilitySet>(), scope }),
    );
    let system = prop::sample::select(SystemReason::ALL.to_vec()).prop_map(Authority::system);
    let node = (0_u8..2).prop_map(|n| Authority::node(NodeId::from_parts(Time::ZERO, n.into()), "node"));
    let bot = prop::option::of(0_u8..2).prop_map(|n| Authority::bot(n.map(made_by), "bot"));
    let person = (0_u8..3, any::<bool>(), memberships, limit).prop_map(|(n, is_admin, memberships, limit)| {
        let owner = user(n);
        let kind = match limit {
            Some(_) => ActorKind::Key { id: KeyId::from_parts(Time::ZERO, 0), owner },
            None => ActorKind::User(owner),
        };
        Authority {
            actor: Actor { kind, label: "somebody".into() },
            is_platform_admin: is_admin,
            memberships: memberships
                .into_iter()
                .map(|(n, role)| Membership { workspace: workspace(n), role })
                .collect(),
            limit,
        }
    });
    prop_oneof![8 => person, 1 => system, 1 => node, 1 => bot, 1 => Just(Authority::anonymous())]
}

fn case() -> impl Strategy<Value = Case> {
    let id = prop_oneof!["[abc]", (0_u8..2).prop_map(|n| NodeId::from_parts(Time::ZERO, n.into()).to_string()),];
    let place = prop::option::of((0_u8..3).prop_map(workspace));
    let owner = prop::option::of((0_u8..3).prop_map(user));
    let bot = prop::option::of((0_u8..2).prop_map(made_by));
    (authority(), 0..Kind::ALL.len(), place, owner, bot, any::<bool>(), id).prop_map(
        |(who, kind, workspace, owner, bot, is_shared, id)| Case { who, kind, workspace, owner, bot, is_shared, id },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn the_policy_and_the_oracle_agree(case in case()) {
        for verb in VerbKind::ALL {
            prop_assert_eq!(policy(&case, verb), oracle(&case, verb), "{:?}", verb);
        }
    }

    #[test]
    fn whoever_may_do_anything_may_read(case in case()) {
        for verb in [VerbKind::Operate, VerbKind::Write] {
            if policy(&case, verb).is_ok() {
                prop_assert_eq!(policy(&case, VerbKind::Read), Ok(()));
            }
        }
    }

    #[test]
    fn a_key_is_never_stronger_than_its_owner(case in case()) {
        let mut owner = case.clone();
        owner.who.limit = None;
        for verb in VerbKind::ALL {
            if policy(&case, verb).is_ok() {
                prop_assert_eq!(policy(&owner, verb), Ok(()));
            }
        }
    }

    #[test]
    fn nobody_gains_by_losing_a_membership(case in case(), at in 0_usize..3) {
        let mut less = case.clone();
        if at < less.who.memberships.len() {
            less.who.memberships.remove(at);
        }
        for verb in VerbKind::ALL {
            if policy(&less, verb).is_ok() {
                prop_assert_eq!(policy(&case, verb), Ok(()));
            }
        }
    }
}

#[test]
fn each_role_holds_all_that_the_one_below_it_holds() {
    for pair in Role::ALL.windows(2) {
        let [below, above] = pair else { unreachable!() };
        assert!(below.capabilities().within(above.capabilities()), "{below:?} holds more than {above:?}");
        assert!(!above.capabilities().within(below.capabilities()), "{above:?} is no more than {below:?}");
    }
}

/// What a row of the table asks.
type May = Box<dyn Fn(Kind, VerbKind) -> bool>;

#[test]
fn the_table_is_the_one_that_people_have_read() {
    let mut text = String::from(
        "What each role may do with the things of its workspace, and the platform with what.\n\
         Made by crates/model/tests/it/policy.rs. r: read, o: operate, w: write, p: report.\n\n",
    );
    let rows: Vec<(String, May)> = Role::ALL
        .into_iter()
        .map(|role| {
            let may = move |kind, verb| role.capabilities().allows(Capability::new(kind, verb));
            (format!("role {}", role.as_str()), Box::new(may) as May)
        })
        .chain(SystemReason::ALL.into_iter().map(|reason| {
            let may = move |kind, verb| reason.capabilities().allows(Capability::new(kind, verb));
            (format!("system {}", reason.as_str()), Box::new(may) as May)
        }))
        .collect();
    write!(text, "{:<18}", "").unwrap();
    for kind in Kind::ALL {
        write!(text, "{:>10}", kind.as_str()).unwrap();
    }
    text.push('\n');
    for (name, may) in rows {
        write!(text, "{name:<18}").unwrap();
        for kind in Kind::ALL {
            let cell: String =
                [(VerbKind::Read, 'r'), (VerbKind::Operate, 'o'), (VerbKind::Write, 'w'), (VerbKind::Report, 'p')]
                    .into_iter()
                    .filter(|(verb, _)| may(kind, *verb))
                    .map(|(_, letter)| letter)
                    .collect();
            write!(text, "{:>10}", if cell.is_empty() { "-" } else { &cell }).unwrap();
        }
        text.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/policy.txt");
    if std::env::var_os("OSTLER_GENERATE").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text == kept, "the policy changed; read tests/golden/policy.txt after OSTLER_GENERATE=1:\n{text}");
}
