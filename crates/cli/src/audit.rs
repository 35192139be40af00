//! `ostler audit`: who did what, who was refused, and whether the trail still says what it said.

mod verify;

use crate::api::{Api, Common};
use crate::exit::Trouble;
use crate::show::{self, As, Column};
use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use ostler_wire::audit::{AuditChain, AuditCheckpoint};
use ostler_wire::client::with_query;
use std::io::BufRead as _;
use verify::{Check, Problem, Report};

/// Which entries. Without `--platform`, those of a workspace.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `list`, which is also what happens without it; `export` prints a whole trail; `chain` what it can be checked against;
    /// `verify` checks it, from the server or from files; `checkpoint` signs every chain now.
    #[arg(default_value = "list", value_parser = ["list", "export", "chain", "verify", "checkpoint"])]
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
    /// For `export`: `jsonl` for programs and `verify`, `csv` for spreadsheets.
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "csv"])]
    format: String,
    /// For `verify`: an export in JSON lines instead of the server's present trail. Needs `--chain`.
    #[arg(long, value_name = "FILE", requires = "chain")]
    file: Option<std::path::PathBuf>,
    /// For `verify`: what `ostler audit chain --json` printed, instead of asking the server.
    #[arg(long, value_name = "FILE")]
    chain: Option<std::path::PathBuf>,
    /// For `verify`: an earlier output of `chain` or `checkpoint`, kept elsewhere. The trail must agree with its checkpoints.
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<std::path::PathBuf>,
    /// For `verify`: believe only checkpoints that this key signed, in hexadecimal as you wrote it down.
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
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
    if args.verb == "verify" && args.file.is_some() {
        return check_files(&args);
    }
    let api = Api::open(args.common.clone())?;
    if args.platform && api.common.workspace.is_some() {
        return Err(Trouble::Usage("--platform and --workspace are two different trails; name one".to_owned()).into());
    }
    if args.verb == "checkpoint" {
        let made = api.send(reqwest::Method::POST, "/audit-logs/checkpoints", Some(&serde_json::json!({}))).await?;
        return show::print(&serde_json::to_string_pretty(&made)?);
    }
    let trail = if args.platform {
        "/audit-logs".to_owned()
    } else {
        format!("/workspaces/{}/audit-logs", api.workspace().await?)
    };
    let from = args.since.map(|span| (crate::ground::now() - crate::login::millis(span)).to_string());
    let filters = [
        ("actor", args.actor.as_deref()),
        ("action", args.action.as_deref()),
        ("target", args.target.as_deref()),
        ("outcome", args.outcome.as_deref()),
        ("from", from.as_deref()),
    ];
    let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
    match args.verb.as_str() {
        "chain" => show::print(&serde_json::to_string_pretty(&api.get(&format!("{trail}/chain")).await?)?),
        "export" => {
            let path = with_query(&format!("{trail}/export"), &[filters, vec![("format", &args.format)]].concat());
            lines(&api, &path, show::print).await
        }
        "verify" => {
            let chain: AuditChain = serde_json::from_value(api.get(&format!("{trail}/chain")).await?)?;
            let after = chain.anchor.seq.to_string();
            let mut check = begin(&args, chain)?;
            let path = with_query(&format!("{trail}/export"), &[("after", &after)]);
            lines(&api, &path, |line| check.line(line).map_err(broken)).await?;
            finish(check, args.common.json)
        }
        _ => show::list(&api.all(&with_query(&trail, &filters), args.limit).await?, LIST, api.common.json),
    }
}

/// Hands over an answer line by line, also when it is longer than memory.
async fn lines(api: &Api, path: &str, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut pieces = api.client.open(path, reqwest::header::HeaderMap::new()).await?.bytes_stream();
    let mut rest = Vec::new();
    while let Some(piece) = pieces.next().await {
        rest.extend_from_slice(&piece.map_err(|_| Trouble::Failed("the connection was cut; this is not all".into()))?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            take(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']))?;
        }
    }
    if rest.is_empty() { Ok(()) } else { take(&String::from_utf8_lossy(&rest)) }
}

/// Checks files only; nobody is asked.
fn check_files(args: &Args) -> Result<()> {
    let (Some(file), Some(chain)) = (&args.file, &args.chain) else {
        return Err(Trouble::Usage("name both --file and --chain".to_owned()).into());
    };
    let mut check = begin(args, serde_json::from_str(&read(chain)?)?)?;
    let export = std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    for line in std::io::BufReader::new(export).lines() {
        check.line(&line?).map_err(broken)?;
    }
    finish(check, args.common.json)
}

fn begin(args: &Args, chain: AuditChain) -> Result<Check> {
    let mut kept: Vec<AuditCheckpoint> = Vec::new();
    if let Some(file) = &args.checkpoints {
        let value: serde_json::Value = serde_json::from_str(&read(file)?)?;
        let list = if value.is_array() { &value } else { value.get("checkpoints").unwrap_or(&value["items"]) };
        kept = serde_json::from_value(list.clone())
            .with_context(|| format!("{} is not what `ostler audit chain` or `checkpoint` print", file.display()))?;
    }
    Check::new(chain, kept, args.key.as_deref()).map_err(broken)
}

fn finish(check: Check, is_json: bool) -> Result<()> {
    let Report { entries, last, checkpoints } = check.finish().map_err(broken)?;
    if is_json {
        let report = serde_json::json!({"whole": true, "entries": entries, "last": last, "checkpoints": checkpoints});
        return show::print(&report.to_string());
    }
    show::print(&format!(
        "The trail is whole: {entries} entries up to {last}, and {checkpoints} signed checkpoints agree."
    ))
}

fn broken(problem: Problem) -> anyhow::Error {
    Trouble::Failed(format!("the trail is not whole: {problem}")).into()
}

fn read(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
