//! People, workspaces, members, sessions, keys, the first run.

use crate::support::both_backends;
use ostler_model::authz::{Capability, Collection, Kind, Role, Scope, SystemReason, VerbKind};
use ostler_model::key::Key;
use ostler_model::user::{Session, State, User};
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{Millis, Time};
use ostler_store::session::Proof;
use ostler_store::{Constraint, Paging, Reach, Rule, StoreError, setting};

both_backends! {
    async fn an_address_belongs_to_one_person(t) {
        t.user("ada@example.org").await;
        let grant = t.may(&Collection::<User>::platform());
        let again = t.store.user_create(&grant, &t.new_user("Ada@Example.org"), t.now()).await;
        assert!(matches!(again, Err(StoreError::Taken(Constraint::UserEmail))), "{again:?}");
    }

    async fn of_two_first_runs_exactly_one_succeeds(t) {
        let platform = t.platform();
        t.store.setting_set(&platform, setting::SETUP_SECRET_HASH, "right", t.now()).await.unwrap();
        let workspace = |slug: &str| Workspace::new(t.id(), slug.parse().unwrap(), slug.parse().unwrap(), t.now());
        let (admin, home) = (t.new_user("a@example.org"), workspace("home"));
        let wrong = t.store.user_install(&platform, "wrong", &admin, &home, t.now()).await;
        assert!(matches!(wrong, Err(StoreError::Refused(Rule::SetupSecret))));
        let tries = (0..20).map(|i| {
            let (admin, home) = (t.new_user(&format!("a{i}@example.org")), workspace(&format!("home-{i}")));
            let platform = platform.clone();
            async move { t.store.user_install(&platform, "right", &admin, &home, t.now()).await }
        });
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
        assert!(done.iter().all(|r| matches!(r, Ok(_) | Err(StoreError::Refused(Rule::Installed)))), "{done:?}");
        assert_eq!(t.store.user_list(&Paging::default()).await.unwrap().items.len(), 1);
    }

    async fn the_last_admin_stays_whoever_asks_at_the_same_time(t) {
        let users = Collection::<User>::platform();
        let (a, b) = (t.user("a@example.org").await, t.user("b@example.org").await);
        for user in [&a, &b] {
            t.store.user_set_platform_admin(&t.may(&users), user.id, true, t.now()).await.unwrap();
        }
        let (grant, other) = (t.may(&users), t.may(&users));
        let (one, two) = tokio::join!(
            t.store.user_set_platform_admin(&grant, a.id, false, t.now()),
            t.store.user_set_state(&other, b.id, State::Deactivated, t.now()),
        );
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1, "{one:?} {two:?}");
        let refused = one.err().or(two.err()).unwrap();
        assert!(matches!(refused, StoreError::Refused(Rule::LastAdmin)), "{refused:?}");
    }

    async fn the_last_owner_stays_whoever_asks_at_the_same_time(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (_, second) = t.member(&workspace, "second@example.org", Role::Owner).await;
        let first = t.store.member_find(workspace.id, owner.id).await.unwrap().unwrap();
        let leave = |member: &Member| t.system(SystemReason::Setup, member);
        let (first_grant, second_grant) = (leave(&first), leave(&second));
        let (one, two) = tokio::join!(
            t.store.member_remove(&first_grant, t.now()),
            t.store.member_set_role(&second_grant, Role::Viewer, t.now()),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let members = t.store.member_list(workspace.id, &Paging::default()).await.unwrap().items;
        assert_eq!(members.iter().filter(|m| m.role == Role::Owner.into()).count(), 1);
    }

    async fn nobody_gives_or_takes_a_role_above_their_own(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (admin, _) = t.member(&workspace, "admin@example.org", Role::Admin).await;
        let friend = t.user("friend@example.org").await;
        let members = Collection::<Member>::of(workspace.id);
        let grant = t.by(&admin, &members).await;
        let raised = t.store.member_add(&grant, friend.id, Role::Owner, t.now()).await;
        assert!(matches!(raised, Err(StoreError::Refused(Rule::AboveOwnRole))), "{raised:?}");
        t.store.member_add(&grant, friend.id, Role::Admin, t.now()).await.unwrap();
        let owner = t.store.member_find(workspace.id, owner.id).await.unwrap().unwrap();
        let lowered = t.store.member_set_role(&t.by(&admin, &owner).await, Role::Viewer, t.now()).await;
        assert!(matches!(lowered, Err(StoreError::Refused(Rule::AboveOwnRole))), "{lowered:?}");
    }

    async fn a_session_lives_until_it_expires_or_its_person_may_not_sign_in(t) {
        let (workspace, owner) = t.workspace("home").await;
        let made = t.session(&owner);
        let begun = t.begin_with(&made, b"token", Proof::Setup).await.unwrap().unwrap();
        let found = t.store.session_authority(b"token", t.now()).await.unwrap().unwrap();
        assert_eq!(found.session, made);
        assert_eq!(found.authority.role_in(workspace.id), Some(Role::Owner.into()));
        assert_eq!((begun.user, begun.authority.memberships), (found.user, found.authority.memberships));
        assert!(!found.is_outdated, "its rights were noted as they are");
        assert!(t.store.session_authority(b"other", t.now()).await.unwrap().is_none());
        assert!(t.store.session_authority(b"token", made.expires_at).await.unwrap().is_none());
        t.store.session_touch(&[(made.id, made.seen_at + Millis(5))], t.now()).await.unwrap();
        assert_eq!(t.store.session_list(owner.id, t.now()).await.unwrap()[0].seen_at, made.seen_at + Millis(5));
        t.store.user_set_platform_admin(&t.may(&Collection::<User>::platform()), t.user("x@example.org").await.id, true, t.now()).await.unwrap();
        t.store.user_set_state(&t.may(&Collection::<User>::platform()), owner.id, State::Deactivated, t.now()).await.unwrap();
        assert!(t.store.session_authority(b"token", t.now()).await.unwrap().is_none());
        let refused = t.begin(&t.session(&owner), Proof::Setup).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::NotActive))));
    }

    async fn a_new_password_ends_every_other_session(t) {
        let user = t.user("ada@example.org").await;
        let keep = t.session(&user);
        t.begin(&keep, Proof::Setup).await.unwrap();
        t.begin(&t.session(&user), Proof::Setup).await.unwrap();
        t.store.user_set_password(&t.may(&user), "new", Some(keep.id), t.now()).await.unwrap();
        let left = t.store.session_list(user.id, t.now()).await.unwrap();
        assert_eq!(left.iter().map(|s| s.id).collect::<Vec<_>>(), [keep.id]);
        let found = t.store.user_credential(&user.email).await.unwrap().unwrap();
        assert_eq!(found.password_hash.as_deref(), Some("new"));
        let expired = t.system(SystemReason::Retention, &Collection::<Session>::platform());
        assert_eq!(t.store.session_expire(&expired, keep.expires_at, 10).await.unwrap(), 1);
    }

    async fn a_key_carries_its_owners_rights_of_this_moment(t) {
        let (workspace, owner) = t.workspace("home").await;
        let read = Capability::new(Kind::Workload, VerbKind::Read);
        let key = Key {
            id: t.id(), owner: owner.id, label: "ci".parse().unwrap(), prefix: "ost_abc".into(),
            capabilities: [read].into_iter().collect(), scope: Scope::Workspace(workspace.id),
            networks: Vec::new(),
            requests_per_minute: None,
            created_at: t.now(), expires_at: None, last_used_at: None, last_used_from: None,
        };
        let own = t.by(&owner, &owner).await;
        t.store.key_create(&own, &key, b"hash", &[], t.now()).await.unwrap();
        let twin = Key { id: t.id(), ..key.clone() };
        let again = t.store.key_create(&own, &twin, b"hash2", &[], t.now()).await;
        assert!(matches!(again, Err(StoreError::Taken(Constraint::KeyLabel))), "{again:?}");
        let found = t.store.key_authority(b"hash", t.now()).await.unwrap().unwrap();
        assert_eq!(found.key, key);
        assert_eq!(found.authority.limit.as_ref().unwrap().scope, key.scope);
        assert_eq!(found.authority.memberships.len(), 1);
        t.store.key_touch(&[(key.id, t.now(), Some("192.0.2.9".into()))], t.now()).await.unwrap();
        assert_eq!(t.store.key_find(key.id).await.unwrap().unwrap().last_used_from.as_deref(), Some("192.0.2.9"));
        t.store.key_rotate(&t.by(&owner, &key).await, "ost_def", b"new", t.now()).await.unwrap();
        assert!(t.store.key_authority(b"hash", t.now()).await.unwrap().is_none());
        assert!(t.store.key_authority(b"new", t.now()).await.unwrap().is_some());
        t.store.key_delete(&t.may(&key), t.now()).await.unwrap();
        assert!(t.store.key_list(owner.id).await.unwrap().is_empty());
    }

    async fn lists_end_and_miss_nothing(t) {
        for i in 0..7 {
            t.user(&format!("u{i}@example.org")).await;
        }
        let (mut seen, mut paging) = (vec![], Paging::first(3));
        loop {
            let page = t.store.user_list(&paging).await.unwrap();
            assert!(page.items.len() <= 3);
            seen.extend(page.items.iter().map(|u| u.id));
            match page.next {
                Some(next) => paging.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.is_sorted_by(|a, b| a > b), "newest first, nothing twice");
        let (workspace, _) = t.workspace("one").await;
        t.workspace("two").await;
        let mine = t.store.workspace_list(&Reach::workspace(workspace.id), &Paging::default()).await.unwrap();
        assert_eq!(mine.items, [workspace]);
        let none = Reach { workspaces: Some(vec![]), ..Reach::default() };
        assert!(t.store.workspace_list(&none, &Paging::default()).await.unwrap().items.is_empty());
    }

    async fn a_workspace_goes_only_when_it_is_empty(t) {
        let (workspace, _) = t.workspace("home").await;
        let node = t.node(Some(workspace.id), "n").await;
        let used = t.store.workspace_delete(&t.may(&workspace), &workspace.slug, t.now()).await;
        assert!(matches!(used, Err(StoreError::Refused(Rule::WorkspaceInUse))), "{used:?}");
        t.store.node_delete(&t.may(&node), false, t.now()).await.unwrap();
        t.store.workspace_delete(&t.may(&workspace), &workspace.slug, t.now()).await.unwrap();
        assert!(t.store.workspace_find(workspace.id).await.unwrap().is_none());
    }

    async fn a_setting_that_two_set_first_is_one(t) {
        let grant = t.platform();
        let tries = (0..10).map(|i| { let grant = grant.clone(); async move {
            t.store.setting_init(&grant, "installation", &format!("value {i}"), t.now()).await.unwrap()
        }});
        let got = futures_util::future::join_all(tries).await;
        assert!(got.iter().all(|v| *v == got[0]));
        assert_eq!(t.store.setting_get("installation").await.unwrap().as_ref(), Some(&got[0]));
        assert_eq!(t.store.setting_get("absent").await.unwrap(), None);
        assert!(Time::ZERO < t.now());
    }
}
