//! Workloads that host workers of matches, on both databases.

use crate::support::{Db, both_backends};
use ostler_model::authz::{Authority, Collection, Origin, authorize};
use ostler_model::matches::{GameId, Lost, Maker, Match, Phase};
use ostler_model::workload::{Kind, Workload};
use ostler_model::{NodeId, Secret, Time, WorkspaceId};
use ostler_store::workload::{Hosting, New};
use ostler_store::{Rule, StoreError};
use std::sync::Arc;

fn new_host(db: &Db, name: &str, node: Option<NodeId>, workers: (u32, u32)) -> New {
    let secret = (db.ids.next(), Secret::new(format!("the key of {name}")));
    New { kind: Kind::MatchHost, hosting: Some(Hosting { secret, workers }), ..db.new_workload(name, node, &["http"]) }
}

async fn host(
    db: &Db,
    workspace: WorkspaceId,
    name: &str,
    (node, workers): (Option<NodeId>, (u32, u32)),
) -> Result<Workload, StoreError> {
    let grant = db.may(&Collection::<Workload>::of(workspace));
    db.store.workload_create(&grant, &new_host(db, name, node, workers), None, db.clock.now()).await
}

/// A match that this worker has.
async fn game(db: &Db, id: &str, worker: u32) -> GameId {
    let one = Match {
        id: id.parse().unwrap(),
        workspace: None,
        title: "tic-tac-toe".into(),
        maker: Maker::Platform,
        made_by: "bot:platform".into(),
        worker,
        phase: Phase::Active,
        players: 3,
        turns: 0,
        created_at: Time::from_millis(1_000),
        started_at: None,
        ended_at: None,
        lost: None,
    };
    let grant = authorize(&Authority::bot(None, "bot:platform"), &one, &Arc::new(Origin::default())).unwrap();
    db.store.match_create(&grant, &one, db.clock.now()).await.unwrap().id
}

both_backends! {
    async fn two_at_once_never_get_the_same_worker(db) {
        let space = db.workspace("home").await.0.id;
        let tries = (0..8).map(|i| async move { host(db, space, &format!("h{i}"), (None, (1, 5))).await });
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 4, "workers 1 to 4: {done:?}");
        assert!(done.iter().all(|r| matches!(r, Ok(_) | Err(StoreError::Refused(Rule::NoFreeWorker)))), "{done:?}");
        let hosts = db.store.match_hosts().await.unwrap();
        assert_eq!(hosts.iter().map(|h| h.worker).collect::<Vec<_>>(), [1, 2, 3, 4]);
        for h in &hosts {
            let key = db.store.secret_get(h.secret, &h.workload.id.to_string()).await.unwrap();
            assert_eq!(key.reveal(), format!("the key of {}", h.workload.name));
            assert_eq!(db.store.match_host(h.workload.id).await.unwrap(), Some((h.worker, h.secret)));
        }

        // The one that goes leaves its worker to the next.
        db.store.workload_remove(&db.may(&hosts[1].workload), db.clock.now()).await.unwrap();
        let next = host(db, space, "next", (None, (1, 5))).await.unwrap();
        assert_eq!(db.store.match_host(next.id).await.unwrap().unwrap().0, 2);
        // Without a worker there is no workload either.
        assert!(host(db, space, "late", (None, (1, 5))).await.is_err());
        assert_eq!(db.store.workload_by_name(space, &"late".parse().unwrap()).await.unwrap(), None);
    }

    async fn what_a_host_had_is_over_with_it_and_says_why(db) {
        let space = db.workspace("home").await.0.id;
        let node = db.node(Some(space), "box").await;
        let first = host(db, space, "first", (Some(node.id), (0, 2))).await.unwrap();
        let second = host(db, space, "second", (Some(node.id), (0, 2))).await.unwrap();
        let (mine, other) = (game(db, "aaaaaaaa", 0).await, game(db, "bbbbbbbb", 1).await);
        let secret = db.store.match_host(first.id).await.unwrap().unwrap().1;
        db.store.workload_remove(&db.may(&first), db.clock.now()).await.unwrap();
        let row = db.store.match_find(mine).await.unwrap().unwrap();
        assert_eq!((row.phase, row.lost, row.players), (Phase::Finished, Some(Lost::HostDeleted), 3));
        assert!(row.ended_at.is_some());
        assert!(db.store.secret_get(secret, &first.id.to_string()).await.is_err(), "the key went with it");
        let row = db.store.match_find(other).await.unwrap().unwrap();
        assert_eq!((row.phase, row.lost), (Phase::Active, None));

        // A machine that is lost for good takes its hosts along, and they what they had.
        let secret = db.store.match_host(second.id).await.unwrap().unwrap().1;
        db.store.node_delete(&db.may(&node), true, db.clock.now()).await.unwrap();
        let row = db.store.match_find(other).await.unwrap().unwrap();
        assert_eq!((row.phase, row.lost), (Phase::Finished, Some(Lost::HostDeleted)));
        assert!(db.store.secret_get(secret, &second.id.to_string()).await.is_err());
        assert!(db.store.match_hosts().await.unwrap().is_empty());
    }
}
