//! Carrying operations out.

use super::plan::{Op, Temper};
use super::world::{Asked, World};
use crate::faults::Database;
use http::{Method, StatusCode};
use ostler_agent::driver::sim::Behaviour;
use ostler_model::Millis;
use ostler_wire::job::JobAccepted;
use serde_json::{Value, json};

impl World {
    /// Does it. What cannot be done now (the server is down, the workload is gone) does nothing, as in life.
    pub async fn apply(&mut self, op: &Op) {
        match *op {
            Op::Create { node, start } => self.create(node, start).await,
            Op::Start { workload } => self.power(workload, "start", "on").await,
            Op::Stop { workload } => self.power(workload, "stop", "off").await,
            Op::Restart { workload } => self.power(workload, "restart", "on").await,
            Op::Kill { workload } => self.power(workload, "kill", "off").await,
            Op::Change { workload, restart } => self.change(workload, restart).await,
            Op::Delete { workload, force } => self.delete(workload, force).await,
            Op::CrashAgent { node } => {
                if let Some(machine) = self.machines.get_mut(node) {
                    machine.crash_agent().await;
                }
            }
            Op::StartAgent { node } => self.start_agent(node).await,
            Op::CrashMachine { node } => {
                if let Some(machine) = self.machines.get_mut(node) {
                    machine.crash_agent().await;
                    machine.host.crash_machine();
                    self.start_agent(node).await;
                }
            }
            Op::RestartServer { away } => {
                self.stop_server().await;
                self.pause(away).await;
                self.start_server().await;
            }
            Op::Weather { node, ref weather } => self.on(node, |world, name| world.net.set(name, weather.clone())),
            Op::Cut { node } => self.on(node, |world, name| world.net.cut(name)),
            Op::CutAfter { node, bytes } => self.on(node, |world, name| world.net.cut_after(name, bytes)),
            Op::CrashRun { workload } => {
                if let Some(id) = self.asked.get(workload).and_then(|asked| asked.id) {
                    for machine in &self.machines {
                        machine.host.crash_run(id, Some(1), None);
                    }
                }
            }
            Op::Temper { node, temper } => {
                if let Some(machine) = self.machines.get(node) {
                    machine.host.usually(behaviour(temper));
                }
            }
            Op::Disk { node, is_full } => {
                if let Some(machine) = self.machines.get(node) {
                    machine.host.disk().set_full(is_full);
                }
            }
            Op::Database { database } => self.mood.set(database),
            Op::Wait { span } => self.pause(span).await,
        }
    }

    fn on(&self, node: usize, work: impl FnOnce(&World, &str)) {
        if let Some(machine) = self.machines.get(node) {
            work(self, &machine.name);
        }
    }

    async fn create(&mut self, node: Option<usize>, start: bool) {
        let node = node.and_then(|n| self.machines.get(n)).map(|m| m.identity.member.node);
        let body = json!({
            "name": format!("Workload {}", self.asked.len()),
            "template": "process",
            "runtime": "process",
            "variables": { "program": "sleep", "arguments": "1000" },
            "node": node,
            "start": start,
        });
        let path = format!("/api/v1/workspaces/{}/workloads", self.workspace);
        let answer = self.ask(Method::POST, &path, Some(body)).await;
        self.count("POST", answer.as_ref().map(|(status, _)| *status));
        let mut asked = Asked::default();
        if let Some((_, bytes)) = answer.filter(|(status, _)| status.is_success()) {
            let accepted: Option<JobAccepted> = serde_json::from_slice(&bytes).ok();
            asked.id = accepted.as_ref().and_then(|accepted| accepted.target.as_ref()?.parse().ok());
            asked.job = accepted.map(|accepted| accepted.job_id);
            asked.promised = Some(if start { "on" } else { "off" });
            if asked.id.is_none() {
                self.note(format!("nobody was told the new workload's id: {}", String::from_utf8_lossy(&bytes)));
            }
        }
        self.asked.push(asked);
    }

    async fn power(&mut self, workload: usize, verb: &str, promise: &'static str) {
        self.wish(workload, Method::POST, &format!("/{verb}"), None, Some(promise)).await;
    }

    async fn change(&mut self, workload: usize, restart: bool) {
        let arguments = self.clock.now().as_millis().to_string();
        let body = json!({ "variables": { "arguments": arguments }, "restart": restart });
        self.wish(workload, Method::PATCH, "", Some(body), None).await;
    }

    async fn delete(&mut self, workload: usize, force: bool) {
        let query = if force { "?force=true" } else { "" };
        self.wish(workload, Method::DELETE, query, None, Some("absent")).await;
    }

    /// Asks for a change and remembers what was promised.
    async fn wish(
        &mut self,
        workload: usize,
        method: Method,
        rest: &str,
        body: Option<Value>,
        promise: Option<&'static str>,
    ) {
        let Some(id) = self.asked.get(workload).and_then(|asked| asked.id) else { return };
        let what = format!("{method} {rest}");
        let answer = self.ask(method, &format!("/api/v1/workloads/{id}{rest}"), body).await;
        self.count(&what, answer.as_ref().map(|(status, _)| *status));
        let Some(asked) = self.asked.get_mut(workload) else { return };
        match answer {
            Some((status, _)) if status.is_success() => asked.promised = promise.or(asked.promised),
            // Refused: nothing has changed.
            Some((StatusCode::CONFLICT | StatusCode::NOT_FOUND, _)) => {}
            Some((status, bytes)) if status.is_client_error() => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.note(format!("the API refused a harmless request with {status}: {text}"));
            }
            Some((StatusCode::INTERNAL_SERVER_ERROR, _)) if self.mood.get() == Database::Fine => {
                self.note("the API answered 500".to_owned())
            }
            // Nobody knows whether it was done.
            Some(_) | None => asked.promised = None,
        }
    }

    fn count(&mut self, what: &str, status: Option<StatusCode>) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.as_u16().to_string());
        *self.answers.entry(format!("{what} {status}")).or_default() += 1;
    }
    fn note(&self, wrong: String) {
        self.wrongs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(wrong);
    }
}

fn behaviour(temper: Temper) -> Behaviour {
    let good = Behaviour::default();
    match temper {
        Temper::Good => good,
        Temper::Slow => Behaviour {
            prepare_takes: Millis::secs(4),
            start_takes: Millis::secs(3),
            ready_after: Some(Millis::secs(8)),
            stop_takes: Some(Millis::secs(5)),
            ..good
        },
        Temper::Unpreparable => Behaviour { prepare_fails: Some(String::new()), ..good },
        Temper::Unstartable => Behaviour { start_fails: Some("the simulation lets this fail".into()), ..good },
        Temper::NeverReady => Behaviour { ready_after: None, ..good },
        Temper::Deaf => Behaviour { stop_takes: None, ..good },
        Temper::Crashing => Behaviour { exits: Some((Millis::secs(2), 1)), ..good },
        Temper::Sticky => Behaviour { remove_fails: true, ..good },
    }
}
