//! Where workloads run, and where not: isolation, ports, limits, floors, and machines that are lost.

use http::{Method, StatusCode};
use ostler_model::authz::{Authority, Collection, Grant, Origin, Resource, Role, SystemReason, Write, authorize};
use ostler_model::node::{Abilities, Facts, Free, Isolation, JoinToken, Node};
use ostler_model::user::User;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::left::left;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, WorkloadId, WorkspaceId};
use ostler_store::workload::New;
use ostler_testkit::clock::SimClock;
use ostler_testkit::fleet::{Op, World};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

fn may<R: Resource>(what: &R) -> Grant<R, Write> {
    authorize(&Authority::system(SystemReason::Setup), what, &Arc::new(Origin::default())).unwrap()
}

/// A control plane with a workspace, and a node that is away.
struct House {
    t: TestServer,
    workspace: Workspace,
    owner: User,
    browser: As,
}

impl House {
    async fn new() -> House {
        let t = TestServer::start().await;
        let owner = t.person(false).await;
        let workspace = t.workspace(&owner).await;
        let browser = t.browser(&owner).await;
        House { t, workspace, owner, browser }
    }
    async fn node(&self, home: Option<WorkspaceId>, isolation: Isolation) -> Node {
        let store = &self.t.app.store;
        let now = self.t.app.clock.now();
        let all = home.map_or_else(Collection::<Node>::platform, Collection::<Node>::of);
        let secret = self.t.app.ids.bytes::<32>();
        let token = JoinToken {
            id: self.t.app.ids.next(),
            workspace: home,
            created_by: None,
            label: None,
            created_at: now,
            expires_at: now + Millis::secs(60),
            used_at: None,
            node: None,
        };
        store.join_token_create(&may(&all), &token, &secret, now).await.unwrap();
        let can = Abilities { isolation, ..Abilities::default() };
        let joining = ostler_store::node::Joining {
            id: self.t.app.ids.next(),
            name: "rack".parse().unwrap(),
            public_key: self.t.app.ids.bytes::<32>().to_vec(),
            facts: Facts {
                port_range: (20_000, 20_099),
                memory_bytes: 64 << 30,
                cpu_count: 8,
                address: "2001:db8::5".into(),
                can,
                ..Facts::default()
            },
        };
        store.node_join(&secret, &joining, &Origin::default(), now).await.unwrap()
    }
    async fn workload(&self, node: &Node, name: &str) -> Workload {
        let new = New {
            id: self.t.app.ids.next(),
            kind: Kind::Game,
            name: name.parse().unwrap(),
            spec: Spec {
                template: "luanti".into(),
                runtime: Runtime::Process,
                variables: Default::default(),
                limits: Limits::default(),
            },
            node: Some(node.id),
            power: Power::On,
            ports: vec!["game".into()],
            hosting: None,
        };
        let all = Collection::<Workload>::of(self.workspace.id);
        self.t.app.store.workload_create(&may(&all), &new, None, self.t.app.clock.now()).await.unwrap()
    }
    async fn create(&self, who: &As, limits: Value) -> ostler_testkit::server::Answer {
        let path = format!("/api/v1/workspaces/{}/workloads", self.workspace.id);
        let mut body = json!({"name": "Demo", "template": "luanti"});
        if !limits.is_null() {
            body["limits"] = limits;
        }
        self.t.post(who, &path, &body).await
    }
    /// A key with all of the owner's rights.
    async fn key(&self) -> As {
        let everything = ostler_model::authz::CapabilitySet::everything();
        self.t.key(&self.owner, everything, ostler_model::authz::Scope::All).await.1
    }
}

#[tokio::test]
async fn s2_a_node_that_cannot_fence_takes_nothing_until_its_owner_allows_it_by_name() {
    let house = House::new().await;
    let t = &house.t;
    let node = house.node(Some(house.workspace.id), Isolation::None).await;
    assert_eq!(node.min_isolation, Isolation::SharedNetwork);
    let refused = house.create(&house.browser, Value::Null).await.is(409).code("not_isolated").json();
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("rack: ") && message.contains("bubblewrap"), "{message}");

    let path = format!("/api/v1/nodes/{}", node.id);
    let seen = t.get(&house.browser, &path).await.is(200).json();
    assert_eq!(
        (&seen["min_isolation"], &seen["problems"][0]["code"]),
        (&json!("shared_network"), &json!("not_isolated"))
    );
    assert!(seen["problems"][0]["remedy"].as_str().unwrap().contains("ostler node isolation rack none"), "{seen}");

    let allow = json!({"min_isolation": "none"});
    let (_, viewer) = t.member(&house.workspace, Role::Viewer).await;
    t.ask(&viewer, Method::PATCH, &path, Some(&allow)).await.is(403);
    t.ask(&house.key().await, Method::PATCH, &path, Some(&allow)).await.is(403).code("person_only");
    let seen = t.ask(&house.browser, Method::PATCH, &path, Some(&allow)).await.is(200).json();
    assert_eq!(seen["problems"][0]["code"], "unfenced", "it stays said: {seen}");
    house.create(&house.browser, Value::Null).await.is(202);
    // More isolation needs no proof.
    let demand = json!({"min_isolation": "full"});
    t.ask(&house.key().await, Method::PATCH, &path, Some(&demand)).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn s2_only_the_platforms_admins_lower_the_isolation_of_a_shared_node() {
    let house = House::new().await;
    let node = house.node(None, Isolation::SharedNetwork).await;
    let (path, allow) = (format!("/api/v1/nodes/{}", node.id), json!({"min_isolation": "none"}));
    let refused = house.t.ask(&house.browser, Method::PATCH, &path, Some(&allow)).await;
    assert!(refused.status == StatusCode::FORBIDDEN || refused.status == StatusCode::NOT_FOUND, "{refused:?}");
    let root = house.t.person(true).await;
    let root = house.t.browser(&root).await;
    house.t.ask(&root, Method::PATCH, &path, Some(&allow)).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn s2_what_is_on_a_node_that_isolates_no_more_is_not_started_again() {
    let house = House::new().await;
    let node = house.node(Some(house.workspace.id), Isolation::Full).await;
    let quake = house.workload(&node, "Quake").await;
    let facts = Facts { can: Abilities::default(), ..node.facts.clone() };
    let report = authorize(&Authority::system(SystemReason::Reconcile), &node, &Arc::new(Origin::default())).unwrap();
    house.t.app.store.node_set_facts(&report, &facts, house.t.app.clock.now()).await.unwrap();
    for verb in ["start", "restart"] {
        let path = format!("/api/v1/workloads/{}/{verb}", quake.id);
        let refused = house.t.post(&house.browser, &path, &json!({})).await.is(409).code("not_isolated").json();
        assert!(refused["message"].as_str().unwrap().contains("bubblewrap"), "{refused}");
    }
    house.t.post(&house.browser, &format!("/api/v1/workloads/{}/stop", quake.id), &json!({})).await.is(202);
    house.t.stop().await;
}

#[tokio::test]
async fn s11_a_tenants_limits_are_bounded_and_an_admins_are_not() {
    let house = House::new().await;
    house.node(Some(house.workspace.id), Isolation::Full).await;
    for (limits, field) in [
        (json!({"memory_bytes": 0}), "limits.memory_bytes"),
        (json!({"cpu_millis": 0}), "limits.cpu_millis"),
        (json!({"pids": 0}), "limits.pids"),
        (json!({"disk_bytes": 0}), "limits.disk_bytes"),
        (json!({"cpu_millis": 320_000}), "limits.cpu_millis"),
    ] {
        let refused = house.create(&house.browser, limits).await.is(422).json();
        assert_eq!(refused["fields"][0]["field"], field, "{refused}");
        assert!(refused["fields"][0]["message"].as_str().unwrap().starts_with("use 1 to "), "{refused}");
    }
    let made = house.create(&house.browser, json!({"memory_bytes": 1 << 30})).await.is(202).json();
    let path = format!("/api/v1/workloads/{}", made["target"].as_str().unwrap());
    let zero = json!({"limits": {"memory_bytes": 0}});
    let refused = house.t.ask(&house.browser, Method::PATCH, &path, Some(&zero)).await.is(422).json();
    assert_eq!(refused["fields"][0]["field"], "limits.memory_bytes", "{refused}");
    let root = house.t.person(true).await;
    house.t.join(&house.workspace, &root, Role::Owner).await;
    let root = house.t.browser(&root).await;
    let seen = house.t.ask(&root, Method::PATCH, &path, Some(&zero)).await.is(200).json();
    assert_eq!(seen["limits"]["memory_bytes"], 0);
    // What an admin has set stays when a tenant changes something else.
    let more = json!({"limits": {"memory_bytes": 0, "pids": 100}});
    house.t.ask(&house.browser, Method::PATCH, &path, Some(&more)).await.is(200);
    house.t.stop().await;
}

#[tokio::test]
async fn f19_an_ipv6_address_has_its_brackets_wherever_a_port_follows() {
    let house = House::new().await;
    let node = house.node(Some(house.workspace.id), Isolation::Full).await;
    let quake = house.workload(&node, "Quake").await;
    let seen = house.t.get(&house.browser, &format!("/api/v1/workloads/{}", quake.id)).await.is(200).json();
    assert_eq!(seen["address"], "[2001:db8::5]:20000");
    house.t.stop().await;
}

#[tokio::test]
async fn f4_a_lost_node_and_what_was_on_it_can_be_forgotten() {
    let house = House::new().await;
    let t = &house.t;
    let node = house.node(Some(house.workspace.id), Isolation::Full).await;
    let quake = house.workload(&node, "Quake").await;
    house.workload(&node, "Doom").await;
    let path = format!("/api/v1/workloads/{}", quake.id);
    let job = t.ask(&house.browser, Method::DELETE, &path, None).await.is(202).json();
    let job = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
    let job_says = async |word: &str| {
        let told = async {
            loop {
                let seen = t.get(&house.browser, &job).await.is(200).json().to_string();
                if seen.contains(word) {
                    break;
                }
                ostler_testkit::wait::pause(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told)
            .await
            .unwrap_or_else(|_| panic!("the job never says {word}"));
    };
    job_says("delete NAME --forget").await;

    let (forget, sure) = (format!("{path}/forget"), json!({"confirm": "Quake"}));
    t.post(&house.key().await, &forget, &sure).await.is(403).code("person_only");
    let wrong = t.post(&house.browser, &forget, &json!({"confirm": "Doom"})).await.is(422).json();
    assert_eq!(wrong["fields"][0]["field"], "confirm", "{wrong}");
    let gone = t.post(&house.browser, &forget, &sure).await.is(200).json();
    assert_eq!(gone["left"]["machine"], "rack (2001:db8::5)");
    assert_eq!((&gone["left"]["may_run"], &gone["left"]["ports"]), (&json!(true), &json!([20000])));
    t.get(&house.browser, &path).await.is(404);
    job_says("succeeded").await;

    let path = format!("/api/v1/nodes/{}", node.id);
    t.ask(&house.browser, Method::DELETE, &path, None).await.is(409).code("node_in_use");
    t.post(&house.key().await, &format!("{path}/forget"), &json!({"confirm": "rack"}))
        .await
        .is(403)
        .code("person_only");
    t.post(&house.browser, &format!("{path}/forget"), &json!({"confirm": "other"})).await.is(422);
    let gone = t.post(&house.browser, &format!("{path}/forget"), &json!({"confirm": "rack"})).await.is(200).json();
    assert_eq!((&gone["workload_count"], &gone["left"][0]["name"]), (&json!(1), &json!("Doom")));
    t.get(&house.browser, &path).await.is(404);
    let trail =
        t.get(&house.browser, &format!("/api/v1/workspaces/{}/audit-logs", house.workspace.id)).await.is(200).json();
    let actions: Vec<&str> = trail["items"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|a| **a == "workload.forget").count(), 2, "{actions:?}");
    house.t.stop().await;
}

/// A world in which everything is calm, and what it is asked for.
fn world(test: impl AsyncFnOnce(&mut World)) {
    let sim = SimClock::new();
    sim.runtime().block_on(async {
        let mut world = World::new(sim.clone(), 1, 1, &[]).await;
        test(&mut world).await;
        world.end().await;
    });
}

/// Lets time pass until this holds.
async fn until(world: &World, what: &str, mut holds: impl AsyncFnMut(&World) -> bool) {
    for _ in 0..600 {
        if holds(world).await {
            return;
        }
        world.pause(Millis::secs(1)).await;
    }
    panic!("never {what}");
}

async fn workload(world: &World, id: WorkloadId) -> Value {
    world.get(&format!("/api/v1/workloads/{id}")).await.unwrap()
}

fn asked(world: &World, n: usize) -> WorkloadId {
    world.asked[n].id.unwrap()
}

#[test]
fn f2_three_games_get_free_ports_although_a_foreign_program_holds_the_next_one() {
    world(async |world| {
        let host = world.machines[0].host.clone();
        host.use_real_ports();
        let (first, _) = host.facts("x").port_range;
        // When another program on this machine has them already, that is as good.
        let foreign =
            (TcpListener::bind((Ipv4Addr::UNSPECIFIED, first)), UdpSocket::bind((Ipv4Addr::UNSPECIFIED, first)));
        for _ in 0..3 {
            world.apply(&Op::Create { node: Some(0), start: true }).await;
        }
        world.calm(Millis::secs(600)).await.unwrap();
        let mut ports = BTreeSet::new();
        for n in 0..3 {
            let seen = workload(world, asked(world, n)).await;
            assert_eq!(seen["state"], "running", "{seen}");
            ports.extend(seen["ports"].as_object().unwrap().values().filter_map(Value::as_u64));
        }
        assert!(ports.len() >= 3 && !ports.contains(&u64::from(first)), "{ports:?}");
        drop(foreign);
    });
}

#[test]
fn f4_a_machine_that_comes_back_removes_what_was_forgotten() {
    world(async |world| {
        world.apply(&Op::Create { node: Some(0), start: true }).await;
        world.calm(Millis::secs(600)).await.unwrap();
        let id = asked(world, 0);
        world.apply(&Op::CrashAgent { node: 0 }).await;
        assert_eq!(world.machines[0].host.running().len(), 1, "it runs on without its agent");
        let row = world.store.workload_get(id).await.unwrap();
        let node = world.store.node_get(row.node.unwrap()).await.unwrap();
        world.store.workload_forget(&may(&row), &left(&row, &node), world.clock.now()).await.unwrap().unwrap();
        world.apply(&Op::StartAgent { node: 0 }).await;
        let host = world.machines[0].host.clone();
        until(world, "clean", async |_| host.running().is_empty() && host.things().is_empty()).await;
    });
}

#[test]
fn s11_below_its_floor_a_node_starts_nothing_new_says_so_and_goes_on_with_what_runs() {
    world(async |world| {
        world.apply(&Op::Create { node: Some(0), start: true }).await;
        world.apply(&Op::Create { node: Some(0), start: false }).await;
        world.calm(Millis::secs(600)).await.unwrap();
        let (runs, stopped) = (asked(world, 0), asked(world, 1));
        let host = world.machines[0].host.clone();
        host.set_free(Free { disk_bytes: Some(100 << 20), memory_bytes: None });
        let node = format!("/api/v1/nodes/{}", world.machines[0].identity.member.node);
        let problem = async |world: &World| {
            let seen: Value = world.get(&node).await.unwrap();
            seen["problems"][0]["code"].as_str().unwrap_or_default().to_owned()
        };
        until(world, "told", async |world| problem(world).await == "low_disk").await;
        world.ask(Method::POST, &format!("/api/v1/workloads/{stopped}/start"), None).await.unwrap();
        until(world, "held back", async |world| {
            let seen = workload(world, stopped).await;
            seen["state"] == "pending" && seen["reason"].as_str().is_some_and(|why| why.contains("free disk"))
        })
        .await;
        assert_eq!(workload(world, runs).await["state"], "running");
        let (status, made) = world
            .ask(Method::POST, "/api/v1/workloads", Some(json!({"name": "later", "template": "luanti"})))
            .await
            .unwrap();
        assert_eq!(status, StatusCode::ACCEPTED, "it waits for the disk");
        host.set_free(Free::default());
        let made: Value = serde_json::from_slice(&made).unwrap();
        let later: WorkloadId = made["target"].as_str().unwrap().parse().unwrap();
        for id in [stopped, later] {
            until(world, "running", async |world| workload(world, id).await["state"] == "running").await;
        }
        assert_eq!(problem(world).await, "");
    });
}

#[test]
fn s2_a_node_that_loses_its_sandbox_starts_no_process_by_itself_either() {
    world(async |world| {
        world.apply(&Op::Create { node: Some(0), start: true }).await;
        world.calm(Millis::secs(600)).await.unwrap();
        let id = asked(world, 0);
        let host = world.machines[0].host.clone();
        host.set_isolation(Isolation::None);
        world.apply(&Op::CrashAgent { node: 0 }).await;
        world.apply(&Op::StartAgent { node: 0 }).await;
        world.pause(Millis::secs(60)).await;
        assert_eq!(workload(world, id).await["state"], "running", "what runs goes on");
        world.apply(&Op::CrashMachine { node: 0 }).await;
        until(world, "held back", async |world| {
            let seen = workload(world, id).await;
            seen["state"] == "pending" && seen["reason"].as_str().is_some_and(|why| why.contains("bubblewrap"))
        })
        .await;
        assert!(host.running().is_empty());
        host.set_isolation(Isolation::SharedNetwork);
        world.apply(&Op::CrashMachine { node: 0 }).await;
        until(world, "running", async |world| workload(world, id).await["state"] == "running").await;
    });
}
