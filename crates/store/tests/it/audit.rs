//! The audit chains.

use crate::support::both_backends;
use ostler_model::Millis;
use ostler_model::audit::{Checkpoint, Entry, Outcome};
use ostler_model::authz::{Actor, ActorKind, Collection, Kind, Origin, Role, SystemReason};
use ostler_model::user::User;
use ostler_store::audit::{Filter, Refused, Verdict};
use ostler_store::{Constraint, Paging, StoreError};

both_backends! {
    async fn every_change_writes_one_entry_and_the_chain_holds_under_parallel_writers(t) {
        let (workspace, _) = t.workspace("home").await;
        let tries = (0..30).map(|i| { let workspace = workspace.clone(); async move {
            t.member(&workspace, &format!("m{i}@example.org"), Role::Viewer).await
        }});
        futures_util::future::join_all(tries).await;
        let page = t.store.audit_list(&Filter { workspace: Some(workspace.id), ..Filter::default() }, &Paging::default()).await.unwrap();
        assert_eq!(page.items.len(), 31, "the workspace and thirty members");
        let verdict = t.store.audit_verify(Some(workspace.id)).await.unwrap();
        assert!(matches!(verdict, Verdict::Whole { entries: 31, .. }), "{verdict:?}");
        let platform = t.store.audit_verify(None).await.unwrap();
        assert!(matches!(platform, Verdict::Whole { entries: 31, .. }), "{platform:?}");
    }

    async fn a_changed_a_missing_and_a_cut_off_entry_are_found(t) {
        for i in 0..5 {
            t.user(&format!("u{i}@example.org")).await;
        }
        t.meddle("UPDATE audit SET actor_label = 'somebody else' WHERE chain = 'platform' AND seq = 3").await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: 3 });
        t.meddle("UPDATE audit SET actor_label = 'root' WHERE chain = 'platform' AND seq = 3").await;
        assert!(matches!(t.store.audit_verify(None).await.unwrap(), Verdict::Whole { .. }));
        t.meddle("DELETE FROM audit WHERE chain = 'platform' AND seq = 5").await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: 5 });
        t.meddle("DELETE FROM audit WHERE chain = 'platform' AND seq = 2").await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: 2 });
    }

    async fn a_refused_attempt_is_written_down_and_a_failed_change_is_not(t) {
        let user = t.user("ada@example.org").await;
        let actor = Actor { kind: ActorKind::User(user.id), label: "ada".into() };
        let origin = Origin { address: Some("192.0.2.7".into()), ..Origin::default() };
        let refused = Refused {
            actor: &actor, origin: &origin, workspace: None, action: "node.delete", target_kind: Kind::Node, target_id: "nd_x", details: None,
        };
        t.store.audit_refused(refused, t.now()).await.unwrap();
        let grant = t.may(&Collection::<User>::platform());
        let taken = t.store.user_create(&grant, &t.new_user("ada@example.org"), t.now()).await;
        assert!(matches!(taken, Err(StoreError::Taken(Constraint::UserEmail))));
        let all = t.store.audit_list(&Filter::default(), &Paging::default()).await.unwrap().items;
        assert_eq!(all.iter().map(|e| (e.action.as_str(), e.outcome)).collect::<Vec<_>>(),
            [("node.delete", Outcome::Refused), ("user.create", Outcome::Done)]);
        assert_eq!(all[0].address.as_deref(), Some("192.0.2.7"));
        let only = Filter { outcome: Some(Outcome::Refused), actor_id: Some(user.id.to_string()), ..Filter::default() };
        assert_eq!(t.store.audit_list(&only, &Paging::default()).await.unwrap().items.len(), 1);
    }

    async fn a_change_says_what_it_was_before_and_is_after_and_one_ends_where_the_next_begins(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (_, member) = t.member(&workspace, "m@example.org", Role::Viewer).await;
        let change = async |role| t.store.member_set_role(&t.by(&owner, &member).await, role, t.now()).await.unwrap();
        change(Role::Member).await;
        change(Role::Admin).await;
        let filter = Filter { workspace: Some(workspace.id), action: Some("member.set_role".into()), ..Filter::default() };
        let all = t.store.audit_after(&filter, 0, 10).await.unwrap();
        let told: Vec<serde_json::Value> =
            all.iter().map(|entry| serde_json::from_str(entry.details.as_deref().unwrap()).unwrap()).collect();
        assert_eq!((&told[0]["before"]["role"], &told[0]["after"]["role"]), (&"viewer".into(), &"member".into()));
        assert_eq!((&told[1]["before"]["role"], &told[1]["after"]["role"]), (&"member".into(), &"admin".into()));
        assert_eq!(told[0]["digest"]["after"], told[1]["digest"]["before"]);
    }

    async fn a_whole_beginning_is_let_go_and_the_rest_is_checked_from_its_anchor(t) {
        for i in 0..10 {
            t.user(&format!("u{i}@example.org")).await;
        }
        let retention = t.system(SystemReason::Retention, &Collection::<Entry>::platform());
        let trim = async |limit| t.store.audit_trim(&retention, "platform", t.now() + Millis::secs(1), limit, t.now()).await.unwrap();
        assert_eq!(trim(4).await, 4, "no more than asked for");
        let ends = t.store.audit_ends(None).await.unwrap();
        assert_eq!((ends.anchor.seq, ends.head.seq), (4, 11));
        assert!(matches!(t.store.audit_verify(None).await.unwrap(), Verdict::Whole { .. }));
        assert_eq!(trim(100).await, 6, "the newest one stays");
        assert!(matches!(t.store.audit_verify(None).await.unwrap(), Verdict::Whole { .. }));
        t.meddle("DELETE FROM audit WHERE chain = 'platform' AND seq = 11").await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: 11 });
        t.meddle("UPDATE audit_anchor SET seq = 11").await;
        assert!(matches!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { .. }), "an anchor cannot be moved");
        assert_eq!(t.store.audit_trim(&retention, "nothing", t.now(), 10, t.now()).await.unwrap(), 0);
    }

    async fn a_checkpoint_finds_what_a_forger_of_hashes_has_done(t) {
        for i in 0..3 {
            t.user(&format!("u{i}@example.org")).await;
        }
        let due = t.store.audit_due(t.now() + Millis::secs(1), 1, 10).await.unwrap();
        let (chain, place) = due.into_iter().find(|(chain, _)| chain == "platform").unwrap();
        let mark = Checkpoint { chain, seq: place.seq, hash: place.hash, at: t.now(), key_id: "k".into(), signature: "s".into() };
        let retention = t.system(SystemReason::Retention, &Collection::<Entry>::platform());
        t.store.audit_checkpoint(&retention, &mark, t.now()).await.unwrap();
        assert!(t.store.audit_due(t.now() + Millis::secs(1), 1, 10).await.unwrap().is_empty(), "nothing has moved since");
        assert!(matches!(t.store.audit_verify(None).await.unwrap(), Verdict::Whole { .. }));
        // The last entry is written anew, with a hash that fits, and the head as well.
        let mut last = t.store.audit_after(&Filter::default(), place.seq - 1, 1).await.unwrap().remove(0);
        last.actor_label = "eve".into();
        let forged = last.digest();
        t.meddle(&format!("UPDATE audit SET actor_label = 'eve', hash = '{forged}' WHERE chain = 'platform' AND seq = {}", place.seq)).await;
        t.meddle(&format!("UPDATE chain SET hash = '{forged}' WHERE name = 'platform'")).await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: place.seq });
        t.meddle(&format!("DELETE FROM audit WHERE chain = 'platform' AND seq = {}", place.seq)).await;
        let before = t.store.audit_after(&Filter::default(), place.seq - 2, 1).await.unwrap().remove(0);
        t.meddle(&format!("UPDATE chain SET seq = {}, hash = '{}' WHERE name = 'platform'", before.seq, before.hash)).await;
        assert_eq!(t.store.audit_verify(None).await.unwrap(), Verdict::Broken { seq: before.seq }, "its end was cut off");
    }
}
