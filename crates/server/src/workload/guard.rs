//! Workloads that serve the whole platform: whose right in their workspace is not enough.

use crate::http::{Error, Result};
use ostler_model::authz::{Authority, Platform, VerbKind, decide};
use ostler_model::workload::Kind;

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
