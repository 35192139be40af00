//! From a blueprint to what the engine is asked to create.

use super::{Containers, LABEL, name_of};
use crate::driver::account::{Account, Accounts};
use crate::driver::layout::put_volumes;
use crate::driver::{Job, Note};
use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, HostConfig, HostConfigLogConfig, Mount, MountType, PortBinding,
    ResourcesUlimits,
};
use ostler_model::workload::blueprint::{Container, Limits, Protocol, What};
use std::collections::HashMap;

/// Output that the engine keeps for its readers, in files of this size.
const LOG_FILE: &str = "5m";

/// What to create, and what of the wish is not enforced.
pub(super) struct Spec {
    pub body: ContainerCreateBody,
    pub notes: Vec<Note>,
    /// As whom it runs, when it is known by number.
    pub owner: Option<(u32, u32)>,
}

impl Containers {
    /// `image_user` is what the image itself says.
    pub(super) fn spec(
        &self,
        job: &Job,
        container: &Container,
        image_user: &str,
        is_podman: bool,
    ) -> Result<Spec, String> {
        let account = Accounts::of(job.id);
        let (user, owner) = choose_user(container.user.as_deref(), image_user, account.as_ref());
        let put = |text: &String| put_volumes(text, |name| container.mounts.get(name).cloned());
        let env = container.env.iter().map(|(k, v)| Ok(format!("{k}={}", put(v)?))).collect::<Result<_, String>>()?;
        let command =
            container.command.as_ref().map(|c| c.iter().map(put).collect::<Result<Vec<_>, _>>()).transpose()?;
        let mounts = self.mounts(job, container)?;
        let (exposed, bindings) = self.ports(job, container)?;
        let limits = numbers(&job.want.blueprint.run.limits);
        let host_config = HostConfig {
            memory: limits.memory,
            memory_swap: limits.memory_swap,
            nano_cpus: limits.nano_cpus,
            pids_limit: limits.pids_limit,
            ulimits: Some(ulimits()),
            mounts: Some(mounts),
            port_bindings: Some(bindings),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            readonly_rootfs: Some(container.read_only_root),
            tmpfs: container.read_only_root.then(|| HashMap::from([("/tmp".to_owned(), "rw,nosuid,nodev".to_owned())])),
            init: Some(true),
            log_config: Some(log_of(is_podman)),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(container.image.clone()),
            user,
            cmd: command,
            env: Some(env),
            exposed_ports: Some(exposed),
            open_stdin: Some(true),
            stdin_once: Some(false),
            tty: Some(false),
            labels: Some(HashMap::from([(LABEL.to_owned(), job.id.to_string())])),
            host_config: Some(host_config),
            hostname: Some("workload".to_owned()),
            ..ContainerCreateBody::default()
        };
        let mut notes = vec![];
        if account.is_none() {
            notes.push(Note::degraded(
                "no_own_account",
                "its volumes belong to the agent's account, because the agent is not root",
            ));
        }
        Ok(Spec { body, notes, owner })
    }

    fn mounts(&self, job: &Job, container: &Container) -> Result<Vec<Mount>, String> {
        let mount = |(volume, target): (&String, &String)| {
            Ok(Mount {
                target: Some(target.clone()),
                source: Some(self.layout.volume(job.id, volume)?.display().to_string()),
                typ: Some(MountType::BIND),
                ..Mount::default()
            })
        };
        container.mounts.iter().map(mount).collect()
    }

    #[allow(clippy::type_complexity, reason = "the engine's own types")]
    fn ports(
        &self,
        job: &Job,
        container: &Container,
    ) -> Result<(Vec<String>, HashMap<String, Option<Vec<PortBinding>>>), String> {
        let (mut exposed, mut bindings) = (vec![], HashMap::new());
        for (name, inside) in &container.publish {
            let found = job.want.blueprint.resources.iter().find_map(|r| match &r.what {
                What::Port { name: own, port, protocol } if own == name => Some((*port, *protocol)),
                _ => None,
            });
            let (outside, protocol) = found.ok_or_else(|| format!("there is no port {name:?} to publish"))?;
            let words: &[&str] = match protocol {
                Protocol::Tcp => &["tcp"],
                Protocol::Udp => &["udp"],
                Protocol::Both => &["tcp", "udp"],
            };
            for word in words {
                let binding =
                    PortBinding { host_ip: Some(self.publish.to_string()), host_port: Some(outside.to_string()) };
                exposed.push(format!("{inside}/{word}"));
                bindings.insert(format!("{inside}/{word}"), Some(vec![binding]));
            }
        }
        Ok((exposed, bindings))
    }
}

/// As whom it runs: as the template says; else as the image says, if that is a number other than zero; else as the workload's
/// own account. A name in the image could be root as well, and only numbers can own volumes.
fn choose_user(template: Option<&str>, image: &str, account: Option<&Account>) -> (Option<String>, Option<(u32, u32)>) {
    let numbers = |text: &str| {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Some((uid.parse::<u32>().ok()?, gid.parse::<u32>().ok()?))
    };
    if let Some(user) = template {
        return (Some(user.to_owned()), numbers(user));
    }
    if let Some((uid, gid)) = numbers(image).filter(|(uid, _)| *uid != 0) {
        return (Some(format!("{uid}:{gid}")), Some((uid, gid)));
    }
    let own = || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (uid, gid) = account.map_or_else(own, |a| (a.uid, a.gid));
    // Root can only come out of this if the agent is root and no account was asked for.
    let (uid, gid) = if uid == 0 { (65_534, 65_534) } else { (uid, gid) };
    (Some(format!("{uid}:{gid}")), Some((uid, gid)))
}

/// Both are always sent: Podman fills in its own for a missing one, which may be more than this machine allows.
fn ulimits() -> Vec<ResourcesUlimits> {
    use rustix::process::{Resource, getrlimit};
    let limit = |name: &str, resource, most: u64| {
        let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(most);
        let hard = i64::try_from(hard).unwrap_or(i64::MAX);
        ResourcesUlimits { name: Some(name.to_owned()), soft: Some(hard), hard: Some(hard) }
    };
    vec![limit("nofile", Resource::Nofile, 16_384), limit("nproc", Resource::Nproc, 32_768)]
}

/// Where the engine keeps the output. Podman's own default has no bound.
fn log_of(is_podman: bool) -> HostConfigLogConfig {
    let (driver, options): (_, &[(&str, &str)]) = if is_podman {
        ("k8s-file", &[("max-size", LOG_FILE)])
    } else {
        ("json-file", &[("max-size", LOG_FILE), ("max-file", "2")])
    };
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: Some(options.collect()) }
}

/// Limits in the engine's units, zero meaning none.
pub(super) fn numbers(limits: &Limits) -> ContainerUpdateBody {
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    ContainerUpdateBody {
        memory: Some(memory),
        // Swap would let it grow beyond its limit and slow the whole node down.
        memory_swap: Some(if memory == 0 { -1 } else { memory }),
        nano_cpus: Some(i64::from(limits.cpu_millis) * 1_000_000),
        pids_limit: Some(if limits.pids == 0 { -1 } else { i64::from(limits.pids) }),
        ..ContainerUpdateBody::default()
    }
}

/// The container's name, for people who look at the engine.
pub(super) fn named(job: &Job) -> String {
    name_of(job.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_root_unless_the_template_says_so() {
        let account = Account { name: "ostler-x".into(), uid: 990, gid: 991 };
        let choose = |template, image| choose_user(template, image, Some(&account)).0.unwrap();
        assert_eq!(choose(Some("0"), "1000"), "0");
        assert_eq!(choose(None, "1000"), "1000:1000");
        assert_eq!(choose(None, "1000:5"), "1000:5");
        for image in ["", "0", "root", "0:0", "game"] {
            assert_eq!(choose(None, image), "990:991", "{image:?}");
        }
    }
}
