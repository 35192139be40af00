//! `ostler audit`: who did what, and who was refused.

use crate::api::{Api, Common};
use crate::exit::Trouble;
use crate::show::{self, As, Column};
use anyhow::Result;
use ostler_wire::client::with_query;

/// Which entries. Without `--platform`, those of a workspace.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `list`, which is also what happens without it.
    #[arg(default_value = "list", value_parser = ["list"])]
    verb: String,
    /// Entries of the platform itself: sign-ins, people, workspaces.
    #[arg(long)]
    platform: bool,
    /// Only by the person, key or node with this id.
    #[arg(long)]
    actor: Option<String>,
    /// Only this, for example workload.start.
    #[arg(long)]
    action: Option<String>,
    /// Only done to the thing with this id.
    #[arg(long)]
    target: Option<String>,
    /// `done` or `refused`.
    #[arg(long)]
    outcome: Option<String>,
    /// Only the last span, for example 24h or 7d.
    #[arg(long, value_name = "SPAN", value_parser = crate::wait::span)]
    since: Option<std::time::Duration>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

const LIST: &[Column] = &[
    ("WHEN", "at", As::Ago),
    ("WHO", "actor_label", As::Text),
    ("DID", "action", As::Text),
    ("TO", "target_id", As::Text),
    ("OUTCOME", "outcome", As::Text),
    ("FROM", "address", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    if args.platform && api.common.workspace.is_some() {
        return Err(Trouble::Usage("--platform and --workspace are two different trails; name one".to_owned()).into());
    }
    let from = args.since.map(|span| (crate::ground::now() - crate::login::millis(span)).to_string());
    let filters = [
        ("actor", args.actor.as_deref()),
        ("action", args.action.as_deref()),
        ("target", args.target.as_deref()),
        ("outcome", args.outcome.as_deref()),
        ("from", from.as_deref()),
    ];
    let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
    let trail = if args.platform {
        "/audit-logs".to_owned()
    } else {
        format!("/workspaces/{}/audit-logs", api.workspace().await?)
    };
    show::list(&api.all(&with_query(&trail, &filters), args.limit).await?, LIST, api.common.json)
}
