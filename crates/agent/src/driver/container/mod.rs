//! Runs containers through the API that Docker and Podman share.
//!
//! A container is found by its label, so nothing has to be remembered to find it again or to remove what is left of it. The
//! engine keeps the output while the agent is away. All capabilities are dropped, nobody gains privileges, and nobody is
//! root whose template does not say so.

mod engine;
mod exit;
mod image;
mod network;
mod pace;
mod run;
mod spec;

pub use engine::Engine;

use super::layout::Layout;
use super::{Adopted, Driver, Job, Note, Progress, Started};
use crate::tree;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use engine::{explain, is_missing};
use exit::exit_of;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use image::Reference;
use ostler_model::WorkloadId;
use ostler_model::workload::Status;
use ostler_model::workload::blueprint::{Container, How};
use ostler_runtime::{Clock, Spawn};
use run::Attending;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spec::Spec;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// Names the workload on its container.
pub(super) const LABEL: &str = "ostler.workload";

fn name_of(id: WorkloadId) -> String {
    format!("ostler-{id}")
}

/// The driver of containers.
pub struct Containers {
    /// The engine that answered last; one that appears later is found when it is needed.
    pub(crate) engine: tokio::sync::Mutex<Option<Engine>>,
    pub(crate) host: Option<String>,
    pub(crate) layout: Layout,
    /// Where ports are published.
    pub(crate) publish: IpAddr,
    /// Images that may run beside those of their templates.
    pub(crate) allow_images: Vec<String>,
    pub(crate) clock: Clock,
    pub(crate) spawn: Spawn,
}

impl Containers {
    async fn engine(&self) -> Result<Engine, String> {
        let mut engine = self.engine.lock().await;
        if engine.is_none() {
            *engine = Engine::find(self.host.as_deref(), &self.clock).await;
        }
        engine.clone().ok_or_else(|| "no container engine answers here".to_owned())
    }
    fn seen(&self, id: WorkloadId) -> PathBuf {
        self.layout.run(id).join("container")
    }

    async fn image(&self, job: &Job, progress: Progress<'_>) -> Result<Note, String> {
        let Container { image, template_image, .. } = container(job)?;
        let (reference, allowed) = image::allow(image, template_image.as_deref(), &self.allow_images)?;
        let engine = self.engine().await?;
        match engine.docker.inspect_image(image).await {
            Ok(found) => return self.pin(job, &reference, &found),
            Err(e) if is_missing(&e) => {}
            Err(e) => return Err(explain(&e)),
        }
        if allowed == image::Allowed::ByTemplate {
            image::check_addresses(&reference, &self.clock).await?;
        }
        progress(format!("fetching the image {image}"));
        let options = CreateImageOptionsBuilder::default().from_image(&with_tag(image)).build();
        let mut pull = std::pin::pin!(engine.docker.create_image(Some(options), None, None));
        while let Some(step) = pull.next().await {
            let step = step.map_err(|e| format!("the image {image} cannot be fetched: {}", explain(&e)))?;
            if let Some(error) = step.error_detail.and_then(|e| e.message) {
                return Err(format!("the image {image} cannot be fetched: {error}"));
            }
            let detail = step.progress_detail.unwrap_or_default();
            let status = step.status.unwrap_or_default();
            progress(match (detail.current, detail.total) {
                (Some(done), Some(all)) if all > 0 => format!("{status}: {} of {} MiB", done >> 20, all >> 20),
                _ => status,
            });
        }
        let found = engine.docker.inspect_image(image).await.map_err(|e| explain(&e))?;
        self.pin(job, &reference, &found)
    }

    fn pinned(&self, id: WorkloadId) -> PathBuf {
        self.layout.state.join("images").join(format!("{id}.json"))
    }
    /// Remembers which image exactly it is: what the name means may change on the node, by another workload's fetch.
    fn pin(&self, job: &Job, reference: &Reference, found: &ImageInspect) -> Result<Note, String> {
        let digests = found.repo_digests.iter().flatten().filter_map(|digest| {
            let (name, digest) = digest.split_once('@')?;
            let own = Reference::parse(name).ok()?;
            (own.to_string() == reference.to_string()).then(|| digest.to_owned())
        });
        let digest = reference.digest.clone().or_else(|| digests.min());
        let id = found.id.clone().ok_or("the engine does not say which image it is")?;
        let pin = Pin { image: container(job)?.image.clone(), digest: digest.unwrap_or_else(|| id.clone()), id };
        let (path, text) = (self.pinned(job.id), serde_json::to_vec(&pin).map_err(|e| e.to_string())?);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            std::fs::write(&path, text)
        };
        write().map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
        Ok(Note { message: pin.sentence(), ..Note::ready() })
    }
    /// The image that was pinned, while the name is the same and the image is there; else what the name means now.
    async fn pinned_image(&self, engine: &Engine, job: &Job) -> Result<(ImageInspect, Option<Pin>), String> {
        let wanted = container(job)?;
        image::allow(&wanted.image, wanted.template_image.as_deref(), &self.allow_images)?;
        let pin = std::fs::read(self.pinned(job.id)).ok().and_then(|text| serde_json::from_slice::<Pin>(&text).ok());
        if let Some(pin) = pin.filter(|pin| pin.image == wanted.image)
            && let Ok(found) = engine.docker.inspect_image(&pin.id).await
        {
            return Ok((found, Some(pin)));
        }
        Ok((engine.docker.inspect_image(&wanted.image).await.map_err(|e| explain(&e))?, None))
    }

    async fn begin(&self, job: &Job) -> Result<Started, String> {
        self.clean(job.id).await?;
        let engine = self.engine().await?;
        let wanted = container(job)?;
        let (image, pin) = self.pinned_image(&engine, job).await?;
        let image_user = image.config.and_then(|c| c.user).unwrap_or_default();
        let Spec { mut body, mut notes, owner } = self.spec(job, wanted, &image_user, engine.is_podman)?;
        if let Some(pin) = &pin {
            body.image = Some(pin.id.clone());
            job.console.say(&pin.sentence());
        }
        if !engine.is_podman {
            let network = network::ensure(&engine, job.id).await?;
            if let Some(host) = &mut body.host_config {
                host.network_mode = Some(network);
            }
        }
        if let Some(owner) = owner.filter(|_| super::account::is_root()) {
            let volumes = wanted.mounts.keys().map(|v| self.layout.volume(job.id, v)).collect::<Result<Vec<_>, _>>()?;
            // Nothing runs in them at this time.
            for volume in volumes {
                tree::give(&volume, owner)
                    .await
                    .map_err(|e| format!("its volumes cannot be given to its user: {e}"))?;
            }
        }
        std::fs::create_dir_all(self.layout.run(job.id)).map_err(|e| format!("its folder cannot be made: {e}"))?;
        let id = match self.create(&engine, job, body.clone()).await {
            // The engine's own small init is a package of its own on some distributions.
            Err(e) if e.contains("init") && e.contains("not found") || e.contains("catatonit") => {
                self.clean(job.id).await?;
                std::fs::create_dir_all(self.layout.run(job.id))
                    .map_err(|e| format!("its folder cannot be made: {e}"))?;
                notes.push(Note::degraded(
                    "no_init",
                    "the engine has no init program, so ended processes are not cleaned up",
                ));
                let mut body = body;
                if let Some(host) = &mut body.host_config {
                    host.init = None;
                }
                self.create(&engine, job, body).await?
            }
            created => created?,
        };
        let run = run::run(self.attending(&engine, job, true));
        let note = match (Note::all(notes), pin) {
            (note, Some(pin)) if note.status == Status::Ready => Note { message: pin.sentence(), ..note },
            (note, Some(pin)) => Note { message: format!("{}; {}", note.message, pin.sentence()), ..note },
            (note, None) => note,
        };
        Ok(Started { identity: json!({ "container": id }), run, note })
    }

    /// Creates and starts; leaves nothing when it fails.
    async fn create(
        &self,
        engine: &Engine,
        job: &Job,
        body: bollard::models::ContainerCreateBody,
    ) -> Result<String, String> {
        let options = CreateContainerOptionsBuilder::default().name(&spec::named(job)).build();
        let created = engine.docker.create_container(Some(options), body).await.map_err(|e| explain(&e))?;
        if let Err(error) = engine.docker.start_container(&created.id, None).await {
            self.clean(job.id).await?;
            return Err(explain(&error));
        }
        Ok(created.id)
    }

    fn attending(&self, engine: &Engine, job: &Job, is_new: bool) -> Attending {
        Attending {
            engine: engine.clone(),
            name: name_of(job.id),
            job: job.clone(),
            publish: self.publish,
            seen: self.seen(job.id),
            is_new,
            clock: self.clock.clone(),
            spawn: self.spawn.clone(),
        }
    }

    async fn look(&self, job: &Job) -> Result<Adopted, String> {
        if !engine::may_exist(self.host.as_deref()) {
            return Ok(Adopted::Nothing);
        }
        let engine = self.engine().await?;
        let found = match engine.docker.inspect_container(&name_of(job.id), None).await {
            Ok(found) => found,
            Err(e) if is_missing(&e) => return Ok(Adopted::Nothing),
            Err(e) => return Err(explain(&e)),
        };
        let state = found.state.unwrap_or_default();
        if state.running != Some(true) {
            let has_begun = state.started_at.as_deref().is_some_and(|at| !at.is_empty() && !at.starts_with("0001"));
            return Ok(if has_begun {
                Adopted::Ended(exit_of(&state, found.id.as_deref(), self.clock.now(), false))
            } else {
                Adopted::Nothing
            });
        }
        std::fs::create_dir_all(self.layout.run(job.id)).map_err(|e| format!("its folder cannot be made: {e}"))?;
        let run = run::run(self.attending(&engine, job, false));
        Ok(Adopted::Running(Started { identity: json!({ "container": found.id }), run, note: Note::ready() }))
    }

    /// Removes every container with the workload's label.
    async fn clean(&self, id: WorkloadId) -> Result<(), String> {
        if engine::may_exist(self.host.as_deref()) {
            let engine = self.engine().await?;
            let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={id}")])]);
            let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
            let found = engine.docker.list_containers(Some(options)).await.map_err(|e| explain(&e))?;
            for container in found.into_iter().filter_map(|c| c.id) {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                match engine.docker.remove_container(&container, Some(options)).await {
                    Err(e) if !is_missing(&e) => return Err(explain(&e)),
                    _ => {}
                }
            }
            if !engine.is_podman {
                network::remove(&engine, id).await?;
            }
        }
        match std::fs::remove_dir_all(self.layout.run(id)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("its folder cannot be removed: {e}")),
            _ => Ok(()),
        }
    }
}

/// Which image exactly a workload runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pin {
    /// As it was asked for.
    image: String,
    /// What the registry calls it, or the engine's own name for one that was never fetched.
    digest: String,
    /// The engine's name for it.
    id: String,
}

impl Pin {
    fn sentence(&self) -> String {
        let name = self.image.split_once('@').map_or(self.image.as_str(), |(name, _)| name);
        format!("the image is {name}@{}", self.digest)
    }
}

fn container(job: &Job) -> Result<&Container, String> {
    match &job.want.blueprint.run.how {
        How::Container(container) => Ok(container),
        How::Process(_) => Err("this is not a container".to_owned()),
    }
}

/// Without a tag the engine would fetch every one there is.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

impl Driver for Containers {
    fn prepare<'a>(&'a self, job: &'a Job, progress: Progress<'a>) -> BoxFuture<'a, Result<Note, String>> {
        self.image(job, progress).boxed()
    }
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Started, String>> {
        self.begin(job).boxed()
    }
    fn adopt<'a>(&'a self, job: &'a Job, _: Option<&'a Value>) -> BoxFuture<'a, Result<Adopted, String>> {
        self.look(job).boxed()
    }
    fn sweep(&self, id: WorkloadId) -> BoxFuture<'_, Result<(), String>> {
        async move {
            self.clean(id).await?;
            match std::fs::remove_file(self.pinned(id)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("its pin cannot be removed: {e}")),
                _ => Ok(()),
            }
        }
        .boxed()
    }
}
