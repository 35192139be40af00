//! Demanding a second factor.

use super::*;
use ostler_model::authz::{CapabilitySet, Role, Scope};

const PLATFORM: &str = "/api/v1/auth/mfa/requirement";

async fn require(t: &TestServer, who: &As, path: &str, is_required: bool, grace_days: u32) -> Answer {
    let body = json!({"is_required": is_required, "grace_days": grace_days});
    t.ask(who, Method::PUT, path, Some(&body)).await
}

#[tokio::test]
async fn after_the_platforms_grace_only_setting_a_factor_up_is_left() {
    let t = server().await;
    let root = t.person(true).await;
    let admin = t.browser(&root).await;
    enrol(&t, &admin).await;
    let user = person(&t, "ada@example.org", false).await;
    let space = t.workspace(&user).await;
    let who = session(&login(&t, "ada@example.org").await);
    let (_, key) = t.key(&user, CapabilitySet::everything(), Scope::All).await;
    require(&t, &who, PLATFORM, true, 3).await.is(404);
    require(&t, &admin, PLATFORM, true, 3).await.is(200);
    let me = t.get(&who, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["second_factor"]["has_factor"], false);
    assert_eq!(me["second_factor"]["demands"][0]["is_overdue"], false);
    let path = format!("/api/v1/workspaces/{}", space.id);
    t.get(&who, &path).await.is(200);
    t.time.skip(Millis::secs(3 * 86_400));
    for closed in [&who, &key] {
        t.get(closed, &path).await.is(403).code("second_factor_needed");
        t.get(closed, "/api/v1/events").await.is(403);
        t.get(closed, "/api/v1/keys").await.is(403);
    }
    let me = t.get(&who, "/api/v1/users/me").await.is(200).json();
    assert_eq!(me["second_factor"]["demands"][0]["is_overdue"], true, "the guide knows what to say");
    let again = session(&login(&t, "ada@example.org").await.is(200));
    t.get(&again, &path).await.is(403);
    enrol(&t, &again).await;
    t.get(&again, &path).await.is(200);
    t.get(&key, &path).await.is(200);
    // Who has a factor notices nothing.
    t.get(&t.browser(&root).await, &path).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn a_workspaces_demand_closes_that_workspace_and_nothing_else() {
    let t = server().await;
    let boss = t.person(false).await;
    let strict = t.workspace(&boss).await;
    let boss_in = t.browser(&boss).await;
    enrol(&t, &boss_in).await;
    let user = person(&t, "ada@example.org", false).await;
    let home = t.workspace(&user).await;
    t.join(&strict, &user, Role::Member).await;
    let who = session(&login(&t, "ada@example.org").await);
    let rule = format!("/api/v1/workspaces/{}/mfa/requirement", strict.id);
    require(&t, &who, &rule, true, 0).await.is(403);
    t.get(&who, &format!("/api/v1/workspaces/{}", strict.id)).await.is(200);
    require(&t, &boss_in, &rule, true, 0).await.is(200);
    assert_eq!(t.get(&boss_in, &rule).await.json()["grace_days"], 0);
    t.get(&who, &format!("/api/v1/workspaces/{}", strict.id)).await.is(403).code("second_factor_needed");
    t.get(&who, &format!("/api/v1/workspaces/{}/members", strict.id)).await.is(403).code("second_factor_needed");
    t.get(&who, &format!("/api/v1/workspaces/{}", home.id)).await.is(200);
    let listed = t.get(&who, "/api/v1/workspaces").await.is(200).json();
    assert!(!listed.to_string().contains(&strict.id.to_string()));
    let demands = t.get(&who, "/api/v1/users/me").await.json()["second_factor"]["demands"].clone();
    assert_eq!(demands[0]["workspace"], strict.id.to_string());
    enrol(&t, &who).await;
    t.get(&who, &format!("/api/v1/workspaces/{}", strict.id)).await.is(200);
    require(&t, &boss_in, &rule, false, 0).await.is(200);
    t.stop().await;
}

#[tokio::test]
async fn the_last_factor_cannot_be_removed_while_it_is_demanded() {
    let t = server().await;
    let root = t.person(true).await;
    let admin = t.browser(&root).await;
    enrol(&t, &admin).await;
    require(&t, &admin, PLATFORM, true, 0).await.is(200);
    let factor = t.get(&admin, "/api/v1/auth/mfa").await.json()["factors"][0]["id"].as_str().unwrap().to_owned();
    delete(&t, &admin, "/api/v1/auth/mfa").await.is(409).code("factor_demanded");
    let path = format!("/api/v1/auth/mfa/factors/{factor}");
    delete(&t, &admin, &path).await.is(409).code("factor_demanded");
    require(&t, &admin, PLATFORM, false, 0).await.is(200);
    delete(&t, &admin, &path).await.is(204);
    t.stop().await;
}
