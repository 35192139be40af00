//! How people look to others and to themselves.

use ostler_model::Time;
use ostler_model::authz::{Authority, CapabilitySet};
use ostler_model::factor::Standing;
use ostler_model::user::User;
use ostler_model::workspace::Workspace;
use ostler_wire::auth::{Me, MembershipView, OnThingView};
use ostler_wire::user::UserView;

/// A person, as others see them.
pub(crate) fn user_view(user: &User) -> UserView {
    UserView {
        id: user.id,
        email: user.email.to_string(),
        name: user.name.to_string(),
        state: user.state,
        is_platform_admin: user.is_platform_admin,
        is_email_verified: user.is_email_verified,
        created_at: user.created_at,
    }
}

/// Who the actor is, and what it may do where.
pub(crate) fn me(user: &User, who: &Authority, standing: &Standing, workspaces: Vec<Workspace>, now: Time) -> Me {
    Me {
        user: user_view(user),
        memberships: workspaces.into_iter().map(|workspace| membership(workspace, who)).collect(),
        default_workspace: user.default_workspace,
        second_factor: crate::factor::standing_view(standing, now),
    }
}

fn membership(workspace: Workspace, who: &Authority) -> MembershipView {
    let member = who.member_of(workspace.id);
    let limited = |held: CapabilitySet| who.limit.as_ref().map_or(held, |limit| held.and(limit.capabilities));
    let held = match member {
        _ if who.is_platform_admin => CapabilitySet::everything(),
        Some(member) => member.capabilities,
        None => CapabilitySet::NONE,
    };
    let on = member
        .map_or(&[][..], |member| &member.on)
        .iter()
        .map(|on| OnThingView { id: on.id.clone(), capabilities: limited(on.capabilities).iter().collect() });
    MembershipView {
        workspace: workspace.id,
        slug: workspace.slug.to_string(),
        name: workspace.name.to_string(),
        archived_at: workspace.archived_at,
        role: member.map(|member| member.role),
        capabilities: limited(held).iter().collect(),
        on: on.collect(),
    }
}
