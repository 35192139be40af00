//! Tells the database who came, who went and who was heard of, in batches.
//!
//! Only the latest state of each node is kept until it has been written, so a database that is slow or away costs memory for
//! each node once, and a link that is replaced at once is no news.

use super::handle::Fleet;
use ostler_model::authz::{Authority, Grant, Kind, Origin, Report, authorize};
use ostler_model::event::Fact;
use ostler_model::node::{Facts, Node};
use ostler_model::{Millis, NodeId, Time};
use ostler_store::event::Filter;
use ostler_store::{Paging, Reach, Store, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Changes of this span are written together.
const GATHER: Millis = Millis(100);
/// Newest events of a node in which its last coming or going is looked for.
const HISTORY: u32 = 50;
/// After a failure of the database.
const AGAIN: Millis = Millis::secs(2);
/// Nodes have this long to come to a server that has just started, before they are missed.
const ROLL_CALL_AFTER: Millis = Millis::secs(60);
/// How old the database's `seen_at` of a node that is there may be.
const SEEN_EVERY: Millis = Millis::secs(60);

/// What has not been written yet.
#[derive(Debug, Default)]
pub(super) struct Notes {
    news: Mutex<BTreeMap<NodeId, News>>,
    wake: Notify,
}

#[derive(Debug, Clone, Default)]
struct News {
    presence: Option<(bool, Time)>,
    facts: Option<Facts>,
}

impl Notes {
    pub(super) fn presence(&self, node: NodeId, is_online: bool, at: Time) {
        self.add(node, News { presence: Some((is_online, at)), facts: None });
    }
    pub(super) fn facts(&self, node: NodeId, facts: Facts) {
        self.add(node, News { presence: None, facts: Some(facts) });
    }
    fn add(&self, node: NodeId, news: News) {
        let mut all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(node).or_default();
        known.presence = news.presence.or(known.presence);
        known.facts = news.facts.or(known.facts.take());
        self.wake.notify_one();
    }
    fn take(&self) -> BTreeMap<NodeId, News> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// Puts back what could not be written; what is newer wins.
    fn put_back(&self, node: NodeId, news: News) {
        let mut all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(node).or_default();
        known.presence = known.presence.or(news.presence);
        known.facts = known.facts.take().or(news.facts);
        self.wake.notify_one();
    }
}

/// Writes what there is to write, for as long as the server runs.
pub(super) async fn run(fleet: &Fleet, store: &Store) {
    let clock = fleet.clock();
    // What the events said last, of nodes of which that is known.
    let mut told = HashMap::new();
    let mut seen_at = clock.now();
    let mut roll_call = Some(clock.now() + ROLL_CALL_AFTER);
    loop {
        tokio::select! {
            () = clock.sleep_until(roll_call.unwrap_or(Time::ZERO)), if roll_call.is_some() => {
                // A server that died told nobody that its nodes went; those that do not come to its successor are told of here.
                match roll(fleet, store, &told).await {
                    Ok(()) => roll_call = None,
                    Err(error) => {
                        tracing::warn!(%error, "which nodes went while no server was here is not known yet");
                        roll_call = Some(clock.now() + AGAIN);
                    }
                }
            }
            () = fleet.notes().wake.notified() => clock.sleep(GATHER).await,
            () = clock.sleep_until(seen_at + SEEN_EVERY) => {
                seen_at = clock.now();
                if let Err(error) = fleet.dismiss().await {
                    tracing::warn!(%error, "whether another process has become one of the nodes is not known yet");
                }
                let seen: Vec<(NodeId, Time)> = fleet.online().into_iter().map(|node| (node, seen_at)).collect();
                if !seen.is_empty() && let Err(error) = store.node_seen(&seen, seen_at).await {
                    tracing::warn!(%error, "when nodes were last seen was not written");
                }
            }
        }
        if let Err(error) = write_all(fleet, store, &mut told).await {
            tracing::warn!(%error, "who came and went was not written; trying again");
            clock.sleep(AGAIN).await;
        }
    }
}

/// Looks for nodes that the events call online and that are not here.
async fn roll(fleet: &Fleet, store: &Store, told: &HashMap<NodeId, bool>) -> Result<(), StoreError> {
    let mut at = Paging::default();
    loop {
        let page = store.node_list(&Reach::everything(), true, &at).await?;
        for node in page.items {
            if told.contains_key(&node.id) || fleet.is_online(node.id) {
                continue;
            }
            let filter = Filter { topics: vec![Kind::Node], subject: Some(node.id.to_string()), ..Filter::default() };
            let history = store.event_history(&filter, None, HISTORY).await?;
            let last = history.iter().find(|e| matches!(e.fact, Fact::NodeOnline { .. } | Fact::NodeOffline { .. }));
            // It may come at this very moment; then its own news, noted before or after, wins.
            if last.is_some_and(|e| matches!(e.fact, Fact::NodeOnline { .. })) && !fleet.is_online(node.id) {
                fleet.notes().put_back(node.id, News { presence: Some((false, fleet.clock().now())), facts: None });
            }
        }
        match page.next {
            Some(next) => at.after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn write_all(fleet: &Fleet, store: &Store, told: &mut HashMap<NodeId, bool>) -> Result<(), StoreError> {
    let mut rest = fleet.notes().take().into_iter();
    while let Some((node, news)) = rest.next() {
        match write(store, node, &news, fleet.clock().now(), told).await {
            // A node that was deleted meanwhile needs no news.
            Ok(()) | Err(StoreError::Missing { .. }) => {}
            Err(error) => {
                fleet.notes().put_back(node, news);
                rest.for_each(|(node, news)| fleet.notes().put_back(node, news));
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn write(
    store: &Store,
    id: NodeId,
    news: &News,
    now: Time,
    told: &mut HashMap<NodeId, bool>,
) -> Result<(), StoreError> {
    let grant = report_grant(&store.node_get(id).await?);
    if let Some(facts) = &news.facts {
        store.node_set_facts(&grant, facts, now).await?;
    }
    if let Some((is_online, at)) = news.presence
        && told.get(&id) != Some(&is_online)
    {
        // An error does not say whether it was kept: until it is, nobody knows what was told last.
        told.remove(&id);
        store.node_set_online(&grant, is_online, at).await?;
        told.insert(id, is_online);
    }
    Ok(())
}

/// A node's right to say what is so of itself.
pub(crate) fn report_grant(node: &Node) -> Grant<Node, Report> {
    let authority = Authority::node(node.id, node.name.as_str());
    authorize(&authority, node, &Arc::new(Origin::default())).expect("a node may always report about itself")
}
