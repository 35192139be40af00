//! Nouns that are only listed here.

use crate::api::Api;
use crate::show::{self, Column};
use anyhow::Result;

/// A list: where it is, and what people want to see of it.
pub(crate) struct List {
    path: &'static str,
    columns: &'static [Column],
}

pub(crate) const TEMPLATES: List = List {
    path: "/templates",
    columns: &[("NAME", "template.name"), ("TITLE", "template.title"), ("SUMMARY", "template.summary")],
};
pub(crate) const JOBS: List = List {
    path: "/jobs",
    columns: &[
        ("ID", "id"),
        ("KIND", "kind"),
        ("STATE", "state"),
        ("%", "progress"),
        ("TARGET", "target"),
        ("ERROR", "error"),
    ],
};
pub(crate) const KEYS: List = List {
    path: "/keys",
    columns: &[
        ("ID", "id"),
        ("LABEL", "label"),
        ("PREFIX", "prefix"),
        ("LAST USED", "last_used_at"),
        ("EXPIRES", "expires_at"),
    ],
};
pub(crate) const EVENTS: List = List {
    path: "/events",
    columns: &[("SEQ", "seq"), ("AT", "at"), ("TYPE", "type"), ("ID", "id"), ("STATE", "state"), ("ACTOR", "actor")],
};
pub(crate) const AUDIT: List = List {
    path: "/audit-logs",
    columns: &[
        ("AT", "at"),
        ("ACTOR", "actor_label"),
        ("ACTION", "action"),
        ("TARGET", "target_id"),
        ("OUTCOME", "outcome"),
        ("FROM", "address"),
    ],
};

/// How to list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `list`, which is also what happens without it.
    #[arg(default_value = "list", value_parser = ["list"])]
    verb: String,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(list: &List, args: Args) -> Result<()> {
    let items = Api::open()?.all(list.path, args.limit).await?;
    show::list(&items, list.columns, args.json)
}
