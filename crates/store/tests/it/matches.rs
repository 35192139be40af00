//! Bots and matches, on both databases.

use crate::support::{Db, both_backends};
use ostler_model::authz::{
    Actor, ActorKind, Authority, Collection, Grant, Origin, Report, SystemReason, Write, authorize,
};
use ostler_model::matches::{Bot, Maker, Match, Phase};
use ostler_model::{Time, WorkspaceId};
use ostler_store::matches::{Filter, Seen};
use ostler_store::{Constraint, Paging, StoreError};
use std::sync::Arc;

fn root(db: &Db) -> Authority {
    let kind = ActorKind::User(db.ids.next());
    Authority { is_platform_admin: true, actor: Actor { kind, label: "root".into() }, ..Authority::anonymous() }
}

async fn bot(db: &Db, workspace: WorkspaceId, name: &str) -> Result<Bot, StoreError> {
    let now = db.clock.now();
    let new = Bot {
        id: db.ids.next(),
        workspace,
        name: name.parse().unwrap(),
        prefix: "ostbot_abcdef".into(),
        titles: vec!["tic-tac-toe".into()],
        per_minute: 60,
        created_at: now,
        last_used_at: None,
    };
    let grant: Grant<Collection<Bot>, Write> =
        authorize(&root(db), &Collection::of(workspace), &Arc::new(Origin::default())).unwrap();
    db.store.bot_create(&grant, &new, format!("hash of {name} {}", new.id).as_bytes(), now).await
}

fn game(id: &str, workspace: Option<WorkspaceId>, maker: Maker, at: Time) -> Match {
    Match {
        id: id.parse().unwrap(),
        workspace,
        title: "tic-tac-toe".into(),
        maker,
        made_by: "bot:ladder".into(),
        worker: 0,
        phase: Phase::Lobby,
        players: 0,
        turns: 0,
        created_at: at,
        started_at: None,
        ended_at: None,
        lost: None,
    }
}

fn seen(of: &Match, phase: Phase, players: u32) -> Seen {
    let ended_at = (phase == Phase::Finished).then(|| Time::from_millis(9_000));
    Seen {
        id: of.id,
        is_orphan: false,
        title: of.title.clone(),
        worker: of.worker,
        phase,
        players,
        turns: u64::from(players) * 10,
        created_at: of.created_at,
        started_at: Some(Time::from_millis(2_000)),
        ended_at,
        lost: None,
    }
}

both_backends! {
    async fn a_bot_has_its_name_alone_and_its_key_for_as_long_as_it_lasts(db) {
        let space = db.workspace("stables").await.0;
        let ladder = bot(db, space.id, "ladder").await.unwrap();
        let twice = bot(db, space.id, "ladder").await;
        assert!(matches!(twice, Err(StoreError::Taken(Constraint::BotName))), "{twice:?}");
        let first = format!("hash of ladder {}", ladder.id);
        assert_eq!(db.store.bot_by_key(first.as_bytes()).await.unwrap().unwrap(), ladder);
        let now = db.clock.now();
        let grant: Grant<Bot, Write> = authorize(&root(db), &ladder, &Arc::new(Origin::default())).unwrap();
        db.store.bot_rotate(&grant, "ostbot_second", b"second", now).await.unwrap();
        assert_eq!(db.store.bot_by_key(first.as_bytes()).await.unwrap(), None);
        db.store.bot_touch(ladder.id, now).await.unwrap();
        assert_eq!(db.store.bot_list(space.id).await.unwrap()[0].last_used_at, Some(now));
        db.store.bot_delete(&grant, now).await.unwrap();
        assert_eq!(db.store.bot_by_key(b"second").await.unwrap(), None);
        assert!(!db.store.bot_any().await.unwrap());
    }

    async fn matches_are_listed_by_time_followed_and_over_for_good(db) {
        let space = db.workspace("stables").await.0;
        let ladder = bot(db, space.id, "ladder").await.unwrap();
        let origin = Arc::new(Origin::default());
        let ids = ["zzzzzzzz", "AAAAAAAA", "mmmmmmmm"];
        let mut made = Vec::new();
        for (n, id) in ids.into_iter().enumerate() {
            let one = game(id, Some(space.id), Maker::Bot(ladder.id), Time::from_millis(1_000 + n as i64));
            let grant: Grant<Match, Write> =
                authorize(&Authority::bot(Some(ladder.id), "bot:ladder"), &one, &origin).unwrap();
            made.push(db.store.match_create(&grant, &one, db.clock.now()).await.unwrap());
            // A grant is for one match, and for no other.
            let other = game("bbbbbbbb", Some(space.id), Maker::Bot(ladder.id), Time::ZERO);
            assert!(db.store.match_create(&grant, &other, db.clock.now()).await.is_err());
        }
        let filter = Filter { workspace: Some(space.id), ..Filter::default() };
        let first = db.store.match_list(&filter, &Paging::first(2)).await.unwrap();
        let text = |page: &ostler_store::Page<Match>| page.items.iter().map(|m| m.id.to_string()).collect::<Vec<_>>();
        assert_eq!(text(&first), ["mmmmmmmm", "AAAAAAAA"]);
        let rest = Paging { limit: 2, after: first.next.clone() };
        assert_eq!(text(&db.store.match_list(&filter, &rest).await.unwrap()), ["zzzzzzzz"]);

        let reports: Grant<Collection<Match>, Report> =
            authorize(&Authority::system(SystemReason::Reconcile), &Collection::platform(), &origin).unwrap();
        let report = async |seen: Seen| db.store.match_report(&reports, &[seen], db.clock.now()).await.unwrap();
        report(seen(&made[0], Phase::Active, 4)).await;
        report(seen(&made[0], Phase::Finished, 3)).await;
        // What is over stays over, whatever comes late.
        report(seen(&made[0], Phase::Active, 9)).await;
        let over = db.store.match_find(made[0].id).await.unwrap().unwrap();
        assert_eq!((over.phase, over.players, over.turns), (Phase::Finished, 3, 30));
        assert_eq!(over.ended_at, Some(Time::from_millis(9_000)));
        assert_eq!(db.store.match_live().await.unwrap().len(), 2);
        let archived = Filter { is_over: Some(true), bot: Some(Some(ladder.id)), ..Filter::default() };
        assert_eq!(text(&db.store.match_list(&archived, &Paging::first(9)).await.unwrap()), ["zzzzzzzz"]);

        // Nobody's match is told apart from one whose row is about to come.
        let stray = game("ssssssss", None, Maker::Platform, Time::from_millis(5));
        assert_eq!(report(seen(&stray, Phase::Lobby, 0)).await, [stray.id]);
        assert_eq!(report(Seen { is_orphan: true, ..seen(&stray, Phase::Lobby, 0) }).await, []);
        assert_eq!(db.store.match_find(stray.id).await.unwrap().unwrap().maker, Maker::Platform);
        let with = Filter { with_platform: true, ..filter.clone() };
        assert_eq!(db.store.match_list(&with, &Paging::first(9)).await.unwrap().items.len(), 4);
        assert_eq!(db.store.match_list(&filter, &Paging::first(9)).await.unwrap().items.len(), 3);
    }
}
