//! Addresses that have proved themselves, and those that have not.

use crate::support::{Db, both_backends};
use ostler_model::Millis;
use ostler_model::authz::{Collection, Origin, Platform, Role, SystemReason, Write};
use ostler_model::oidc::{Preset, Provider};
use ostler_model::user::{Managed, Session, User};
use ostler_model::workspace::Member;
use ostler_store::invite::{Accept, New};
use ostler_store::oidc::{Arrival, Claim};
use ostler_store::session::Proof;
use ostler_store::{Constraint, Rule, StoreError};

/// A person who came by a link that went to no mailbox, with all that they could set up since.
async fn squatter(t: &Db, email: &str) -> User {
    let (home, owner) = t.workspace("squat").await;
    let members = Collection::<Member>::of(home.id);
    let grant = t.by(&owner, &members).await;
    let new = New { id: t.id(), token_hash: b"link", expires_at: t.now() + Millis::secs(60), mail: None };
    t.store.member_invite(&grant, &t.new_user(email), Role::Viewer, new, t.now()).await.unwrap();
    let with = Accept { password_hash: "squatter", name: None };
    let user = t.store.invite_accept(b"link", with, &Origin::default(), t.now()).await.unwrap();
    t.begin(&t.session(&user), Proof::Password("squatter")).await.unwrap().unwrap();
    let key = ostler_model::key::Key {
        id: t.id(),
        owner: user.id,
        label: "Key".parse().unwrap(),
        prefix: "ost_x".into(),
        capabilities: ostler_model::authz::CapabilitySet::NONE,
        scope: ostler_model::authz::Scope::All,
        networks: Vec::new(),
        requests_per_minute: None,
        created_at: t.now(),
        expires_at: None,
        last_used_at: None,
        last_used_from: None,
    };
    let own = t.system(SystemReason::Setup, &user);
    t.store.key_create(&own, &key, b"key", &[], t.now()).await.unwrap();
    user
}

/// How much of what they set up is left: a password, sessions, keys.
async fn left(t: &Db, user: &User) -> (bool, usize, usize) {
    let found = t.store.user_credential(&user.email).await.unwrap().unwrap();
    let sessions = t.store.session_list(user.id, t.now()).await.unwrap().len();
    (found.password_hash.as_deref() == Some("squatter"), sessions, t.store.key_list(user.id).await.unwrap().len())
}

async fn provider(t: &Db, domains: &[&str]) -> Provider {
    let new = Provider {
        id: t.id(),
        slug: "corp".parse().unwrap(),
        name: "Corp".parse().unwrap(),
        preset: Preset::Generic,
        issuer: "https://id.example.org".into(),
        client_id: "ostler".into(),
        client_secret: None,
        scopes: vec!["openid".into()],
        is_enabled: true,
        trusts_email: false,
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        created_at: t.now(),
    };
    t.store.provider_create(&t.may(&Platform), &new, None, t.now()).await.unwrap()
}

async fn arrive(t: &Db, provider: &Provider, subject: &str, email: &str) -> Arrival {
    let email = email.parse().unwrap();
    let new = ostler_store::user::New { password_hash: None, ..t.new_user("newcomer@example.org") };
    let new = ostler_store::user::New { email, ..new };
    let claim = Claim { subject, email: Some(&new.email), newcomer: Some(&new), notice: None };
    let grant = t.system(SystemReason::SignIn, &Collection::<Session>::platform());
    let ticket = (&t.ids.bytes::<16>()[..], t.now() + Millis::secs(60));
    t.store.oidc_arrive(&grant, provider, claim, ticket, t.now()).await.unwrap()
}

both_backends! {
    async fn s12_an_address_that_has_proved_nothing_is_not_added_by_it_and_is_invited_instead(t) {
        let user = squatter(t, "boss@example.org").await;
        assert!(!t.store.user_get(user.id).await.unwrap().is_email_verified);
        let (home, owner) = t.workspace("home").await;
        let members = Collection::<Member>::of(home.id);
        let grant = t.by(&owner, &members).await;
        let added = t.store.member_add(&grant, user.id, Role::Owner, t.now()).await;
        assert!(matches!(added, Err(StoreError::Refused(Rule::Unproven))), "{added:?}");
        let new = New { id: t.id(), token_hash: b"2", expires_at: t.now() + Millis::secs(60), mail: None };
        t.store.member_invite(&grant, &t.new_user("boss@example.org"), Role::Viewer, new, t.now()).await.unwrap();
        assert!(t.store.member_find(home.id, user.id).await.unwrap().is_none(), "only who has that link comes in");
        let taken = t.store.user_create(&t.may(&Collection::platform()), &t.new_user("boss@example.org"), t.now()).await;
        assert!(matches!(taken, Err(StoreError::Taken(Constraint::UserEmail))), "{taken:?}");
    }

    async fn s12_a_mailed_link_proves_the_address_and_ends_what_was_set_up_before(t) {
        let user = squatter(t, "boss@example.org").await;
        assert_eq!(left(t, &user).await, (true, 1, 1));
        // A link that an admin hands over proves nothing.
        let until = t.now() + Millis::secs(60);
        t.store.reset_hand_out(&t.may(&Managed(user.clone())), b"by hand", until, t.now()).await.unwrap();
        t.store.reset_spend(b"by hand", "squatter", &Origin::default(), t.now()).await.unwrap();
        assert!(!t.store.user_get(user.id).await.unwrap().is_email_verified);
        assert_eq!(left(t, &user).await, (true, 0, 1), "the key is still theirs");
        t.store.reset_begin(&user.email, b"by mail", until, t.now()).await.unwrap().unwrap();
        t.store.reset_spend(b"by mail", "owner", &Origin::default(), t.now()).await.unwrap();
        assert!(t.store.user_get(user.id).await.unwrap().is_email_verified);
        assert_eq!(left(t, &user).await, (false, 0, 0));
        // From now on a new password ends no key.
        let key = t.store.user_credential(&user.email).await.unwrap().unwrap().password_hash;
        assert_eq!(key.as_deref(), Some("owner"));
    }

    async fn s12_a_provider_proves_the_address_and_ends_what_was_set_up_before(t) {
        let user = squatter(t, "boss@example.org").await;
        let corp = provider(t, &["example.org"]).await;
        assert_eq!(arrive(t, &corp, "subject", "boss@example.org").await, Arrival::Linked(user.id));
        assert_eq!(left(t, &user).await, (false, 0, 0));
        assert!(t.store.user_credential(&user.email).await.unwrap().unwrap().password_hash.is_none());
        assert!(t.store.user_get(user.id).await.unwrap().is_email_verified);
    }

    async fn s7_by_address_nobody_with_a_password_or_the_platforms_rights_is_taken_over(t) {
        let corp = provider(t, &["example.org"]).await;
        let ada = t.user("ada@example.org").await;
        assert_eq!(arrive(t, &corp, "1", "ada@example.org").await, Arrival::LinkFirst);
        let root = ostler_store::user::New { is_platform_admin: true, password_hash: None, ..t.new_user("root@example.org") };
        t.store.user_create(&t.may(&Collection::platform()), &root, t.now()).await.unwrap();
        assert_eq!(arrive(t, &corp, "2", "root@example.org").await, Arrival::LinkFirst);
        let guest = ostler_store::user::New { password_hash: None, ..t.new_user("guest@example.org") };
        let guest = t.store.user_create(&t.may(&Collection::platform()), &guest, t.now()).await.unwrap();
        assert_eq!(arrive(t, &corp, "3", "guest@example.org").await, Arrival::Linked(guest.id));
        assert!(t.store.identity_list(ada.id).await.unwrap().is_empty());
        let key = ostler_store::user::New { password_hash: None, ..t.new_user("key@example.org") };
        let key = t.store.user_create(&t.may(&Collection::platform()), &key, t.now()).await.unwrap();
        crate::sign_in::add_key(t, &key).await;
        assert_eq!(arrive(t, &corp, "4", "key@example.org").await, Arrival::LinkFirst, "a passkey is as good as a password");
        let me = t.by(&ada, &ada).await;
        let ticket = (&b"ticket"[..], t.now() + Millis::secs(60));
        let taken = t.store.identity_link(&me, &corp, ("3", None), ticket, t.now()).await;
        assert!(matches!(taken, Err(StoreError::Refused(Rule::IdentityTaken))), "{taken:?}");
        t.store.identity_link(&me, &corp, ("1", None), ticket, t.now()).await.unwrap();
        let twice = t.store.identity_link(&me, &corp, ("1", None), ticket, t.now()).await;
        assert!(matches!(twice, Err(StoreError::Refused(Rule::FactorUsed))), "{twice:?}");
        assert_eq!(arrive(t, &corp, "1", "ada@example.org").await, Arrival::Known(ada.id));
        let other = (&b"another"[..], t.now() + Millis::secs(60));
        let second = t.store.identity_link(&me, &corp, ("9", None), other, t.now()).await;
        assert!(matches!(second, Err(StoreError::Refused(Rule::IdentityLinked))), "{second:?}");
        assert!(t.store.identity_unlink(&me, &corp, t.now()).await.unwrap());
        assert!(!t.store.identity_unlink(&me, &corp, t.now()).await.unwrap());
        let guests = t.by::<_, Write>(&guest, &guest).await;
        let last = t.store.identity_unlink(&guests, &corp, t.now()).await;
        assert!(matches!(last, Err(StoreError::Refused(Rule::LastWayIn))), "{last:?}");
    }
}
