//! What invitations promise: each gives its own promise, by being accepted, and no other way gives or shows it.

use crate::support::{Db, both_backends};
use ostler_model::authz::{Collection, Grant, Origin, Role, Write};
use ostler_model::user::{Invite, Managed, State, User};
use ostler_model::workspace::Member;
use ostler_model::{Label, Millis, Time, UserId};
use ostler_store::invite::{Accept, New};
use ostler_store::user::Change;
use ostler_store::{Rule, StoreError, mail};

fn new<'a>(t: &Db, token: &'a [u8], mail: Option<&'a mail::New>) -> New<'a> {
    New { id: t.id(), token_hash: token, expires_at: t.now() + Millis::secs(3600), mail }
}

fn letter(t: &Db, to: &str) -> mail::New {
    let expires_at = t.now() + Millis::secs(3600);
    let values = ostler_model::Secret::new("{}");
    mail::New { id: t.id(), secret: t.id(), kind: "invite", to: to.parse().unwrap(), values, expires_at }
}

/// An invitation to administer the platform.
async fn as_admin(t: &Db, email: &str, token: &[u8]) -> (User, Invite) {
    let user = ostler_store::user::New { is_platform_admin: true, ..t.new_user(email) };
    t.store.user_invite(&t.may(&Collection::<User>::platform()), &user, new(t, token, None), t.now()).await.unwrap()
}

/// An invitation into a workspace, by its owner.
async fn as_member(t: &Db, owner: &User, workspace: ostler_model::WorkspaceId, email: &str, token: &[u8]) -> Invite {
    let members = Collection::<Member>::of(workspace);
    let grant = t.by(owner, &members).await;
    let guest = t.new_user(email);
    t.store.member_invite(&grant, &guest, Role::Viewer, new(t, token, None), t.now()).await.unwrap().1
}

async fn accept(t: &Db, token: &[u8]) -> Result<User, StoreError> {
    let with = Accept { password_hash: "theirs", name: None };
    t.store.invite_accept(token, with, &Origin::default(), t.now()).await
}

async fn row(t: &Db, id: UserId) -> User {
    t.store.user_get(id).await.unwrap()
}

both_backends! {
    async fn s1_a_tenants_owner_does_not_become_platform_admin(t) {
        let (home, tenant) = t.workspace("home").await;
        let (pending, high) = as_admin(t, "boss@example.org", b"high").await;
        assert!(!pending.is_platform_admin, "an invited person holds nothing");
        let low = as_member(t, &tenant, home.id, "boss@example.org", b"low").await;
        assert_eq!(low.user, pending.id);
        assert!(!low.is_platform_admin);
        let theirs = accept(t, b"low").await.unwrap();
        assert!(!theirs.is_platform_admin && !row(t, pending.id).await.is_platform_admin);
        // Signed in with the password of the low invitation, and without the other link, there is no way up.
        let me = t.by(&theirs, &theirs).await;
        let again = t.store.invite_join(&me, b"low", t.now()).await;
        assert!(matches!(again, Err(StoreError::Refused(Rule::Invite))), "{again:?}");
        let by_link = accept(t, b"high").await;
        assert!(matches!(by_link, Err(StoreError::Refused(Rule::AcceptSignedIn))), "no second password: {by_link:?}");
        assert_eq!(t.store.invite_find(high.id).await.unwrap().unwrap().accepted_at, None, "and it is not spent by that");
        // The person who has both, gets both, and keeps the password of the first.
        let both = t.store.invite_join(&me, b"high", t.now()).await.unwrap();
        assert!(both.is_platform_admin);
        let kept = t.store.user_credential(&both.email).await.unwrap().unwrap();
        assert_eq!(kept.password_hash.as_deref(), Some("theirs"));
    }

    async fn s1_withdrawing_an_invitation_withdraws_its_promise(t) {
        let (home, tenant) = t.workspace("home").await;
        let (pending, high) = as_admin(t, "boss@example.org", b"high").await;
        as_member(t, &tenant, home.id, "boss@example.org", b"low").await;
        t.store.invite_revoke(&t.may(&high), t.now()).await.unwrap();
        let managed = Managed(row(t, pending.id).await);
        let (_, resent) = t.store.user_invite_again(&t.may(&managed), new(t, b"again", None), t.now()).await.unwrap();
        assert!(!resent.is_platform_admin, "what was withdrawn is not sent again");
        assert_eq!(resent.place.unwrap().workspace, home.id);
        assert!(!accept(t, b"again").await.unwrap().is_platform_admin);
        assert!(matches!(accept(t, b"high").await, Err(StoreError::Refused(Rule::Invite))));
    }

    async fn s1_accepting_one_leaves_the_others_as_they_are(t) {
        let (one, boss) = t.workspace("one").await;
        let (two, other) = t.workspace("two").await;
        let first = as_member(t, &boss, one.id, "guest@example.org", b"1").await;
        let second = as_member(t, &other, two.id, "guest@example.org", b"2").await;
        let (_, third) = as_admin(t, "guest@example.org", b"3").await;
        let guest = accept(t, b"1").await.unwrap();
        for invite in [&second, &third] {
            let now = t.store.invite_find(invite.id).await.unwrap().unwrap();
            assert_eq!(Invite { has_account: invite.has_account, ..now }, *invite);
        }
        assert!(t.store.invite_find(first.id).await.unwrap().unwrap().accepted_at.is_some());
        let stranger = t.user("stranger@example.org").await;
        let theirs: Grant<User, Write> = t.by(&stranger, &stranger).await;
        let taken = t.store.invite_join(&theirs, b"2", t.now()).await;
        assert!(matches!(taken, Err(StoreError::Refused(Rule::NotYourInvite))), "{taken:?}");
        let me: Grant<User, Write> = t.by(&guest, &guest).await;
        t.store.invite_join(&me, b"2", t.now()).await.unwrap();
        assert!(t.store.member_find(two.id, guest.id).await.unwrap().is_some());
        assert!(!row(t, guest.id).await.is_platform_admin);
    }

    async fn s1_each_inviter_sees_what_they_said_and_nothing_of_the_others(t) {
        let (home, tenant) = t.workspace("home").await;
        let named = |name: &str| ostler_store::user::New { name: name.parse::<Label>().unwrap(), ..t.new_user("boss@example.org") };
        let all = t.may(&Collection::<User>::platform());
        t.store.user_invite(&all, &named("The new head of it all"), new(t, b"1", None), t.now()).await.unwrap();
        let members = Collection::<Member>::of(home.id);
        let grant = t.by(&tenant, &members).await;
        let (_, low) = t.store.member_invite(&grant, &named("A guest"), Role::Viewer, new(t, b"2", None), t.now()).await.unwrap();
        assert_eq!(low.name.as_str(), "A guest");
        assert_eq!(t.store.invite_look(b"2").await.unwrap().unwrap().name.as_str(), "A guest");
        assert_eq!(accept(t, b"2").await.unwrap().name.as_str(), "A guest");
    }

    /// Every column of a person × every way to accept, made from the schema: a column that comes later is tried, too.
    async fn s1_accepting_gives_what_that_invitation_promises_in_every_column(t) {
        let (home, tenant) = t.workspace("home").await;
        let columns = t.columns("users").await;
        assert!(columns.len() >= 10, "{columns:?}");
        let mail = letter(t, "c@example.org");
        // Each person is invited to administer the platform, and in another way.
        let ways: [(&str, &[u8], bool); 4] =
            [("a@example.org", b"a", false), ("b@example.org", b"b", false), ("c@example.org", b"c", true), ("d@example.org", b"d", false)];
        for (email, token, is_mailed) in ways {
            let other = [b"high-", token].concat();
            let (pending, _) = as_admin(t, email, &other).await;
            let before = t.row("users", &columns, pending.id).await;
            match token {
                b"a" => { as_member(t, &tenant, home.id, email, token).await; }
                b"b" => {
                    as_member(t, &tenant, home.id, email, b"earlier").await;
                    as_member(t, &tenant, home.id, email, token).await;
                }
                b"c" => {
                    let grant = t.by(&tenant, &Collection::<Member>::of(home.id)).await;
                    let guest = t.new_user(email);
                    t.store.member_invite(&grant, &guest, Role::Viewer, new(t, token, Some(&mail)), t.now()).await.unwrap();
                }
                // The high one was withdrawn before.
                _ => {
                    as_member(t, &tenant, home.id, email, token).await;
                    let high = t.store.invite_look(&other).await.unwrap().unwrap();
                    t.store.invite_revoke(&t.may(&high), t.now()).await.unwrap();
                }
            }
            let with = Accept { password_hash: "theirs", name: None };
            t.store.invite_accept(token, with, &Origin::default(), t.now()).await.unwrap();
            let after = t.row("users", &columns, pending.id).await;
            for (at, column) in columns.iter().enumerate() {
                let may_change = match column.as_str() {
                    "state" | "password_hash" | "changed_at" | "name" => true,
                    "email_verified_at" => is_mailed,
                    _ => false,
                };
                assert!(may_change || before[at] == after[at], "{email}: {column} went from {} to {}", before[at], after[at]);
            }
            assert_eq!(row(t, pending.id).await.is_email_verified, is_mailed);
        }
    }

    /// The same for a person who has an account and accepts signed in: their password and name stay.
    async fn s1_joining_gives_what_that_invitation_promises_in_every_column(t) {
        let (home, tenant) = t.workspace("home").await;
        let columns = t.columns("users").await;
        as_member(t, &tenant, home.id, "guest@example.org", b"first").await;
        as_admin(t, "guest@example.org", b"high").await;
        let guest = accept(t, b"first").await.unwrap();
        let (away, other) = t.workspace("away").await;
        let (mail, there) = (letter(t, "guest@example.org"), Collection::<Member>::of(away.id));
        let by_other = t.by(&other, &there).await;
        let invited = t.new_user("guest@example.org");
        t.store.member_invite(&by_other, &invited, Role::Admin, new(t, b"mailed", Some(&mail)), t.now()).await.unwrap();
        for (token, gives) in [(&b"mailed"[..], "email_verified_at"), (b"high", "is_platform_admin")] {
            let before = t.row("users", &columns, guest.id).await;
            let me: Grant<User, Write> = t.by(&row(t, guest.id).await, &guest).await;
            t.store.invite_join(&me, token, t.now()).await.unwrap();
            let after = t.row("users", &columns, guest.id).await;
            for (at, column) in columns.iter().enumerate().filter(|(_, column)| *column != "changed_at") {
                assert_eq!(before[at] != after[at], column == gives, "{column} went from {} to {}", before[at], after[at]);
            }
        }
        assert_eq!(t.store.member_find(away.id, guest.id).await.unwrap().unwrap().role, Role::Admin.into());
    }

    async fn s1_the_database_refuses_rights_of_invited_people(t) {
        let (pending, _) = as_admin(t, "boss@example.org", b"1").await;
        for set in ["is_platform_admin = TRUE", "password_hash = 'x'", "email_verified_at = 1"] {
            let refused = t.try_meddle(&format!("UPDATE users SET {set} WHERE id = '{}'", pending.id)).await;
            assert!(refused.is_err(), "{set}");
        }
        let managed = Managed(pending.clone());
        let change = Change { is_platform_admin: Some(true), ..Change::default() };
        let refused = t.store.user_update(&t.may(&managed), &change, t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::NotAccepted))), "{refused:?}");
        let users = Collection::<User>::platform();
        let refused = t.store.user_set_platform_admin(&t.may(&users), pending.id, true, t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::NotAccepted))), "{refused:?}");
        let (home, owner) = t.workspace("home").await;
        let members = t.by(&owner, &Collection::<Member>::of(home.id)).await;
        let refused = t.store.member_add(&members, pending.id, Role::Owner, t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::NotAccepted))), "{refused:?}");
        assert_eq!(row(t, pending.id).await.state, State::Invited);
    }

    /// What an earlier release wrote on invited people moves to their invitations.
    async fn s1_an_upgrade_moves_promises_to_their_invitations(t) {
        let (boss_id, old_id) = (t.id::<UserId>(), t.id::<UserId>());
        let old = t.older("0013_identity").await;
        old.meddle(&format!(
            "INSERT INTO users (id, email, name, state, is_platform_admin, password_hash, created_at, changed_at)
                 VALUES ('{0}', 'boss@ex\u{e4}mple.org', 'Boss', 'invited', TRUE, NULL, 1, 1);
             INSERT INTO users (id, email, name, state, is_platform_admin, password_hash, created_at, changed_at)
                 VALUES ('{1}', 'old@example.org', 'Old', 'active', FALSE, 'x', 1, 1);
             INSERT INTO preference (user_id, timezone, critical_mail, enrollment_mail) VALUES ('{1}', 'europe/berlin', TRUE, TRUE);
             INSERT INTO invite (id, user_id, workspace_id, role, token_hash, invited_by, created_at, expires_at)
                 VALUES ('{2}', '{0}', NULL, NULL, {4}, NULL, 1, 9000000000000);
             INSERT INTO invite (id, user_id, workspace_id, role, token_hash, invited_by, created_at, expires_at, revoked_at)
                 VALUES ('{3}', '{0}', NULL, NULL, {5}, NULL, 1, 9000000000000, 5);",
            boss_id, old_id, t.id::<ostler_model::InviteId>(), t.id::<ostler_model::InviteId>(),
            old.bytes(b"open"), old.bytes(b"over"),
        )).await;
        let store = old.reopen().await;
        let boss = store.user_get(boss_id).await.unwrap();
        assert_eq!((boss.is_platform_admin, boss.is_email_verified), (false, false));
        let found = async |token: &[u8]| store.invite_look(token).await.unwrap().unwrap();
        assert!(found(b"open").await.is_platform_admin);
        assert!(!found(b"over").await.is_platform_admin);
        assert!(store.user_get(old_id).await.unwrap().is_email_verified);
        let zone = store.user_preferences(old_id).await.unwrap().timezone;
        assert_eq!(zone.as_deref(), Some("Europe/Berlin"));
        let same = store.user_credential(&"boss@xn--exmple-cua.org".parse().unwrap()).await.unwrap();
        assert_eq!(same.map(|found| found.user.id), Some(boss_id), "one spelling");
        let with = Accept { password_hash: "h", name: None };
        let admin = store.invite_accept(b"open", with, &Origin::default(), Time::from_millis(10)).await.unwrap();
        assert!(admin.is_platform_admin);
        store.close().await;
        old.finish().await;
    }
}
