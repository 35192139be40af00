//! A small house for job tests: a real store in memory, one simulated node, and a clock that the test moves.

use ostler_model::authz::{
    Authority, Collection, Grant, Operate, Origin, Report as CanReport, Resource, SystemReason, Verb, Write, authorize,
};
use ostler_model::node::{Abilities, Facts, Isolation, JoinToken, Node};
use ostler_model::user::{State as UserState, User};
use ostler_model::workload::plan::{Happened, plan};
use ostler_model::workload::{Kind, Power, Report, Runtime, Seen, Spec, Step, Workload};
use ostler_model::workspace::Workspace;
use ostler_model::{Id, JobId, JoinTokenId, Millis, NodeId, Secret, SecretId, Time, UserId, WorkloadId, WorkspaceId};
use ostler_runtime::{Clock, ClockSource, Ids, Sleep, Spawn};
use ostler_server::job::{Engine, Needs, Recipe, Recipes};
use ostler_server::realtime::Bus;
use ostler_server::template::Catalog;
use ostler_server::workload::place::IsOnline;
use ostler_server::workload::{Lowering, provision, remove};
use ostler_store::{MasterKey, Options, Paging, Reach, Store};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A clock that stands still until the test moves it to the next sleeper.
#[derive(Clone)]
pub(crate) struct Hand(Arc<HandInner>);

const START: i64 = 1_800_000_000_000;

struct HandInner {
    began: Instant,
    now: AtomicI64,
    sleepers: Mutex<BTreeMap<i64, usize>>,
    moved: Notify,
}

impl Hand {
    fn started() -> Self {
        Hand(Arc::new(HandInner {
            began: Instant::now(),
            now: AtomicI64::new(START),
            sleepers: Mutex::default(),
            moved: Notify::new(),
        }))
    }
    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.0.now.load(Ordering::SeqCst))
    }
    pub(crate) fn advance(&self, span: Millis) {
        self.0.now.fetch_add(i64::try_from(span.0).unwrap(), Ordering::SeqCst);
        self.0.moved.notify_waiters();
    }
    /// To the nearest time that somebody sleeps until.
    fn advance_to_next(&self) {
        let next = self.0.sleepers.lock().unwrap().keys().next().copied();
        if let Some(next) = next {
            self.0.now.fetch_max(next, Ordering::SeqCst);
            self.0.moved.notify_waiters();
        }
    }
}

impl ClockSource for Hand {
    fn now(&self) -> Time {
        Hand::now(self)
    }
    fn instant(&self) -> Instant {
        self.0.began + Duration::from_millis(u64::try_from(self.now().as_millis() - START).unwrap_or(0))
    }
    fn sleep_until(&self, at: Time) -> Sleep {
        let inner = self.0.clone();
        Box::pin(async move {
            let at = at.as_millis();
            let _listed = Listed::new(inner.clone(), at);
            loop {
                let moved = inner.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if inner.now.load(Ordering::SeqCst) >= at {
                    return;
                }
                moved.await;
            }
        })
    }
}

struct Listed(Arc<HandInner>, i64);
impl Listed {
    fn new(inner: Arc<HandInner>, at: i64) -> Self {
        *inner.sleepers.lock().unwrap().entry(at).or_default() += 1;
        Self(inner, at)
    }
}
impl Drop for Listed {
    fn drop(&mut self) {
        let mut sleepers = self.0.sleepers.lock().unwrap();
        if let Some(count) = sleepers.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.1);
            }
        }
    }
}

/// The house.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) hand: Hand,
    pub(crate) ids: Ids,
    pub(crate) bus: Bus,
    pub(crate) spawn: Spawn,
    pub(crate) workspace: WorkspaceId,
    pub(crate) node: NodeId,
    pub(crate) is_online: Arc<AtomicBool>,
    /// Installing on the node never succeeds.
    pub(crate) is_broken: Arc<AtomicBool>,
    lowering: Lowering,
    catalog: Catalog,
    /// The node's disk: what it has, and the report counter.
    disk: Mutex<BTreeMap<WorkloadId, Seen>>,
    reports: AtomicI64,
}

pub(crate) fn right<R: Resource, V: Verb>(reason: SystemReason, what: &R) -> Grant<R, V> {
    authorize(&Authority::system(reason), what, &Arc::new(Origin::default())).unwrap()
}

impl House {
    pub(crate) async fn new() -> House {
        let hand = Hand::started();
        let clock = Clock::new(hand.clone());
        let ids = Ids::system(clock.clone());
        // The store's own deadlines run on real time: it really reads and writes.
        let store = Store::open(Options::memory(Clock::system(), MasterKey::new([7; 32]))).await.unwrap();
        let (_, workspace, node) = furnish(&store, &ids, hand.now()).await;
        let catalog = Catalog::builtin();
        House {
            bus: Bus::new(&store, clock),
            lowering: Lowering::new(store.clone(), catalog.clone(), 1),
            spawn: Spawn::new(),
            is_online: Arc::new(AtomicBool::new(true)),
            is_broken: Arc::default(),
            disk: Mutex::default(),
            reports: AtomicI64::new(1),
            store,
            hand,
            ids,
            workspace,
            node,
            catalog,
        }
    }

    pub(crate) fn is_online(&self) -> IsOnline {
        let online = self.is_online.clone();
        Arc::new(move |_| online.load(Ordering::SeqCst))
    }

    pub(crate) fn recipes(&self) -> Vec<Arc<dyn Recipe>> {
        let provision = provision::Provision {
            store: self.store.clone(),
            catalog: self.catalog.clone(),
            is_online: self.is_online(),
        };
        vec![Arc::new(provision), Arc::new(remove::Remove { store: self.store.clone(), is_online: self.is_online() })]
    }

    pub(crate) fn engine(&self, recipes: impl IntoIterator<Item = Arc<dyn Recipe>>) -> Engine {
        let needs = Needs {
            store: self.store.clone(),
            clock: Clock::new(self.hand.clone()),
            ids: self.ids.clone(),
            spawn: self.spawn.clone(),
            bus: self.bus.clone(),
        };
        Engine::new(needs, Recipes::new(recipes))
    }

    /// A new workload with a secret and the job that provisions it.
    pub(crate) async fn create(&self) -> (WorkloadId, JobId) {
        let now = self.hand.now();
        let grant: Grant<Collection<Workload>, Write> =
            right(SystemReason::Job, &Collection::<Workload>::of(self.workspace));
        let secret: SecretId = self.ids.next();
        self.store.secret_put(&grant, secret, &Secret::new("hush"), now).await.unwrap();
        let template = &self.catalog.find("luanti").unwrap().template;
        let id: WorkloadId = self.ids.next();
        let job: JobId = self.ids.next();
        let new = ostler_store::workload::New {
            id,
            kind: Kind::Game,
            name: "Demo".parse().unwrap(),
            spec: Spec {
                template: "luanti".into(),
                runtime: Runtime::Process,
                variables: [("password".to_owned(), serde_json::json!({ "secret": secret }))].into(),
                limits: template.limits,
            },
            node: None,
            power: Power::On,
            ports: vec![],
            hosting: None,
        };
        let job_new = self.job(job, provision::KIND, provision::FIRST, id);
        self.store.workload_create(&grant, &new, Some(&job_new), now).await.unwrap();
        (id, job)
    }

    /// The wish to have it removed, and the job that does it.
    pub(crate) async fn delete(&self, id: WorkloadId) -> JobId {
        let workload = self.store.workload_get(id).await.unwrap();
        let job: JobId = self.ids.next();
        let new = self.job(job, remove::KIND, remove::FIRST, id);
        let grant = right::<_, Write>(SystemReason::Job, &workload);
        self.store.workload_set_absent(&grant, false, Some(&new), self.hand.now()).await.unwrap();
        job
    }

    fn job(&self, id: JobId, kind: &str, first: &str, target: WorkloadId) -> ostler_store::job::New {
        ostler_store::job::New {
            id,
            workspace: Some(self.workspace),
            kind: kind.to_owned(),
            target: target.to_string(),
            input: "{}".to_owned(),
            step: Some(first.to_owned()),
            due_at: self.hand.now(),
        }
    }

    pub(crate) async fn cancel(&self, id: JobId) {
        let job = self.store.job_get(id).await.unwrap();
        // A job that ended in the meantime cannot be cancelled, and that is fine.
        let _ = self.store.job_cancel(&right::<_, Operate>(SystemReason::Job, &job), self.hand.now()).await;
    }

    /// Works on everything that is due, with the node beside it, until the future says stop or nothing is left.
    pub(crate) async fn work(&self, engine: &Engine, job: JobId, stop: &Notify) {
        for _ in 0..4000 {
            if self.store.job_get(job).await.unwrap().state.is_final() {
                return;
            }
            self.node_acts().await;
            let Some((claim, taken)) = engine.claim().await.unwrap() else {
                let next = self.store.job_next_due().await.unwrap();
                self.hand.advance(next.map_or(Millis(1), |at| at.since(self.hand.now())));
                continue;
            };
            let work = engine.work(claim, taken);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    () = &mut work => break,
                    // The worker is dropped here, in the middle of whatever it does: a crash.
                    () = stop.notified() => return,
                    () = self.idle() => {
                        self.node_acts().await;
                        self.hand.advance_to_next();
                    }
                }
            }
        }
        let job = self.store.job_get(job).await.unwrap();
        panic!("the job never ended: {job:?} {:?}", self.log(job.id).await);
    }

    /// Resolves when nobody does anything but wait for the time to pass.
    async fn idle(&self) {
        let mut calm = 0;
        while calm < 3 {
            ostler_testkit::wait::pause(std::time::Duration::from_micros(300)).await;
            calm = if self.store.in_flight() == 0 { calm + 1 } else { 0 };
        }
    }

    pub(crate) async fn log(&self, job: JobId) -> Vec<String> {
        self.store.job_lines(job, 0, 1000).await.unwrap().into_iter().map(|line| line.text).collect()
    }

    /// The node converges: the model's own plan, with effects that happen at once.
    async fn node_acts(&self) {
        if !self.is_online.load(Ordering::SeqCst) {
            return;
        }
        let wanted = self.store.workload_on_node(self.node).await.unwrap();
        let mut reports = vec![];
        for workload in &wanted.workloads {
            let desired = self.lowering.desired(workload, &wanted.node).await.unwrap();
            let mut seen = self.disk.lock().unwrap().get(&workload.id).cloned().unwrap_or_default();
            let now = self.hand.now();
            for step in plan(&desired, &seen, now) {
                seen = seen.after(&desired, Happened::Began(step), now);
                let effect = match step {
                    Step::Prepare if self.is_broken.load(Ordering::SeqCst) => {
                        Some(Happened::PrepareFailed { message: "no room".into() })
                    }
                    Step::Prepare => Some(Happened::Prepared { revision: desired.blueprint.revision.clone() }),
                    Step::Start => Some(Happened::BecameReady),
                    Step::Stop | Step::Kill => {
                        let exit = ostler_model::workload::plan::Exit {
                            at: now,
                            code: Some(0),
                            signal: None,
                            is_out_of_memory: false,
                        };
                        Some(Happened::Exited(exit))
                    }
                    Step::Remove => Some(Happened::Removed),
                    Step::Abort | Step::Clear => None,
                };
                if let Some(effect) = effect {
                    seen = seen.after(&desired, effect, now);
                }
            }
            self.disk.lock().unwrap().insert(workload.id, seen.clone());
            let seq = u64::try_from(self.reports.fetch_add(1, Ordering::SeqCst)).unwrap();
            let report =
                Report { generation: workload.generation, seq, at: now, seen, conditions: vec![], players: None };
            reports.push((workload.id, report));
        }
        let ids: Vec<WorkloadId> = wanted.workloads.iter().map(|w| w.id).collect();
        self.disk.lock().unwrap().retain(|id, _| ids.contains(id));
        let grant = right::<Node, CanReport>(SystemReason::Reconcile, &wanted.node);
        self.store.workload_report(&grant, &reports, self.hand.now()).await.unwrap();
    }

    /// Everything that a job may leave behind: rows, reserved memory, ports, the node's disk.
    pub(crate) async fn slate(&self) -> String {
        let filter =
            ostler_store::workload::Filter { reach: Reach::everything(), kind: None, node: None, search: None };
        let rows = self.store.workload_list(&filter, &Paging::first(100)).await.unwrap().items;
        let rows: Vec<_> = rows.iter().map(|w| (w.id, w.node, w.power, w.ports.clone())).collect();
        let usage = self.store.node_usage(&[self.node]).await.unwrap();
        let disk: Vec<_> = self
            .disk
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, seen)| seen.phase != ostler_model::workload::Phase::Gone)
            .map(|(id, _)| *id)
            .collect();
        format!("{rows:?} {usage:?} {disk:?}")
    }
}

/// An admin, a workspace of theirs, and a node in it.
pub(crate) async fn furnish(store: &Store, ids: &Ids, now: Time) -> (UserId, WorkspaceId, NodeId) {
    let user: UserId = ids.next();
    let new = ostler_store::user::New {
        id: user,
        email: "a@example.test".parse().unwrap(),
        name: "A".parse().unwrap(),
        state: UserState::Active,
        is_platform_admin: true,
        password_hash: None,
    };
    store.user_create(&right(SystemReason::Setup, &Collection::<User>::platform()), &new, now).await.unwrap();
    let workspace = Workspace::new(ids.next(), "home".parse().unwrap(), "Home".parse().unwrap(), now);
    let all = right(SystemReason::Setup, &Collection::<Workspace>::platform());
    store.workspace_create(&all, &workspace, user, now).await.unwrap();
    let token = JoinToken {
        id: JoinTokenId::from_parts(now, 1),
        workspace: Some(workspace.id),
        created_by: None,
        label: None,
        created_at: now,
        expires_at: now + Millis::secs(60),
        used_at: None,
        node: None,
    };
    let nodes = right(SystemReason::Setup, &Collection::<Node>::of(workspace.id));
    store.join_token_create(&nodes, &token, b"hash", now).await.unwrap();
    let joining = ostler_store::node::Joining {
        id: ids.next(),
        name: "node".parse().unwrap(),
        public_key: vec![1; 32],
        facts: Facts {
            memory_bytes: 4 << 30,
            cpu_count: 4,
            address: "node.test".into(),
            port_range: (27000, 27009),
            can: Abilities { packages: vec!["apt".into()], isolation: Isolation::Full, ..Abilities::default() },
            ..Facts::default()
        },
    };
    let node = store.node_join(b"hash", &joining, &Origin::default(), now).await.unwrap();
    (user, workspace.id, node.id)
}
