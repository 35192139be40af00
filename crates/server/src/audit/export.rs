//! The trail as a file: JSON lines for programs, CSV for spreadsheets, written while it is read.

use crate::app::App;
use crate::http::{Download, Error, Media, Result};
use crate::realtime::standing::Standing;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use ostler_model::WorkspaceId;
use ostler_model::authz::{Collection, Platform, VerbKind, decide};
use ostler_store::audit::Filter;
use ostler_wire::audit::{AuditExportQuery, AuditFormat, AuditRecord};
use std::io;

/// Entries per look at the database; about 150 KB.
const BATCH: u32 = 500;

const JSON_LINES: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// The trail as a file.
#[derive(Debug)]
pub struct Trail;

impl Media for Trail {
    const TYPES: &'static [&'static str] = &[JSON_LINES, CSV];
}

/// Where a file stands.
struct Writer {
    app: App,
    standing: Standing,
    filter: Filter,
    format: AuditFormat,
    after: u64,
    is_begun: bool,
}

/// Begins a file. What is sent next is read when the client has taken what was sent before.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    workspace: Option<WorkspaceId>,
    query: AuditExportQuery,
) -> Result<Download<Trail>> {
    let standing = Standing::new(app, headers).await.ok_or(Error::Credentials)?;
    let (format, after) = (query.format, query.after.unwrap_or(0));
    let filter = Filter {
        workspace,
        actor_id: query.actor,
        action: query.action,
        target_id: query.target,
        outcome: query.outcome,
        from: query.from,
        until: query.until,
    };
    let writer = Writer { app: app.clone(), standing, filter, format, after, is_begun: false };
    let pieces = futures_util::stream::unfold(Some(writer), |writer| async move {
        let mut writer = writer?;
        match writer.piece().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(writer))),
            Ok(None) => None,
            // The connection is cut, so that nobody takes half a trail for a whole one.
            Err(error) => Some((Err(error), None)),
        }
    });
    // A compressor asks once more after the end, which `unfold` does not survive.
    let pieces = futures_util::StreamExt::fuse(pieces);
    let (content_type, name) = match format {
        AuditFormat::Jsonl => (JSON_LINES, "attachment; filename=\"audit.jsonl\""),
        AuditFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Download::new(response))
}

impl Writer {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        if !self.may_go_on().await {
            return Err(io::Error::other("who reads this may not read it any more"));
        }
        let entries = self.app.store.audit_after(&self.filter, self.after, BATCH).await.map_err(|error| {
            tracing::warn!(%error, "an export of the audit trail was cut off");
            io::Error::other("the database could not be read")
        })?;
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let mut text = if is_first && self.format == AuditFormat::Csv { csv::heading() } else { String::new() };
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return Ok((!text.is_empty()).then(|| text.into()));
        };
        self.after = last;
        for record in entries.into_iter().map(AuditRecord::from) {
            match self.format {
                AuditFormat::Csv => csv::line(&mut text, &record),
                AuditFormat::Jsonl => {
                    text.push_str(&serde_json::to_string(&record).map_err(io::Error::other)?);
                    text.push('\n');
                }
            }
        }
        Ok(Some(text.into()))
    }

    async fn may_go_on(&mut self) -> bool {
        let Ok(Some(who)) = self.standing.now().await else { return false };
        match self.filter.workspace {
            Some(id) => decide(who, &Collection::<ostler_model::audit::Entry>::of(id), VerbKind::Read).is_ok(),
            None => decide(who, &Platform, VerbKind::Read).is_ok(),
        }
    }
}

mod csv {
    //! RFC 4180, and nothing in it that a spreadsheet would run.

    use ostler_wire::audit::AuditRecord;

    const COLUMNS: [&str; 17] = [
        "seq",
        "at",
        "workspace",
        "actor_kind",
        "actor_id",
        "actor_label",
        "action",
        "target_kind",
        "target_id",
        "outcome",
        "request_id",
        "address",
        "user_agent",
        "details",
        "id",
        "hash",
        "previous",
    ];

    pub(super) fn heading() -> String {
        COLUMNS.join(",") + "\r\n"
    }

    pub(super) fn line(out: &mut String, record: &AuditRecord) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let outcome = match record.outcome {
            ostler_model::audit::Outcome::Done => "done",
            ostler_model::audit::Outcome::Refused => "refused",
        };
        let cells = [
            record.seq.to_string(),
            record.at.to_string(),
            record.workspace.map(|id| id.to_string()).unwrap_or_default(),
            record.actor_kind.clone(),
            text(&record.actor_id),
            record.actor_label.clone(),
            record.action.clone(),
            record.target_kind.clone(),
            record.target_id.clone(),
            outcome.to_owned(),
            text(&record.request_id),
            text(&record.address),
            text(&record.user_agent),
            text(&record.details),
            record.id.to_string(),
            record.hash.clone(),
            record.previous.clone(),
        ];
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_cell(out, cell);
        }
        out.push_str("\r\n");
    }

    fn push_cell(out: &mut String, cell: &str) {
        // A cell that begins like a formula would be one, and some programs skip blanks before they look.
        let is_formula = cell.trim_start().starts_with(['=', '+', '-', '@']) || cell.starts_with(['\t', '\r', '\n']);
        let is_plain = !cell.contains([',', '"', '\r', '\n']) && !is_formula;
        if is_plain {
            out.push_str(cell);
            return;
        }
        out.push('"');
        if is_formula {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_cell_is_quoted_when_it_must_and_never_a_formula() {
            for (cell, expected) in [
                ("plain", "plain"),
                ("a,b", "\"a,b\""),
                ("say \"hi\"", "\"say \"\"hi\"\"\""),
                ("two\nlines", "\"two\nlines\""),
                ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
                ("+1", "\"'+1\""),
                ("-2", "\"'-2\""),
                ("@SUM(A1)", "\"'@SUM(A1)\""),
                ("  =1+1", "\"'  =1+1\""),
                ("\t=1", "\"'\t=1\""),
                ("", ""),
            ] {
                let mut out = String::new();
                push_cell(&mut out, cell);
                assert_eq!(out, expected);
            }
        }
    }
}
