//! Reads with a key, as many as the server can give, beside a bare axum handler that answers with the same bytes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::served::{Served, connect, exchange, get};
use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::shell;
use crate::test::Scratch;

pub(super) const NOTHING: Row = Row {
    name: "request overhead",
    what: "GET /api/v1/version, which asks nobody and reads nothing, 32 connections",
    baseline: "the same bytes from a bare axum handler, same load",
    unit: "requests/s",
    rounds: 5,
    ours: |bench| ours(bench, "/api/v1/version"),
    theirs: |bench| theirs(bench, "/api/v1/version"),
};

pub(super) const ONE: Row = Row {
    name: "authenticated read",
    what: "GET /api/v1/users/me with an API key, 32 connections",
    baseline: "the same bytes from a bare axum handler, same load",
    unit: "requests/s",
    rounds: 5,
    ours: |bench| ours(bench, "/api/v1/users/me"),
    theirs: |bench| theirs(bench, "/api/v1/users/me"),
};

pub(super) const LIST: Row = Row {
    name: "list",
    what: "GET of 50 of 500 workspaces with an API key, 32 connections",
    baseline: "the same bytes from a bare axum handler, same load",
    unit: "requests/s",
    rounds: 3,
    ours: |bench| ours(bench, "/api/v1/workspaces?limit=50"),
    theirs: |bench| theirs(bench, "/api/v1/workspaces?limit=50"),
};

const SECONDS: &str = "4";
const CONNECTIONS: &str = "32";

/// A server with what the path needs, and the request's text.
fn prepared(bench: &Bench, path: &str) -> Result<(Served, String)> {
    let served = Served::start(bench)?;
    if path.contains("workspaces") {
        let mut line = connect(served.address)?;
        for n in 0..500 {
            served.post(&mut line, "/api/v1/workspaces", &json!({"name": format!("Workspace {n}")}))?;
        }
    }
    let request = get(path, &format!("Authorization: Bearer {}\r\n", served.key));
    Ok((served, request))
}

fn ours(bench: &Bench, path: &str) -> Result<f64> {
    let (served, request) = prepared(bench, path)?;
    load(bench, &served.address.to_string(), &request)
}

fn theirs(bench: &Bench, path: &str) -> Result<f64> {
    let (served, request) = prepared(bench, path)?;
    let (status, _, body) = exchange(&mut connect(served.address)?, &request)?;
    if status != 200 {
        bail!("{path} answered {status}: {body}");
    }
    drop(served);
    let files = Scratch::new("bare")?;
    let file = files.path().join("body");
    std::fs::write(&file, body)?;
    let mut command = Command::new(&bench.tool);
    command.arg("bare").arg(&file).stdout(Stdio::piped());
    let mut bare = Guarded::spawn(&mut command, &Stop::default())?;
    let mut address = String::new();
    let out = bare.child().stdout.take().context("its output was asked for")?;
    BufReader::new(out).read_line(&mut address)?;
    load(bench, address.trim(), &request)
}

fn load(bench: &Bench, address: &str, request: &str) -> Result<f64> {
    let files = Scratch::new("load")?;
    let file = files.path().join("request");
    std::fs::write(&file, request)?;
    let mut command = Command::new(&bench.tool);
    command.args(["load", address]).arg(&file).args([CONNECTIONS, SECONDS]);
    Ok(shell::output(&mut command)?.trim().parse()?)
}
