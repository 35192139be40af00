//! Runs processes: own account, sandbox, limits, and a life of their own beside the agent's.
//!
//! What is here does not depend on the agent staying alive: the process has its own session and its output goes to files.
//! It is found again by number, start time and the machine's boot.

pub mod cgroup;
mod filter;
mod listen;
pub mod network;
pub mod output;
mod proc;
mod run;
pub mod sandbox;
mod sys;

use super::account::{Account, Accounts};
use super::layout::{Layout, put_program, put_volumes};
use super::{Adopted, Driver, Job, Note, Progress, Started};
use cgroup::Cgroups;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use network::{Held, Network};
use ostler_model::WorkloadId;
use ostler_model::workload::blueprint::{How, Process, What};
use ostler_runtime::{Clock, Spawn};
use output::{Files, Pumping};
pub(crate) use run::Identity;
use run::{Attending, Tree, how_it_ended, kill_tree, limit_note};
use sandbox::{Launch, Sandbox};
use serde_json::Value;
use std::fs::File;
use std::io::PipeWriter;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Child;

/// The driver of processes.
pub struct Processes {
    pub(crate) layout: Layout,
    pub(crate) cgroups: Cgroups,
    pub(crate) sandbox: Sandbox,
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) spawn: Spawn,
    /// The agent's own program, for workloads whose command names it.
    pub(crate) program: Option<PathBuf>,
    /// Between what workloads print and what the agent reads.
    pub(crate) pumping: Arc<Pumping>,
}

impl Processes {
    fn files(&self, id: WorkloadId) -> Files {
        Files::at(self.layout.run(id), self.pumping.clone())
    }

    async fn begin(&self, job: &Job) -> Result<Started, String> {
        self.clean(job.id).await?;
        let How::Process(process) = &job.want.blueprint.run.how else { return Err("this is not a process".to_owned()) };
        let group = self.cgroups.group(job.id);
        let missing =
            group.make(&job.want.blueprint.run.limits).map_err(|e| format!("its control group cannot be made: {e}"))?;
        match self.launch(job, process, &group).await {
            Ok((tree, mut notes)) => {
                notes.push(limit_note(missing));
                let identity = serde_json::to_value(&tree.identity).expect("an identity is plain data");
                Ok(Started { identity, run: Arc::new(tree), note: Note::all(notes) })
            }
            Err(error) => {
                self.clean(job.id).await?;
                Err(error)
            }
        }
    }

    /// What of its separation is not there.
    fn gaps(&self, account: Option<&Account>) -> Vec<Note> {
        let mut notes = vec![];
        if account.is_none() {
            notes.push(Note::degraded(
                "no_own_account",
                "it runs as the agent's account, because the agent is not root",
            ));
        }
        if self.sandbox == Sandbox::None {
            notes
                .push(Note::degraded("no_sandbox", "it sees the whole machine, because bubblewrap does not work here"));
        }
        if self.network == Network::Shared {
            notes.push(Note::degraded(
                "shared_network",
                "it shares the machine's network and reaches what listens on it; the node's notes say what is missing",
            ));
        }
        notes
    }

    async fn launch(&self, job: &Job, process: &Process, group: &cgroup::Group) -> Result<(Tree, Vec<Note>), String> {
        let account = Accounts::of(job.id);
        let notes = self.gaps(account.as_ref());
        let files = self.files(job.id);
        let network = account.as_ref().filter(|_| self.network == Network::Own).map(|account| account.uid);
        let ports = network::ports(&job.want.blueprint.resources);
        let held = if network.is_some() { Held::take(&ports)? } else { Held::default() };
        let (child, gate) = self.spawn_behind_gate(job, process, group, account.as_ref(), &files)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or("it ended at once")?;
        // A child that was not waited for keeps its entry, so the start time is there even when it has ended already.
        let stat = proc::stat(pid).ok_or("it ended at once")?;
        let is_fenced = self.sandbox == Sandbox::Bubblewrap;
        let identity = Identity { pid, started: stat.started, boot: proc::boot_id(), is_fenced, network };
        let known = serde_json::to_vec(&identity).expect("an identity is plain data");
        if let Err(error) = std::fs::write(files.run(), known) {
            tracing::warn!(workload = %job.id, %error, "the run's identity cannot be written; the journal still has it");
        }
        if let Some(account) = network {
            network::connect(&self.clock, account, pid, &ports)
                .await
                .map_err(|e| format!("its network cannot be made: {e}"))?;
        }
        drop(gate);
        let attending = Attending {
            job: job.clone(),
            identity,
            group: group.clone(),
            files,
            held,
            child: Some(child),
            clock: self.clock.clone(),
            spawn: self.spawn.clone(),
        };
        Ok((Tree::attend(attending), notes))
    }

    /// Starts it. In a network of its own it waits until the gate is dropped, before it becomes the program; an end of the agent
    /// opens the gate as well, and leaves the network empty until the next agent connects it.
    fn spawn_behind_gate(
        &self,
        job: &Job,
        process: &Process,
        group: &cgroup::Group,
        account: Option<&Account>,
        files: &Files,
    ) -> Result<(Child, PipeWriter), String> {
        let owner = account.map(|a| (a.uid, a.gid));
        let [input, out, err] =
            files.make(owner).map_err(|e| format!("{} cannot be made: {e}", files.dir().display()))?;
        let status = File::create(files.status()).map_err(|e| format!("its status file cannot be made: {e}"))?;
        let volumes: Vec<&str> = job.want.blueprint.resources.iter().filter_map(|r| volume_name(&r.what)).collect();
        let tool = self.program.as_deref();
        let is_tool_named = std::cell::Cell::new(false);
        let put = |text: &String| {
            let text = put_volumes(text, |name| {
                let path = volumes.contains(&name).then(|| self.sandbox.path(&self.layout, job.id, name))?.ok()?;
                Some(path.display().to_string())
            })?;
            let seen = tool.and_then(|tool| put_program(&text, self.sandbox.program(tool)));
            is_tool_named.set(is_tool_named.get() || seen.is_some());
            Ok::<_, String>(seen.unwrap_or(text))
        };
        let (program, args) = (put(&process.program)?, process.args.iter().map(put).collect::<Result<Vec<_>, _>>()?);
        let env = process.env.iter().map(|(k, v)| Ok((k.clone(), put(v)?))).collect::<Result<_, String>>()?;
        let (wait, gate) = std::io::pipe().map_err(|e| format!("its start cannot be held back: {e}"))?;
        let is_own = self.network == Network::Own && account.is_some();
        let launch = Launch {
            id: job.id,
            program: &program,
            args: &args,
            env: &env,
            volumes: &volumes,
            tool: tool.filter(|_| is_tool_named.get()),
            workdir: &process.workdir,
            account,
            join: group.doors().map_err(|e| format!("its control group cannot be joined: {e}"))?,
            status: Some(status.into()),
            network: if is_own { Network::Own } else { Network::Shared },
            gate: is_own.then(|| wait.into()),
        };
        let io = [Stdio::from(input), Stdio::from(out), Stdio::from(err)];
        Ok((self.sandbox.launch(&self.layout, launch, io)?, gate))
    }

    fn identity(&self, id: WorkloadId, known: Option<&Value>) -> Option<Identity> {
        // The file is written right after the fork, so it is the newer one when they differ.
        let written = std::fs::read(self.files(id).run()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        written.or_else(|| serde_json::from_value(known?.clone()).ok())
    }

    async fn look(&self, job: &Job, known: Option<&Value>) -> Result<Adopted, String> {
        let (group, files) = (self.cgroups.group(job.id), self.files(job.id));
        let Some(identity) = self.identity(job.id, known) else {
            self.clean(job.id).await?;
            return Ok(Adopted::Nothing);
        };
        if !identity.is_alive() {
            let exit = how_it_ended(&identity, &group, &files, None, &self.clock);
            // What it left running may still print.
            kill_tree(&group, &identity, &files, &self.clock).await?;
            let mut tail = output::Tail::open(files.clone(), job.console.clone(), self.clock.clone(), false);
            tail.end().await;
            return Ok(Adopted::Ended(exit));
        }
        let mut notes = vec![limit_note(group.limit(&job.want.blueprint.run.limits))];
        let mut held = Held::default();
        if let Some(account) = identity.network {
            let ports = network::ports(&job.want.blueprint.resources);
            if let Err(error) = network::connect_again(&self.clock, account, identity.pid, &ports).await {
                notes.push(Note::degraded("network_not_checked", format!("its network may not be complete: {error}")));
            }
            held = Held::take(&ports).unwrap_or_else(|message| {
                tracing::warn!(workload = %job.id, message, "a port of a workload is not held for it");
                Held::default()
            });
        }
        if identity.network.is_none() && self.network == Network::Own {
            let why = "it began before the node could give it a network of its own; start it again";
            notes.push(Note::degraded("shared_network", why));
        }
        let note = Note::all(notes);
        let attending = Attending {
            job: job.clone(),
            identity: identity.clone(),
            group,
            files,
            held,
            child: None,
            clock: self.clock.clone(),
            spawn: self.spawn.clone(),
        };
        let run = Arc::new(Tree::attend(attending));
        let identity = serde_json::to_value(&identity).expect("an identity is plain data");
        Ok(Adopted::Running(Started { identity, run, note }))
    }

    /// Ends what is left of any run, and removes its files and its group.
    async fn clean(&self, id: WorkloadId) -> Result<(), String> {
        let (group, files) = (self.cgroups.group(id), self.files(id));
        match self.identity(id, None) {
            Some(identity) => kill_tree(&group, &identity, &files, &self.clock).await?,
            None => group.kill(&self.clock).await?,
        }
        group.remove(&self.clock).await?;
        files.remove().map_err(|e| format!("{} cannot be removed: {e}", files.dir().display()))
    }
}

/// The volume's name, if it is one.
pub(crate) fn volume_name(what: &What) -> Option<&str> {
    match what {
        What::Volume { name, .. } => Some(name),
        What::Account {} | What::File { .. } | What::Package { .. } | What::Download { .. } | What::Port { .. } => None,
    }
}

impl Driver for Processes {
    fn prepare<'a>(&'a self, _: &'a Job, _: Progress<'a>) -> BoxFuture<'a, Result<Note, String>> {
        std::future::ready(Ok(Note::ready())).boxed()
    }
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Started, String>> {
        self.begin(job).boxed()
    }
    fn adopt<'a>(&'a self, job: &'a Job, known: Option<&'a Value>) -> BoxFuture<'a, Result<Adopted, String>> {
        self.look(job, known).boxed()
    }
    fn sweep(&self, id: WorkloadId) -> BoxFuture<'_, Result<(), String>> {
        self.clean(id).boxed()
    }
}
