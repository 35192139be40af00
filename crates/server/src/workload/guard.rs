//! What a right in the workspace alone does not decide: workloads that serve the whole platform, limits beyond the ceilings,
//! and starts on nodes that isolate too little.

use super::create::invalid;
use crate::http::{Error, Result};
use ostler_model::authz::{Authority, Platform, VerbKind, decide};
use ostler_model::node::Node;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::ceiling::check_limits;
use ostler_model::workload::{Kind, Runtime};

/// Refuses whoever may not decide about the platform, if the kind is the platform's.
pub(crate) fn guard(who: &Authority, kind: Kind) -> Result<()> {
    if !kind.is_of_platform() || decide(who, &Platform, VerbKind::Write).is_ok() {
        return Ok(());
    }
    Err(Error::Forbidden {
        code: "platform_only",
        message: "it serves everybody: only the platform's admins decide about it".to_owned(),
    })
}

/// Refuses limits of zero and beyond the ceilings, except for those who decide about the platform.
pub(super) fn within_ceilings(who: &Authority, limits: &Limits, before: Option<&Limits>) -> Result<()> {
    let wrong = check_limits(limits, before);
    if wrong.is_empty() || decide(who, &Platform, VerbKind::Write).is_ok() { Ok(()) } else { Err(invalid(wrong)) }
}

/// Refuses a start where the node isolates less than its owner demands.
pub(super) fn isolated(node: &Node, runtime: Runtime) -> Result<()> {
    let admitted = node.facts.can.admits(runtime, node.min_isolation);
    admitted.map_err(|why| Error::conflict("not_isolated", format!("{} cannot start it: {why}", node.name)))
}
