//! The end of a sign-in: what was shown counts at the moment in which the session begins, whatever happens beside it.

use crate::support::{Db, PASSWORD, both_backends};
use ostler_model::Millis;
use ostler_model::authz::{Collection, SystemReason};
use ostler_model::user::{Session, State, User};
use ostler_store::factor::{Challenge, Evidence, Fresh, Passkey};
use ostler_store::session::{Proof, SignIn};
use ostler_store::throttle::{Attempt, Attempts, Policy};
use ostler_store::{Rule, StoreError};

const ROUNDS: u8 = 20;

/// A passkey for somebody, which ends all of their sessions.
pub(crate) async fn add_key(t: &Db, user: &User) -> Passkey {
    let (id, name) = (t.id(), t.ids.bytes::<16>().to_vec());
    let key = Passkey { id, user: user.id, credential_id: name, public_key: vec![1], sign_count: 0 };
    let (ticket, until) = (t.ids.bytes::<32>(), t.now() + Millis::secs(60));
    let fresh = Fresh { code_hashes: &[vec![1; 32]], keep: None };
    let label = "Key".parse().unwrap();
    t.store.factor_passkey_add(&t.may(user), (&key, &label), (&ticket, until), fresh, t.now()).await.unwrap();
    key
}

/// The second half of a sign-in, by its hash.
async fn challenge(t: &Db, user: &User) -> [u8; 32] {
    halve(t, user, Proof::Provider).await.unwrap()
}

async fn halve(t: &Db, user: &User, proof: Proof<'_>) -> Result<[u8; 32], StoreError> {
    let grant = t.system(SystemReason::SignIn, &Collection::<Session>::platform());
    let (hash, until) = (t.ids.bytes::<32>(), t.now() + Millis::secs(60));
    let row = Challenge { user: user.id, wants_tokens: false, expires_at: until };
    t.store.factor_challenge_create(&grant, &hash, row, proof, t.now()).await.map(|()| hash)
}

async fn sessions(t: &Db, user: &User) -> usize {
    t.store.session_list(user.id, t.now()).await.unwrap().len()
}

async fn set_state(t: &Db, user: &User, state: State) {
    t.store.user_set_state(&t.may(&Collection::<User>::platform()), user.id, state, t.now()).await.unwrap();
}

/// Somebody whom the platform is left with.
async fn admin(t: &Db) {
    let root = t.user("root@example.org").await;
    let grant = t.may(&Collection::<User>::platform());
    t.store.user_set_platform_admin(&grant, root.id, true, t.now()).await.unwrap();
}

both_backends! {
    async fn a_password_that_was_changed_while_it_was_checked_begins_nothing(t) {
        let user = t.user("ada@example.org").await;
        t.store.user_set_password(&t.may(&user), "new", None, t.now()).await.unwrap();
        let refused = t.begin(&t.session(&user), Proof::Password(PASSWORD)).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::PasswordChanged))), "{refused:?}");
        assert_eq!(sessions(t, &user).await, 0);
        t.begin(&t.session(&user), Proof::Password("new")).await.unwrap().unwrap();
    }

    async fn no_session_of_the_old_password_is_left_however_the_two_meet(t) {
        let user = t.user("ada@example.org").await;
        for round in 0..ROUNDS {
            let before = if round == 0 { PASSWORD.to_owned() } else { format!("hash {}", round - 1) };
            let (after, grant, session) = (format!("hash {round}"), t.may(&user), t.session(&user));
            let (begun, changed) = tokio::join!(
                t.begin(&session, Proof::Password(&before)),
                t.store.user_set_password(&grant, &after, None, t.now()),
            );
            changed.unwrap();
            assert!(matches!(begun, Ok(Some(_)) | Err(StoreError::Refused(Rule::PasswordChanged))), "{begun:?}");
            assert_eq!(sessions(t, &user).await, 0, "round {round}: {begun:?}");
        }
    }

    async fn no_session_without_the_new_factor_is_left_however_the_two_meet(t) {
        for round in 0..ROUNDS {
            let user = t.user(&format!("u{round}@example.org")).await;
            let session = t.session(&user);
            let (begun, _) = tokio::join!(t.begin(&session, Proof::Password(PASSWORD)), add_key(t, &user));
            begun.unwrap();
            assert_eq!(sessions(t, &user).await, 0, "round {round}");
        }
    }

    async fn no_session_of_a_factor_that_was_removed_is_left_however_the_two_meet(t) {
        for round in 0..ROUNDS {
            let user = t.user(&format!("u{round}@example.org")).await;
            let key = add_key(t, &user).await;
            let (ticket, until) = ([round; 32], t.now() + Millis::secs(60));
            let proof = Proof::Passkey { id: key.id, sign_count: 0, ticket: (&ticket, until) };
            let (session, grant) = (t.session(&user), t.may(&user));
            let (begun, removed) =
                tokio::join!(t.begin(&session, proof), t.store.factor_remove(&grant, key.id, None, t.now()));
            removed.unwrap();
            assert!(matches!(begun, Ok(Some(_)) | Err(StoreError::Refused(Rule::FactorUsed))), "{begun:?}");
            assert_eq!(sessions(t, &user).await, 0, "round {round}: {begun:?}");
        }
    }

    async fn no_session_of_somebody_who_was_kept_out_is_left_however_the_two_meet(t) {
        admin(t).await;
        let user = t.user("ada@example.org").await;
        for round in 0..ROUNDS {
            let session = t.session(&user);
            let (begun, ()) = tokio::join!(
                t.begin(&session, Proof::Password(PASSWORD)),
                set_state(t, &user, State::Deactivated),
            );
            assert!(matches!(begun, Ok(Some(_)) | Err(StoreError::Refused(Rule::NotActive))), "{begun:?}");
            set_state(t, &user, State::Active).await;
            assert_eq!(sessions(t, &user).await, 0, "round {round}: {begun:?}");
        }
    }

    async fn a_sign_in_that_is_half_done_ends_with_what_it_began_with(t) {
        admin(t).await;
        let user = t.user("ada@example.org").await;
        add_key(t, &user).await;
        let is_over = async |hash: [u8; 32]| {
            let proof = Proof::Challenge { token_hash: &hash, evidence: Evidence::Recovery { hash: &[1; 32] } };
            matches!(t.begin(&t.session(&user), proof).await, Err(StoreError::Refused(Rule::FactorUsed)))
        };
        let half = challenge(t, &user).await;
        t.store.user_set_password(&t.may(&user), "new", None, t.now()).await.unwrap();
        assert!(is_over(half).await, "a new password");
        let half = challenge(t, &user).await;
        set_state(t, &user, State::Deactivated).await;
        set_state(t, &user, State::Active).await;
        assert!(is_over(half).await, "kept out for a moment");
        let half = challenge(t, &user).await;
        t.store.session_revoke_all(&t.may(&user), None, t.now()).await.unwrap();
        assert!(is_over(half).await, "signed out everywhere");
        let half = challenge(t, &user).await;
        assert!(!is_over(half).await, "the recovery code has not been used up by those that were over");
    }

    async fn no_half_of_the_old_password_is_left_however_the_two_meet(t) {
        let user = t.user("ada@example.org").await;
        add_key(t, &user).await;
        for round in 0..ROUNDS {
            let before = if round == 0 { PASSWORD.to_owned() } else { format!("hash {}", round - 1) };
            let (after, grant) = (format!("hash {round}"), t.may(&user));
            let (half, changed) = tokio::join!(
                halve(t, &user, Proof::Password(&before)),
                t.store.user_set_password(&grant, &after, None, t.now()),
            );
            changed.unwrap();
            match half {
                Ok(hash) => assert!(t.store.factor_challenge_find(&hash, t.now()).await.unwrap().is_none(), "round {round}"),
                other => assert!(matches!(other, Err(StoreError::Refused(Rule::PasswordChanged))), "{other:?}"),
            }
        }
        let late = halve(t, &user, Proof::Password(PASSWORD)).await;
        assert!(matches!(late, Err(StoreError::Refused(Rule::PasswordChanged))), "{late:?}");
    }

    async fn one_factor_of_two_begins_nothing_and_has_been_no_wrong_attempt(t) {
        let user = t.user("ada@example.org").await;
        add_key(t, &user).await;
        let policy = Policy { free: 1, wait_first: Millis::secs(10), wait_most: Millis::secs(60), forget_after: Millis::secs(600) };
        let subjects = [("account:ada", policy), ("address:192.0.2.1", policy)];
        let attempts = Attempts { forgotten: &["account:ada"], taken_back: &subjects[1..] };
        for proof in [Proof::Password(PASSWORD), Proof::Provider] {
            assert_eq!(t.store.throttle_attempt(&subjects, t.now()).await.unwrap(), Attempt::Allowed, "{proof:?}");
            assert!(t.begin(&t.session(&user), SignIn { proof, attempts }).await.unwrap().is_none(), "{proof:?}");
        }
        assert_eq!(sessions(t, &user).await, 0);
    }
}
