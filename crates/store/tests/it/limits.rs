//! Throttles and idempotency keys.

use crate::support::{Db, PASSWORD, both_backends};
use ostler_model::Millis;
use ostler_model::user::User;
use ostler_store::idempotency::Begun;
use ostler_store::session::{Proof, SignIn};
use ostler_store::throttle::{Attempt, Attempts, Policy};

const POLICY: Policy =
    Policy { free: 5, wait_first: Millis::secs(10), wait_most: Millis::secs(60), forget_after: Millis::secs(600) };

/// Signs somebody in after an attempt that was counted.
async fn succeed(t: &Db, user: &User, own: &str, shared: &[(&str, Policy)]) {
    let attempts = Attempts { forgotten: &[own], taken_back: shared };
    t.begin(&t.session(user), SignIn { proof: Proof::Password(PASSWORD), attempts }).await.unwrap().unwrap();
}

both_backends! {
    async fn of_many_attempts_at_once_only_the_free_ones_are_made(t) {
        let at = t.now();
        let tries = (0..50).map(|_| t.store.throttle_attempt(&[("account:ada", POLICY), ("address:1", POLICY)], at));
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|a| matches!(a, Ok(Attempt::Allowed))).count(), 5, "{done:?}");
        let subject = [("account:ada", POLICY)];
        let later = at + Millis::secs(11);
        assert_eq!(t.store.throttle_attempt(&subject, later).await.unwrap(), Attempt::Allowed);
        let blocked = t.store.throttle_attempt(&subject, later).await.unwrap();
        assert_eq!(blocked, Attempt::Blocked { until: later + Millis::secs(20) }, "the wait doubles");
        t.store.throttle_clear(&["account:ada"], later).await.unwrap();
        assert_eq!(t.store.throttle_attempt(&subject, later).await.unwrap(), Attempt::Allowed);
        assert_eq!(t.store.throttle_expire(later + Millis::secs(1), 10, later + Millis::secs(1)).await.unwrap(), 2);
    }

    async fn whoever_signs_in_costs_their_address_nothing(t) {
        let at = t.now();
        let subjects = [("account:ada", POLICY), ("address:192.0.2.1", POLICY)];
        let user = t.user("ada@example.org").await;
        for n in 0..40 {
            assert_eq!(t.store.throttle_attempt(&subjects, at).await.unwrap(), Attempt::Allowed, "sign-in {n}");
            succeed(t, &user, "account:ada", &subjects[1..]).await;
        }
    }

    async fn success_with_an_own_account_buys_no_guesses_at_others(t) {
        let at = t.now();
        let (own, other) = (("account:mallory", POLICY), ("account:ada", POLICY));
        let address = ("address:192.0.2.1", POLICY);
        let mallory = t.user("mallory@example.org").await;
        let mut made = 0;
        for _ in 0..20 {
            made += u32::from(t.store.throttle_attempt(&[other, address], at).await.unwrap() == Attempt::Allowed);
            if t.store.throttle_attempt(&[own, address], at).await.unwrap() == Attempt::Allowed {
                succeed(t, &mallory, own.0, &[address]).await;
            }
        }
        assert_eq!(made, 5);
        let next = t.store.throttle_attempt(&[("account:bob", POLICY), address], at).await.unwrap();
        assert!(matches!(next, Attempt::Blocked { .. }), "{next:?}");
        // A success that comes late takes back its own attempt, and the wait that came of it.
        succeed(t, &mallory, own.0, &[address]).await;
        assert_eq!(t.store.throttle_attempt(&[("account:bob", POLICY), address], at).await.unwrap(), Attempt::Allowed);
    }

    async fn of_many_requests_with_one_key_one_does_the_work(t) {
        let at = t.now();
        let end = at + Millis::secs(60);
        let tries = (0..30).map(|_| t.store.idempotency_begin("us_1", "k", "digest", end, at));
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|b| matches!(b, Ok(Begun::New))).count(), 1, "{done:?}");
        assert!(done.iter().all(|b| matches!(b, Ok(Begun::New | Begun::UnderWay))));
        t.store.idempotency_finish("us_1", "k", 202, "{}", at).await.unwrap();
        let again = t.store.idempotency_begin("us_1", "k", "digest", end, at).await.unwrap();
        assert_eq!(again, Begun::Done { status: 202, body: "{}".into() });
        assert_eq!(t.store.idempotency_begin("us_1", "k", "other", end, at).await.unwrap(), Begun::Different);
        assert_eq!(t.store.idempotency_begin("us_2", "k", "other", end, at).await.unwrap(), Begun::New);
        t.store.idempotency_abandon("us_2", "k", at).await.unwrap();
        assert_eq!(t.store.idempotency_begin("us_2", "k", "third", end, at).await.unwrap(), Begun::New);
        assert_eq!(t.store.idempotency_begin("us_1", "k", "other", end, end).await.unwrap(), Begun::New, "expired");
        assert_eq!(t.store.idempotency_expire(10, end).await.unwrap(), 2);
    }
}
