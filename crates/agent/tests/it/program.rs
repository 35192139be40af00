//! What a process sees of the agent's own program, and whose a port is, on this machine.

use crate::machine::{Here, needs_root, shell};
use crate::support::but;
use ostler_model::workload::blueprint::{Protocol, Resource, What};
use std::io::ErrorKind;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_command_that_names_the_agents_program_sees_that_file_and_nothing_beside_it() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    // The agent of a test is the test itself, which lists its tests when asked.
    let want = shell(
        "ls /run/ostler; (echo x >> {{program.ostler}}) 2>&1; ls /mnt /media /srv /opt 2>&1; \
         '{{program.ostler}}' --list | grep program::a_command; exec sleep 1000",
    );
    let plain = shell("ls /run/ostler 2>&1; exec sleep 1000");
    node.want(&[want.clone(), plain.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "cannot create /run/ostler/ostler").await;
    node.prints(want.id, "Out program::a_command").await;
    let printed = node.printed(want.id);
    let beside = std::env::current_exe().unwrap();
    let others = std::fs::read_dir(beside.parent().unwrap()).unwrap().flatten();
    let others = others.filter(|e| e.path() != beside).filter_map(|e| e.file_name().into_string().ok());
    let seen: Vec<String> = others.filter(|name| printed.contains(name.as_str())).collect();
    assert!(seen.is_empty(), "it sees {seen:?}: {printed}");
    assert!(printed.contains("Out ostler\n"), "{printed}");
    node.running(plain.id).await;
    node.prints(plain.id, "/run/ostler").await;
    assert!(node.printed(plain.id).contains("No such file"), "{}", node.printed(plain.id));
    node.want(&[plain.clone()]).await;
    node.gone(want.id).await;
    here.remove(&mut node, &plain).await;
}

#[tokio::test]
async fn a_port_that_somebody_else_has_taken_is_not_dialled() {
    if !needs_root() {
        return;
    }
    let here = Here::new().await;
    let mut node = here.node().await;
    let want = shell("exec sleep 1000");
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let neighbour = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = neighbour.local_addr().unwrap().port();
    let run = node.agent.supervisor().run_of(want.id).unwrap().unwrap();
    // Who listens on the machine is not in its network.
    let error = run.dial(port).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    drop(neighbour);
    let error = run.dial(port).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    let what = What::Port { name: "web".into(), port, protocol: Protocol::Tcp };
    let kept = but(&want, |w| w.blueprint.resources.push(Resource { key: "port/web".into(), what }));
    node.want(&[kept.clone()]).await;
    here.remove(&mut node, &kept).await;
}
