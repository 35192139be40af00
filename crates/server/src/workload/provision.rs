//! `workload.provision`: from a row to something that runs.
//!
//! Placing reserves memory and ports, installing waits for the node. Until it is installed, failing or cancelling releases
//! everything, the row included. Once it is installed it is the owner's: a start that fails is told, and nothing is taken away.

use super::place::{self, Found, IsOnline};
use super::remove::release;
use crate::job::{Context, Outcome, Recipe, Running, StepSpec, WayBack};
use crate::template::Catalog;
use ostler_model::authz::{Authority, Grant, Origin, SystemReason, Verb, authorize};
use ostler_model::workload::place::PORT_TRIES;
use ostler_model::workload::{Phase, Power, Report, Status, Why, Workload};
use ostler_model::{Millis, NodeId, WorkloadId};
use ostler_store::{Rule, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The recipe's name.
pub const KIND: &str = "workload.provision";
/// The first step's name.
pub const FIRST: &str = STEPS[0].name;
/// A node may be away for a day; then somebody should look.
const LIMIT: Millis = Millis::secs(24 * 3600);
/// Events say when to look again; this is for the ones that were lost.
const LOOK: Millis = Millis::secs(15);
/// Failures in a row after which it is not the network.
const TRIES: u32 = 5;

const STEPS: &[StepSpec] = &[
    StepSpec { name: "place", title: "choosing a node", way_back: WayBack::Undo },
    StepSpec { name: "install", title: "installing", way_back: WayBack::Nothing },
    StepSpec { name: "start", title: "starting", way_back: WayBack::None },
];

/// The arguments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    /// This node and no other.
    #[serde(default)]
    pub node: Option<NodeId>,
}

/// The recipe.
pub struct Provision {
    pub store: Store,
    pub catalog: Catalog,
    pub is_online: IsOnline,
}

impl Recipe for Provision {
    fn kind(&self) -> &'static str {
        KIND
    }
    fn steps(&self) -> &'static [StepSpec] {
        STEPS
    }
    fn limit(&self) -> Option<Millis> {
        Some(LIMIT)
    }
    fn run<'a>(&'a self, step: usize, context: &'a Context) -> Running<'a> {
        Box::pin(async move {
            let done = match step {
                0 => self.place(context).await,
                1 => self.install(context).await,
                _ => self.start(context).await,
            };
            done.unwrap_or_else(|stop| stop)
        })
    }
    fn undo<'a>(&'a self, _: usize, context: &'a Context) -> Running<'a> {
        Box::pin(async move {
            let released = async { release(&self.store, &self.is_online, context.target()?, true, context.now).await };
            released.await.unwrap_or_else(|stop| stop)
        })
    }
}

impl Provision {
    async fn place(&self, context: &Context) -> Result<Outcome, Outcome> {
        let workload = self.wanted(context).await?;
        if let Some(node) = workload.node {
            return Ok(Outcome::Done(json!({ "node": node })));
        }
        let input: Input = context.input()?;
        let entry = self.catalog.find(&workload.spec.template);
        let entry = entry.ok_or_else(|| Outcome::Fail(format!("there is no template {}", workload.spec.template)))?;
        let ports: Vec<String> = entry.template.ports.iter().map(|p| p.name.to_string()).collect();
        let demand = place::demand(workload.spec.runtime, workload.spec.limits, ports.len());
        let found =
            place::find(&self.store, &self.is_online, workload.workspace, input.node, &demand, context.now).await;
        let node = match found.map_err(passing)? {
            Found::Node(id) => id,
            Found::Later(why) => return Ok(Outcome::Wait { until: context.now + LOOK, note: Some(why) }),
            Found::Nowhere { why, .. } => return Ok(Outcome::Fail(why)),
        };
        let grant = grant(&workload)?;
        match self.store.workload_place(&grant, node, &ports, context.now).await {
            Ok(_) => Ok(Outcome::Done(json!({ "node": node }))),
            // Somebody else took the room meanwhile; look again.
            Err(StoreError::Refused(Rule::NodeFull | Rule::NoFreePort)) => {
                Ok(Outcome::Retry("the node that was chosen has filled up".into()))
            }
            Err(StoreError::Refused(rule)) => Ok(Outcome::Fail(rule.to_string())),
            Err(error) => Err(passing(error)),
        }
    }

    async fn install(&self, context: &Context) -> Result<Outcome, Outcome> {
        let workload = self.wanted(context).await?;
        let report = match self.report(&workload, context)? {
            Ok(report) => report,
            Err(wait) => return Ok(wait),
        };
        let taken = report.taken_ports();
        if !taken.is_empty() && report.seen.crashes < PORT_TRIES {
            return self.other_ports(&workload, &taken, context).await;
        }
        if let Some(held) = report.held() {
            return Ok(Outcome::Wait { until: context.now + LOOK, note: Some(held.message.clone()) });
        }
        match &report.seen.phase {
            Phase::Failed { why: Why::Prepare { message }, .. } if report.seen.crashes >= TRIES => {
                Ok(Outcome::Fail(format!("could not be installed: {message}")))
            }
            Phase::Failed { why: Why::Prepare { message }, .. } => {
                let note = Some(format!("could not be installed: {message}; trying again"));
                Ok(Outcome::Wait { until: context.now + LOOK, note })
            }
            _ if report.seen.prepared.is_some() => Ok(Outcome::Done(json!({}))),
            _ => Ok(Outcome::Wait { until: context.now + LOOK, note: changing(report) }),
        }
    }

    /// Foreign programs hold its ports: others take their place, and the node installs it with those.
    async fn other_ports(&self, workload: &Workload, taken: &[String], context: &Context) -> Result<Outcome, Outcome> {
        let (numbers, pick) = (numbers(workload, taken), pick(workload));
        let moved = self.store.workload_move_ports(&grant(workload)?, taken, pick, context.now).await;
        Ok(match moved.map_err(passing)? {
            Some(_) => {
                let note = format!("another program on the node uses {numbers}; trying with other ports");
                Outcome::Wait { until: context.now + LOOK, note: Some(note) }
            }
            None => {
                Outcome::Fail(format!("another program on the node uses {numbers}, and the node has no other port"))
            }
        })
    }

    async fn start(&self, context: &Context) -> Result<Outcome, Outcome> {
        let workload = self.wanted(context).await?;
        if workload.power != Power::On {
            return Ok(Outcome::Done(json!({ "started": false })));
        }
        let report = match self.report(&workload, context)? {
            Ok(report) => report,
            Err(wait) => return Ok(wait),
        };
        if let Some(held) = report.held() {
            return Ok(Outcome::Wait { until: context.now + LOOK, note: Some(held.message.clone()) });
        }
        match &report.seen.phase {
            Phase::Running { .. } => Ok(Outcome::Done(json!({ "started": true }))),
            Phase::Failed { retry_at, .. } if retry_at.is_none() || report.seen.crashes >= TRIES => {
                Ok(Outcome::Keep("it is installed, but it does not stay up; its console says why".into()))
            }
            _ => Ok(Outcome::Wait { until: context.now + LOOK, note: None }),
        }
    }

    /// The workload, as long as somebody wants it.
    async fn wanted(&self, context: &Context) -> Result<Workload, Outcome> {
        let id: WorkloadId = context.target()?;
        let found = self.store.workload_find(id).await.map_err(passing)?;
        match found {
            Some(workload) if workload.power != Power::Absent => Ok(workload),
            // Its removal is a job of its own and releases everything.
            Some(_) | None => Err(Outcome::Keep("it was deleted before it was ready".into())),
        }
    }

    /// What the node says of the newest wish, or a wait.
    fn report<'w>(&self, workload: &'w Workload, context: &Context) -> Result<Result<&'w Report, Outcome>, Outcome> {
        let wait = |note: Option<&str>| Outcome::Wait { until: context.now + LOOK, note: note.map(str::to_owned) };
        let node = workload.node.ok_or_else(|| Outcome::Retry("it lost its place".into()))?;
        if !(self.is_online)(node) {
            return Ok(Err(wait(Some("its node is away; waiting for it"))));
        }
        Ok(match &workload.report {
            Some(report) if report.generation >= workload.generation => Ok(report),
            _ => Err(wait(None)),
        })
    }
}

fn changing(report: &Report) -> Option<String> {
    report.conditions.iter().find(|c| c.status == Status::Changing).map(|c| c.resource.clone())
}

/// Ports by number, for people.
fn numbers(workload: &Workload, names: &[String]) -> String {
    let ports: Vec<String> = names.iter().filter_map(|n| workload.ports.get(n)).map(ToString::to_string).collect();
    format!("port {}", ports.join(", "))
}

/// Which of the free ports is tried next: another one for each workload and each try.
pub(super) fn pick(workload: &Workload) -> u64 {
    let digest =
        ring::digest::digest(&ring::digest::SHA256, format!("{} {}", workload.id, workload.generation).as_bytes());
    digest.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The job's right to this workload.
pub(super) fn grant<V: Verb>(workload: &Workload) -> Result<Grant<Workload, V>, Outcome> {
    authorize(&Authority::system(SystemReason::Job), workload, &Arc::new(Origin::default()))
        .map_err(|_| Outcome::Fail("jobs may not do this".into()))
}

/// An error of the store, as something that may pass.
pub(super) fn passing(error: StoreError) -> Outcome {
    Outcome::Retry(error.to_string())
}
