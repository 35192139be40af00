//! Jobs: leases, fences, progress.

use crate::support::{Db, both_backends};
use ostler_model::authz::{Collection, Grant, Operate, SystemReason};
use ostler_model::job::{Job, State};
use ostler_model::workload::Workload;
use ostler_model::{Millis, Time};
use ostler_store::job::{Filter, Save};
use ostler_store::{Paging, Rule, StoreError};
use std::collections::BTreeSet;

fn engine(t: &Db) -> Grant<Collection<Job>, Operate> {
    t.system(SystemReason::Job, &Collection::<Job>::platform())
}

fn save(state: State, step: Option<&str>) -> Save {
    Save {
        state,
        step: step.map(Into::into),
        progress: 50,
        attempt: 1,
        due_at: Time::ZERO,
        error: None,
        output: None,
        lines: vec![],
        is_released: false,
    }
}

both_backends! {
    async fn many_workers_take_each_job_once(t) {
        let (workspace, _) = t.workspace("home").await;
        let w = t.workload(&workspace, "Quake", None).await;
        for _ in 0..30 {
            t.store.job_create(&t.may::<_, Operate>(&w), &t.new_job(Some(workspace.id), w.id), t.now()).await.unwrap();
        }
        let now = t.now() + Millis(1);
        let workers = (0..8).map(|i| async move {
            let mut mine = vec![];
            let name = format!("worker {i}");
            while let Some((claim, job)) = t.store.job_claim(&engine(t), &name, Millis::secs(60), now).await.unwrap() {
                assert_eq!((claim.id(), claim.fence(), job.state), (job.id, 1, State::Running));
                mine.push(job.id);
            }
            mine
        });
        let taken: Vec<_> = futures_util::future::join_all(workers).await.into_iter().flatten().collect();
        assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (30, 30));
    }

    async fn a_job_is_there_with_the_change_that_needs_it_or_not_at_all(t) {
        let (workspace, _) = t.workspace("home").await;
        let grant = t.may(&Collection::<Workload>::of(workspace.id));
        let new = t.new_workload("Quake", None, &[]);
        let job = t.new_job(Some(workspace.id), new.id);
        t.store.workload_create(&grant, &new, Some(&job), t.now()).await.unwrap();
        assert_eq!(t.store.job_get(job.id).await.unwrap().state, State::Queued);
        let twin = t.new_workload("Quake", None, &[]);
        let never = t.new_job(Some(workspace.id), twin.id);
        t.store.workload_create(&grant, &twin, Some(&never), t.now()).await.unwrap_err();
        assert!(t.store.job_find(never.id).await.unwrap().is_none());
        let found = t.store.job_list(&Filter { target: Some(new.id.to_string()), ..Filter::default() }, &Paging::default()).await.unwrap();
        assert_eq!(found.items.len(), 1);
    }

    async fn a_worker_that_lost_its_lease_writes_nothing_more(t) {
        let (workspace, _) = t.workspace("home").await;
        let w = t.workload(&workspace, "Quake", None).await;
        t.store.job_create(&t.may::<_, Operate>(&w), &t.new_job(Some(workspace.id), w.id), t.now()).await.unwrap();
        let now = t.now() + Millis(1);
        let (dead, _) = t.store.job_claim(&engine(t), "dead", Millis::secs(10), now).await.unwrap().unwrap();
        assert!(t.store.job_claim(&engine(t), "b", Millis::secs(10), now).await.unwrap().is_none());
        assert_eq!(t.store.job_next_due().await.unwrap(), Some(now + Millis::secs(10)));
        let later = now + Millis::secs(10);
        let (live, _) = t.store.job_claim(&engine(t), "b", Millis::secs(10), later).await.unwrap().unwrap();
        assert_eq!(live.fence(), 2);
        let mut with_lines = save(State::Running, Some("ports"));
        with_lines.lines = vec!["from the dead".into()];
        let refused = t.store.job_save(&dead, &with_lines, later).await;
        assert!(matches!(refused, Err(StoreError::Refused(Rule::Fenced))), "{refused:?}");
        t.store.job_renew(&dead, Millis::secs(1), later).await.unwrap_err();
        t.store.job_log(&dead, &["x".into()], later).await.unwrap_err();
        t.store.job_renew(&live, Millis::secs(60), later).await.unwrap();
        with_lines.lines = vec!["one".into(), "two".into()];
        with_lines.output = Some(("place".into(), Some(serde_json::json!({ "node": "nd_1" }))));
        let job = t.store.job_save(&live, &with_lines, later).await.unwrap();
        assert_eq!((job.step.as_deref(), job.outputs.as_str()), (Some("ports"), r#"{"place":{"node":"nd_1"}}"#));
        t.store.job_log(&live, &["three".into()], later).await.unwrap();
        let lines = t.store.job_lines(live.id(), 1, 10).await.unwrap();
        assert_eq!(lines.iter().map(|l| (l.seq, l.text.as_str())).collect::<Vec<_>>(), [(2, "two"), (3, "three")]);
        let asked = t.store.job_cancel(&t.may(&job), later).await.unwrap();
        assert!(asked.is_cancel_asked);
        let ended = t.store.job_save(&live, &save(State::Cancelled, None), later).await.unwrap();
        assert_eq!(ended.finished_at, Some(later));
        let over = t.store.job_cancel(&t.may(&job), later).await;
        assert!(matches!(over, Err(StoreError::Refused(Rule::JobEnded))));
        assert_eq!(t.store.job_next_due().await.unwrap(), None);
        let retention = t.system(SystemReason::Retention, &Collection::<Job>::platform());
        assert_eq!(t.store.job_expire(&retention, later + Millis(1), 10, later).await.unwrap(), 1);
    }
}
