//! Finding the container engine, and its words for trouble.

use bollard::Docker;
use bollard::errors::Error;
use ostler_model::Millis;
use ostler_runtime::Clock;
use std::path::Path;

/// How long an engine may take to say who it is.
const HELLO: Millis = Millis::secs(5);

/// A container engine that answers. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    name: String,
    pub(super) is_podman: bool,
}

impl Engine {
    /// Looks for one at the given address, or at the usual places.
    pub async fn find(host: Option<&str>, clock: &Clock) -> Option<Self> {
        for host in places(host) {
            if let Some(engine) = clock.timeout(HELLO, Self::at(&host)).await.flatten() {
                return Some(engine);
            }
        }
        None
    }
    async fn at(host: &str) -> Option<Self> {
        let docker = Docker::connect_with_host(host).ok()?.negotiate_version().await.ok()?;
        let version = docker.version().await.ok()?;
        let components = version.components.unwrap_or_default();
        let podman = components.iter().find(|c| c.name.contains("Podman"));
        let name = match podman {
            Some(podman) => format!("podman {}", podman.version),
            None => format!("docker {}", version.version.unwrap_or_default()),
        };
        Some(Self { docker, name, is_podman: podman.is_some() })
    }
    /// Name and version.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// True when there is a sign that an engine belongs here, even if it does not answer now.
pub(super) fn may_exist(host: Option<&str>) -> bool {
    places(host).iter().any(|place| place.strip_prefix("unix://").is_none_or(|path| Path::new(path).exists()))
}

fn places(host: Option<&str>) -> Vec<String> {
    if let Some(host) = host.map(str::to_owned).or_else(|| std::env::var("DOCKER_HOST").ok()).filter(|h| !h.is_empty())
    {
        return vec![host];
    }
    let mut places = vec!["unix:///var/run/docker.sock".to_owned(), "unix:///run/podman/podman.sock".to_owned()];
    if let Ok(own) = std::env::var("XDG_RUNTIME_DIR") {
        places.push(format!("unix://{own}/podman/podman.sock"));
    }
    places
}

/// True when the engine says that there is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// The engine's own sentence.
pub(super) fn explain(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => format!("the container engine does not answer: {other}"),
    }
}
