//! Roles of a workspace's own, and teams: nobody gets more by any way through them.

use crate::support::{Db, both_backends};
use ostler_model::authz::{
    Authority, Capability, CapabilitySet, Collection, Grant, Limit, Origin, Role, RoleRef, Scope, VerbKind, Write,
    authorize, decide,
};
use ostler_model::key::Key;
use ostler_model::role::CustomRole;
use ostler_model::team::{Team, TeamGrant, TeamMember, TeamReach};
use ostler_model::user::User;
use ostler_model::workspace::{Member, Workspace};
use ostler_store::invite::{Accept, New};
use ostler_store::{Constraint, Rule, StoreError, role, team};
use std::sync::Arc;

fn set(words: &[&str]) -> CapabilitySet {
    words.iter().map(|word| word.parse::<Capability>().unwrap()).collect()
}

fn new_role(t: &Db, workspace: &Workspace, name: &str, words: &[&str]) -> CustomRole {
    CustomRole {
        id: t.id(),
        workspace: workspace.id,
        name: name.parse().unwrap(),
        description: String::new(),
        capabilities: set(words),
        created_at: t.now(),
        changed_at: t.now(),
    }
}

async fn made(t: &Db, workspace: &Workspace, name: &str, words: &[&str]) -> CustomRole {
    let grant = t.may_in(workspace);
    t.store.role_create(&grant, &new_role(t, workspace, name, words), t.now()).await.unwrap()
}

fn new_team(t: &Db, workspace: &Workspace, name: &str, role: impl Into<RoleRef>, on: Option<&[&String]>) -> Team {
    let reach = on.map_or(TeamReach::Workspace, |ids| TeamReach::Only(ids.iter().map(|id| (*id).clone()).collect()));
    Team {
        id: t.id(),
        workspace: workspace.id,
        name: name.parse().unwrap(),
        description: String::new(),
        grant: Some(TeamGrant { role: role.into(), reach }),
        created_at: t.now(),
        changed_at: t.now(),
    }
}

async fn gathered(t: &Db, workspace: &Workspace, team: Team, people: &[&User]) -> Team {
    let team = t.store.team_create(&t.may_in(workspace), &team, t.now()).await.unwrap();
    for person in people {
        let grant: Grant<Team, Write> = t.system(ostler_model::authz::SystemReason::Setup, &team);
        t.store.team_member_add(&grant, person.id, t.now()).await.unwrap();
    }
    team
}

async fn rights(t: &Db, user: &User) -> Authority {
    t.store.user_authority(user.id).await.unwrap().unwrap().1
}

fn is_above<T: std::fmt::Debug>(done: Result<T, StoreError>) {
    assert!(matches!(done, Err(StoreError::Refused(Rule::AboveOwnRole))), "{done:?}");
}

impl Db {
    /// The platform's own grant in a workspace.
    fn may_in<R: ostler_model::authz::Resource>(&self, workspace: &Workspace) -> Grant<Collection<R>, Write> {
        self.system(ostler_model::authz::SystemReason::Setup, &Collection::<R>::of(workspace.id))
    }
}

both_backends! {
    async fn a_role_allows_what_it_says_and_that_one_sees_the_workspace(t) {
        let (home, _) = t.workspace("home").await;
        let watch = made(t, &home, "Night watch", &["workload:operate"]).await;
        let (ada, member) = t.member(&home, "ada@example.org", watch.id).await;
        assert_eq!(member.role, RoleRef::Custom(watch.id));
        let who = rights(t, &ada).await;
        assert_eq!(who.memberships[0].capabilities, set(&["workload:operate", "workspace:read"]));
        let again = t.store.role_create(&t.may_in(&home), &new_role(t, &home, "NIGHT watch", &[]), t.now()).await;
        assert!(matches!(again, Err(StoreError::Taken(Constraint::RoleName))), "{again:?}");
        let (other, _) = t.workspace("other").await;
        made(t, &other, "Night watch", &[]).await;
        assert_eq!(t.store.role_list(home.id).await.unwrap()[0].1.members, 1);
    }

    async fn a_role_in_use_goes_only_with_another_in_its_place(t) {
        let (home, owner) = t.workspace("home").await;
        let watch = made(t, &home, "Watch", &["workload:operate"]).await;
        let (ada, _) = t.member(&home, "ada@example.org", watch.id).await;
        let crew = gathered(t, &home, new_team(t, &home, "Crew", watch.id, None), &[]).await;
        let grant = t.by(&owner, &watch).await;
        let kept = t.store.role_delete(&grant, None, t.now()).await;
        assert!(matches!(kept, Err(StoreError::Refused(Rule::RoleInUse))), "{kept:?}");
        let itself = t.store.role_delete(&grant, Some(watch.id.into()), t.now()).await;
        assert!(matches!(itself, Err(StoreError::Refused(Rule::RoleInUse))), "{itself:?}");
        t.store.role_delete(&grant, Some(Role::Member.into()), t.now()).await.unwrap();
        assert_eq!(t.store.member_find(home.id, ada.id).await.unwrap().unwrap().role, Role::Member.into());
        let (crew, _) = t.store.team_find(home.id, crew.id).await.unwrap().unwrap();
        assert_eq!(crew.grant.unwrap().role, Role::Member.into());
        assert!(t.store.role_find(home.id, watch.id).await.unwrap().is_none());
    }

    async fn nobody_makes_a_role_that_holds_more_than_they_do(t) {
        let (home, owner) = t.workspace("home").await;
        let (admin, _) = t.member(&home, "admin@example.org", Role::Admin).await;
        let roles = Collection::<CustomRole>::of(home.id);
        let grant = t.by(&admin, &roles).await;
        is_above(t.store.role_create(&grant, &new_role(t, &home, "Too much", &["workspace:write"]), t.now()).await);
        t.store.role_create(&grant, &new_role(t, &home, "Fine", &["member:write"]), t.now()).await.unwrap();
        let grant = t.by(&owner, &roles).await;
        t.store.role_create(&grant, &new_role(t, &home, "Much", &["workspace:write"]), t.now()).await.unwrap();
    }

    async fn whoever_manages_members_by_a_role_of_the_workspaces_own_raises_neither_it_nor_themselves(t) {
        let (home, _) = t.workspace("home").await;
        let clerk = made(t, &home, "Clerk", &["member:write"]).await;
        let strong = made(t, &home, "Strong", &["workload:write", "workspace:write"]).await;
        let (eve, eves) = t.member(&home, "eve@example.org", clerk.id).await;
        let (boss, bosss) = t.member(&home, "boss@example.org", Role::Admin).await;
        // The role that she has herself.
        let own = t.by(&eve, &clerk).await;
        let more = role::Change { capabilities: Some(set(&["member:write", "workload:write"])), ..role::Change::default() };
        is_above(t.store.role_update(&own, &more, t.now()).await);
        // A role that is stronger: neither up, nor down, nor away, nor another name.
        let theirs = t.by(&eve, &strong).await;
        for change in [
            role::Change { capabilities: Some(set(&["member:read"])), ..role::Change::default() },
            role::Change { name: Some("Weak".parse().unwrap()), ..role::Change::default() },
        ] {
            is_above(t.store.role_update(&theirs, &change, t.now()).await);
        }
        is_above(t.store.role_delete(&theirs, Some(Role::Viewer.into()), t.now()).await);
        // By giving: to herself, to somebody new, by taking the place of a role.
        for role in [RoleRef::from(strong.id), Role::Viewer.into(), Role::Owner.into()] {
            is_above(t.store.member_set_role(&t.by(&eve, &eves).await, role, t.now()).await);
            is_above(t.store.role_delete(&own, Some(role), t.now()).await);
        }
        // By taking from somebody stronger.
        is_above(t.store.member_set_role(&t.by(&eve, &bosss).await, clerk.id, t.now()).await);
        is_above(t.store.member_remove(&t.by(&eve, &bosss).await, t.now()).await);
        assert!(t.store.member_find(home.id, boss.id).await.unwrap().is_some());
        // What she holds she may give.
        let friend = t.user("friend@example.org").await;
        let members = Collection::<Member>::of(home.id);
        t.store.member_add(&t.by(&eve, &members).await, friend.id, clerk.id, t.now()).await.unwrap();
    }

    async fn whoever_manages_members_by_a_role_of_the_workspaces_own_gains_nothing_by_teams(t) {
        let (home, _) = t.workspace("home").await;
        let game = t.workload(&home, "Doom", None).await.id.to_string();
        let clerk = made(t, &home, "Clerk", &["member:write"]).await;
        let (eve, _) = t.member(&home, "eve@example.org", clerk.id).await;
        let teams = t.by(&eve, &Collection::<Team>::of(home.id)).await;
        is_above(t.store.team_create(&teams, &new_team(t, &home, "A", Role::Viewer, None), t.now()).await);
        is_above(t.store.team_create(&teams, &new_team(t, &home, "A", Role::Member, Some(&[&game])), t.now()).await);
        let strong = gathered(t, &home, new_team(t, &home, "B", Role::Member, Some(&[&game])), &[]).await;
        let grant: Grant<Team, Write> = t.by(&eve, &strong).await;
        is_above(t.store.team_member_add(&grant, eve.id, t.now()).await);
        is_above(t.store.team_delete(&grant, t.now()).await);
        is_above(t.store.team_update(&grant, &team::Change { grant: Some(None), ..Default::default() }, t.now()).await);
        // A team that gives nothing is hers to make, and to make stronger it is not.
        let idle = Team { grant: None, ..new_team(t, &home, "C", Role::Viewer, None) };
        let idle = t.store.team_create(&teams, &idle, t.now()).await.unwrap();
        let grant: Grant<Team, Write> = t.by(&eve, &idle).await;
        t.store.team_member_add(&grant, eve.id, t.now()).await.unwrap();
        for (role, reach) in [
            (RoleRef::from(Role::Viewer), TeamReach::Workspace),
            (Role::Member.into(), TeamReach::Only(vec![game.clone()])),
        ] {
            let change = team::Change { grant: Some(Some(TeamGrant { role, reach })), ..Default::default() };
            is_above(t.store.team_update(&grant, &change, t.now()).await);
        }
        assert_eq!(rights(t, &eve).await.memberships[0].capabilities, set(&["member:write", "workspace:read"]));
    }

    async fn a_viewer_whose_team_operates_one_workload_operates_that_one(t) {
        let (home, _) = t.workspace("home").await;
        let (mine, other) = (t.workload(&home, "Doom", None).await, t.workload(&home, "Quake", None).await);
        let (ada, _) = t.member(&home, "ada@example.org", Role::Viewer).await;
        let id = mine.id.to_string();
        gathered(t, &home, new_team(t, &home, "Crew", Role::Member, Some(&[&id])), &[&ada]).await;
        let who = rights(t, &ada).await;
        assert!(decide(&who, &mine, VerbKind::Write).is_ok() && decide(&who, &other, VerbKind::Read).is_ok());
        assert!(decide(&who, &other, VerbKind::Operate).is_err());
        // What was deleted leaves the list, and the team with it gives nothing any more.
        t.store.workload_set_absent(&t.may(&mine), false, None, t.now()).await.unwrap();
        t.store.workload_remove(&t.may(&mine), t.now()).await.unwrap();
        assert!(rights(t, &ada).await.memberships[0].on.is_empty());
        let teams = t.store.team_list(home.id).await.unwrap();
        assert_eq!(teams[0].0.grant.as_ref().unwrap().reach, TeamReach::Only(vec![]));
    }

    async fn who_leaves_the_workspace_leaves_its_teams(t) {
        let (home, owner) = t.workspace("home").await;
        let (ada, member) = t.member(&home, "ada@example.org", Role::Viewer).await;
        let crew = gathered(t, &home, new_team(t, &home, "Crew", Role::Admin, None), &[&ada]).await;
        assert!(rights(t, &ada).await.memberships[0].capabilities.within(Role::Admin.capabilities()));
        t.store.member_remove(&t.by(&owner, &member).await, t.now()).await.unwrap();
        assert!(rights(t, &ada).await.memberships.is_empty());
        let grant: Grant<Team, Write> = t.by(&owner, &crew).await;
        let back = t.store.team_member_add(&grant, ada.id, t.now()).await;
        assert!(matches!(back, Err(StoreError::Missing { kind: "member", .. })), "{back:?}");
        // Who comes back does not come back into them.
        t.store.member_add(&t.may_in(&home), ada.id, Role::Viewer, t.now()).await.unwrap();
        assert_eq!(rights(t, &ada).await.memberships[0].capabilities, Role::Viewer.capabilities());
    }

    async fn nothing_of_another_workspace_gets_into_a_team_or_a_member(t) {
        let (home, owner) = t.workspace("home").await;
        let (other, _) = t.workspace("other").await;
        let foreign = t.workload(&other, "Doom", None).await.id.to_string();
        let far = t.node(Some(other.id), "rack").await.id.to_string();
        let shared = t.node(None, "shared").await.id.to_string();
        let teams = t.by(&owner, &Collection::<Team>::of(home.id)).await;
        for id in [&foreign, &far, &shared, &home.id.to_string(), &"wl_nonsense".to_owned()] {
            let done = t.store.team_create(&teams, &new_team(t, &home, "A", Role::Viewer, Some(&[id])), t.now()).await;
            assert!(matches!(done, Err(StoreError::Missing { kind: "resource", .. })), "{id} {done:?}");
        }
        let theirs = made(t, &other, "Theirs", &["workload:read"]).await;
        let done = t.store.team_create(&teams, &new_team(t, &home, "A", theirs.id, None), t.now()).await;
        assert!(matches!(done, Err(StoreError::Missing { kind: "role", .. })), "{done:?}");
        let friend = t.user("friend@example.org").await;
        let members = t.by(&owner, &Collection::<Member>::of(home.id)).await;
        let done = t.store.member_add(&members, friend.id, theirs.id, t.now()).await;
        assert!(matches!(done, Err(StoreError::Missing { kind: "role", .. })), "{done:?}");
        let stranger = t.user("stranger@example.org").await;
        let crew = gathered(t, &home, new_team(t, &home, "Crew", Role::Viewer, None), &[]).await;
        let grant: Grant<Team, Write> = t.by(&owner, &crew).await;
        assert!(t.store.team_member_add(&grant, stranger.id, t.now()).await.is_err());
    }

    async fn a_proof_from_before_a_demotion_gives_nothing(t) {
        let (home, owner) = t.workspace("home").await;
        let (eve, eves) = t.member(&home, "eve@example.org", Role::Admin).await;
        let weak = made(t, &home, "Weak", &["workload:read"]).await;
        let (members, roles) = (Collection::<Member>::of(home.id), Collection::<CustomRole>::of(home.id));
        let (add, create) = (t.by(&eve, &members).await, t.by(&eve, &roles).await);
        let (update, friend) = (t.by(&eve, &weak).await, t.user("friend@example.org").await);
        t.store.member_set_role(&t.by(&owner, &eves).await, Role::Viewer, t.now()).await.unwrap();
        is_above(t.store.member_add(&add, friend.id, Role::Viewer, t.now()).await);
        is_above(t.store.role_create(&create, &new_role(t, &home, "Own", &["workload:read"]), t.now()).await);
        is_above(t.store.role_update(&update, &role::Change::default(), t.now()).await);
    }

    async fn a_role_that_grew_meanwhile_is_not_given_by_who_is_weaker(t) {
        let (home, owner) = t.workspace("home").await;
        let (admin, _) = t.member(&home, "admin@example.org", Role::Admin).await;
        let growing = made(t, &home, "Growing", &["workload:read"]).await;
        let members = t.by(&admin, &Collection::<Member>::of(home.id)).await;
        let guest = ostler_store::user::New {
            state: ostler_model::user::State::Invited,
            ..t.new_user("guest@example.org")
        };
        let expires_at = t.now() + ostler_model::Millis::secs(60);
        let invite = New { id: t.id(), token_hash: b"guest", expires_at, mail: None };
        t.store.member_invite(&members, &guest, growing.id, invite, t.now()).await.unwrap();
        let friend = t.user("friend@example.org").await;
        let grow = role::Change { capabilities: Some(set(&["workspace:write"])), ..role::Change::default() };
        t.store.role_update(&t.by(&owner, &growing).await, &grow, t.now()).await.unwrap();
        is_above(t.store.member_add(&members, friend.id, growing.id, t.now()).await);
        let accept = Accept { password_hash: "h", name: None };
        let done = t.store.invite_accept(b"guest", accept, &Origin::default(), t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::Invite))), "{done:?}");
        let kept = t.store.role_delete(&t.by(&owner, &growing).await, None, t.now()).await;
        assert!(matches!(kept, Err(StoreError::Refused(Rule::RoleInUse))), "an invitation counts: {kept:?}");
    }

    async fn of_two_edits_at_once_each_is_judged_by_what_the_other_left(t) {
        let (home, owner) = t.workspace("home").await;
        let clerk = made(t, &home, "Clerk", &["member:write", "workload:read", "workspace:write"]).await;
        let (eve, _) = t.member(&home, "eve@example.org", clerk.id).await;
        let less = role::Change { capabilities: Some(set(&["member:write"])), ..role::Change::default() };
        let (down, up) = (t.by(&owner, &clerk).await, t.by(&eve, &Collection::<CustomRole>::of(home.id)).await);
        let strong = new_role(t, &home, "Strong", &["workspace:write"]);
        let (lowered, raised) = tokio::join!(
            t.store.role_update(&down, &less, t.now()),
            t.store.role_create(&up, &strong, t.now()),
        );
        lowered.unwrap();
        // Whichever came first: afterwards she can give it to nobody, and not change it.
        if raised.is_ok() {
            let friend = t.user("friend@example.org").await;
            let members = t.by(&eve, &Collection::<Member>::of(home.id)).await;
            is_above(t.store.member_add(&members, friend.id, strong.id, t.now()).await);
        } else {
            is_above(raised);
        }
    }

    async fn the_last_owner_becomes_nothing_else(t) {
        let (home, owner) = t.workspace("home").await;
        let all: Vec<String> = Role::Owner.capabilities().iter().map(|c| c.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let like_owner = made(t, &home, "Like an owner", &all).await;
        let me = t.store.member_find(home.id, owner.id).await.unwrap().unwrap();
        let done = t.store.member_set_role(&t.by(&owner, &me).await, like_owner.id, t.now()).await;
        assert!(matches!(done, Err(StoreError::Refused(Rule::LastOwner))), "{done:?}");
    }

    async fn a_key_gives_no_more_than_it_holds(t) {
        let (home, owner) = t.workspace("home").await;
        let game = t.workload(&home, "Doom", None).await.id.to_string();
        let friend = t.user("friend@example.org").await;
        for (n, capabilities, scope, gives) in [
            (0, &["member:write"][..], Scope::All, false),
            (1, &["member:write", "workload:read"], Scope::Workspace(home.id), false),
            (2, &["member:write", "workload:read", "workspace:read"], Scope::Only(vec![home.id.to_string(), game]), false),
            (3, &["member:write", "workload:read", "workspace:read"], Scope::All, true),
        ] {
            let key = Key {
                id: t.id(),
                owner: owner.id,
                label: format!("Key {n}").parse().unwrap(),
                prefix: "ost_x".into(),
                capabilities: set(capabilities),
                scope: scope.clone(),
                networks: vec![],
                requests_per_minute: None,
                created_at: t.now(),
                expires_at: None,
                last_used_at: None,
                last_used_from: None,
            };
            t.store.key_create(&t.by(&owner, &owner).await, &key, &[n], &[], t.now()).await.unwrap();
            let mut who = t.store.key_authority(&[n], t.now()).await.unwrap().unwrap().authority;
            assert_eq!(who.limit, Some(Limit { capabilities: key.capabilities, scope }));
            // As if the key's own check had not been there.
            who.limit = None;
            let roles = Collection::<CustomRole>::of(home.id);
            let grant = authorize(&who, &roles, &Arc::new(Origin::default())).unwrap();
            let wanted = new_role(t, &home, &format!("Role {n}"), &["workload:read"]);
            let done = t.store.role_create(&grant, &wanted, t.now()).await;
            let members = authorize(&who, &Collection::<Member>::of(home.id), &Arc::new(Origin::default())).unwrap();
            is_above(t.store.member_add(&members, friend.id, Role::Owner, t.now()).await);
            if gives { done.unwrap(); } else { is_above(done); }
        }
    }

    async fn a_place_in_a_team_is_left_only_by_who_holds_what_it_gives(t) {
        let (home, owner) = t.workspace("home").await;
        let (admin, _) = t.member(&home, "admin@example.org", Role::Admin).await;
        let (ada, adas) = t.member(&home, "ada@example.org", Role::Viewer).await;
        gathered(t, &home, new_team(t, &home, "Deputies", Role::Owner, None), &[&ada]).await;
        let (crew, _) = t.store.team_list(home.id).await.unwrap().remove(0);
        let place = t.store.team_member_find(home.id, crew.id, ada.id).await.unwrap().unwrap();
        let grant: Grant<TeamMember, Write> = t.by(&admin, &place).await;
        is_above(t.store.team_member_remove(&grant, &place, t.now()).await);
        is_above(t.store.member_remove(&t.by(&admin, &adas).await, t.now()).await);
        let grant: Grant<TeamMember, Write> = t.by(&owner, &place).await;
        t.store.team_member_remove(&grant, &place, t.now()).await.unwrap();
        t.store.member_remove(&t.by(&admin, &adas).await, t.now()).await.unwrap();
    }

    async fn a_workspace_goes_with_its_roles_and_teams(t) {
        let (home, owner) = t.workspace("home").await;
        let watch = made(t, &home, "Watch", &["workload:operate"]).await;
        let (ada, _) = t.member(&home, "ada@example.org", watch.id).await;
        gathered(t, &home, new_team(t, &home, "Crew", watch.id, None), &[&ada]).await;
        t.store.workspace_delete(&t.by(&owner, &home).await, &home.slug, t.now()).await.unwrap();
        assert!(t.store.role_list(home.id).await.unwrap().is_empty());
        assert!(t.store.team_list(home.id).await.unwrap().is_empty());
    }
}
