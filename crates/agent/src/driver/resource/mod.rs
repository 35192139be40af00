//! Resources on a real machine: accounts, volumes, files, packages, downloads and ports.

mod download;
mod file;
mod package;
pub(super) mod port;
mod volume;

use super::account::{Account, Accounts, is_root};
use super::layout::Layout;
use super::process::network::Network;
use super::process::sandbox::Sandbox;
use super::{Job, Note, Progress, Resources};
use crate::tree;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ostler_model::WorkloadId;
use ostler_model::workload::blueprint::{PackageManager, Resource, What};
use ostler_runtime::{Clock, Spawn};
use std::sync::Arc;

/// The resources of this machine.
pub(super) struct Machinery {
    layout: Layout,
    sandbox: Sandbox,
    network: Network,
    clock: Clock,
    spawn: Spawn,
    accounts: Accounts,
    port_range: (u16, u16),
    /// One installation at a time; the tools would wait for each other anyway.
    apt: Arc<tokio::sync::Mutex<()>>,
    http: download::Client,
}

impl Machinery {
    pub(super) fn new(
        layout: Layout,
        (sandbox, network): (Sandbox, Network),
        port_range: (u16, u16),
        clock: Clock,
        spawn: Spawn,
    ) -> Self {
        let accounts = Accounts::new(clock.clone());
        let trash = layout.trash();
        // What a crash interrupted.
        spawn.spawn("trash.empty", async move { trash.empty().await });
        let http = download::Client::default();
        Self { layout, sandbox, network, clock, spawn, accounts, port_range, apt: Arc::default(), http }
    }
}

impl Resources for Machinery {
    fn ensure<'a>(
        &'a self,
        job: &'a Job,
        resource: &'a Resource,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<Note, String>> {
        async move {
            let account = || Accounts::of(job.id);
            match &resource.what {
                What::Account {} if is_root() => self.accounts.ensure(job.id).await.map(|_| Note::ready()),
                What::Account {} => Ok(Note::degraded(
                    "no_own_account",
                    "the agent is not root, so workloads share its account and can read each other's files",
                )),
                What::Volume { name, limit_bytes } => {
                    let limit = limit_bytes.unwrap_or(job.want.blueprint.run.limits.disk_bytes);
                    volume::ensure(&self.layout, job.id, name, limit, account()).await
                }
                What::File { volume, path, content, keep } => {
                    let dir = self.layout.volume(job.id, volume)?;
                    let (path, content, keep, owner) = (path.clone(), content.clone(), *keep, account());
                    off_thread(move || file::put(&dir, &path, content.as_bytes(), keep, owner.as_ref())).await?;
                    Ok(Note::ready())
                }
                What::Package { manager: PackageManager::Apt, name, version, provides, .. } => {
                    self.apt(name, version.as_deref(), provides.as_deref(), progress).await
                }
                What::Package { manager: PackageManager::Npm, name, version, volume, .. } => {
                    let volume = volume.as_deref().ok_or("an npm package needs a volume")?;
                    self.npm(job, name, version.as_deref(), volume, progress).await
                }
                What::Download { url, sha256, volume, path } => {
                    let dir = self.layout.volume(job.id, volume)?;
                    let wanted = download::Wanted { url, sha256, dir: &dir, path, account: account() };
                    self.http.fetch(&self.clock, wanted, progress).await
                }
                What::Port { name: _, port, protocol } => port::check(*port, *protocol, self.port_range),
            }
        }
        .boxed()
    }
    fn remove<'a>(&'a self, id: WorkloadId, resource: &'a Resource) -> BoxFuture<'a, Result<(), String>> {
        async move {
            match &resource.what {
                What::Account {} => self.accounts.remove(id).await,
                What::Volume { name, .. } => volume::remove(&self.layout, id, name).await,
                // Files go with their volume, packages are everybody's, and a port is free once nothing listens.
                What::File { .. } | What::Package { .. } | What::Download { .. } | What::Port { .. } => Ok(()),
            }
        }
        .boxed()
    }
    fn size<'a>(&'a self, id: WorkloadId, resource: &'a Resource) -> BoxFuture<'a, Option<u64>> {
        async move {
            let What::Volume { name, .. } = &resource.what else { return None };
            let dir = self.layout.volume(id, name).ok()?;
            // What is too deep or moves is not counted; what is counted is there.
            tree::measure(&dir).await.ok().map(|size| size.bytes)
        }
        .boxed()
    }
}

/// Runs file work off the runtime's threads: a slow disk must not stop everything else.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("the work was given up: {e}"))?
}

fn ids(account: Option<&Account>) -> (Option<u32>, Option<u32>) {
    (account.map(|a| a.uid), account.map(|a| a.gid))
}
