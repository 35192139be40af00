//! What a process sees of the machine, and as whom it runs.
//!
//! With bubblewrap: namespaces of its own for processes, IPC, host name, users and mounts; the system read-only, its
//! volumes writable, `/tmp` private; no capabilities, and a filter of system calls. Its network is made by [`super::network`].
//! Bubblewrap runs as the workload's account already, so it has no privilege that an escape could take over.
//! Without it, only account, control groups and a mount namespace remain, and the conditions say so.

use super::filter;
use super::network::{self, Network};
use super::sys::{self, Before, Net};
use crate::driver::account::{self, Account};
use crate::driver::layout::{Layout, is_reachable_by_all};
use crate::driver::tool;
use ostler_model::WorkloadId;
use ostler_runtime::Clock;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// How far processes can be fenced in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    Bubblewrap,
    None,
}

/// Environment that a program needs to reach the network as this machine does.
const PASSED_ON: [&str; 9] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];

/// Where a process sees the agent's own program, when its command names it.
const PROGRAM_AT: &str = "/run/ostler/ostler";

/// What shall run.
pub(crate) struct Launch<'a> {
    pub id: WorkloadId,
    pub program: &'a str,
    pub args: &'a [String],
    pub env: &'a BTreeMap<String, String>,
    /// Names of the volumes that it sees.
    pub volumes: &'a [&'a str],
    /// A file outside of its volumes that it sees, read-only, at [`PROGRAM_AT`]; without a sandbox it is where it is.
    pub tool: Option<&'a Path>,
    pub workdir: &'a str,
    pub account: Option<&'a Account>,
    pub join: Vec<File>,
    /// Where bubblewrap writes what became of it.
    pub status: Option<OwnedFd>,
    pub network: Network,
    /// Until a byte comes, or its other end is closed, bubblewrap waits before it becomes the program.
    pub gate: Option<OwnedFd>,
}

impl Sandbox {
    /// Tries it out, as an account without rights when possible: what is installed need not be allowed.
    pub async fn probe(clock: &Clock) -> Self {
        if tool::find("bwrap").is_none() {
            return Sandbox::None;
        }
        let mut command = Command::new("bwrap");
        command.args(["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]);
        command.env_clear().env("PATH", tool::PATH).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let account = account::is_root().then_some((65_534, 65_534));
        sys::prepare(&mut command, Before { account, ..Before::default() });
        let Ok(mut child) = command.kill_on_drop(true).spawn() else { return Sandbox::None };
        match clock.timeout(ostler_model::Millis::secs(10), child.wait()).await {
            Some(Ok(status)) if status.success() => Sandbox::Bubblewrap,
            _ => Sandbox::None,
        }
    }
    /// `bubblewrap` or `none`.
    pub fn word(self) -> &'static str {
        match self {
            Sandbox::Bubblewrap => "bubblewrap",
            Sandbox::None => "none",
        }
    }
    /// Where a volume is, as the process sees it: where it is on the host, so that paths which a program wrote into its
    /// files stay true whatever the sandbox.
    pub fn path(self, layout: &Layout, id: WorkloadId, volume: &str) -> Result<PathBuf, String> {
        layout.volume(id, volume)
    }

    /// Where the agent's own program is, as a process sees it whose command names it.
    pub fn program(self, program: &Path) -> &Path {
        match self {
            Sandbox::Bubblewrap => Path::new(PROGRAM_AT),
            Sandbox::None => program,
        }
    }

    /// Starts something that outlives its starter.
    pub(crate) fn launch(self, layout: &Layout, launch: Launch<'_>, io: [Stdio; 3]) -> Result<Child, String> {
        self.command(layout, launch, io)?.spawn().map_err(|e| format!("it cannot be started: {e}"))
    }
    /// Starts something that ends when its starter no longer waits.
    pub(crate) fn launch_to_end(self, layout: &Layout, launch: Launch<'_>, io: [Stdio; 3]) -> Result<Child, String> {
        self.command(layout, launch, io)?.kill_on_drop(true).spawn().map_err(|e| format!("it cannot be started: {e}"))
    }

    fn command(self, layout: &Layout, mut launch: Launch<'_>, io: [Stdio; 3]) -> Result<Command, String> {
        let workdir = layout.volume(launch.id, launch.workdir)?;
        let mut before = Before { join: std::mem::take(&mut launch.join), ..Before::default() };
        before.account = launch.account.map(|a| (a.uid, a.gid));
        if account::is_root() && launch.account.is_none() {
            return Err("it has no account of its own, and nothing is run as root".to_owned());
        }
        if launch.network == Network::Own {
            before.network = Net::New;
        }
        let mut command = match self {
            Sandbox::Bubblewrap => {
                let stage = launch.account.map(|_| stage(layout, &launch)).transpose()?.unwrap_or_default();
                let mut command = Command::new(tool::find("bwrap").ok_or("bwrap is not there any more")?);
                command.args(fence(&launch, layout, &stage)?);
                if let Some(status) = launch.status.take() {
                    command.arg("--json-status-fd").arg(status.as_raw_fd().to_string());
                    before.keep.push(status);
                }
                let filter = OwnedFd::from(filter::file().map_err(|e| format!("its filter cannot be made: {e}"))?);
                command.arg("--seccomp").arg(filter.as_raw_fd().to_string());
                before.keep.push(filter);
                if let Some(gate) = launch.gate.take() {
                    command.arg("--block-fd").arg(gate.as_raw_fd().to_string());
                    before.keep.push(gate);
                }
                for (from, to) in stage.all() {
                    before.stage.push((c_path(from)?, c_path(to)?));
                }
                command.arg("--chdir").arg(&workdir).arg("--").arg(launch.program);
                command
            }
            Sandbox::None => {
                if launch.account.is_some() && !is_reachable_by_all(&workdir) {
                    return Err(format!(
                        "its account cannot reach {}: without bubblewrap every folder above must be open to all (chmod o+x)",
                        workdir.display()
                    ));
                }
                let program = if launch.program.contains('/') {
                    PathBuf::from(launch.program)
                } else {
                    tool::find(launch.program).ok_or_else(|| format!("{} is not installed", launch.program))?
                };
                let mut command = Command::new(program);
                command.current_dir(&workdir);
                command
            }
        };
        command.args(launch.args).env_clear();
        let name = launch.account.map_or("ostler", |a| a.name.as_str());
        command.env("PATH", tool::PATH).env("LANG", "C.UTF-8").env("USER", name).env("LOGNAME", name);
        command.env("HOME", &workdir).env("TMPDIR", "/tmp");
        command.envs(
            PASSED_ON.iter().filter_map(|name| Some((name, handed_on(std::env::var(name).ok()?, launch.network)?))),
        );
        command.envs(launch.env);
        let [stdin, stdout, stderr] = io;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        sys::prepare(&mut command, before);
        Ok(command)
    }
}

/// A variable of the agent's as a workload gets it: a proxy without the name and password with which the agent asks it, and
/// none that only this machine itself can reach when the workload has a network of its own.
fn handed_on(value: String, network: Network) -> Option<String> {
    let Some((scheme, rest)) = value.split_once("://") else {
        // Lists of hosts and paths of files; an address without a scheme may still have a password in front.
        return (!value.contains('@')).then_some(value);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let is_here = ["localhost", "127.", "[::1]"].iter().any(|here| place.starts_with(here));
    (!(is_here && network == Network::Own)).then(|| format!("{scheme}://{place}{path}"))
}

/// What is shown to an account at another place, because it may not be able to walk there: root binds it to a folder that
/// everybody can reach, in the new process's own mount namespace only. From there bubblewrap takes what the process shall see,
/// and nothing else of it.
#[derive(Default)]
struct Stage {
    /// The folder of the workload's volumes, and where it is shown.
    volumes: Option<(PathBuf, PathBuf)>,
    /// The folder of the tool, and where it is shown.
    tool: Option<(PathBuf, PathBuf)>,
}

impl Stage {
    fn all(&self) -> impl Iterator<Item = &(PathBuf, PathBuf)> {
        self.volumes.iter().chain(&self.tool)
    }
}

fn stage(layout: &Layout, launch: &Launch<'_>) -> Result<Stage, String> {
    let folder = launch.tool.and_then(Path::parent);
    let is_free = |place: &Path| {
        place.is_dir() && !layout.data.starts_with(place) && folder.is_none_or(|folder| !folder.starts_with(place))
    };
    // A process sees the machine's /opt, so that comes last.
    let mut places = ["/mnt", "/media", "/srv", "/opt"].map(Path::new).into_iter().filter(|place| is_free(place));
    let mut next = || {
        let place = places.next().map(Path::to_owned);
        place.ok_or("of /mnt, /media, /srv and /opt too few are there to show the process what it needs")
    };
    let volumes = Some((layout.volumes(launch.id), next()?));
    let tool = folder.map(|folder| Ok::<_, String>((folder.to_owned(), next()?))).transpose()?;
    if tool.as_ref().is_some_and(|(_, shown)| shown == Path::new("/opt")) {
        return Err("two of /mnt, /media and /srv are needed to show the process what it needs".to_owned());
    }
    Ok(Stage { volumes, tool })
}

fn c_path(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| format!("{} is not a path", path.display()))
}

/// Bubblewrap's arguments up to what is started.
fn fence(launch: &Launch<'_>, layout: &Layout, stage: &Stage) -> Result<Vec<std::ffi::OsString>, String> {
    let mut args: Vec<std::ffi::OsString> = vec![];
    let mut add = |words: &[&std::ffi::OsStr]| args.extend(words.iter().map(|w| w.to_os_string()));
    for word in ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"] {
        add(&[word.as_ref()]);
    }
    add(&["--cap-drop".as_ref(), "ALL".as_ref(), "--hostname".as_ref(), "workload".as_ref()]);
    for dir in ["/usr", "/etc", "/opt"] {
        add(&["--ro-bind-try".as_ref(), dir.as_ref(), dir.as_ref()]);
    }
    // Older distributions have real folders where newer ones link into /usr.
    for dir in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
        match std::fs::read_link(dir) {
            Ok(target) => add(&["--symlink".as_ref(), target.as_os_str(), dir.as_ref()]),
            Err(_) => add(&["--ro-bind-try".as_ref(), dir.as_ref(), dir.as_ref()]),
        }
    }
    add(&["--ro-bind-try".as_ref(), "/run/systemd/resolve".as_ref(), "/run/systemd/resolve".as_ref()]);
    if launch.network == Network::Own
        && let Some(other) = network::other_resolv_conf()
        && let Ok(usual) = std::fs::canonicalize("/etc/resolv.conf")
    {
        add(&["--ro-bind".as_ref(), other.as_os_str(), usual.as_os_str()]);
    }
    for path in hidden(layout, launch.account.is_none()) {
        let empty: [&std::ffi::OsStr; 3] = if path.is_dir() {
            ["--tmpfs".as_ref(), path.as_os_str(), "".as_ref()]
        } else {
            ["--ro-bind".as_ref(), "/dev/null".as_ref(), path.as_os_str()]
        };
        add(if path.is_dir() { &empty[..2] } else { &empty });
    }
    add(&["--proc".as_ref(), "/proc".as_ref(), "--dev".as_ref(), "/dev".as_ref()]);
    // Bubblewrap's own first process is not under the filter and is of the same account: written into, it would do what the
    // workload may not. So nothing of it is shown.
    add(&["--tmpfs".as_ref(), "/proc/1".as_ref(), "--remount-ro".as_ref(), "/proc/1".as_ref()]);
    add(&["--tmpfs".as_ref(), "/tmp".as_ref(), "--tmpfs".as_ref(), "/var/tmp".as_ref()]);
    for volume in launch.volumes {
        let at = layout.volume(launch.id, volume)?;
        let from = stage.volumes.as_ref().map_or_else(|| at.clone(), |(_, shown)| shown.join(volume));
        add(&["--bind".as_ref(), from.as_os_str(), at.as_os_str()]);
    }
    if let Some(tool) = launch.tool {
        let name = tool.file_name().ok_or("the agent does not know its own name")?;
        let from = stage.tool.as_ref().map_or_else(|| tool.to_owned(), |(_, shown)| shown.join(name));
        add(&["--ro-bind".as_ref(), from.as_os_str(), PROGRAM_AT.as_ref()]);
    }
    Ok(args)
}

/// What lies in the folders that every process sees and is none of its business: the agent's own, and, when it runs as the
/// agent's account, whatever else belongs to that.
fn hidden(layout: &Layout, is_agents_account: bool) -> Vec<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    // What its account cannot walk to need not be hidden, and could not be.
    let is_seen = |own: &PathBuf| is_agents_account || is_reachable_by_all(own);
    let mut hidden: Vec<PathBuf> = own_folders(layout).into_iter().filter(is_seen).collect();
    if is_agents_account {
        let me = rustix::process::geteuid().as_raw();
        let entries = ["/etc", "/opt"].into_iter().flat_map(std::fs::read_dir).flatten().flatten();
        let is_mine = |entry: &std::fs::DirEntry| entry.metadata().is_ok_and(|m| m.uid() == me && !m.is_symlink());
        hidden.extend(entries.filter(is_mine).map(|entry| entry.path()));
    }
    hidden
}

/// The agent's folders, as far as they are below what every process sees.
fn own_folders(layout: &Layout) -> Vec<PathBuf> {
    let shown = ["/usr", "/etc", "/opt"].map(Path::new);
    let own = [&layout.state, &layout.data].into_iter().filter(|own| shown.iter().any(|dir| own.starts_with(dir)));
    own.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_the_agents_own_folders_are_hidden_where_everybody_looks() {
        let layout = |at: &str| Layout { state: Path::new(at).join("agent"), data: Path::new(at).join("workloads") };
        let seen = layout("/opt/ostler/data");
        assert_eq!(own_folders(&seen), [seen.state.clone(), seen.data.clone()]);
        // Nothing of other folders is shown in the first place.
        assert_eq!(own_folders(&layout("/var/lib/ostler")), Vec::<PathBuf>::new());
    }

    #[test]
    fn s19_a_proxys_password_is_not_handed_on() {
        let shared = |value: &str| handed_on(value.to_owned(), Network::Shared);
        assert_eq!(shared("http://ada:hush@proxy.test:3128").unwrap(), "http://proxy.test:3128");
        assert_eq!(shared("http://ada:hu@sh@proxy.test:3128/x@y").unwrap(), "http://proxy.test:3128/x@y");
        assert_eq!(shared("socks5h://proxy.test").unwrap(), "socks5h://proxy.test");
        assert_eq!(shared("ada:hush@proxy.test:3128"), None);
        assert_eq!(shared("localhost,.test,10.0.0.0/8").unwrap(), "localhost,.test,10.0.0.0/8");
        assert_eq!(shared("/etc/ssl/certs").unwrap(), "/etc/ssl/certs");
        assert_eq!(shared("http://127.0.0.1:3128").unwrap(), "http://127.0.0.1:3128");
        assert_eq!(handed_on("http://x:y@127.0.0.1:3128".to_owned(), Network::Own), None);
    }
}
