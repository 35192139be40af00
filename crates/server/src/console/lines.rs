//! Pages of the console, and single commands.

use super::{node, path, refused, type_in};
use crate::app::App;
use crate::http::{Allowed, Error, Json, NoContent, Query, Result, View};
use crate::workload::guard;
use ostler_model::Millis;
use ostler_model::authz::{Operate, Read};
use ostler_model::workload::Workload;
use ostler_wire::console::{ConsoleCommand, ConsoleLine, ConsoleLines, ConsoleQuery};
use std::collections::VecDeque;

const USUAL: u32 = 200;
const MOST: u32 = 1000;
/// The whole ring buffer of a node fits into this.
const LIMIT: Millis = Millis::secs(10);

/// The newest lines of a workload's console, oldest first.
pub async fn lines(
    app: App,
    workload: Allowed<Workload, Read>,
    Query(query): Query<ConsoleQuery>,
) -> Result<View<ConsoleLines>> {
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::field("limit", format!("use 1 to {MOST}")));
    }
    let after = query.after.unwrap_or(0);
    let node = node(&workload.resource)?;
    let path = path(&workload.resource, &format!("console?after={after}&follow=false"));
    let reading = async {
        let mut from = app.fleet.lines::<ConsoleLine>(node, &path).await?;
        let mut first_seq = None;
        let mut kept: VecDeque<ConsoleLine> = VecDeque::with_capacity(limit as usize);
        while let Some(line) = from.next().await {
            let line = line?;
            first_seq.get_or_insert(line.seq);
            if kept.len() == limit as usize {
                kept.pop_front();
            }
            kept.push_back(line);
        }
        Ok((first_seq, kept))
    };
    let late = Err(crate::fleet::FleetError::Late(node));
    let (first_seq, kept) = app.clock.timeout(LIMIT, reading).await.unwrap_or(late).map_err(refused)?;
    let last_seq = kept.back().map_or(after, |line| line.seq);
    Ok(View(ConsoleLines { first_seq: first_seq.unwrap_or(after), last_seq, lines: kept.into() }))
}

/// Type one line into a workload's standard input.
pub async fn command(
    app: App,
    workload: Allowed<Workload, Operate>,
    Json(body): Json<ConsoleCommand>,
) -> Result<NoContent> {
    guard(&workload.caller.authority, workload.resource.kind)?;
    type_in(&app, &workload.resource, &workload.grant, &body.command).await?;
    Ok(NoContent)
}
