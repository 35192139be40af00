//! What suites need from the machine, and how to get it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{say, shell};

/// Something that must be on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    Node,
    Postgres,
    Docker,
    Podman,
    Bubblewrap,
    Chromium,
    Luanti,
    OpenTtd,
    Schemathesis,
    Nginx,
    Apache,
}

impl Need {
    const ALL: [Self; 11] = [
        Self::Node,
        Self::Postgres,
        Self::Docker,
        Self::Podman,
        Self::Bubblewrap,
        Self::Chromium,
        Self::Luanti,
        Self::OpenTtd,
        Self::Schemathesis,
        Self::Nginx,
        Self::Apache,
    ];

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Node => "Node.js",
            Self::Postgres => "PostgreSQL",
            Self::Docker => "Docker Engine",
            Self::Podman => "Podman",
            Self::Bubblewrap => "bubblewrap",
            Self::Chromium => "Chromium",
            Self::Luanti => "Luanti server",
            Self::OpenTtd => "OpenTTD",
            Self::Schemathesis => "schemathesis",
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
        }
    }

    /// The Debian packages that bring it.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["nodejs", "npm"],
            Self::Postgres => &["postgresql"],
            Self::Docker => &["docker.io", "containerd", "iptables", "busybox-static"],
            Self::Podman => &["podman", "runc", "netavark", "aardvark-dns"],
            Self::Bubblewrap => &["bubblewrap", "nftables", "iproute2", "python3"],
            Self::Chromium => &["chromium", "fonts-dejavu-core"],
            Self::Luanti => &["minetest-server"],
            Self::OpenTtd => &["openttd", "openttd-opengfx"],
            Self::Schemathesis => &["python3-venv"],
            Self::Nginx => &["nginx-light"],
            Self::Apache => &["apache2-bin"],
        }
    }

    /// Why it cannot be used now; `None` when it can.
    pub fn missing(self) -> Option<String> {
        let absent = |names: &[&str]| names.iter().all(|name| shell::which(name).is_none());
        let gone = match self {
            Self::Node => absent(&["node"]) || absent(&["npm"]),
            Self::Postgres => super::postgres::programs().is_none(),
            Self::Docker if external_engine().is_some() => false,
            Self::Docker => absent(&["dockerd"]) || absent(&["iptables"]) || absent(&["busybox"]),
            Self::Podman => absent(&["podman"]) || absent(&["runc"]),
            Self::Bubblewrap => ["bwrap", "nft", "ip", "python3"].iter().any(|name| shell::which(name).is_none()),
            Self::Chromium => browser().is_none(),
            Self::Luanti => absent(&["minetestserver", "luantiserver", "luanti"]),
            Self::OpenTtd => absent(&["openttd"]),
            Self::Schemathesis => schemathesis().is_none(),
            Self::Nginx => absent(&["nginx"]),
            Self::Apache => absent(&["apache2", "httpd"]),
        };
        if gone {
            return Some(format!("{} is missing: apt-get install {}", self.title(), self.packages().join(" ")));
        }
        // A person's own engine is not ours to fill with test containers: it is used only when it is named.
        if self == Self::Docker && external_engine().is_none() && !shell::is_root() {
            return Some(
                "starting a Docker Engine needs root: run as root, or name one in OSTLER_TEST_DOCKER_HOST".to_owned(),
            );
        }
        if self == Self::Podman && !shell::is_root() {
            return Some("starting Podman with a network of its own needs root".to_owned());
        }
        None
    }
}

/// The browser that the panel is tested in.
pub fn browser() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(shell::which)
}

/// The program that tests the API from its OpenAPI document: the one that was named, or the one that [`install`] made.
pub fn schemathesis() -> Option<PathBuf> {
    let named = std::env::var_os("OSTLER_TEST_SCHEMATHESIS").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(venv()?.join("bin/schemathesis"))).filter(|path| path.is_file())
}

/// Where tools for tests and benchmarks live: outside the clone, so that a later run finds them again.
pub fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("ostler"))
}

fn venv() -> Option<PathBuf> {
    Some(cache()?.join("venv").join(SCHEMATHESIS))
}

/// Pinned: a new release finds new things, and those belong into a commit of their own.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

fn install_schemathesis() -> Result<()> {
    let Some(dir) = venv() else { return Ok(()) };
    // Debian's own interpreter: its venv module is what the package above brings.
    let python = if std::path::Path::new("/usr/bin/python3").is_file() { "/usr/bin/python3" } else { "python3" };
    shell::output(Command::new(python).args(["-m", "venv", "--clear"]).arg(&dir))?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS];
    shell::output(Command::new(dir.join("bin/pip")).args(pip)).map(drop)
}

/// An engine that the caller offers to the tests.
pub fn external_engine() -> Option<String> {
    std::env::var("OSTLER_TEST_DOCKER_HOST").ok().filter(|host| !host.is_empty())
}

/// Installs what `wanted` lacks, where that is possible: as root on Debian. Announced before it is done; what could not be
/// installed is reported by `Need::missing` afterwards.
pub fn install(wanted: &[Need]) -> Result<()> {
    let lacking: Vec<Need> =
        Need::ALL.into_iter().filter(|need| wanted.contains(need) && need.missing().is_some()).collect();
    let packages: Vec<&str> = lacking.iter().flat_map(|need| need.packages()).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !shell::is_root() || shell::which("apt-get").is_none() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|need| need.title()).collect();
    say::step(&format!("installing {} ({})", names.join(", "), packages.join(" ")));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-qq", "-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"])
            .args(args);
        command.args(["-o", "Dpkg::Use-Pty=0"]);
        shell::output(&mut command)
    };
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&packages);
    if let Err(error) = apt(&["update"]).and_then(|_| apt(&install)) {
        say::note(&format!("{error:#}"));
    }
    if lacking.contains(&Need::Schemathesis)
        && let Err(error) = install_schemathesis()
    {
        say::note(&format!("{error:#}"));
    }
    Ok(())
}
