//! Background tasks: named, traced, cancelled together, waited for.

use std::future::Future;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Starts background tasks that all end when the owner shuts down.
#[derive(Debug, Clone, Default)]
pub struct Spawn {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Spawn {
    /// A new family of tasks.
    pub fn new() -> Self {
        Self::default()
    }
    /// A family that ends with this one but can also be ended alone.
    pub fn child(&self) -> Self {
        Self { stop: self.stop.child_token(), tasks: self.tasks.clone() }
    }
    /// Starts a task. It is dropped at its next await once the family stops.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> Task {
        let own = self.stop.child_token();
        let stop = own.clone();
        let run = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = future => {}
            }
        };
        let handle = self.tasks.spawn(run.instrument(tracing::info_span!("task", name)));
        Task { stop: own, handle: Some(handle) }
    }
    /// Starts one of many small tasks, such as one stream of a connection: it ends with the family and has no handle.
    pub(crate) fn spawn_unnamed(&self, future: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = future => {}
            }
        });
    }
    /// Resolves when the family has been asked to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
    /// True once asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }
    /// Asks all tasks to stop without waiting. For a [`Spawn::child`]: waiting would be for the whole family.
    pub fn cancel(&self) {
        self.stop.cancel();
    }
    /// Asks all tasks to stop and waits until they have.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
    /// Tasks that are alive now.
    pub fn alive(&self) -> usize {
        self.tasks.len()
    }
}

/// A running background task. Dropping it lets the task go on; [`Task::stop`] ends it.
#[derive(Debug)]
pub struct Task {
    stop: CancellationToken,
    handle: Option<tokio::task::JoinHandle<()>>,
}

impl Task {
    /// Asks this task to stop; it is dropped at its next await.
    pub fn stop(&self) {
        self.stop.cancel();
    }
    /// Waits for the end. True when the task panicked.
    pub async fn join(mut self) -> bool {
        match self.handle.take() {
            Some(handle) => handle.await.is_err_and(|e| e.is_panic()),
            None => false,
        }
    }
    /// True when it has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(tokio::task::JoinHandle::is_finished)
    }
}
