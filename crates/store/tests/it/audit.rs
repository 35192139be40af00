//! The audit chains.

use crate::support::both_backends;
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Collection, Kind, Origin, Role};
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
}
