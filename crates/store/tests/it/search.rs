//! The index says what the rows say, whatever happened to them, and nobody finds what is not theirs.

use crate::support::{Db, both_backends};
use ostler_model::authz::{Authority, Capability, Collection, Kind, Limit, Role, Scope, Write};
use ostler_model::node::Node;
use ostler_model::search::{Class, Doc, Place, Query, Sight, What};
use ostler_model::team::Team;
use ostler_model::user::User;
use ostler_model::workspace::Workspace;
use ostler_store::search::{Filling, Found, Search};
use ostler_store::team::Change;
use std::collections::BTreeSet;

async fn authority(t: &Db, user: &User) -> Authority {
    t.store.user_authority(user.id).await.unwrap().unwrap().1
}

fn search<'a>(
    query: &'a Query,
    sight: &'a Sight,
    extra: &'a [Doc],
    after: Option<&'a Place>,
    limit: usize,
) -> Search<'a> {
    Search { query, sight, extra, after, limit }
}

async fn page(t: &Db, text: &str, sight: &Sight) -> Found {
    let query = Query::parse(text).unwrap();
    t.store.search(&search(&query, sight, &[], None, 50)).await.unwrap()
}

async fn titles(t: &Db, text: &str, who: &Authority) -> Vec<String> {
    page(t, text, &Sight::of(who, None, None)).await.docs.into_iter().map(|doc| doc.title).collect()
}

async fn things(t: &Db, text: &str, who: &Authority, what: What) -> Vec<String> {
    page(t, text, &Sight::of(who, Some(what), None)).await.docs.into_iter().map(|doc| doc.title).collect()
}

/// All pages of this size, in order.
async fn walk(t: &Db, query: &Query, sight: &Sight, extra: &[Doc], limit: usize) -> Vec<Doc> {
    let mut all = Vec::new();
    let mut after: Option<Place> = None;
    loop {
        let found = t.store.search(&search(query, sight, extra, after.as_ref(), limit)).await.unwrap();
        assert!(found.docs.len() <= limit);
        assert!(found.next.is_none() || found.next > after, "pages move on");
        all.extend(found.docs);
        match found.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn team(t: &Db, workspace: &Workspace, name: &str) -> Team {
    Team {
        id: t.id(),
        workspace: workspace.id,
        name: name.parse().unwrap(),
        description: "Looks after it".to_owned(),
        grant: None,
        created_at: t.now(),
        changed_at: t.now(),
    }
}

async fn fill(t: &Db) {
    let mut at = Some(Filling::default());
    while let Some(from) = at {
        at = t.store.search_fill(&from, t.now()).await.unwrap();
    }
}

both_backends! {
    async fn things_are_found_by_name_and_by_what_they_are_about(t) {
        let (workspace, owner) = t.workspace("stables").await;
        let node = t.node(Some(workspace.id), "rack-1").await;
        let quake = t.workload(&workspace, "Quake Ärena", Some(node.id)).await;
        t.workload(&workspace, "Arena", None).await;
        let who = authority(t, &owner).await;

        assert_eq!(things(t, "arena", &who, What::Workload).await, ["Arena", "Quake Ärena"], "titles first");
        assert_eq!(things(t, "qua ARE", &who, What::Workload).await, ["Quake Ärena"]);
        assert_eq!(things(t, "luanti quake", &who, What::Workload).await, ["Quake Ärena"]);
        assert_eq!(things(t, "stables", &who, What::Member).await, ["Somebody"], "by the address");
        assert_eq!(things(t, "stab", &who, What::Workspace).await, ["stables"]);
        assert_eq!(things(t, "rack", &who, What::Node).await, ["rack-1"]);
        assert_eq!(things(t, "1", &who, What::Node).await, ["rack-1"]);
        assert!(things(t, "rena", &who, What::Workload).await.is_empty(), "only beginnings of words");
        let by_id = page(t, &quake.id.to_string(), &Sight::of(&who, None, None)).await;
        assert_eq!(by_id.docs[0].title, "Quake Ärena");
        assert_eq!(by_id.docs[1].title, "Workload created", "and what happened to it");
        assert_eq!(things(t, "created quake", &who, What::Event).await, ["Workload created"]);
        assert_eq!(things(t, "joined rack", &who, What::Event).await, ["Node joined"]);
    }

    async fn new_names_are_found_at_once_and_old_ones_no_more(t) {
        let (workspace, owner) = t.workspace("stables").await;
        let node = t.node(Some(workspace.id), "rack-1").await;
        let quake = t.workload(&workspace, "Quake", None).await;
        let who = authority(t, &owner).await;

        let name = "doom".parse().unwrap();
        t.store.node_update(&t.may::<Node, Write>(&node), Some(&name), None, None, t.now()).await.unwrap();
        assert_eq!(things(t, "doom", &who, What::Node).await, ["doom"]);
        assert!(things(t, "rack", &who, What::Node).await.is_empty());
        assert_eq!(things(t, "rack joined", &who, What::Event).await, ["Node joined"], "it was called so then");

        let name = "Unreal".parse().unwrap();
        t.store.user_set_own(&t.may(&owner), Some(&name), None, t.now()).await.unwrap();
        assert_eq!(things(t, "unreal", &who, What::Member).await, ["Unreal"]);
        assert!(things(t, "somebody", &who, What::Member).await.is_empty());

        t.store.workload_remove(&t.may(&quake), t.now()).await.unwrap();
        assert!(things(t, "quake", &who, What::Workload).await.is_empty());
        assert_eq!(things(t, "quake deleted", &who, What::Event).await, ["Workload deleted"]);

        t.store.node_delete(&t.may::<Node, Write>(&node), false, t.now()).await.unwrap();
        t.store.workspace_delete(&t.may::<Workspace, Write>(&workspace), &workspace.slug, t.now()).await.unwrap();
        assert!(titles(t, "stables", &who).await.is_empty(), "nothing stays of a workspace that is gone");
        assert!(titles(t, "quake", &who).await.is_empty());
    }

    async fn teams_are_found_by_whoever_reads_about_members_and_follow_their_names(t) {
        let (workspace, owner) = t.workspace("stables").await;
        let (_, stranger) = t.workspace("elsewhere").await;
        let (viewer, _) = t.member(&workspace, "v@example.org", Role::Viewer).await;
        let all = t.by(&owner, &Collection::<Team>::of(workspace.id)).await;
        let team = team(t, &workspace, "Night watch");
        t.store.team_create(&all, &team, t.now()).await.unwrap();
        let owner_sees = authority(t, &owner).await;
        for who in [&owner_sees, &authority(t, &viewer).await] {
            assert_eq!(things(t, "watch nig", who, What::Team).await, ["Night watch"]);
            assert_eq!(things(t, "looks", who, What::Team).await, ["Night watch"], "by its description");
            assert_eq!(things(t, "watch changed", who, What::Event).await, ["Team changed"], "news have its name");
            assert!(things(t, "watch", who, What::Member).await.is_empty());
        }
        let mut weak = owner_sees.clone();
        let capability = Capability::new(Kind::Workload, ostler_model::authz::VerbKind::Read);
        weak.limit = Some(Limit { capabilities: [capability].into_iter().collect(), scope: Scope::All });
        for who in [authority(t, &stranger).await, weak] {
            assert!(titles(t, "night watch", &who).await.is_empty());
            assert!(titles(t, &team.id.to_string(), &who).await.is_empty());
        }
        let change = Change { name: Some("Day watch".parse().unwrap()), ..Change::default() };
        t.store.team_update(&t.by(&owner, &team).await, &change, t.now()).await.unwrap();
        assert!(things(t, "night", &owner_sees, What::Team).await.is_empty());
        assert_eq!(things(t, "day", &owner_sees, What::Team).await, ["Day watch"]);
        t.store.team_delete(&t.by(&owner, &team).await, t.now()).await.unwrap();
        assert!(things(t, "day", &owner_sees, What::Team).await.is_empty());
        assert_eq!(things(t, "day changed", &owner_sees, What::Event).await.len(), 2, "what happened to it stays");
    }

    async fn nobody_finds_what_is_not_theirs(t) {
        let (mine, me) = t.workspace("mine").await;
        let (theirs, them) = t.workspace("theirs").await;
        t.workload(&mine, "Secret of mine", None).await;
        let secret = t.workload(&theirs, "Secret of theirs", None).await;
        let shared = t.node(None, "secret-shared").await;
        let hidden = t.node(Some(theirs.id), "secret-rack").await;
        let who = authority(t, &me).await;

        let seen = titles(t, "secret", &who).await;
        assert_eq!(seen.iter().filter(|title| title.starts_with("Secret") || title.starts_with("secret")).count(), 2);
        assert!(seen.contains(&"Secret of mine".to_owned()) && seen.contains(&"secret-shared".to_owned()), "{seen:?}");
        for id in [secret.id.to_string(), hidden.id.to_string(), theirs.id.to_string(), them.id.to_string()] {
            assert!(titles(t, &id, &who).await.is_empty(), "{id}");
        }
        let foreign = Sight::of(&who, None, Some(theirs.id));
        assert_eq!(foreign, Sight::default(), "asking for it by name opens nothing");

        // A key for one thing finds that and the news of it; one that may read nothing finds nothing.
        let capabilities = [Kind::Workload, Kind::Event].map(|kind| Capability::new(kind, ostler_model::authz::VerbKind::Read));
        let key = |scope, can: &[Capability]| {
            Authority { limit: Some(Limit { capabilities: can.iter().copied().collect(), scope }), ..who.clone() }
        };
        let own = t.workload(&mine, "Secret two", None).await;
        let only = key(Scope::Only(vec![own.id.to_string(), secret.id.to_string()]), &capabilities);
        assert_eq!(titles(t, "secret", &only).await, ["Secret two", "Workload created"]);
        assert_eq!(titles(t, "secret tw", &only).await[..1], ["Secret two"]);
        assert!(titles(t, "secret", &key(Scope::All, &[])).await.is_empty());
        let elsewhere = key(Scope::Workspace(theirs.id), &capabilities);
        assert_eq!(titles(t, "secret", &elsewhere).await, Vec::<String>::new());
        let node = key(Scope::Only(vec![shared.id.to_string()]), &[Capability::new(Kind::Node, ostler_model::authz::VerbKind::Read)]);
        assert_eq!(titles(t, "secret", &node).await, ["secret-shared"]);

        let (friend, _) = t.member(&theirs, "friend@example.org", Role::Viewer).await;
        assert_eq!(things(t, "secret theirs", &authority(t, &friend).await, What::Workload).await, ["Secret of theirs"]);
        let member = t.store.member_find(theirs.id, friend.id).await.unwrap().unwrap();
        t.store.member_remove(&t.by(&them, &member).await, t.now()).await.unwrap();
        assert!(titles(t, "theirs", &authority(t, &friend).await).await.is_empty());
    }

    async fn keys_are_found_by_their_owner_alone(t) {
        let (workspace, owner) = t.workspace("stables").await;
        let (other, _) = t.member(&workspace, "other@example.org", Role::Owner).await;
        let key = ostler_model::key::Key {
            id: t.id(),
            owner: owner.id,
            label: "Deploy".parse().unwrap(),
            prefix: "ost_abc".into(),
            capabilities: Default::default(),
            scope: Scope::Workspace(workspace.id),
            networks: Vec::new(),
            requests_per_minute: None,
            created_at: t.now(),
            expires_at: None,
            last_used_at: None,
            last_used_from: None,
        };
        t.store.key_create(&t.by(&owner, &owner).await, &key, b"hash", &[], t.now()).await.unwrap();
        assert_eq!(titles(t, "deploy", &authority(t, &owner).await).await, ["Deploy"]);
        assert!(titles(t, "deploy", &authority(t, &other).await).await.is_empty());
        // It goes with its workspace, without a fact of its own.
        t.store.workspace_delete(&t.may::<Workspace, Write>(&workspace), &workspace.slug, t.now()).await.unwrap();
        assert!(titles(t, "deploy", &authority(t, &owner).await).await.is_empty());
    }

    async fn old_events_are_not_found_any_more(t) {
        let (workspace, owner) = t.workspace("stables").await;
        t.workload(&workspace, "Quake", None).await;
        let who = authority(t, &owner).await;
        assert_eq!(things(t, "quake", &who, What::Event).await, ["Workload created"]);
        let grant = t.may(&ostler_model::authz::Collection::of(workspace.id));
        t.store.event_expire(&grant, t.now() + ostler_model::Millis::secs(9), 1000, t.now()).await.unwrap();
        assert!(things(t, "quake", &who, What::Event).await.is_empty());
        assert_eq!(things(t, "quake", &who, What::Workload).await, ["Quake"]);
    }

    async fn pages_join_without_a_gap_and_agree_with_looking_at_each(t) {
        let (workspace, owner) = t.workspace("stables").await;
        let words = ["arena", "quake", "are", "Luanti", "server42", "arena arena", "Ärger", "quad"];
        for n in 0..60_usize {
            let name = format!("{} {} {n}", words[n % words.len()], words[(n / 3) % words.len()]);
            t.workload(&workspace, &name, None).await;
        }
        let mut who = authority(t, &owner).await;
        let extra = [Doc::thing(Kind::Template, None, "arena", "Arena"), Doc::thing(Kind::Template, None, "q", "A quake")];
        for is_admin in [false, true] {
            who.is_platform_admin = is_admin;
            let sight = Sight::of(&who, None, None);
            for text in ["a", "arena", "qua are", "arena 4", "quake arena 1", "created", "created arena", "stables", "42", "are are", "zzz"] {
                let query = Query::parse(text).unwrap();
                let all = walk(t, &query, &sight, &extra, 50).await;
                for limit in [1, 2, 7] {
                    assert_eq!(walk(t, &query, &sight, &extra, limit).await, all, "{text}, {limit} at once");
                }
                let found: BTreeSet<_> = all.iter().map(|doc| doc.key.clone()).collect();
                assert_eq!(found.len(), all.len(), "{text}: nothing twice");
                let everything = t.store.search_docs().await.unwrap();
                let expected = everything.iter().filter(|doc| sight.covers(doc)).chain(&extra);
                let expected: BTreeSet<_> =
                    expected.filter(|doc| query.place(doc, (0, 0)).is_some()).map(|doc| doc.key.clone()).collect();
                assert_eq!(found, expected, "{text}");
                let classes: Vec<Class> = all
                    .iter()
                    .map(|doc| query.place(doc, (0, 0)).unwrap().class)
                    .filter(|class| matches!(class, Class::Title | Class::News))
                    .collect();
                assert!(classes.is_sorted(), "{text}: titles first, news last");
            }
        }
    }

    async fn the_index_is_what_filling_it_anew_makes(t) {
        let (first, owner) = t.workspace("first").await;
        let (second, _) = t.workspace("second").await;
        let mut random = 7_u64;
        let mut next = |most: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % most
        };
        let (mut nodes, mut teams) = (Vec::new(), Vec::new());
        let root = t.user("root@example.org").await;
        t.store.user_set_platform_admin(&t.may(&Collection::<User>::platform()), root.id, true, t.now()).await.unwrap();
        for step in 0..120 {
            let workspace = if next(2) == 0 { &first } else { &second };
            match next(10) {
                0 => nodes.push(t.node(Some(workspace.id), &format!("node-{step}")).await),
                1 | 2 => {
                    let near = nodes.iter().find(|node: &&Node| node.workspace == Some(workspace.id));
                    t.workload(workspace, &format!("Game {step}"), near.map(|node| node.id)).await;
                }
                7 => {
                    let all = t.by(&root, &Collection::<Team>::of(workspace.id)).await;
                    teams.push(t.store.team_create(&all, &team(t, workspace, &format!("Team {step}")), t.now()).await.unwrap());
                }
                8 => if let Some(team) = teams.pop() {
                    if step % 2 == 0 {
                        t.store.team_delete(&t.by(&root, &team).await, t.now()).await.unwrap();
                    } else {
                        let change = Change { name: Some(format!("Crew {step}").parse().unwrap()), ..Change::default() };
                        t.store.team_update(&t.by(&root, &team).await, &change, t.now()).await.unwrap();
                    }
                },
                3 => { t.member(workspace, &format!("m{step}@example.org"), Role::Viewer).await; }
                4 => {
                    let name = format!("Owner {step}").parse().unwrap();
                    t.store.user_set_own(&t.may(&owner), Some(&name), None, t.now()).await.unwrap();
                }
                5 => {
                    let name = format!("Space {step}").parse().unwrap();
                    t.store.workspace_update(&t.may(workspace), Some(&name), None, None, t.now()).await.unwrap();
                }
                6 => if let Some(node) = nodes.pop() {
                    t.store.node_delete(&t.may::<Node, Write>(&node), true, t.now()).await.unwrap();
                },
                _ => if let Some(node) = nodes.last() {
                    let name = format!("renamed-{step}").parse().unwrap();
                    t.store.node_update(&t.may::<Node, Write>(node), Some(&name), None, None, t.now()).await.unwrap();
                },
            }
        }
        let before = t.store.search_entries().await.unwrap();
        assert!(before.len() > 500, "{}", before.len());
        assert!(t.store.search_is_filled().await.unwrap(), "kept from the beginning");
        t.meddle("UPDATE counter SET value = 0 WHERE name = 'search'").await;
        assert!(!t.store.search_is_filled().await.unwrap(), "of another form");
        fill(t).await;
        assert!(t.store.search_is_filled().await.unwrap());
        assert_eq!(t.store.search_entries().await.unwrap(), before);

        // From nothing, as after an upgrade, and from nonsense.
        t.meddle("DELETE FROM search_doc WHERE shelf <> 'node'; UPDATE search_doc SET title = 'nonsense', cause = 'none'").await;
        fill(t).await;
        assert_eq!(t.store.search_entries().await.unwrap(), before);
    }

    async fn a_change_that_fails_leaves_no_words(t) {
        let (workspace, owner) = t.workspace("stables").await;
        t.workload(&workspace, "Quake", None).await;
        let grant = t.may(&ostler_model::authz::Collection::of(workspace.id));
        let again = t.new_workload("QUAKE", None, &[]);
        t.store.workload_create(&grant, &again, None, t.now()).await.unwrap_err();
        assert_eq!(things(t, "quake", &authority(t, &owner).await, What::Workload).await, ["Quake"]);
        assert_eq!(things(t, "quake", &authority(t, &owner).await, What::Event).await.len(), 1);
    }
}
