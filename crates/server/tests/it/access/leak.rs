//! What is asked for without a name: lists, searches, streams. The matrix says who may ask; here is what they must not be told.

use super::world::{Copy, World};
use http::Method;
use ostler_server::http::{Access, Endpoint};
use std::collections::BTreeSet;

/// Everything that a caller is answered where no single thing is named, with this workspace where one has to be.
async fn told(world: &World, copy: &Copy, caller: &str, workspace: &str) -> Vec<(String, String)> {
    let who = &world.people[caller].1;
    let mut told = Vec::new();
    for endpoint in ostler_server::routes() {
        if endpoint.method != Method::GET || endpoint.family.is_some() || endpoint.access == Access::Public {
            continue;
        }
        for path in paths(&endpoint, workspace) {
            let answer = copy.t.ask(who, Method::GET, &path, None).await;
            if answer.status.is_success() {
                told.push((path, String::from_utf8_lossy(&answer.bytes).into_owned()));
            }
        }
    }
    told
}

fn paths(endpoint: &Endpoint, workspace: &str) -> Vec<String> {
    if endpoint.params().any(|name| name != "workspace") {
        return Vec::new();
    }
    let path = endpoint.path.replace("{workspace}", workspace);
    vec![format!("{path}?workspace={workspace}"), format!("{path}?q=a"), path]
}

#[tokio::test]
async fn noderax_a3_nothing_shows_a_stranger_anything_of_another_workspace() {
    let world = World::build().await;
    let copy = world.copy().await;
    let stranger = world.people["strangr"].0.to_string();
    // The world gives the owner a key for the stranger's workspace, as nobody could, and the trail there says so.
    let owner = world.people["owner"].0.to_string();
    let mut ours: BTreeSet<String> = world.names.values().filter(|name| name.contains('_')).cloned().collect();
    ours.extend(world.people.values().map(|(id, _)| id.to_string()).filter(|id| ![&stranger, &owner].contains(&id)));
    ours.extend([world.workspace.to_string(), world.node.to_string(), world.target.to_string()]);
    let theirs = told(&world, &copy, "strangr", &world.theirs.to_string()).await;
    for (path, text) in &theirs {
        for id in &ours {
            assert!(!text.contains(id.as_str()), "GET {path} shows a stranger {id}: {text}");
        }
    }
    // The same questions show the owner what there is, so they would have shown it.
    let owners = told(&world, &copy, "owner", &world.workspace.to_string()).await;
    for id in [&world.names["node"], &world.names["workload"], &world.names["job"], &world.names["invite"]] {
        assert!(owners.iter().any(|(_, text)| text.contains(id.as_str())), "nothing shows the owner {id}");
    }
    assert!(theirs.len() > 30, "only {} questions were answered", theirs.len());
    copy.stop().await;
}
