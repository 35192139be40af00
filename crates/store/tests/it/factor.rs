//! Second factors: what works once works once, whoever tries at the same time.

use crate::support::{Db, both_backends};
use futures_util::future::join_all;
use ostler_model::authz::{Collection, Role, SystemReason};
use ostler_model::factor::FactorKind;
use ostler_model::user::{Session, User};
use ostler_model::{FactorId, Millis, Secret, SessionId, Time};
use ostler_store::factor::{Challenge, Evidence, Fresh, Passkey};
use ostler_store::session::{Begun, Proof};
use ostler_store::{Rule, StoreError};

fn codes(n: u8) -> Vec<Vec<u8>> {
    (0..n).map(|i| vec![i; 32]).collect()
}

/// An authenticator app in use, and the recovery codes.
async fn app(t: &Db, user: &User, step: i64) -> FactorId {
    let (id, secret) = (t.id(), Secret::new("abcd"));
    let label = "Phone".parse().unwrap();
    t.store.factor_totp_begin(&t.may(user), (id, t.id()), (&label, &secret), t.now()).await.unwrap();
    let hashes = codes(10);
    let fresh = Fresh { code_hashes: &hashes, keep: None };
    t.store.factor_totp_confirm(&t.may(user), (id, step), fresh, t.now()).await.unwrap();
    id
}

async fn session(t: &Db, user: &User) -> SessionId {
    let session = t.session(user);
    t.begin(&session, Proof::Setup).await.unwrap();
    session.id
}

async fn challenge(t: &Db, user: &User, hash: &[u8]) {
    let grant = t.system(SystemReason::SignIn, &Collection::<Session>::platform());
    let row = Challenge { user: user.id, wants_tokens: false, expires_at: t.now() + Millis::secs(60) };
    t.store.factor_challenge_create(&grant, hash, row, Proof::Provider, t.now()).await.unwrap();
}

/// Ends the second half of a sign-in.
async fn answer(t: &Db, session: &Session, evidence: Evidence<'_>) -> Result<Option<Begun>, StoreError> {
    t.begin(session, Proof::Challenge { token_hash: b"challenge", evidence }).await
}

fn key(t: &Db, user: &User, name: &[u8], sign_count: u32) -> Passkey {
    Passkey { id: t.id(), user: user.id, credential_id: name.to_vec(), public_key: vec![1], sign_count }
}

fn is_used_up<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Refused(Rule::FactorUsed)))
}

both_backends! {
    async fn of_a_hundred_uses_of_one_recovery_code_one_succeeds(t) {
        let user = t.user("ada@example.org").await;
        app(t, &user, 1).await;
        // Each has a sign-in of its own: the code alone has to stop them.
        let session = session(t, &user).await;
        let grant = t.may(&t.store.session_find(session).await.unwrap().unwrap());
        let code = vec![3; 32];
        let tries = (0..100).map(|_| {
            let (grant, code) = (grant.clone(), code.clone());
            async move { t.store.session_prove(&grant, user.id, Some(Evidence::Recovery { hash: &code }), None, t.now()).await }
        });
        let done = join_all(tries).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
        assert!(done.iter().filter(|r| r.is_err()).all(is_used_up), "{done:?}");
        assert_eq!(t.store.factor_list(user.id).await.unwrap().recovery_codes, 9);
    }

    async fn of_a_hundred_uses_of_one_app_code_one_succeeds(t) {
        let user = t.user("ada@example.org").await;
        let id = app(t, &user, 1).await;
        let session = session(t, &user).await;
        let grant = t.may(&t.store.session_find(session).await.unwrap().unwrap());
        let try_step = |step| {
            let grant = grant.clone();
            async move { t.store.session_prove(&grant, user.id, Some(Evidence::Totp { id, step }), None, t.now()).await }
        };
        let done = join_all((0..100).map(|_| try_step(7))).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
        assert!(is_used_up(&try_step(7).await) && is_used_up(&try_step(6).await), "nor do earlier codes count any more");
        try_step(8).await.unwrap();
    }

    async fn of_a_hundred_answers_to_one_challenge_one_succeeds(t) {
        let user = t.user("ada@example.org").await;
        app(t, &user, 1).await;
        challenge(t, &user, b"challenge").await;
        let user = &user;
        let tries = (0..10_u8).cycle().take(100).map(|n| async move {
            answer(t, &t.session(user), Evidence::Recovery { hash: &[n; 32] }).await
        });
        let done = join_all(tries).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
        assert_eq!(t.store.factor_list(user.id).await.unwrap().recovery_codes, 9, "who was too late has used nothing up");
    }

    async fn a_wrong_answer_leaves_the_challenge_and_a_count(t) {
        let (user, other) = (t.user("ada@example.org").await, t.user("eve@example.org").await);
        app(t, &user, 1).await;
        let theirs = app(t, &other, 1).await;
        challenge(t, &user, b"challenge").await;
        for evidence in [
            Evidence::Recovery { hash: &[99; 32] },
            Evidence::Totp { id: theirs, step: 9 },
            Evidence::Passkey { id: theirs, sign_count: 9 },
        ] {
            let wrong = answer(t, &t.session(&user), evidence).await;
            assert!(is_used_up(&wrong), "{evidence:?} {wrong:?}");
        }
        let mut allowed = 0;
        for _ in 0..8 {
            allowed += u32::from(t.store.factor_challenge_attempt(b"challenge", 5, t.now()).await.unwrap().is_some());
        }
        assert_eq!(allowed, 5);
        let late = t.now() + Millis::secs(61);
        assert!(t.store.factor_challenge_find(b"challenge", late).await.unwrap().is_none());
        let session = Session { created_at: late, ..t.session(&user) };
        assert!(is_used_up(&answer(t, &session, Evidence::Recovery { hash: &[1; 32] }).await));
        assert_eq!(t.store.factor_expire(late, 10).await.unwrap(), 1);
    }

    async fn a_ticket_is_spent_once_and_a_copied_passkey_is_noticed(t) {
        let user = t.user("ada@example.org").await;
        let until = t.now() + Millis::secs(60);
        let done = join_all((0..100).map(|_| t.store.ticket_spend(b"ticket", until, t.now()))).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
        let counting = key(t, &user, b"one", 4);
        let silent = key(t, &user, b"two", 0);
        let label = "Key".parse().unwrap();
        for (i, key) in [&counting, &silent].into_iter().enumerate() {
            let spent = ([u8::try_from(i).unwrap(); 32], until);
            let fresh = Fresh { code_hashes: &[], keep: None };
            t.store.factor_passkey_add(&t.may(&user), (key, &label), (&spent.0, until), fresh, t.now()).await.unwrap();
        }
        let mut n = 10_u8;
        let mut pass = async |key: &Passkey, count| {
            n += 1;
            let proof = Proof::Passkey { id: key.id, sign_count: count, ticket: (&[n; 32], until) };
            t.begin(&t.session(&user), proof).await
        };
        pass(&counting, 5).await.unwrap();
        assert!(is_used_up(&pass(&counting, 5).await) && is_used_up(&pass(&counting, 0).await));
        for _ in 0..3 {
            pass(&silent, 0).await.unwrap();
        }
        let found = t.store.factor_passkey(b"one").await.unwrap().unwrap();
        assert_eq!((found.user, found.sign_count), (user.id, 5));
        let other = t.user("eve@example.org").await;
        let stolen = key(t, &other, b"one", 0);
        let fresh = Fresh { code_hashes: &[], keep: None };
        let taken = t.store.factor_passkey_add(&t.may(&other), (&stolen, &label), (&[200; 32], until), fresh, t.now()).await;
        assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    }

    async fn a_new_factor_ends_other_sessions_and_brings_new_codes(t) {
        let user = t.user("ada@example.org").await;
        let before = session(t, &user).await;
        let first = app(t, &user, 1).await;
        assert!(t.store.session_find(before).await.unwrap().is_none());
        let (keep, end) = (session(t, &user).await, session(t, &user).await);
        challenge(t, &user, b"half").await;
        let (second, hashes) = (t.id(), vec![vec![77; 32]]);
        let label = "New phone".parse().unwrap();
        t.store.factor_totp_begin(&t.may(&user), (t.id(), t.id()), (&label, &Secret::new("begun")), t.now()).await.unwrap();
        t.store.factor_totp_begin(&t.may(&user), (second, t.id()), (&label, &Secret::new("new")), t.now()).await.unwrap();
        assert_eq!(t.store.factor_totp(user.id, false).await.unwrap().unwrap().id, first, "the old one counts until then");
        let fresh = Fresh { code_hashes: &hashes, keep: Some(keep) };
        t.store.factor_totp_confirm(&t.may(&user), (second, 5), fresh, t.now()).await.unwrap();
        let have = t.store.factor_list(user.id).await.unwrap();
        assert_eq!(have.factors.iter().map(|f| (f.id, f.kind)).collect::<Vec<_>>(), [(second, FactorKind::Totp)]);
        assert_eq!(have.recovery_codes, 1);
        assert_eq!(t.store.factor_totp(user.id, false).await.unwrap().unwrap().secret.reveal(), "new");
        assert!(t.store.session_find(keep).await.unwrap().is_some() && t.store.session_find(end).await.unwrap().is_none());
        assert!(t.store.factor_challenge_find(b"half", t.now()).await.unwrap().is_none());
    }

    async fn the_last_factor_stays_while_somebody_demands_one(t) {
        let (workspace, owner) = t.workspace("home").await;
        let id = app(t, &owner, 1).await;
        let grant = t.may(&workspace);
        t.store.factor_require_in(&grant, workspace.id, Some(Millis(0)), t.now()).await.unwrap();
        let refused = t.store.factor_remove(&t.may(&owner), id, None, t.now()).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::FactorDemanded))), "{refused:?}");
        assert_eq!(t.store.factor_list(owner.id).await.unwrap().factors.len(), 1);
        t.store.factor_require_in(&grant, workspace.id, None, t.now()).await.unwrap();
        t.store.factor_remove(&t.may(&owner), id, None, t.now()).await.unwrap();
        let left = t.store.factor_list(owner.id).await.unwrap();
        assert!(left.factors.is_empty() && left.recovery_codes == 0);
    }

    async fn demands_reach_those_whom_they_concern_with_a_grace_of_their_own(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        let stranger = t.user("stranger@example.org").await;
        let since = t.now() + Millis::secs(1000);
        t.store.factor_require_in(&t.may(&workspace), workspace.id, Some(Millis::secs(10)), since).await.unwrap();
        // Said again with another grace, the beginning stays.
        t.store.factor_require_in(&t.may(&workspace), workspace.id, Some(Millis::secs(20)), since + Millis(5)).await.unwrap();
        let standing = t.store.factor_standing(owner.id).await.unwrap();
        assert_eq!(standing.demands.len(), 1);
        assert_eq!(standing.demands[0].due, since + Millis::secs(20));
        assert!(standing.is_closed(workspace.id, since + Millis::secs(20)) && !standing.is_closed(other.id, since));
        assert!(!t.store.factor_standing(stranger.id).await.unwrap().is_demanded());
        t.store.factor_require(&t.platform(), Some(Millis(0)), Time::ZERO).await.unwrap();
        let standing = t.store.factor_standing(stranger.id).await.unwrap();
        assert_eq!(standing.demands[0].due, stranger.created_at, "who comes later has the grace from then");
        assert!(standing.is_locked(t.now()));
        app(t, &stranger, 1).await;
        assert!(!t.store.factor_standing(stranger.id).await.unwrap().is_locked(t.now()));
        let (late, _) = t.member(&workspace, "late@example.org", Role::Viewer).await;
        assert_eq!(t.store.factor_standing(late.id).await.unwrap().demands.len(), 2);
    }
}
