//! Search in a database of many rows, beside a read by primary key in the same one.

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, stream};
use ostler_model::authz::{Authority, Collection, Grant, Membership, Origin, Role, SystemReason, Write, authorize};
use ostler_model::search::{Query, Sight, What};
use ostler_model::user::{State, User};
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::workspace::Workspace;
use ostler_model::{WorkloadId, WorkspaceId};
use ostler_runtime::{Clock, Ids};
use ostler_store::search::Search;
use ostler_store::{MasterKey, Options, Paging, Reach, Store, user, workload};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORDS: [&str; 8] = ["arena", "quake", "lobby", "forest", "castle", "server", "harbour", "Räume"];
/// Each question this often.
const TIMES: usize = 60;
/// Rows that the small tenant has.
const FEW: usize = 10;

/// Fills an empty database with so many workloads, or takes a filled one as it is, and prints the 99th percentile of searches
/// and of reads by key, in ms; each question's own to the side.
pub(crate) async fn run(database: &str, count: usize) -> Result<()> {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let key = MasterKey::new([7; 32]);
    let is_url = database.contains("://");
    let options = if is_url {
        Options::postgres(database, clock.clone(), key)
    } else {
        Options::sqlite(database, clock.clone(), key)
    };
    let store = Store::open(options).await?;
    let world = match filled(&store).await? {
        Some(world) => world,
        None => fill(&store, &ids, &clock, count).await?,
    };
    let search = searches(&store, &world).await?;
    let read = reads(&store, world.some).await?;
    println!("{search} {read}");
    store.close().await;
    Ok(())
}

struct World {
    /// Whose workspace has nearly all.
    rich: Authority,
    /// Whose workspace has ten.
    poor: Authority,
    admin: Authority,
    some: WorkloadId,
}

async fn fill(store: &Store, ids: &Ids, clock: &Clock, count: usize) -> Result<World> {
    let mut root = Authority::system(SystemReason::Setup);
    let boss = user::New {
        id: ids.next(),
        email: "ada@example.org".parse()?,
        name: "Ada".parse()?,
        state: State::Active,
        is_platform_admin: true,
        password_hash: None,
    };
    let grant: Grant<Collection<User>, Write> = grant(&root, &Collection::platform())?;
    let boss = store.user_create(&grant, &boss, clock.now()).await?;
    root.actor.kind = ostler_model::authz::ActorKind::User(boss.id);
    root.is_platform_admin = true;
    let rich = workspace(store, ids, clock, &root, &boss, "rich").await?;
    let poor = workspace(store, ids, clock, &root, &boss, "poor").await?;
    let many: Grant<Collection<Workload>, Write> = grant_of(&root, rich)?;
    let few: Grant<Collection<Workload>, Write> = grant_of(&root, poor)?;
    let new = |n: usize| workload::New {
        id: ids.next(),
        kind: Kind::Game,
        name: format!("{} {} {n}", WORDS[n % 8], WORDS[(n / 8) % 8]).parse().expect("a short text is a label"),
        spec: Spec {
            template: "luanti".into(),
            runtime: Runtime::Process,
            variables: Default::default(),
            limits: Limits::default(),
        },
        node: None,
        power: Power::Off,
        ports: Vec::new(),
        hosting: None,
    };
    let some = store.workload_create(&few, &new(0), None, clock.now()).await?.id;
    let made = stream::iter(1..count)
        .map(|n| {
            let (new, grant) = (new(n), if n < FEW { &few } else { &many });
            async move { store.workload_create(grant, &new, None, clock.now()).await.map(|_| ()) }
        })
        .buffer_unordered(8);
    made.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(world(&root, rich, poor, some))
}

fn world(root: &Authority, rich: WorkspaceId, poor: WorkspaceId, some: WorkloadId) -> World {
    let member = |workspace| Authority {
        is_platform_admin: false,
        memberships: vec![Membership::new(workspace, Role::Owner.into(), Role::Owner.capabilities())],
        ..root.clone()
    };
    World { rich: member(rich), poor: member(poor), admin: root.clone(), some }
}

/// What an earlier run has made.
async fn filled(store: &Store) -> Result<Option<World>> {
    let workspaces = store.workspace_list(&Reach::everything(), &Paging::first(2)).await?.items;
    let by = |slug: &str| workspaces.iter().find(|workspace| workspace.slug.as_str() == slug);
    let (Some(rich), Some(poor)) = (by("rich"), by("poor")) else { return Ok(None) };
    let boss = store.user_list(&Paging::first(1)).await?.items.pop().context("nobody owns the workspaces")?;
    let mut root = Authority::system(SystemReason::Setup);
    root.actor.kind = ostler_model::authz::ActorKind::User(boss.id);
    root.is_platform_admin = true;
    let few = workload::Filter { reach: Reach::workspace(poor.id), ..Default::default() };
    let some = store.workload_list(&few, &Paging::first(1)).await?.items.pop().context("there is no workload")?;
    Ok(Some(world(&root, rich.id, poor.id, some.id)))
}

async fn workspace(
    store: &Store,
    ids: &Ids,
    clock: &Clock,
    root: &Authority,
    owner: &User,
    slug: &str,
) -> Result<WorkspaceId> {
    let (slug, name) = (slug.parse()?, slug.parse()?);
    let workspace = Workspace::new(ids.next(), slug, name, clock.now());
    let all: Grant<Collection<Workspace>, Write> = grant(root, &Collection::platform())?;
    Ok(store.workspace_create(&all, &workspace, owner.id, clock.now()).await?.id)
}

fn grant<R: ostler_model::authz::Resource>(who: &Authority, what: &R) -> Result<Grant<R, Write>> {
    authorize(who, what, &Arc::new(Origin::default())).map_err(|denied| anyhow::anyhow!("{denied:?}"))
}

fn grant_of(who: &Authority, workspace: WorkspaceId) -> Result<Grant<Collection<Workload>, Write>> {
    grant(who, &Collection::of(workspace))
}

async fn searches(store: &Store, world: &World) -> Result<f64> {
    let some = world.some.to_string();
    let questions = [
        ("s", &world.rich, None),
        ("server", &world.rich, None),
        ("server", &world.poor, None),
        ("server", &world.admin, None),
        ("castle forest", &world.rich, None),
        ("castle 777", &world.rich, None),
        ("raume", &world.rich, Some(What::Workload)),
        ("quake", &world.rich, Some(What::Node)),
        ("created", &world.rich, Some(What::Event)),
        ("created arena 5", &world.rich, None),
        ("nothing is called so", &world.rich, None),
        (some.as_str(), &world.poor, None),
    ];
    let mut all = Vec::new();
    for (text, who, what) in &questions {
        let (mut times, mut hits) = (Vec::new(), 0);
        let query = Query::parse(text)?;
        // The first round fills the caches, of the database and of its statements.
        for round in 0..=TIMES {
            let began = Instant::now();
            let sight = Sight::of(who, *what, None);
            let found =
                store.search(&Search { query: &query, sight: &sight, extra: &[], after: None, limit: 20 }).await?;
            if round > 0 {
                times.push(began.elapsed());
            }
            hits = found.docs.len();
            ensure!(hits <= 20);
        }
        all.extend(&times);
        let (p50, p99) = (percentile(times.clone(), 50), percentile(times, 99));
        eprintln!("{text:?}: p50 {:.2} ms, p99 {:.2} ms, {hits} found", p50.unwrap_or(0.0), p99.unwrap_or(0.0));
    }
    percentile(all, 99).context("nothing was measured")
}

async fn reads(store: &Store, id: WorkloadId) -> Result<f64> {
    let mut all = Vec::new();
    for _ in 0..TIMES * 12 {
        let began = Instant::now();
        ensure!(store.workload_find(id).await?.is_some());
        all.push(began.elapsed());
    }
    percentile(all, 99).context("nothing was measured")
}

/// In milliseconds.
fn percentile(mut all: Vec<Duration>, of: usize) -> Option<f64> {
    all.sort_unstable();
    all.get(all.len() * of / 100).map(|took| took.as_secs_f64() * 1e3)
}
