//! Invitations, and links to set a new password.

use crate::user::UserView;
use ostler_model::authz::RoleRef;
use ostler_model::user::{Email, LinkState};
use ostler_model::{InviteId, Label, Secret, Time, UserId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An invitation, as whoever manages people sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InviteView {
    pub id: InviteId,
    pub user: UserId,
    pub email: String,
    pub name: String,
    /// The workspace that it leads into, if any.
    pub workspace: Option<WorkspaceId>,
    pub role: Option<RoleRef>,
    /// Accepting it gives the right to administer the platform.
    #[serde(default)]
    pub is_platform_admin: bool,
    pub state: LinkState,
    pub created_at: Time,
    pub expires_at: Time,
}

/// Somebody was invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invited {
    pub user: UserView,
    pub invite: InviteView,
    /// It goes to them by mail.
    pub is_mailed: bool,
    /// To hand over by other means. Always for platform admins; for others when mail is off; never for API keys.
    pub link: Option<String>,
}

/// Invites an address straight into a workspace.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteCreate {
    pub email: Email,
    /// What to call them until they say so themselves; the part before the @ when absent.
    #[serde(default)]
    pub name: Option<Label>,
    pub role: RoleRef,
}

/// An invitation, as whoever holds its link sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InviteLook {
    pub email: String,
    pub name: String,
    /// The address has an account: sign in, then accept at `POST /api/v1/users/me/invitations`.
    #[serde(default)]
    pub has_account: bool,
    pub expires_at: Time,
}

/// Accepts an invitation as the person who is signed in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteJoin {
    /// The secret in the invitation's link.
    pub token: Secret,
}

/// Accepts an invitation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteAccept {
    /// 12 to 256 characters.
    pub password: Secret,
    /// How you want to be called.
    #[serde(default)]
    pub name: Option<Label>,
}

/// Asks for a link to set a new password.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forgot {
    pub email: Email,
}

/// The same for every address, whether it has an account or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForgotView {
    /// Mail is on: if the address has an account, a link is on its way. Off: ask an admin for one.
    pub is_mail_on: bool,
}

/// A link to set a new password, as whoever holds it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResetLook {
    pub email: String,
    pub expires_at: Time,
}

/// Sets a new password by such a link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetSpend {
    /// 12 to 256 characters.
    pub password: Secret,
}

/// A link that an admin hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResetLink {
    pub link: String,
    pub expires_at: Time,
}
