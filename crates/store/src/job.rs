//! Jobs: rows with steps. One worker at a time holds a job by a lease; a worker that lost it can write nothing more.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Reach, Select, page};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{Collection, Grant, Operate, Resource, Verb, Write};
use ostler_model::event::Fact;
use ostler_model::job::{Job, Line, State};
use ostler_model::{JobId, Millis, Time, WorkspaceId};

/// A job to be. Written in the same transaction as the change that needs it.
#[derive(Debug, Clone)]
pub struct New {
    pub id: JobId,
    pub workspace: Option<WorkspaceId>,
    /// Names the recipe, for example `workload.provision`.
    pub kind: String,
    /// The id of what it works on.
    pub target: String,
    /// JSON.
    pub input: String,
    /// The first step.
    pub step: Option<String>,
    pub due_at: Time,
}

/// The right to work on one job until the lease ends. Only [`Store::job_claim`] makes one.
#[derive(Debug, Clone)]
pub struct Claim {
    id: JobId,
    fence: u64,
}

impl Claim {
    /// The job.
    pub fn id(&self) -> JobId {
        self.id
    }
    /// How often the job has been taken by a worker, this time included.
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

/// What a worker commits at once: where the job stands, a finished step's output, lines of its log.
#[derive(Debug, Clone)]
pub struct Save {
    pub state: State,
    /// The step to be done or undone next; `None` when nothing is left.
    pub step: Option<String>,
    /// 0 to 100.
    pub progress: u8,
    /// How often the step has been begun.
    pub attempt: u32,
    /// Not before this time.
    pub due_at: Time,
    pub error: Option<String>,
    /// A finished step's name and its output, or `None` as output to forget an undone step's.
    pub output: Option<(String, Option<serde_json::Value>)>,
    pub lines: Vec<String>,
    /// Gives the job back, so that any worker may take it once it is due. A final state always does.
    pub is_released: bool,
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub reach: Reach,
    pub kind: Option<String>,
    pub target: Option<String>,
    /// Only those that have ended, or only those that have not.
    pub is_final: Option<bool>,
}

impl Store {
    /// Creates a job on its own. Usually a job is created together with the change that needs it.
    pub async fn job_create<R: Resource, V: Verb>(&self, grant: &Grant<R, V>, new: &New, at: Time) -> Result<Job> {
        change!(self, "job_create", at, |tx| {
            let job = insert(tx, grant, new, at).await?;
            tx.audit_in(
                grant,
                new.workspace,
                "job.create",
                new.id,
                Told::made(&serde_json::json!({ "kind": new.kind, "target": new.target })),
            );
            Ok(job)
        })
    }
    /// Takes the job that has been due for longest, for this worker and span. `None` when nothing is due.
    ///
    /// A job whose lease has expired is due again: its worker is taken for dead.
    pub async fn job_claim(
        &self,
        grant: &Grant<Collection<Job>, Operate>,
        worker: &str,
        lease: Millis,
        now: Time,
    ) -> Result<Option<(Claim, Job)>> {
        change!(self, "job_claim", now, |tx| {
            // Workers that ask at the same time skip each other's row instead of waiting for it.
            let skip = if tx.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
            let sql = format!(
                "UPDATE job SET lease_owner = $2, lease_until = $3, fence = fence + 1,
                     started_at = COALESCE(started_at, $1), state = CASE WHEN state = 'queued' THEN 'running' ELSE state END
                 WHERE id = (SELECT id FROM job WHERE is_final = FALSE AND due_at <= $1 AND lease_until <= $1
                             ORDER BY due_at, id LIMIT 1{skip})
                 RETURNING *"
            );
            let Some(row) = tx.opt(sql, args![now, worker, now + lease]).await? else { return Ok(None) };
            let job = from_row(&row)?;
            let fence = row.get("fence")?;
            if fence == 1 {
                tx.event(grant, job.workspace, changed(&job));
            }
            Ok(Some((Claim { id: job.id, fence }, job)))
        })
    }
    /// When the next job is due, leases included; for the engine to know how long it may sleep.
    pub async fn job_next_due(&self) -> Result<Option<Time>> {
        read!(self, "job_next_due", |db| {
            let sql = "SELECT MIN(CASE WHEN due_at > lease_until THEN due_at ELSE lease_until END) AS at
                       FROM job WHERE is_final = FALSE";
            db.one(sql, vec![]).await?.get("at")
        })
    }
    /// Keeps the job for longer. Refused when another worker has taken it.
    pub async fn job_renew(&self, claim: &Claim, lease: Millis, now: Time) -> Result<()> {
        change!(self, "job_renew", now, |tx| {
            let done = tx
                .exec(
                    "UPDATE job SET lease_until = $3 WHERE id = $1 AND fence = $2 AND is_final = FALSE",
                    args![claim.id, claim.fence, now + lease],
                )
                .await?;
            if done == 0 { Err(Rule::Fenced.into()) } else { Ok(()) }
        })
    }
    /// Commits progress. Refused when another worker has taken the job; then nothing is written.
    pub async fn job_save(&self, claim: &Claim, save: &Save, at: Time) -> Result<Job> {
        change!(self, "job_save", at, |tx| {
            let before = fenced(tx, claim).await?;
            let outputs = outputs(&before, save)?;
            let is_final = save.state.is_final();
            let row = tx
                .one(
                    "UPDATE job SET state = $2, is_final = $3, step = $4, progress = $5, attempt = $6, due_at = $7,
                         error = $8, outputs = $9, finished_at = $10,
                         lease_until = CASE WHEN $11 THEN 0 ELSE lease_until END WHERE id = $1 RETURNING *",
                    args![
                        claim.id,
                        save.state.as_str(),
                        is_final,
                        save.step,
                        save.progress.min(100),
                        save.attempt,
                        save.due_at,
                        save.error,
                        outputs,
                        is_final.then_some(at),
                        save.is_released || is_final
                    ],
                )
                .await?;
            let job = from_row(&row)?;
            lines(tx, claim.id, &save.lines, at).await?;
            let is_news = (before.state, &before.step, before.progress) != (job.state, &job.step, job.progress);
            if is_news {
                let actor = ostler_model::authz::Authority::system(ostler_model::authz::SystemReason::Job).actor;
                tx.event_by(&actor, job.workspace, changed(&job));
            }
            Ok(job)
        })
    }
    /// Adds lines to a job's log while a step is under way.
    pub async fn job_log(&self, claim: &Claim, text: &[String], at: Time) -> Result<()> {
        change!(self, "job_log", at, |tx| {
            fenced(tx, claim).await?;
            lines(tx, claim.id, text, at).await
        })
    }
    /// Asks a job to stop and undo what it did. The worker decides when; the job becomes due at once.
    pub async fn job_cancel(&self, grant: &Grant<Job, Operate>, at: Time) -> Result<Job> {
        change!(self, "job_cancel", at, |tx| {
            let sql = "UPDATE job SET kind = kind WHERE id = $1 RETURNING is_cancel_asked";
            let was_asked = tx.opt(sql, args![grant.id()]).await?;
            let was_asked = was_asked.map(|row| row.get::<bool>("is_cancel_asked")).transpose()?;
            let row = tx
                .opt(
                    "UPDATE job SET is_cancel_asked = TRUE, due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END
                     WHERE id = $1 AND is_final = FALSE RETURNING *",
                    args![grant.id(), at],
                )
                .await?;
            let Some(row) = row else {
                let there = tx.opt("SELECT id FROM job WHERE id = $1", args![grant.id()]).await?;
                return Err(there.map_or_else(|| StoreError::missing("job", grant.id()), |_| Rule::JobEnded.into()));
            };
            let job = from_row(&row)?;
            tx.event(grant, job.workspace, changed(&job));
            let told = |is_asked: Option<bool>| serde_json::json!({ "is_cancel_asked": is_asked });
            tx.audit(grant, "job.cancel", job.id, Told::changed(&told(was_asked), &told(Some(true))));
            Ok(job)
        })
    }
    /// A job by id, if there is one.
    pub async fn job_find(&self, id: JobId) -> Result<Option<Job>> {
        read!(self, "job_find", |db| {
            let row = db.opt("SELECT * FROM job WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A job by id.
    pub async fn job_get(&self, id: JobId) -> Result<Job> {
        self.job_find(id).await?.ok_or_else(|| StoreError::missing("job", id))
    }
    /// Jobs, newest first.
    pub async fn job_list(&self, filter: &Filter, paging: &Paging) -> Result<Page<Job>> {
        read!(self, "job_list", |db| {
            let mut select = Select::new("SELECT * FROM job");
            select
                .within_or_about(&filter.reach, "workspace_id", "id", "target")
                .when_some("kind = ?", filter.kind.as_ref())
                .when_some("target = ?", filter.target.as_ref())
                .when_some("is_final = ?", filter.is_final);
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |job| job.id.to_string()))
        })
    }
    /// Lines of a job's log after a sequence number, oldest first.
    pub async fn job_lines(&self, id: JobId, after: u64, limit: u32) -> Result<Vec<Line>> {
        read!(self, "job_lines", |db| {
            let rows = db
                .all(
                    "SELECT seq, at, text FROM job_line WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                    args![id, after, limit],
                )
                .await?;
            rows.iter()
                .map(|row| Ok(Line { seq: row.get("seq")?, at: row.get("at")?, text: row.get("text")? }))
                .collect()
        })
    }
    /// Removes up to `limit` jobs that ended before a time, with their logs, and says how many.
    pub async fn job_expire(
        &self,
        _grant: &Grant<Collection<Job>, Write>,
        before: Time,
        limit: u32,
        at: Time,
    ) -> Result<u64> {
        change!(self, "job_expire", at, |tx| {
            tx.exec(
                "DELETE FROM job WHERE id IN
                     (SELECT id FROM job WHERE is_final = TRUE AND finished_at < $1 ORDER BY id LIMIT $2)",
                args![before, limit],
            )
            .await
        })
    }
}

/// Writes a job as part of another change.
pub(crate) async fn insert<R: Resource, V: Verb>(tx: &mut Tx, grant: &Grant<R, V>, new: &New, at: Time) -> Result<Job> {
    let row = tx
        .one(
            "INSERT INTO job (id, workspace_id, kind, target, input, outputs, state, is_final, step, progress, attempt,
                 due_at, is_cancel_asked, created_by, created_at, lease_until, fence, lines)
             VALUES ($1, $2, $3, $4, $5, '{}', 'queued', FALSE, $6, 0, 0, $7, FALSE, $8, $9, 0, 0, 0) RETURNING *",
            args![
                new.id,
                new.workspace,
                new.kind,
                new.target,
                new.input,
                new.step,
                new.due_at,
                grant.actor().label,
                at
            ],
        )
        .await?;
    let job = from_row(&row)?;
    tx.event(grant, new.workspace, changed(&job));
    Ok(job)
}

fn changed(job: &Job) -> Fact {
    Fact::JobChanged {
        id: job.id,
        state: job.state.as_str().to_owned(),
        step: job.step.clone(),
        progress: job.progress,
        target: Some(job.target.clone()),
    }
}

/// The job, if the claim still holds. Taking its row keeps every other worker away until the end of the transaction.
async fn fenced(tx: &mut Tx, claim: &Claim) -> Result<Job> {
    let row = tx
        .opt(
            "UPDATE job SET fence = fence WHERE id = $1 AND fence = $2 AND is_final = FALSE RETURNING *",
            args![claim.id, claim.fence],
        )
        .await?;
    from_row(&row.ok_or(Rule::Fenced)?)
}

fn outputs(before: &Job, save: &Save) -> Result<String> {
    let Some((step, output)) = &save.output else { return Ok(before.outputs.clone()) };
    let mut all: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&before.outputs).map_err(|_| crate::db::row::unreadable("outputs"))?;
    match output {
        Some(output) => all.insert(step.clone(), output.clone()),
        None => all.remove(step),
    };
    Ok(serde_json::Value::Object(all).to_string())
}

async fn lines(tx: &mut Tx, id: JobId, text: &[String], at: Time) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let row = tx.one("UPDATE job SET lines = lines + $2 WHERE id = $1 RETURNING lines", args![id, text.len()]).await?;
    let first = row.get::<u64>("lines")? + 1 - text.len() as u64;
    for (seq, line) in (first..).zip(text) {
        tx.exec("INSERT INTO job_line (job_id, seq, at, text) VALUES ($1, $2, $3, $4)", args![id, seq, at, line])
            .await?;
    }
    Ok(())
}

pub(crate) fn from_row(row: &Row) -> Result<Job> {
    Ok(Job {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        kind: row.get("kind")?,
        target: row.get("target")?,
        input: row.get("input")?,
        outputs: row.get("outputs")?,
        state: row.parse("state")?,
        step: row.get("step")?,
        progress: row.get("progress")?,
        attempt: row.get("attempt")?,
        due_at: row.get("due_at")?,
        is_cancel_asked: row.get("is_cancel_asked")?,
        error: row.get("error")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}
