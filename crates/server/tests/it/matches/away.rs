//! A worker on a node that is away: what it has is not known, and that is not the same as nothing.

use ostler_model::authz::{Authority, Collection, Origin, SystemReason, authorize};
use ostler_model::matches::{GameId, Lost, Maker, Match, Phase, owner};
use ostler_model::node::{Abilities, Facts, Isolation, JoinToken, Node};
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::{Millis, NodeId, Secret, Time};
use ostler_server::config::{Config, Matches, Rates};
use ostler_store::node::Joining;
use ostler_store::workload::{Hosting, New};
use ostler_testkit::server::{As, TestServer};
use ostler_testkit::wait::until;
use std::sync::Arc;

/// A shared node that has never dialled.
async fn node(t: &TestServer) -> NodeId {
    let now = t.app.clock.now();
    let token = JoinToken {
        id: t.app.ids.next(),
        workspace: None,
        created_by: None,
        label: None,
        created_at: now,
        expires_at: now + Millis::secs(60),
        used_at: None,
        node: None,
    };
    let grant = t.grant(SystemReason::Setup, &Collection::<Node>::platform());
    t.app.store.join_token_create(&grant, &token, b"hash", now).await.unwrap();
    let can = Abilities { isolation: Isolation::Full, ..Abilities::default() };
    let facts = Facts { port_range: (20_000, 20_099), memory_bytes: 64 << 30, can, ..Facts::default() };
    let joining = Joining { id: t.app.ids.next(), name: "far".parse().unwrap(), public_key: vec![7; 32], facts };
    t.app.store.node_join(b"hash", &joining, &Origin::default(), now).await.unwrap().id
}

/// A workload on it that hosts the worker 1.
async fn host(t: &TestServer) {
    let owner = t.person(true).await;
    let space = t.workspace(&owner).await;
    let spec = Spec {
        template: "match-host".into(),
        runtime: Runtime::Process,
        variables: Default::default(),
        limits: Limits::default(),
    };
    let new = New {
        id: t.app.ids.next(),
        kind: Kind::MatchHost,
        name: "Far away".parse().unwrap(),
        spec,
        node: Some(node(t).await),
        power: Power::On,
        ports: vec!["http".into()],
        hosting: Some(Hosting { secret: (t.app.ids.next(), Secret::new("its key")), workers: (1, 2) }),
    };
    let grant = t.may(&owner, &Collection::<Workload>::of(space.id)).await;
    t.app.store.workload_create(&grant, &new, None, t.app.clock.now()).await.unwrap();
}

/// A running match that this worker shall have.
async fn row(t: &TestServer, worker: u32) -> GameId {
    let mut ids = (0..).map(|n| format!("aaaaaa{:02}", n % 100).parse::<GameId>().unwrap());
    let id = ids.find(|id| owner(*id, 2) == worker).unwrap();
    let one = Match {
        id,
        workspace: None,
        title: "tic-tac-toe".into(),
        maker: Maker::Platform,
        made_by: "bot:platform".into(),
        worker,
        phase: Phase::Active,
        players: 2,
        turns: 0,
        created_at: Time::from_millis(1_000),
        started_at: Some(Time::from_millis(2_000)),
        ended_at: None,
        lost: None,
    };
    let grant = authorize(&Authority::bot(None, "bot:platform"), &one, &Arc::new(Origin::default())).unwrap();
    t.app.store.match_create(&grant, &one, t.app.clock.now()).await.unwrap().id
}

#[tokio::test]
async fn what_a_worker_has_that_is_away_goes_on_and_what_one_that_answers_does_not_know_is_over() {
    let matches = Matches { workers: 2, in_process: Some(1), ..Matches::default() };
    let t = TestServer::with(Config { rates: Rates::NONE, matches, ..Config::default() }).await;
    let (here, away) = (row(&t, 0).await, row(&t, 1).await);
    let (_workers, _dir) = ostler_testkit::matches::attach(&t, 1).await;
    // Nobody hosts it, then somebody does whose node is away: not now, and never "no such worker".
    t.get(&As::Nobody, &format!("/w1/api/game/{away}")).await.is(503);
    host(&t).await;
    t.get(&As::Nobody, &format!("/w1/api/game/{away}")).await.is(503);
    t.get(&As::Nobody, "/w2/api/game/aaaaaaaa").await.is(400);

    let over = until("the one that nobody knows is given up", async || {
        t.time.skip(Millis::secs(5));
        t.app.store.match_find(here).await.unwrap().filter(|now| now.phase == Phase::Finished)
    })
    .await;
    assert_eq!(over.lost, Some(Lost::Missing));
    let still = t.app.store.match_find(away).await.unwrap().unwrap();
    assert_eq!((still.phase, still.lost), (Phase::Active, None));
    t.stop().await;
}
