//! Archived workspaces, and the names of new ones.

use crate::support::both_backends;
use futures_util::future::join_all;
use ostler_model::WorkspaceId;
use ostler_model::authz::{Collection, Role, SystemReason, Write};
use ostler_model::workload::Workload;
use ostler_model::workspace::Workspace;
use ostler_store::workload::Desire;
use ostler_store::{Paging, Rule, StoreError};

fn is_archived<T: std::fmt::Debug>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Refused(Rule::Archived)))
}

both_backends! {
    async fn an_archived_workspace_refuses_every_change_until_it_is_restored(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (_, member) = t.member(&workspace, "m@example.org", Role::Viewer).await;
        let workload = t.workload(&workspace, "Quake", None).await;
        t.store.workload_set_power(&t.may(&workload), Desire::Stop { is_forced: false }, t.now()).await.unwrap();
        let archived = t.store.workspace_archive(&t.may(&workspace), t.now()).await.unwrap();
        assert!(archived.archived_at.is_some());

        let label = "Other".parse().unwrap();
        let renamed = t.store.workspace_update(&t.may(&workspace), Some(&label), None, None, t.now()).await;
        assert!(is_archived(&renamed), "{renamed:?}");
        let role = t.store.member_set_role(&t.by(&owner, &member).await, Role::Member, t.now()).await;
        assert!(is_archived(&role), "{role:?}");
        let removed = t.store.member_remove(&t.by(&owner, &member).await, t.now()).await;
        assert!(is_archived(&removed), "taking somebody else out is a change like others: {removed:?}");
        let started = t.store.workload_set_power(&t.may(&workload), Desire::Start, t.now()).await;
        assert!(is_archived(&started), "{started:?}");
        let new = t.new_workload("Doom", None, &[]);
        let more = Collection::<Workload>::of(workspace.id);
        let made = t.store.workload_create(&t.may(&more), &new, None, t.now()).await;
        assert!(is_archived(&made), "{made:?}");
        let job = t.new_job(Some(workspace.id), workload.id);
        let by_the_platform = t.store.workload_create(&t.system(SystemReason::Job, &more), &new, Some(&job), t.now()).await;
        assert!(is_archived(&by_the_platform), "nor may a job that is due: {by_the_platform:?}");
        let again = t.store.workspace_archive(&t.may(&workspace), t.now()).await;
        assert!(is_archived(&again), "{again:?}");
        assert_eq!(t.store.workspace_get(workspace.id).await.unwrap(), archived);
        assert_eq!(t.store.member_find(workspace.id, member.user).await.unwrap(), Some(member.clone()));

        t.store.workspace_restore(&t.may(&workspace), t.now()).await.unwrap();
        t.store.workload_set_power(&t.may(&workload), Desire::Start, t.now()).await.unwrap();
        let twice = t.store.workspace_restore(&t.may(&workspace), t.now()).await;
        assert!(matches!(twice, Err(StoreError::Refused(Rule::NotArchived))), "{twice:?}");
    }

    async fn what_runs_or_is_under_way_keeps_a_workspace_from_being_archived(t) {
        let (workspace, _) = t.workspace("home").await;
        let workload = t.workload(&workspace, "Quake", None).await;
        t.store.workload_set_power(&t.may(&workload), Desire::Start, t.now()).await.unwrap();
        let busy = t.store.workspace_archive(&t.may(&workspace), t.now()).await;
        assert!(matches!(busy, Err(StoreError::Refused(Rule::WorkspaceBusy))), "{busy:?}");
        let seen = t.store.workspace_contents(workspace.id).await.unwrap();
        assert_eq!((seen.running.count, seen.running.names.as_slice()), (1, &["Quake".to_owned()][..]));
        t.store.workload_set_power(&t.may(&workload), Desire::Stop { is_forced: false }, t.now()).await.unwrap();
        let job = t.new_job(Some(workspace.id), workload.id);
        t.store.job_create(&t.may::<_, Write>(&workload), &job, t.now()).await.unwrap();
        let busy = t.store.workspace_archive(&t.may(&workspace), t.now()).await;
        assert!(matches!(busy, Err(StoreError::Refused(Rule::WorkspaceBusy))), "{busy:?}");
        assert_eq!(t.store.workspace_contents(workspace.id).await.unwrap().jobs.count, 1);
        assert_eq!(t.store.workspace_get(workspace.id).await.unwrap().archived_at, None);
    }

    async fn a_change_and_an_archiving_at_the_same_time_are_put_into_an_order(t) {
        for round in 0..32 {
            let (workspace, _) = t.workspace(&format!("race-{round}")).await;
            let workload = t.workload(&workspace, "Quake", None).await;
            t.store.workload_set_power(&t.may(&workload), Desire::Stop { is_forced: false }, t.now()).await.unwrap();
            let (start, archive) = (t.may(&workload), t.may(&workspace));
            let (started, archived) = tokio::join!(
                t.store.workload_set_power(&start, Desire::Start, t.now()),
                t.store.workspace_archive(&archive, t.now())
            );
            match (&started, &archived) {
                (Ok(_), Err(StoreError::Refused(Rule::WorkspaceBusy))) => {}
                (Err(StoreError::Refused(Rule::Archived)), Ok(_)) => {}
                other => panic!("something runs in an archived workspace, or both were refused: {other:?}"),
            }
        }
    }

    async fn a_proposed_short_name_is_free_whoever_asks_at_the_same_time(t) {
        let owner = t.user("ada@example.org").await;
        let all = Collection::<Workspace>::platform();
        let tries = (0..10).map(|_| {
            let (grant, id): (_, WorkspaceId) = (t.may(&all), t.id());
            let owner = owner.id;
            async move {
                let new = Workspace::new(id, "stables".parse().unwrap(), "Stables".parse().unwrap(), t.now());
                t.store.workspace_create_near(&grant, &new, owner, t.now()).await.unwrap().slug.to_string()
            }
        });
        let mut names = join_all(tries).await;
        names.sort_by_key(|name| (name.len(), name.clone()));
        let expected: Vec<String> =
            (1..=10).map(|n| if n == 1 { "stables".to_owned() } else { format!("stables-{n}") }).collect();
        assert_eq!(names, expected);
    }

    async fn deleting_asks_for_the_short_name_that_it_has_now(t) {
        let (workspace, _) = t.workspace("home").await;
        let slug = "house".parse().unwrap();
        t.store.workspace_update(&t.may(&workspace), None, Some(&slug), None, t.now()).await.unwrap();
        let stale = t.store.workspace_delete(&t.may(&workspace), &workspace.slug, t.now()).await;
        assert!(matches!(stale, Err(StoreError::Refused(Rule::Unconfirmed))), "{stale:?}");
        t.store.workspace_archive(&t.may(&workspace), t.now()).await.unwrap();
        t.store.workspace_delete(&t.may(&workspace), &slug, t.now()).await.unwrap();
        assert_eq!(t.store.workspace_find(workspace.id).await.unwrap(), None);
    }

    async fn everybody_may_leave_an_archived_workspace_but_its_last_owner(t) {
        let (workspace, owner) = t.workspace("home").await;
        let (user, member) = t.member(&workspace, "m@example.org", Role::Viewer).await;
        t.store.workspace_archive(&t.may(&workspace), t.now()).await.unwrap();
        let own = t.by(&user, &member).await;
        t.store.member_remove(&own, t.now()).await.unwrap();
        let last = t.store.member_find(workspace.id, owner.id).await.unwrap().unwrap();
        let grant = t.by(&owner, &last).await;
        let done = t.store.member_remove(&grant, t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::LastOwner))), "{done:?}");
        assert_eq!(t.store.member_list(workspace.id, &Paging::default()).await.unwrap().items.len(), 1);
    }
}
