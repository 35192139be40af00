//! What nodes say of their workloads.

use super::from_row;
use crate::db::error::Result;
use crate::db::store::{Store, change};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{Grant, Report as CanReport};
use ostler_model::event::Fact;
use ostler_model::node::Node;
use ostler_model::workload::state::{Wanted, state};
use ostler_model::workload::{Report, Status, Workload};
use ostler_model::{Time, WorkloadId};

/// What became of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// It says something new; everybody was told. The workload as it is now.
    Changed(Box<Workload>),
    /// Stored, but nothing that people see has changed.
    Same,
    /// Older than what is stored; dropped.
    Stale,
    /// This workload is not on this node: unknown, or moved away. The node's next snapshot will say so.
    NotHere,
}

impl Store {
    /// Takes over what a node says of its workloads, all in one transaction. Answers in the same order.
    pub async fn workload_report(
        &self,
        grant: &Grant<Node, CanReport>,
        reports: &[(WorkloadId, Report)],
        at: Time,
    ) -> Result<Vec<Applied>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        // Rows are taken in one order by everybody, so two batches never wait for each other in a circle.
        let mut order: Vec<usize> = (0..reports.len()).collect();
        order.sort_by_key(|i| reports[*i].0);
        change!(self, "workload_report", at, |tx| {
            let mut out = vec![Applied::Stale; reports.len()];
            for i in &order {
                let (id, report) = &reports[*i];
                out[*i] = apply(tx, grant, *id, report).await?;
            }
            Ok(out)
        })
    }
}

async fn apply(tx: &mut Tx, grant: &Grant<Node, CanReport>, id: WorkloadId, report: &Report) -> Result<Applied> {
    let row =
        tx.opt("UPDATE workload SET id = id WHERE id = $1 AND node_id = $2 RETURNING *", args![id, grant.id()]).await?;
    let Some(row) = row else { return Ok(Applied::NotHere) };
    let before = from_row(&row)?;
    let (seq, generation): (u64, u64) = (row.get("report_seq")?, row.get("observed_generation")?);
    if before.report.is_some() && (report.generation < generation || report.seq <= seq) {
        return Ok(Applied::Stale);
    }
    let text = serde_json::to_string(report).expect("a report is plain data that JSON can hold");
    tx.exec(
        "UPDATE workload SET report = $2, report_seq = $3, observed_generation = $4 WHERE id = $1",
        args![id, text, report.seq, report.generation],
    )
    .await?;
    let want = Wanted { power: before.power, generation: before.generation, restart: before.restart };
    if before.report.as_ref().is_some_and(|old| face(want, old) == face(want, report)) {
        return Ok(Applied::Same);
    }
    let (state, reason) = state(want, Some(report), true);
    tx.event(
        grant,
        Some(before.workspace),
        Fact::WorkloadObserved { id, generation: report.generation, state: state.as_str().to_owned(), reason },
    );
    Ok(Applied::Changed(Box::new(Workload { report: Some(report.clone()), ..before })))
}

/// What people see of a report. Times and sequence numbers alone are no news.
fn face(want: Wanted, report: &Report) -> impl PartialEq {
    let resources: Vec<(String, Status)> = report.conditions.iter().map(|c| (c.resource.clone(), c.status)).collect();
    (report.generation, state(want, Some(report), true), resources, report.players, report.seen.started.clone())
}
