//! Invitations, links to set a new password, changes of people, and mail that waits.

use crate::support::{Db, both_backends};
use ostler_model::authz::{Collection, Origin, Role};
use ostler_model::user::{Invite, LinkState, Managed, Preferences, State, User};
use ostler_model::workspace::Member;
use ostler_model::{Millis, Secret, UserId};
use ostler_store::invite::{Accept, New};
use ostler_store::user::Change;
use ostler_store::{Constraint, Paging, Rule, StoreError, mail};

const HOURS_72: Millis = Millis::secs(72 * 3600);

fn accept(hash: &str) -> Accept<'_> {
    Accept { password_hash: hash, name: None }
}

fn new<'a>(t: &Db, token: &'a [u8], mail: Option<&'a mail::New>) -> New<'a> {
    New { id: t.id(), token_hash: token, expires_at: t.now() + HOURS_72, mail }
}

async fn invited(t: &Db, email: &str, token: &[u8]) -> (User, Invite) {
    let all = t.may(&Collection::<User>::platform());
    t.store.user_invite(&all, &t.new_user(email), new(t, token, None), t.now()).await.unwrap()
}

fn letter(t: &Db, to: &str, says: &str) -> mail::New {
    let values = Secret::new(says);
    let expires_at = t.now() + HOURS_72;
    mail::New { id: t.id(), secret: t.id(), kind: "invite", to: to.parse().unwrap(), values, expires_at }
}

async fn active(t: &Db, id: UserId) -> bool {
    t.store.user_get(id).await.unwrap().state == State::Active
}

both_backends! {
    async fn of_a_hundred_accepts_of_one_invitation_exactly_one_succeeds(t) {
        let (user, _) = invited(t, "new@example.org", b"token").await;
        let hashes: Vec<String> = (0..100).map(|i| format!("hash {i}")).collect();
        let tries = hashes.iter().map(|hash| async {
            let origin = Origin::default();
            let done = t.store.invite_accept(b"token", accept(hash), &origin, t.now()).await;
            (hash.clone(), done)
        });
        let done = futures_util::future::join_all(tries).await;
        let won: Vec<_> = done.iter().filter(|(_, d)| d.is_ok()).collect();
        assert_eq!(won.len(), 1);
        assert!(done.iter().all(|(_, d)| matches!(d, Ok(_) | Err(StoreError::Refused(Rule::Invite)))), "{done:?}");
        let kept = t.store.user_credential(&user.email).await.unwrap().unwrap();
        assert_eq!(kept.password_hash.as_ref(), Some(&won[0].0), "and it is the winner's password");
    }

    async fn of_a_hundred_resets_with_one_token_exactly_one_succeeds(t) {
        let user = t.user("ada@example.org").await;
        let until = t.now() + Millis::secs(3600);
        t.store.reset_begin(&user.email, b"token", until, t.now()).await.unwrap().unwrap();
        let hashes: Vec<String> = (0..100).map(|i| format!("hash {i}")).collect();
        let tries = hashes.iter().map(|hash| async {
            (hash.clone(), t.store.reset_spend(b"token", hash, &Origin::default(), t.now()).await)
        });
        let done = futures_util::future::join_all(tries).await;
        let won: Vec<_> = done.iter().filter(|(_, d)| d.is_ok()).collect();
        assert_eq!(won.len(), 1);
        assert!(done.iter().all(|(_, d)| matches!(d, Ok(_) | Err(StoreError::Refused(Rule::Reset)))), "{done:?}");
        let kept = t.store.user_credential(&user.email).await.unwrap().unwrap();
        assert_eq!(kept.password_hash.as_ref(), Some(&won[0].0));
    }

    async fn an_invitation_ends_by_time_by_a_later_one_and_by_being_withdrawn(t) {
        let (user, first) = invited(t, "new@example.org", b"1").await;
        assert_eq!(user.state, State::Invited);
        let managed = t.may(&Managed(user.clone()));
        t.store.user_invite_again(&managed, new(t, b"2", None), t.now()).await.unwrap();
        let first = t.store.invite_find(first.id).await.unwrap().unwrap();
        assert_eq!(first.state(t.now()), LinkState::Revoked);
        let late = t.now() + HOURS_72 + Millis(1);
        for (token, at) in [(&b"1"[..], t.now()), (b"2", late), (b"3", t.now())] {
            let done = t.store.invite_accept(token, accept("h"), &Origin::default(), at).await;
            assert!(matches!(done, Err(StoreError::Refused(Rule::Invite))), "{done:?}");
        }
        assert!(!active(t, user.id).await);
        t.store.invite_accept(b"2", accept("h"), &Origin::default(), t.now()).await.unwrap();
        assert!(active(t, user.id).await);
        let again = t.store.user_invite_again(&managed, new(t, b"4", None), t.now()).await;
        assert!(matches!(again, Err(StoreError::Refused(Rule::Accepted))), "{again:?}");
    }

    async fn an_invitation_gives_its_own_place_and_no_other(t) {
        let (one, boss) = t.workspace("one").await;
        let (two, other) = t.workspace("two").await;
        let (in_one, in_two) = (Collection::<Member>::of(one.id), Collection::<Member>::of(two.id));
        let friend = t.new_user("friend@example.org");
        let (by_boss, by_other) = (t.by(&boss, &in_one).await, t.by(&other, &in_two).await);
        let (user, _) =
            t.store.member_invite(&by_boss, &friend, Role::Owner, new(t, b"one", None), t.now()).await.unwrap();
        let friend = t.new_user("friend@example.org");
        let (same, _) =
            t.store.member_invite(&by_other, &friend, Role::Viewer, new(t, b"two", None), t.now()).await.unwrap();
        assert_eq!(user.id, same.id);
        assert_eq!(t.store.invite_list(one.id, &Paging::default()).await.unwrap().items.len(), 1);
        t.store.invite_accept(b"two", accept("h"), &Origin::default(), t.now()).await.unwrap();
        assert!(t.store.member_find(two.id, user.id).await.unwrap().is_some());
        assert!(t.store.member_find(one.id, user.id).await.unwrap().is_none(), "the other place was not taken");
        let other = t.store.invite_accept(b"one", accept("h"), &Origin::default(), t.now()).await;
        assert!(matches!(other, Err(StoreError::Refused(Rule::AcceptSignedIn))), "{other:?}");
        let has = t.store.member_invite(&by_other, &friend, Role::Viewer, new(t, b"3", None), t.now()).await;
        assert!(matches!(has, Err(StoreError::Taken(Constraint::Member))), "{has:?}");
        let proven = t.user("proven@example.org").await;
        let proven = ostler_store::user::New { email: proven.email, ..t.new_user("proven@example.org") };
        let has = t.store.member_invite(&by_boss, &proven, Role::Viewer, new(t, b"4", None), t.now()).await;
        assert!(matches!(has, Err(StoreError::Refused(Rule::HasAccount))), "{has:?}");
    }

    async fn nobody_invites_above_their_own_role_nor_after_they_lost_it(t) {
        let (workspace, owner) = t.workspace("home").await;
        let members = Collection::<Member>::of(workspace.id);
        let (admin, place) = t.member(&workspace, "admin@example.org", Role::Admin).await;
        let grant = t.by(&admin, &members).await;
        let friend = t.new_user("friend@example.org");
        let above = t.store.member_invite(&grant, &friend, Role::Owner, new(t, b"1", None), t.now()).await;
        assert!(matches!(above, Err(StoreError::Refused(Rule::AboveOwnRole))), "{above:?}");
        t.store.member_invite(&grant, &friend, Role::Admin, new(t, b"2", None), t.now()).await.unwrap();
        let by_owner = t.by(&owner, &place).await;
        t.store.member_set_role(&by_owner, Role::Viewer, t.now()).await.unwrap();
        let done = t.store.invite_accept(b"2", accept("h"), &Origin::default(), t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::Invite))), "{done:?}");
        t.store.member_set_role(&by_owner, Role::Admin, t.now()).await.unwrap();
        t.store.invite_accept(b"2", accept("h"), &Origin::default(), t.now()).await.unwrap();
    }

    async fn an_address_that_nobody_invites_any_more_is_free_again(t) {
        invited(t, "typo@example.org", b"1").await;
        let (_, invite) = invited(t, "typo@example.org", b"2").await;
        assert_eq!(t.store.invite_look(b"1").await.unwrap().unwrap().state(t.now()), LinkState::Revoked);
        t.store.invite_revoke(&t.may(&invite), t.now()).await.unwrap();
        assert!(t.store.user_credential(&"typo@example.org".parse().unwrap()).await.unwrap().is_none());
        invited(t, "typo@example.org", b"3").await;
    }

    async fn asking_for_a_new_password_writes_the_same_for_everybody(t) {
        t.user("known@example.org").await;
        let mut seen = vec![];
        for email in ["known@example.org", "nobody@example.org"] {
            let mail = letter(t, email, "{}");
            t.store.reset_ask(&email.parse().unwrap(), Some(&mail), &Origin::default(), t.now()).await.unwrap();
            seen.push(t.store.mail_list(&Paging::default()).await.unwrap().items.len());
        }
        assert_eq!(seen, [1, 2], "who it is for is found out later");
        let until = t.now() + Millis::secs(3600);
        let known = t.store.reset_begin(&"known@example.org".parse().unwrap(), b"1", until, t.now()).await.unwrap();
        let nobody = t.store.reset_begin(&"nobody@example.org".parse().unwrap(), b"2", until, t.now()).await.unwrap();
        assert!(known.is_some() && nobody.is_none());
        assert!(t.store.reset_look(b"2").await.unwrap().is_none());
    }

    async fn a_new_password_ends_links_and_a_later_link_ends_the_earlier(t) {
        let user = t.user("ada@example.org").await;
        let until = t.now() + Millis::secs(3600);
        t.store.reset_begin(&user.email, b"1", until, t.now()).await.unwrap();
        t.store.reset_hand_out(&t.may(&Managed(user.clone())), b"2", until, t.now()).await.unwrap();
        assert_eq!(t.store.reset_look(b"1").await.unwrap().unwrap().state(t.now()), LinkState::Revoked);
        t.store.user_set_password(&t.may(&user), "new", None, t.now()).await.unwrap();
        let done = t.store.reset_spend(b"2", "evil", &Origin::default(), t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::Reset))), "{done:?}");
        t.store.reset_begin(&user.email, b"3", until, t.now()).await.unwrap();
        let late = t.store.reset_spend(b"3", "late", &Origin::default(), until).await;
        assert!(matches!(late, Err(StoreError::Refused(Rule::Reset))), "{late:?}");
        let change = Change { email: Some("ada@new.example".parse().unwrap()), ..Change::default() };
        t.store.user_update(&t.may(&Managed(user.clone())), &change, t.now()).await.unwrap();
        let moved = t.store.reset_spend(b"3", "old address", &Origin::default(), t.now()).await;
        assert!(matches!(moved, Err(StoreError::Refused(Rule::Reset))), "{moved:?}");
    }

    async fn the_last_admin_is_not_demoted_kept_out_or_deleted_by_two_at_once(t) {
        let users = Collection::<User>::platform();
        let mut admins = vec![];
        for i in 0..6 {
            let user = t.user(&format!("a{i}@example.org")).await;
            t.store.user_set_platform_admin(&t.may(&users), user.id, true, t.now()).await.unwrap();
            admins.push(Managed(user));
        }
        let demote = Change { is_platform_admin: Some(false), ..Change::default() };
        let keep_out = Change { is_active: Some(false), ..Change::default() };
        let tries = admins.iter().enumerate().map(|(i, admin)| {
            let (demote, keep_out) = (&demote, &keep_out);
            async move {
                match i % 3 {
                    0 => t.store.user_update(&t.may(admin), demote, t.now()).await.map(drop),
                    1 => t.store.user_update(&t.may(admin), keep_out, t.now()).await.map(drop),
                    _ => t.store.user_delete(&t.may(admin), t.now()).await,
                }
            }
        });
        let done = futures_util::future::join_all(tries).await;
        let refused: Vec<_> = done.iter().filter_map(|d| d.as_ref().err()).collect();
        assert_eq!(refused.len(), 1, "{done:?}");
        assert!(matches!(refused[0], StoreError::Refused(Rule::LastAdmin)), "{done:?}");
    }

    async fn a_person_to_whom_something_refers_stays_and_it_is_named(t) {
        let (workspace, owner) = t.workspace("home").await;
        let all = t.user("root@example.org").await;
        t.store.user_set_platform_admin(&t.may(&Collection::platform()), all.id, true, t.now()).await.unwrap();
        let refused = t.store.user_delete(&t.may(&Managed(owner.clone())), t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::UserInUse))), "{refused:?}");
        let named = t.store.user_references(owner.id).await.unwrap();
        assert_eq!((named[0].kind, named[0].id.clone()), ("workspace", workspace.id.to_string()));
        let idle = t.user("idle@example.org").await;
        t.store.user_delete(&t.may(&Managed(idle.clone())), t.now()).await.unwrap();
        assert!(t.store.user_find(idle.id).await.unwrap().is_none());
    }

    async fn who_was_invited_becomes_active_by_accepting_only(t) {
        let (user, _) = invited(t, "new@example.org", b"1").await;
        t.store.user_set_platform_admin(&t.may(&Collection::platform()), t.user("r@example.org").await.id, true, t.now()).await.unwrap();
        let change = Change { is_active: Some(true), ..Change::default() };
        let done = t.store.user_update(&t.may(&Managed(user)), &change, t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::NotAccepted))), "{done:?}");
    }

    async fn preferences_are_kept(t) {
        let user = t.user("ada@example.org").await;
        assert_eq!(t.store.user_preferences(user.id).await.unwrap(), Preferences::default());
        for timezone in [Some("Europe/Berlin".to_owned()), None] {
            let to = Preferences { timezone, critical_mail: false, enrollment_mail: true };
            t.store.user_set_preferences(&t.may(&user), &to, t.now()).await.unwrap();
            assert_eq!(t.store.user_preferences(user.id).await.unwrap(), to);
        }
    }

    async fn a_mail_is_taken_by_one_and_comes_back_when_that_one_dies(t) {
        let mail = letter(t, "new@example.org", "the link");
        let (id, lease) = (mail.id, Millis::secs(60));
        let all = t.may(&Collection::<User>::platform());
        t.store.user_invite(&all, &t.new_user("new@example.org"), new(t, b"1", Some(&mail)), t.now()).await.unwrap();
        let at = t.now();
        let tries = (0..20).map(|_| t.store.mail_claim(10, lease, at));
        let taken: Vec<_> = futures_util::future::join_all(tries).await.into_iter().flat_map(|r| r.unwrap()).collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!((taken[0].id, taken[0].attempts), (id, 1));
        assert_eq!(t.store.mail_values(&taken[0]).await.unwrap().reveal(), "the link");
        assert!(t.store.mail_claim(10, lease, at).await.unwrap().is_empty(), "it is under way");
        let again = t.store.mail_claim(10, lease, at + lease).await.unwrap();
        assert_eq!(again[0].attempts, 2, "whoever had it died");
        t.store.mail_postpone(id, "the server is away", at + lease + lease, at).await.unwrap();
        assert!(t.store.mail_claim(10, lease, at + lease).await.unwrap().is_empty(), "not due yet");
        assert_eq!(t.store.mail_hurry(at).await.unwrap(), 1);
        let last = t.store.mail_claim(10, lease, at + lease).await.unwrap();
        assert_eq!(last[0].error.as_deref(), Some("the server is away"));
        t.store.mail_forget(&last[0], at).await.unwrap();
        assert!(t.store.mail_list(&Paging::default()).await.unwrap().items.is_empty());
        assert!(t.store.mail_values(&last[0]).await.is_err(), "what it said is gone, too");
    }

    async fn a_mail_is_not_readable_in_the_database(t) {
        let mail = letter(t, "new@example.org", "a-link-as-good-as-a-password");
        let all = t.may(&Collection::<User>::platform());
        t.store.user_invite(&all, &t.new_user("new@example.org"), new(t, b"1", Some(&mail)), t.now()).await.unwrap();
        let entries = t.store.audit_list(&Default::default(), &Paging::default()).await.unwrap().items;
        assert!(!format!("{entries:?}").contains("a-link-as-good"), "nor in the audit trail");
        let waiting = t.store.mail_list(&Paging::default()).await.unwrap().items;
        assert!(!format!("{waiting:?}").contains("a-link-as-good"));
        t.meddle("UPDATE secret SET owner = 'somebody else'").await;
        assert!(t.store.mail_values(&waiting[0]).await.is_err(), "sealed to its mail");
    }
}
