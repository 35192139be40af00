//! `ostler agent`: this machine as a node.

use crate::log;
use crate::server::asked_to_stop;
use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, Subcommand};
use ostler_agent::driver::{Real, Settings, equip};
use ostler_agent::identity::{Identity, ServerKey};
use ostler_agent::join::{Joining, join, pin, server_key};
use ostler_agent::link::{self, Claimed, HttpDial, Leases, Links, claim};
use ostler_agent::machine::Choices;
use ostler_agent::{Agent, Config, router};
use ostler_model::{Millis, Name, Secret};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::config::LogFormat;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make this machine a node of a control plane, and run the agent.
    Join {
        /// The control plane, for example https://ostler.example.org
        url: String,
        /// The join token; `-` reads it from standard input, so that it is in no list of processes. When absent it is in the
        /// file that --token-file names, or in the variable OSTLER_JOIN_TOKEN.
        token: Option<String>,
        /// File with the join token.
        #[arg(long, value_name = "FILE", conflicts_with = "token")]
        token_file: Option<PathBuf>,
        /// The node's name; the host name when absent.
        #[arg(long)]
        name: Option<Name>,
        /// Only join; start the agent later with `ostler agent run`.
        #[arg(long)]
        no_run: bool,
        #[command(flatten)]
        machine: Machine,
    },
    /// Forget the control plane, after the node was deleted there.
    Leave {
        /// Also when the agent still knows of workloads: what they made stays on this machine, and nobody looks after it.
        #[arg(long)]
        abandon: bool,
        #[command(flatten)]
        machine: Machine,
    },
    /// Pin the control plane's key, on a node that joined with an older release or whose control plane has a new one.
    Pin {
        /// The key, or a join token: its key stands after the dot.
        key: String,
        #[command(flatten)]
        machine: Machine,
    },
    /// Run the agent of a machine that has joined.
    Run {
        #[command(flatten)]
        machine: Machine,
    },
}

/// What the operator decides about this machine.
#[derive(ClapArgs, Clone)]
pub(crate) struct Machine {
    /// Folder for the agent's journal and identity.
    #[arg(long, default_value = "/var/lib/ostler/agent")]
    state_dir: PathBuf,
    /// Folder for what workloads store [default: /var/lib/ostler/workloads, or what was given last]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Ports that workloads may get, first and last [default: 27000-27999, or what was given last]
    #[arg(long, value_parser = ports)]
    port_range: Option<(u16, u16)>,
    /// Where players and browsers reach this machine; what was given last, else found out, when absent.
    #[arg(long)]
    address: Option<String>,
    /// Address on which containers publish their ports [default: 0.0.0.0, or what was given last]
    #[arg(long)]
    publish: Option<IpAddr>,
    /// An image that containers may run beside those of their templates, for example 'ghcr.io/our-team/*', or '*' for
    /// every image. Can be repeated; what is given replaces what was given last.
    #[arg(long)]
    allow_image: Vec<String>,
    /// Container engine as in DOCKER_HOST; its usual places when absent.
    #[arg(long, env = "DOCKER_HOST")]
    engine: Option<String>,
}

/// Arguments with which this program is the output pump of a run, in whose folder it is started.
const PUMP: [&str; 2] = ["agent", "output-pump"];

/// Pumps when it was started for that, and for nothing else: one of these processes belongs to each run, so it begins
/// before there is a runtime, and is no command for people.
pub(crate) fn pump() -> Option<ExitCode> {
    let is_pump = std::env::args_os().skip(1).eq(PUMP);
    is_pump.then(|| match ostler_agent::driver::process::output::pump::serve(Path::new(".")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

pub(crate) fn ports(text: &str) -> Result<(u16, u16), String> {
    let pair = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    pair.filter(|(first, last)| *first >= 1024 && first <= last)
        .ok_or_else(|| "write first-last, for example 27000-27999, not below 1024".to_owned())
}

impl Machine {
    /// Everything below one folder, for `ostler up`.
    pub(crate) fn below(
        data: &Path,
        address: Option<String>,
        port_range: Option<(u16, u16)>,
        allow_image: Vec<String>,
    ) -> Self {
        Self {
            state_dir: data.join("agent"),
            data_dir: Some(data.join("workloads")),
            port_range,
            address,
            publish: None,
            allow_image,
            engine: std::env::var("DOCKER_HOST").ok(),
        }
    }
    fn settings(&self) -> Result<Settings> {
        let make = |path: &Path, mode: u32| -> Result<PathBuf> {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(path)
                .with_context(|| format!("could not make {}", path.display()))?;
            path.canonicalize().with_context(|| format!("could not find {}", path.display()))
        };
        let state_dir = make(&self.state_dir, 0o700)?;
        // Workloads run under accounts of their own and must be able to reach their volumes through it. Stored as what it is
        // from everywhere, not from where this was started.
        let data_dir = self.data_dir.as_deref().map(|dir| make(dir, 0o711)).transpose()?;
        let given = Choices {
            address: self.address.clone(),
            port_range: self.port_range,
            publish: self.publish,
            data_dir,
            allow_images: (!self.allow_image.is_empty()).then(|| self.allow_image.clone()),
        };
        let kept = given.keep(&state_dir)?;
        Ok(Settings {
            state_dir,
            data_dir: make(&kept.data_dir.unwrap_or_else(|| PathBuf::from("/var/lib/ostler/workloads")), 0o711)?,
            port_range: kept.port_range.unwrap_or((27_000, 27_999)),
            address: kept.address,
            publish: kept.publish.unwrap_or(IpAddr::from([0, 0, 0, 0])),
            engine: self.engine.clone(),
            // Of a program that was replaced while it ran, this is still the one that runs.
            allow_images: kept.allow_images.unwrap_or_default(),
            pump: ["/proc/self/exe"].into_iter().chain(PUMP).map(Into::into).collect(),
        })
    }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    log::to_terminal(LogFormat::Text);
    let local = match args.verb {
        Verb::Join { url, token, token_file, name, no_run, machine } => {
            let token = read_token(token.as_deref(), token_file.as_deref())?;
            let ready = Local::prepare(&machine).await?;
            let member = ready.join(&url, &token, name).await?.member;
            println!("This machine is the node {} of {} now.", member.name, member.url);
            if no_run {
                return Ok(());
            }
            ready
        }
        Verb::Leave { abandon, machine } => {
            let left = ostler_agent::join::leave(&machine.state_dir, abandon).await?;
            println!("This machine is no longer the node {} of {}.", left.name, left.url);
            return Ok(());
        }
        Verb::Pin { key, machine } => {
            let member = pin(&machine.settings()?.state_dir, server_key(&key)?)?;
            println!(
                "The node {} obeys the control plane at {} that holds this key, and no other.",
                member.name, member.url
            );
            return Ok(());
        }
        Verb::Run { machine } => Local::prepare(&machine).await?,
    };
    let running = local.start().await?;
    asked_to_stop().await?;
    running.stop().await;
    Ok(())
}

/// From the command line, standard input, a file or the environment.
fn read_token(given: Option<&str>, file: Option<&Path>) -> Result<Secret> {
    let text = match (given, file) {
        (Some("-"), _) => {
            std::io::read_to_string(std::io::stdin()).context("the token cannot be read from standard input")?
        }
        (Some(token), _) => token.to_owned(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
        }
        (None, None) => std::env::var("OSTLER_JOIN_TOKEN").context(
            "give the join token: `-` for standard input, --token-file FILE, or the variable OSTLER_JOIN_TOKEN",
        )?,
    };
    Ok(Secret::new(text.trim()))
}

/// Pause before the control plane is asked again whether this process is the node.
const ASK_AGAIN: Millis = Millis::secs(5);

/// A machine that has been looked at.
pub(crate) struct Local {
    real: Real,
    state_dir: PathBuf,
    clock: Clock,
    ids: Ids,
}

/// An agent with its links.
pub(crate) struct Running {
    links: Links,
    spawn: Spawn,
}

impl Local {
    pub(crate) async fn prepare(machine: &Machine) -> Result<Self> {
        let clock = Clock::system();
        let settings = machine.settings()?;
        let state_dir = settings.state_dir.clone();
        equip(&clock).await;
        let real = Real::probe(settings, &clock).await;
        for note in &real.facts().can.notes {
            tracing::warn!("{note}");
        }
        Ok(Self { real, state_dir, ids: Ids::system(clock.clone()), clock })
    }

    /// What this machine cannot do, a sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.real.facts().can.notes
    }

    pub(crate) fn has_joined(&self) -> Result<bool> {
        Ok(Identity::load(&self.state_dir)?.is_some())
    }

    pub(crate) async fn join(&self, url: &str, token: &Secret, name: Option<Name>) -> Result<Identity> {
        let dial = HttpDial::new(url)?;
        let (facts, clock, ids) = (self.real.facts(), &self.clock, &self.ids);
        join(&dial, Joining { dir: &self.state_dir, url, token, name, facts, clock, ids }).await
    }

    /// Pins this key, where none is pinned yet: for `ostler up`, whose control plane is in the same process.
    pub(crate) fn pin_first(&self, key: ServerKey) -> Result<()> {
        match Identity::load(&self.state_dir)? {
            Some(identity) if identity.member.server_key.is_none() => pin(&self.state_dir, key).map(drop),
            _ => Ok(()),
        }
    }

    /// Asks the control plane whether this process is the node, before it runs anything. One that is away does not keep games
    /// from running.
    async fn claim(&self, identity: Identity, leases: &Leases, dial: &HttpDial) -> Result<Identity> {
        loop {
            match claim(&identity, leases, dial, (&self.clock, &self.ids)).await {
                Claimed::Yes { pin: None } => return Ok(identity),
                Claimed::Yes { pin: Some(key) } => {
                    tracing::warn!(%key, "pinned the control plane's key, which its certificate vouches for");
                    pin(&self.state_dir, key)?;
                    return Identity::load(&self.state_dir)?
                        .context("this machine has left its control plane meanwhile");
                }
                Claimed::Copied(why) => bail!("{why}"),
                Claimed::Refused(why) | Claimed::Away(why) if identity.member.server_key.is_some() => {
                    tracing::warn!(reason = %why, "the control plane has not been asked yet whether this machine is the node");
                    return Ok(identity);
                }
                Claimed::Refused(why) => bail!("{why}"),
                Claimed::Away(why) => {
                    tracing::warn!(reason = %why, "waiting for the control plane, whose key is not pinned yet");
                    self.clock.sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Adopts what still runs and opens the links.
    pub(crate) async fn start(self) -> Result<Running> {
        let Some(identity) = Identity::load(&self.state_dir)? else {
            bail!(
                "this machine is no node yet; make a join token (ostler node invite) and run the command that it prints"
            );
        };
        let leases = Leases::load(&self.state_dir, &self.ids)?;
        let dial = HttpDial::new(&identity.member.url)?;
        let spawn = Spawn::new();
        // Before anything is claimed: a second process on this folder is no other machine, and the journal's lock refuses it.
        let drivers = self.real.drivers(self.clock.clone(), spawn.clone()).context("could not open the journal")?;
        let identity = self.claim(identity, &leases, &dial).await?;
        let config = Config { member: identity.member.clone(), facts: self.real.facts() };
        let (clock, ids) = (self.clock, self.ids);
        let agent = Agent::open(config, clock.clone(), ids.clone(), spawn.clone(), drivers)
            .await
            .context("could not read the journal")?;
        let links = link::start(link::Config {
            identity: Arc::new(identity),
            leases: Arc::new(leases),
            dial: Arc::new(dial),
            router: router(agent.clone()),
            count: 2,
            clock,
            ids,
            spawn: spawn.clone(),
        });
        agent.set_links(links.clone());
        Ok(Running { links, spawn })
    }
}

impl Running {
    /// Ends the links and the loops. What runs on the machine goes on and is adopted at the next start.
    pub(crate) async fn stop(self) {
        self.links.drain().await;
        self.spawn.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        machine: Machine,
    }

    #[test]
    fn f31_address_and_ports_of_the_join_hold_at_the_next_run() {
        let dir = std::env::temp_dir().join(format!("ostler-f31-{}", std::process::id()));
        let (state, data) = (dir.join("state"), dir.join("data"));
        let settings = |more: &[&str]| {
            let words = ["ostler", "--state-dir", state.to_str().unwrap()];
            Line::try_parse_from(words.iter().chain(more)).unwrap().machine.settings().unwrap()
        };
        let data = data.to_str().unwrap();
        settings(&[
            "--address",
            "203.0.113.7",
            "--port-range",
            "30000-30099",
            "--publish",
            "127.0.0.1",
            "--data-dir",
            data,
        ]);
        let run = settings(&[]);
        assert_eq!(run.address.as_deref(), Some("203.0.113.7"));
        assert_eq!((run.port_range, run.publish.to_string().as_str()), ((30_000, 30_099), "127.0.0.1"));
        assert!(run.data_dir.ends_with("data"));
        assert_eq!(settings(&["--port-range", "31000-31099"]).port_range, (31_000, 31_099));
        assert_eq!(settings(&[]).port_range, (31_000, 31_099));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
