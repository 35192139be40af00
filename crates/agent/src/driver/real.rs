//! The drivers of a real machine.

use super::Drivers;
use super::account::is_root;
use super::container::{Containers, Engine};
use super::layout::Layout;
use super::process::Processes;
use super::process::cgroup::Cgroups;
use super::process::network::{self, Network};
use super::process::output::Pumping;
use super::process::sandbox::Sandbox;
use super::resource::Machinery;
use crate::probe::facts::{self, Found};
use crate::stats::LocalMachine;
use crate::supervisor::disk::Folder;
use ostler_model::node::Facts;
use ostler_runtime::{Clock, Spawn};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator decides about a node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Journal, identity and output of runs.
    pub state_dir: PathBuf,
    /// Volumes.
    pub data_dir: PathBuf,
    /// Ports that may be handed out, first and last.
    pub port_range: (u16, u16),
    /// Where others reach this node; found out when absent.
    pub address: Option<String>,
    /// Where containers publish their ports.
    pub publish: IpAddr,
    /// The container engine's address as in `DOCKER_HOST`; its usual places when absent.
    pub engine: Option<String>,
    /// Images that containers may run beside those of their templates.
    pub allow_images: Vec<String>,
    /// Program and arguments of what calls [`super::process::output::pump::serve`] on its working directory.
    pub pump: Vec<OsString>,
}

/// A real machine that has been looked at.
pub struct Real {
    settings: Settings,
    found: Found,
    engine: Option<Engine>,
}

impl Real {
    /// Looks what is here. Changes nothing but trying out groups and sandbox.
    pub async fn probe(settings: Settings, clock: &Clock) -> Real {
        let sandbox = Sandbox::probe(clock).await;
        let engine = Engine::find(settings.engine.as_deref(), clock).await;
        let cgroups = tokio::task::spawn_blocking(Cgroups::probe).await.unwrap_or(Cgroups::None);
        let network = match (sandbox, is_root()) {
            (Sandbox::Bubblewrap, true) => network::probe(clock).await,
            (Sandbox::Bubblewrap, false) => Err("the agent is not root".to_owned()),
            (Sandbox::None, _) => Err("bubblewrap does not work here".to_owned()),
        };
        if network.is_ok() {
            network::sweep(clock).await;
        }
        let found = Found { sandbox, network, cgroups, engine: engine.as_ref().map(|e| e.name().to_owned()) };
        Real { settings, found, engine }
    }
    /// What this machine says of itself.
    pub fn facts(&self) -> Facts {
        let Settings { data_dir, address, port_range, .. } = &self.settings;
        let address = address.clone().unwrap_or_else(facts::likely_address);
        facts::facts(&self.found, data_dir, &address, *port_range)
    }
    /// Drivers that act on this machine.
    pub fn drivers(&self, clock: Clock, spawn: Spawn) -> std::io::Result<Drivers> {
        let Settings { state_dir, data_dir, port_range, publish, pump, .. } = self.settings.clone();
        let Found { sandbox, network, cgroups, .. } = self.found.clone();
        let network = if network.is_ok() { Network::Own } else { Network::Shared };
        // Asked for now: once the file is replaced by a newer one, nobody can say any more where it was.
        let program = std::env::current_exe().ok();
        let layout = Layout { state: state_dir, data: data_dir };
        let disk = Folder::open(&layout.journal())?;
        let pumping = Arc::new(Pumping { command: pump, cgroups: cgroups.clone() });
        let machine = LocalMachine { clock: clock.clone(), data: layout.data.clone() };
        let containers = Containers {
            engine: tokio::sync::Mutex::new(self.engine.clone()),
            host: self.settings.engine.clone(),
            layout: layout.clone(),
            publish,
            allow_images: self.settings.allow_images.clone(),
            clock: clock.clone(),
            spawn: spawn.clone(),
        };
        Ok(Drivers {
            resources: Arc::new(Machinery::new(
                layout.clone(),
                (sandbox, network),
                port_range,
                clock.clone(),
                spawn.clone(),
            )),
            process: Arc::new(Processes { layout, cgroups, sandbox, network, clock, spawn, program, pumping }),
            container: Arc::new(containers),
            disk: Arc::new(disk),
            machine: Arc::new(machine),
        })
    }
}
