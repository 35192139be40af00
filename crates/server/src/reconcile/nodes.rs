//! One pair of loops per node that is there: push and read. They begin with its first link and end with its last.

use super::desired::Pusher;
use super::driver::{self, Board, Health, Wake};
use super::observed::{Ended, Reader};
use crate::fleet::{Change, Fleet, FleetError};
use crate::realtime::Bus;
use crate::workload::Lowering;
use ostler_model::event::Fact;
use ostler_model::{InstallationId, Millis, NodeId, WorkloadId};
use ostler_runtime::{Clock, Spawn, Task};
use ostler_store::Store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::error::RecvError;

/// What nobody told of is found at the latest after this.
const REST: Millis = Millis::secs(30);
/// After a node has said what no agent says.
const BEYOND: Millis = Millis::secs(30);
/// The pause before the reports of a node are asked for again.
const PAUSE: Millis = Millis::secs(1);

/// Brings rows and nodes together. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler(Arc<Inner>);

struct Inner {
    store: Store,
    fleet: Fleet,
    bus: Bus,
    lowering: Lowering,
    installation: InstallationId,
    clock: Clock,
    spawn: Spawn,
    nodes: Mutex<HashMap<NodeId, Loops>>,
    /// Where workloads are, as far as it has been looked up; rows never move between nodes.
    places: Mutex<HashMap<WorkloadId, NodeId>>,
}

struct Loops {
    pusher: Arc<Pusher>,
    wake: Wake,
    board: Board,
    /// The newest link; an older one that ends changes nothing.
    link: u64,
    tasks: [Task; 2],
}

/// How the agreement with one node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSync {
    pub node: NodeId,
    pub push: Health,
}

/// What the reconciler needs from its surroundings.
#[derive(Clone)]
pub struct Needs {
    pub store: Store,
    pub fleet: Fleet,
    pub bus: Bus,
    pub lowering: Lowering,
    pub installation: InstallationId,
    pub clock: Clock,
    pub spawn: Spawn,
}

impl Reconciler {
    /// Starts following links and events.
    pub fn start(needs: Needs) -> Self {
        let Needs { store, fleet, bus, lowering, installation, clock, spawn } = needs;
        let reconciler = Self(Arc::new(Inner {
            store,
            fleet,
            bus,
            lowering,
            installation,
            clock,
            spawn: spawn.clone(),
            nodes: Mutex::default(),
            places: Mutex::default(),
        }));
        // Subscribed before anything is looked at, so that nothing falls in between.
        let changes = reconciler.0.fleet.subscribe();
        let links = reconciler.clone();
        spawn.spawn("reconcile.links", async move { links.follow_links(changes).await });
        let events = reconciler.clone();
        spawn.spawn("reconcile.events", async move { events.follow_events().await });
        reconciler
    }

    /// How the agreement with each connected node is.
    pub fn status(&self) -> Vec<NodeSync> {
        let nodes = self.nodes();
        let mut all: Vec<NodeSync> =
            nodes.iter().map(|(node, loops)| NodeSync { node: *node, push: loops.board.read() }).collect();
        all.sort_by_key(|sync| sync.node);
        all
    }

    /// Something about this node's workloads may have changed.
    pub fn wake(&self, node: NodeId) {
        if let Some(loops) = self.nodes().get(&node) {
            loops.wake.wake();
        }
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, HashMap<NodeId, Loops>> {
        self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow_links(&self, mut changes: tokio::sync::broadcast::Receiver<Change>) {
        for node in self.0.fleet.online() {
            self.up(node, 0);
        }
        loop {
            match changes.recv().await {
                Ok(Change::Up { node, link, .. }) => self.up(node, link),
                Ok(Change::Down { node, link, is_last }) => self.down(node, link, is_last),
                Err(RecvError::Lagged(_)) => self.look_again(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn look_again(&self) {
        let online = self.0.fleet.online();
        let known: Vec<NodeId> = self.nodes().keys().copied().collect();
        for node in known.iter().filter(|node| !online.contains(node)) {
            self.down(*node, 0, true);
        }
        for node in online {
            self.up(node, 0);
        }
    }

    /// A link is open: everything is sent anew and all reports are read anew, over whichever link is freshest.
    fn up(&self, node: NodeId, link: u64) {
        let inner = &self.0;
        let pusher = Arc::new(Pusher {
            store: inner.store.clone(),
            fleet: inner.fleet.clone(),
            lowering: inner.lowering.clone(),
            installation: inner.installation,
            node,
            peer: Mutex::default(),
        });
        let (wake, board) = (Wake::default(), Board::default());
        let push = {
            let (pusher, wake, board, clock) = (pusher.clone(), wake.clone(), board.clone(), inner.clock.clone());
            inner.spawn.spawn("reconcile.push", async move {
                driver::run(&clock, &wake, &board, REST, || pusher.pass()).await;
            })
        };
        let read = {
            let (pusher, wake) = (pusher.clone(), wake.clone());
            let reader =
                Reader { store: inner.store.clone(), fleet: inner.fleet.clone(), clock: inner.clock.clone(), node };
            inner.spawn.spawn("reconcile.read", async move { read(&reader, &pusher, &wake).await })
        };
        let loops = Loops { pusher, wake, board, link, tasks: [push, read] };
        if let Some(before) = self.nodes().insert(node, loops) {
            before.tasks.iter().for_each(Task::stop);
        }
    }

    fn down(&self, node: NodeId, link: u64, is_last: bool) {
        let mut nodes = self.nodes();
        let is_newest = nodes.get(&node).is_some_and(|loops| loops.link == link);
        if is_last {
            if let Some(loops) = nodes.remove(&node) {
                loops.tasks.iter().for_each(Task::stop);
            }
        } else if is_newest && let Some(loops) = nodes.get(&node) {
            // Requests go on over the other link; what was under way is sent again.
            loops.pusher.reset();
            loops.wake.wake();
        }
    }

    async fn follow_events(&self) {
        let mut news = self.0.bus.follow();
        loop {
            for event in news.next().await {
                match &event.fact {
                    Fact::WorkloadDesired { id, .. } | Fact::WorkloadCreated { id, .. } => self.wanted(*id).await,
                    Fact::WorkloadDeleted { id, .. } => self.deleted(*id),
                    _ => {}
                }
            }
        }
    }

    async fn wanted(&self, id: WorkloadId) {
        let known = self.places().get(&id).copied();
        let node = match known {
            Some(node) => Some(node),
            None => match self.0.store.workload_find(id).await {
                Ok(found) => found.and_then(|workload| workload.node),
                Err(error) => {
                    tracing::warn!(workload.id = %id, %error, "could not look where a workload is; its node looks later");
                    None
                }
            },
        };
        let Some(node) = node else { return };
        self.places().insert(id, node);
        if let Some(loops) = self.nodes().get(&node) {
            loops.wake.wake();
        }
    }

    fn deleted(&self, id: WorkloadId) {
        let node = self.places().remove(&id);
        let nodes = self.nodes();
        match node.and_then(|node| nodes.get(&node)) {
            Some(loops) => loops.wake.wake(),
            None => nodes.values().for_each(|loops| loops.wake.wake()),
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<WorkloadId, NodeId>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads reports for as long as the node is there.
async fn read(reader: &Reader, pusher: &Pusher, wake: &Wake) {
    loop {
        let ended = reader
            .read(|| {
                pusher.reset();
                wake.wake();
            })
            .await;
        match ended {
            Err(error @ (Ended::Link(FleetError::Unreadable { .. }) | Ended::Facts(_))) => {
                tracing::warn!(node.id = %reader.node, %error, "a node's reports are beyond their bounds; reading them later");
                reader.clock.sleep(BEYOND).await;
            }
            Ok(()) | Err(Ended::Link(_)) => {}
            Err(error) => tracing::warn!(node.id = %reader.node, %error, "could not read a node's reports"),
        }
        reader.clock.sleep(PAUSE).await;
    }
}
