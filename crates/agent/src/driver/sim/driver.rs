//! The drivers of the simulated machine.

use super::host::{SimHost, SimRun};
use crate::console::Console;
use crate::driver::{Adopted, Driver, Job, Machine, Meter, Note, Progress, Resources, Run, Runtime, Started};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ostler_model::workload::blueprint::{Limits, Resource, StopRule, What};
use ostler_model::workload::plan::Exit;
use ostler_model::{Time, WorkloadId};
use ostler_wire::console::ConsoleStream;
use ostler_wire::stats::{NodeStats, WorkloadStats};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpStream;

pub(super) struct SimDriver {
    host: SimHost,
    runtime: Runtime,
}

impl SimDriver {
    pub(super) fn new(host: SimHost, runtime: Runtime) -> Self {
        Self { host, runtime }
    }
    fn started(&self, number: u64, job: &Job) -> Started {
        let run = SimHandle {
            host: self.host.clone(),
            id: job.id,
            number,
            console: job.console.clone(),
            limits: std::sync::Mutex::new(job.want.blueprint.run.limits),
        };
        Started { identity: json!({ "sim": number }), run: Arc::new(run), note: Note::ready() }
    }
}

impl Resources for SimDriver {
    fn ensure<'a>(
        &'a self,
        job: &'a Job,
        resource: &'a Resource,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<Note, String>> {
        async move {
            let behaviour = self.host.behaviour(job.id);
            // It may exist from the first moment on, as half a download does.
            self.host.with(|held| held.things.insert((job.id, resource.key.clone())));
            progress("half way".to_owned());
            self.host.0.clock.sleep(behaviour.prepare_takes).await;
            if let What::Port { port, protocol, .. } = &resource.what
                && self.host.read(|held| held.has_real_ports)
            {
                return crate::driver::resource::port::check(*port, *protocol, (*port, *port));
            }
            match behaviour.prepare_fails.is_some_and(|text| resource.key.contains(&text)) {
                true => Err("the simulation lets this fail".to_owned()),
                false => Ok(Note::ready()),
            }
        }
        .boxed()
    }
    fn remove<'a>(&'a self, id: WorkloadId, resource: &'a Resource) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let behaviour = self.host.behaviour(id);
            self.host.0.clock.sleep(behaviour.prepare_takes).await;
            if behaviour.remove_fails {
                return Err("the simulation lets this fail".to_owned());
            }
            self.host.with(|held| held.things.remove(&(id, resource.key.clone())));
            Ok(())
        }
        .boxed()
    }
    fn size<'a>(&'a self, _: WorkloadId, _: &'a Resource) -> BoxFuture<'a, Option<u64>> {
        std::future::ready(None).boxed()
    }
}

impl Driver for SimDriver {
    fn prepare<'a>(&'a self, _: &'a Job, _: Progress<'a>) -> BoxFuture<'a, Result<Note, String>> {
        std::future::ready(Ok(Note::ready())).boxed()
    }
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Started, String>> {
        async move {
            let behaviour = self.host.behaviour(job.id);
            self.host.0.clock.sleep(behaviour.start_takes).await;
            if let Some(message) = behaviour.start_fails {
                return Err(message);
            }
            let now = self.host.0.clock.now();
            let exit = |(after, code)| (now + after, exit(now, Some(code), None));
            let run = SimRun {
                workload: job.id,
                number: 0,
                runtime: self.runtime,
                generation: job.want.generation,
                revision: job.want.blueprint.revision.clone(),
                since: now,
                ready_at: behaviour.ready_after.map(|after| now + after),
                ends: behaviour.exits.map(exit),
            };
            let number = self.host.with(|held| held.begin(run));
            job.console.push(ConsoleStream::Out, "hello from the simulation");
            Ok(self.started(number, job))
        }
        .boxed()
    }
    fn adopt<'a>(&'a self, job: &'a Job, known: Option<&'a Value>) -> BoxFuture<'a, Result<Adopted, String>> {
        async move {
            let (running, ended) = self.host.with(|held| {
                let running = held.runs.get(&job.id).filter(|run| run.runtime == self.runtime).map(|run| run.number);
                (running, held.ended.remove(&job.id))
            });
            let known = known.and_then(|value| value["sim"].as_u64());
            Ok(match (running, ended) {
                (Some(number), _) => Adopted::Running(self.started(number, job)),
                (None, Some((number, exit))) if known.is_none_or(|known| known == number) => Adopted::Ended(exit),
                (None, _) => Adopted::Nothing,
            })
        }
        .boxed()
    }
    fn sweep(&self, id: WorkloadId) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let now = self.host.0.clock.now();
            self.host.with(|held| {
                held.end(id, exit(now, None, Some(9)));
                held.ended.remove(&id);
            });
            Ok(())
        }
        .boxed()
    }
}

struct SimHandle {
    host: SimHost,
    id: WorkloadId,
    number: u64,
    console: Console,
    limits: std::sync::Mutex<Limits>,
}

impl SimHandle {
    /// Looks at the present run, if it is this one.
    fn see<T>(&self, look: impl FnOnce(&SimRun) -> T) -> Option<T> {
        self.host.read(|held| held.runs.get(&self.id).filter(|run| run.number == self.number).map(look))
    }
    /// Changes the present run, if it is this one.
    fn with<T>(&self, work: impl FnOnce(&mut SimRun) -> T) -> Option<T> {
        self.host.with(|held| held.runs.get_mut(&self.id).filter(|run| run.number == self.number).map(work))
    }
}

impl Run for SimHandle {
    /// The simulation has no network of its own; tests listen on this machine's.
    fn dial(&self, port: u16) -> BoxFuture<'_, std::io::Result<TcpStream>> {
        TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).boxed()
    }
    fn wait(&self) -> BoxFuture<'_, Exit> {
        async move {
            let mut changed = self.host.watch();
            loop {
                changed.mark_unchanged();
                let ends = match self.see(|run| run.ends.clone()) {
                    Some(ends) => ends.map(|(at, _)| at),
                    None => break,
                };
                let end = async {
                    match ends {
                        Some(at) => self.host.0.clock.sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = changed.changed() => {}
                    () = end => {}
                }
            }
            let ended = self.host.read(|held| held.ended.get(&self.id).cloned());
            match ended {
                Some((number, exit)) if number == self.number => exit,
                _ => exit(self.host.0.clock.now(), None, None),
            }
        }
        .boxed()
    }
    fn ready(&self) -> BoxFuture<'_, ()> {
        async move {
            match self.see(|run| run.ready_at).flatten() {
                Some(at) => self.host.0.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
        .boxed()
    }
    fn stop<'a>(&'a self, _: &'a StopRule) -> BoxFuture<'a, Result<(), String>> {
        let now = self.host.0.clock.now();
        if let Some(after) = self.host.behaviour(self.id).stop_takes {
            self.with(|run| run.ends = Some((now + after, exit(now, Some(0), None))));
        }
        std::future::ready(Ok(())).boxed()
    }
    fn kill(&self) -> BoxFuture<'_, Result<(), String>> {
        let now = self.host.0.clock.now();
        self.with(|run| run.ends = Some((now, exit(now, None, Some(9)))));
        std::future::ready(Ok(())).boxed()
    }
    fn input<'a>(&'a self, line: &'a str) -> BoxFuture<'a, Result<(), String>> {
        self.host.with(|held| held.inputs.entry(self.id).or_default().push(line.to_owned()));
        self.console.push(ConsoleStream::Out, &format!("you said: {line}"));
        std::future::ready(Ok(())).boxed()
    }
    fn limit<'a>(&'a self, limits: &'a Limits) -> BoxFuture<'a, Note> {
        *self.limits.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = *limits;
        std::future::ready(Note::ready()).boxed()
    }
    fn stats<'a>(&'a self, _: &'a mut Meter) -> BoxFuture<'a, WorkloadStats> {
        let limits = *self.limits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let stats = WorkloadStats {
            at: self.host.0.clock.now(),
            cpu_millis: Some(limits.cpu_millis / 4),
            memory_bytes: Some(limits.memory_bytes / 2),
            memory_limit_bytes: Some(limits.memory_bytes),
            pids: Some(3),
            players: self.console.players(),
            ..WorkloadStats::default()
        };
        std::future::ready(stats).boxed()
    }
}

/// The machine's own numbers, all derived from what runs on it.
pub(super) struct SimMachine(pub(super) SimHost);

impl Machine for SimMachine {
    fn stats<'a>(&'a self, _: &'a mut Meter) -> BoxFuture<'a, NodeStats> {
        let runs = u32::try_from(self.0.running().len()).unwrap_or(u32::MAX);
        let usual = NodeStats {
            at: self.0.0.clock.now(),
            cpu_millis: runs * 10,
            memory_used_bytes: (1 << 30) + (u64::from(runs) << 26),
            memory_total_bytes: 64 << 30,
            disk_used_bytes: 1 << 33,
            disk_total_bytes: 1 << 40,
            load_millis: runs * 10,
            workloads_running: runs,
            ..NodeStats::default()
        };
        let free = self.0.read(|held| held.free).unwrap_or_default();
        let used = |total: u64, free: Option<u64>, usual: u64| free.map_or(usual, |free| total.saturating_sub(free));
        let stats = NodeStats {
            memory_used_bytes: used(usual.memory_total_bytes, free.memory_bytes, usual.memory_used_bytes),
            disk_used_bytes: used(usual.disk_total_bytes, free.disk_bytes, usual.disk_used_bytes),
            ..usual
        };
        std::future::ready(stats).boxed()
    }
}

fn exit(at: Time, code: Option<i32>, signal: Option<i32>) -> Exit {
    Exit { at, code, signal, is_out_of_memory: false }
}
