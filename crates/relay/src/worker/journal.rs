//! The journal's task: writes what the steps of all matches want kept, in batches, and then lets their messages go.

use super::Worker;
use super::disk::Lines;
use super::host::Host;
use crate::engine::{Match, Record};
use ostler_model::Millis;
use ostler_model::matches::GameId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Entries that may wait for the disk.
const QUEUE: usize = 65_536;
/// Entries written at once.
const BATCH: usize = 4_096;
/// How long messages wait for the disk. Later they go without it, and so do all that follow until the disk has caught up:
/// a slow disk costs one such moment, not one in every turn.
const PATIENCE: Millis = Millis(5);

/// One step's records.
pub(super) struct Entry {
    pub(super) host: Arc<Host>,
    pub(super) number: u64,
    pub(super) records: Vec<Record>,
    /// The match is over and this is what to keep of it.
    pub(super) archive: Option<Match>,
}

enum Work {
    Write(Box<Entry>),
    Flush(oneshot::Sender<()>),
}

/// Where steps put their records.
pub(super) struct Handle {
    queue: mpsc::Sender<Work>,
    is_behind: AtomicBool,
}

/// What the task reads.
pub(super) struct Feed(mpsc::Receiver<Work>);

/// A new queue.
pub(super) fn channel() -> (Handle, Feed) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Handle { queue: sender, is_behind: AtomicBool::new(false) }, Feed(receiver))
}

impl Handle {
    /// False when the queue is full.
    pub(super) fn send(&self, entry: Entry) -> bool {
        self.queue.try_send(Work::Write(Box::new(entry))).is_ok()
    }
    /// The disk is slow: nothing waits for it now. What was seen and is lost in a crash, players are told to go back from.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }
    /// Resolves when everything sent so far is written.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Work::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

/// Writes until the worker ends.
pub(super) async fn run(worker: Worker, Feed(mut feed): Feed) {
    let mut batch = Vec::with_capacity(BATCH);
    while feed.recv_many(&mut batch, BATCH).await > 0 {
        let mut lines: Lines = Vec::new();
        let mut last: BTreeMap<GameId, (Arc<Host>, u64)> = BTreeMap::new();
        let (mut over, mut flushes) = (Vec::new(), Vec::new());
        for work in batch.drain(..) {
            match work {
                Work::Write(entry) => {
                    let Entry { host, number, records, archive } = *entry;
                    over.extend(archive);
                    lines.push((host.id, records.iter().map(Record::line).collect()));
                    last.insert(host.id, (host, number));
                }
                Work::Flush(done) => flushes.push(done),
            }
        }
        write(&worker, lines, last).await;
        for game in over {
            // Not here: an archive is forced to the disk, and the turns of all others must not wait for that.
            let keeper = worker.clone();
            drop(worker.0.spawn.spawn("match-archive", async move {
                let turn = keeper.0.archiving.acquire().await;
                finish(&keeper, game).await;
                drop(turn);
            }));
        }
        for done in flushes {
            let _ = done.send(());
        }
        if feed.is_empty() {
            worker.0.journal.is_behind.store(false, Ordering::Release);
        }
    }
}

async fn write(worker: &Worker, lines: Lines, last: BTreeMap<GameId, (Arc<Host>, u64)>) {
    let let_go = || last.values().for_each(|(host, number)| host.written(*number));
    let mut writing = std::pin::pin!(worker.0.disk.append(lines));
    let done = match worker.0.clock.timeout(PATIENCE, writing.as_mut()).await {
        Some(done) => done,
        None => {
            worker.0.journal.is_behind.store(true, Ordering::Release);
            // Steps that saw the flag do not wait; those before it are in here, or in the queue behind.
            worker.hosts().iter().for_each(|host| host.let_go());
            writing.await
        }
    };
    if let Err(error) = done {
        tracing::error!("the journal cannot be written; a crash now would lose turns: {error}");
    }
    let_go();
}

/// Keeps a finished match and forgets its journal, in this order: a crash in between archives it again.
async fn finish(worker: &Worker, game: Match) {
    let id = game.id();
    let kept = match game.archive().and_then(|archive| Ok(serde_json::to_string(&archive)?)) {
        Ok(text) => worker.0.disk.archive_write(id, text).await,
        Err(error) => Err(super::DiskError::damaged(id, &error)),
    };
    match kept {
        Ok(()) => {
            if let Err(error) = worker.0.disk.journal_remove(id).await {
                tracing::error!(game = %id, "the journal of a finished match stays behind: {error}");
            }
        }
        Err(error) => tracing::error!(game = %id, "a finished match could not be archived; its journal stays: {error}"),
    }
    worker.forget(id);
}
