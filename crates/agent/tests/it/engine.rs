//! Real container engines. Run when `OSTLER_TEST_DOCKER_HOST` and `OSTLER_TEST_PODMAN_HOST` say where they are; CI must say so.

use crate::machine::Here;
use crate::support::{Node, but, eventually, ids, workload};
use ostler_agent::driver::Meter;
use ostler_model::workload::blueprint::{Container, How, Probe, Protocol, Resource, RestartRule, StopRule, What};
use ostler_model::workload::{Desired, Phase, Power, Status};
use std::collections::BTreeMap;
use std::process::Command;

const IMAGE: &str = "ostler-test/busybox:1";

/// Every test once on each engine that speaks Docker's API.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod docker {
            $(#[tokio::test] async fn $name() { super::$name("OSTLER_TEST_DOCKER_HOST").await })*
        }
        mod podman {
            $(#[tokio::test] async fn $name() { super::$name("OSTLER_TEST_PODMAN_HOST").await })*
        }
    };
}

on_each_engine! {
    a_container_runs_fenced_in_publishes_its_port_and_leaves_nothing,
    a_container_outlives_its_agent_and_its_end_is_noticed,
    a_container_that_needs_too_much_memory_is_named,
    an_image_that_cannot_be_fetched_is_named,
    s16_an_image_that_lies_on_the_node_and_is_not_the_templates_does_not_run,
    s16_containers_of_two_workloads_do_not_see_each_other,
    s3_a_container_that_prints_without_end_is_stopped_and_bounded,
}

fn engine(variable: &str) -> Option<String> {
    let host = std::env::var(variable).ok().filter(|host| !host.is_empty());
    if host.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI sets {variable}");
        eprintln!("SKIPPED: {variable} does not say where a container engine is");
    }
    host
}

fn docker(host: &str, args: &[&str]) -> String {
    let out = Command::new("docker").args(["-H", host]).args(args).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// An image of busybox alone, made from the one that is installed here.
fn make_image(host: &str) {
    if docker(host, &["image", "inspect", IMAGE]).contains("\"Id\"") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mkdir -p r/bin r/tmp r/etc r/data && cp $(command -v busybox) r/bin/busybox && for a in $(busybox --list); do [ $a = busybox ] || ln -sf busybox r/bin/$a; done && tar -C r -cf image.tar .";
    assert!(Command::new("sh").args(["-c", script]).current_dir(&dir).status().unwrap().success());
    let tar = dir.path().join("image.tar");
    docker(host, &["import", "-c", "ENV PATH=/bin", "-c", "CMD [\"/bin/sh\"]", tar.to_str().unwrap(), IMAGE]);
}

fn contain(script: &str) -> Desired {
    let mut want = workload(&ids(), &["-"]);
    want.blueprint.run.how = How::Container(Container {
        image: IMAGE.into(),
        template_image: Some(IMAGE.into()),
        command: Some(vec!["/bin/sh".into(), "-c".into(), script.into()]),
        env: BTreeMap::from([("WHERE".into(), "{{volume.data}}".into())]),
        mounts: BTreeMap::from([("data".into(), "/data".into())]),
        publish: BTreeMap::new(),
        read_only_root: true,
        user: None,
    });
    want
}

async fn node(variable: &str) -> Option<(Here, Node, String)> {
    let host = engine(variable)?;
    make_image(&host);
    let here = Here::with(Some(host.clone())).await;
    assert!(here.real.facts().can.container_engine.is_some(), "the engine at {host} does not answer");
    let node = here.node().await;
    Some((here, node, host))
}

fn containers_of(host: &str, want: &Desired) -> String {
    docker(host, &["ps", "-aq", "--filter", &format!("label=ostler.workload={}", want.id)])
}

async fn a_container_runs_fenced_in_publishes_its_port_and_leaves_nothing(variable: &str) {
    let Some((here, mut node, host)) = node(variable).await else { return };
    let script = "id; echo world > $WHERE/file; echo no > /no; grep -E 'CapEff|NoNewPrivs' /proc/self/status; httpd -p 8080 -h /data; while read line; do echo got $line; [ $line = stop ] && exit 0; done";
    let mut want = contain(script);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    want.blueprint.resources.push(Resource {
        key: "port/web".into(),
        what: What::Port { name: "web".into(), port: free, protocol: Protocol::Tcp },
    });
    if let How::Container(container) = &mut want.blueprint.run.how {
        container.publish.insert("web".into(), 8080);
    }
    want.blueprint.run.ready =
        vec![Probe::Http(ostler_model::workload::blueprint::HttpProbe { port: "web".into(), path: "/file".into() })];
    want.blueprint.run.stop = StopRule::Command("stop".into());
    node.want(&[want.clone()]).await;
    let report = node.running(want.id).await;
    assert!(!report.conditions.iter().any(|c| c.status == Status::Failed), "{report:#?}");
    node.prints(want.id, "NoNewPrivs").await;
    let printed = node.printed(want.id);
    assert!(printed.contains("CapEff:\t0000000000000000") && printed.contains("NoNewPrivs:\t1"), "{printed}");
    assert!(printed.contains("Read-only") && !printed.contains("uid=0"), "{printed}");
    let run = node.agent.supervisor().run_of(want.id).unwrap().unwrap();
    run.input("hello").await.unwrap();
    node.prints(want.id, "got hello").await;
    let stats = run.stats(&mut Meter::default()).await;
    assert!(stats.memory_bytes.unwrap() > 0 && stats.pids.unwrap() > 0, "{stats:?}");

    // New limits while it runs.
    let more = but(&want, |w| w.blueprint.run.limits.memory_bytes = 96 << 20);
    node.want(&[more.clone()]).await;
    let limit = || docker(&host, &["inspect", "-f", "{{.HostConfig.Memory}}", &format!("ostler-{}", want.id)]);
    let is_new = |limit: String| limit.trim() == (96 << 20).to_string();
    // An engine that cannot do it while the container runs is said to, and does it with the next start.
    // The limit is in force before, or without, another report: both are looked at.
    let waits = || {
        let report = node.agent.supervisor().reports().of(want.id)?;
        report.conditions.into_iter().find(|c| c.reason == "limits_not_enforced")
    };
    eventually("the new limit, or that it waits", || is_new(limit()) || waits().is_some()).await;
    if !is_new(limit()) {
        let waits = waits().unwrap();
        assert!(waits.status == Status::Degraded && waits.message.contains("next start"), "{waits:?}");
    }
    let rest = but(&more, |w| w.power = Power::Off);
    node.want(&[rest.clone()]).await;
    node.stopped(want.id).await;
    let more = but(&rest, |w| w.power = Power::On);
    node.want(&[more.clone()]).await;
    node.running(want.id).await;
    assert!(is_new(limit()), "{}", limit());
    let off = but(&more, |w| w.power = Power::Off);
    node.want(&[off.clone()]).await;
    assert_eq!(node.stopped(want.id).await.seen.exit.unwrap().code, Some(0));
    here.remove(&mut node, &off).await;
    assert_eq!(containers_of(&host, &want), "");
}

async fn a_container_outlives_its_agent_and_its_end_is_noticed(variable: &str) {
    let Some((here, mut node, host)) = node(variable).await else { return };
    let mut want = contain("i=0; while [ ! -e $WHERE/end ]; do i=$((i+1)); echo line $i; sleep 0.1; done; exit 7");
    want.blueprint.run.restart = RestartRule::Never;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "line 3").await;
    let first = node.agent.supervisor().console(want.id).unwrap().page(0, usize::MAX);
    let (member, seq) = node.kill().await;
    let before = containers_of(&host, &want);
    // While no agent is there, it goes on writing.
    let name = format!("ostler-{}", want.id);
    let written = docker(&host, &["logs", &name]).len();
    eventually("more output", || docker(&host, &["logs", &name]).len() > written + 20).await;
    let mut node = here.again(member, seq).await;
    node.running(want.id).await;
    eventually("adopted", || node.agent.supervisor().run_of(want.id).unwrap().is_some()).await;
    assert_eq!(containers_of(&host, &want), before);
    let console = node.agent.supervisor().console(want.id).unwrap();
    eventually("more output", || console.last_seq() > first.last_seq + 5).await;
    let lines: Vec<u64> = first
        .lines
        .iter()
        .chain(&console.page(first.last_seq, usize::MAX).lines)
        .filter_map(|l| l.text.strip_prefix("line ")?.parse().ok())
        .collect();
    let all = || console.page(0, usize::MAX).lines.into_iter().map(|l| (l.seq, l.text)).collect::<Vec<_>>();
    let said = || first.lines.iter().map(|l| (l.seq, l.text.clone())).collect::<Vec<_>>();
    assert!(lines.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lines:?}, before {:?}, after {:?}", said(), all());
    std::fs::write(here.volume(want.id).join("end"), "").unwrap();
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    assert_eq!(report.seen.exit.unwrap().code, Some(7));
    here.remove(&mut node, &want).await;
    assert_eq!(containers_of(&host, &want), "");
}

async fn a_container_that_needs_too_much_memory_is_named(variable: &str) {
    let Some((here, mut node, _)) = node(variable).await else { return };
    let mut want = contain("echo begin; a=x; while :; do a=$a$a; done");
    want.blueprint.run.limits.memory_bytes = 16 << 20;
    want.blueprint.run.restart = RestartRule::Never;
    node.want(&[want.clone()]).await;
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    assert!(report.seen.exit.unwrap().is_out_of_memory);
    here.remove(&mut node, &want).await;
}

async fn an_image_that_cannot_be_fetched_is_named(variable: &str) {
    let Some((here, mut node, _)) = node(variable).await else { return };
    let mut want = contain("true");
    if let How::Container(container) = &mut want.blueprint.run.how {
        container.image = "127.0.0.1:1/no/such-image:9".into();
    }
    node.want(&[want.clone()]).await;
    let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let condition = report.conditions.iter().find(|c| c.resource == "run").unwrap();
    assert!(condition.message.contains("no/such-image:9"), "{condition:?}");
    here.remove(&mut node, &want).await;
}

async fn s16_an_image_that_lies_on_the_node_and_is_not_the_templates_does_not_run(variable: &str) {
    let Some((here, mut node, host)) = node(variable).await else { return };
    docker(&host, &["tag", IMAGE, "ostler-private/secrets:1"]);
    let mut want = contain("echo it runs");
    let How::Container(container) = &mut want.blueprint.run.how else { panic!("a container") };
    container.image = "ostler-private/secrets:1".into();
    node.want(&[want.clone()]).await;
    let report = node.until(want.id, "refused", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let condition = report.conditions.iter().find(|c| c.resource == "run").unwrap();
    assert!(condition.message.contains("--allow-image 'docker.io/ostler-private/secrets'"), "{condition:?}");
    assert_eq!(containers_of(&host, &want), "");
    docker(&host, &["rmi", "ostler-private/secrets:1"]);
    here.remove(&mut node, &want).await;

    // What runs is the image that was there when it was prepared, and the workload says which.
    let want = contain("echo it runs; exec sleep 1000");
    node.want(&[want.clone()]).await;
    let report = node.running(want.id).await;
    let id = docker(&host, &["image", "inspect", "-f", "{{.Id}}", IMAGE]);
    let digits = id.trim().trim_start_matches("sha256:");
    let condition = report.conditions.iter().find(|c| c.resource == "run").unwrap();
    assert!(condition.message.contains(digits) || condition.message.contains("@sha256:"), "{condition:?}");
    here.remove(&mut node, &want).await;
}

async fn s16_containers_of_two_workloads_do_not_see_each_other(variable: &str) {
    let Some((here, mut node, host)) = node(variable).await else { return };
    if variable.contains("PODMAN") {
        // Its networks have no such option; a container there is on Podman's own network.
        return;
    }
    let serves = contain("echo secret > $WHERE/file; httpd -p 8080 -h /data; echo serves; exec sleep 1000");
    let looks = contain("while read ip; do wget -T 2 -q -O - http://$ip:8080/file && echo seen || echo unseen; done");
    node.want(&[serves.clone(), looks.clone()]).await;
    node.running(serves.id).await;
    node.running(looks.id).await;
    node.prints(serves.id, "Out serves").await;
    let of = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let ip = docker(&host, &["inspect", "-f", of, &format!("ostler-{}", serves.id)]);
    // It is there: the node itself reaches it.
    let reached = tokio::net::TcpStream::connect((ip.trim(), 8080)).await;
    assert!(reached.is_ok(), "{ip}: {reached:?}");
    let run = node.agent.supervisor().run_of(looks.id).unwrap().unwrap();
    run.input(ip.trim()).await.unwrap();
    node.prints(looks.id, "unseen").await;
    assert!(!node.printed(looks.id).contains("secret"), "{}", node.printed(looks.id));
    node.want(&[looks.clone()]).await;
    node.gone(serves.id).await;
    here.remove(&mut node, &looks).await;
    assert!(!docker(&host, &["network", "ls", "--format", "{{.Name}}"]).contains("ostler-wl"));
}

async fn s3_a_container_that_prints_without_end_is_stopped_and_bounded(variable: &str) {
    let Some((here, mut node, _)) = node(variable).await else { return };
    let want = contain("trap 'exit 0' TERM; yes $(head -c 1000 /dev/zero | tr '\\0' x) & while :; do sleep 1; done");
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "bytes dropped").await;
    let off = but(&want, |w| w.power = Power::Off);
    node.want(&[off.clone()]).await;
    node.stopped(want.id).await;
    here.remove(&mut node, &off).await;
}
