//! Second factors, passkeys, and the second half of signing in.
//!
//! What begins with `passkey` follows the JSON forms of WebAuthn Level 3, so that a browser's own functions read and write it
//! (`parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON`, `toJSON`).

use ostler_model::factor::FactorKind;
use ostler_model::{FactorId, Label, Secret, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of a person's second factors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactorView {
    pub id: FactorId,
    pub kind: FactorKind,
    pub label: String,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
}

/// A person's second factors, and who demands that there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactorsView {
    pub factors: Vec<FactorView>,
    /// Recovery codes that have not been used.
    pub recovery_codes: u64,
    /// Who demands a second factor of you, and until when you need one.
    pub demands: Vec<DemandView>,
    /// The session has proven lately who you are: factors can be changed without asking again.
    pub is_confirmed: bool,
}

/// A demand for a second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DemandView {
    /// The workspace that demands it; absent when the whole platform does.
    pub workspace: Option<WorkspaceId>,
    /// Without a factor, only setting one up is possible there from then on.
    pub due: Time,
    /// That time has come, and there is no factor.
    pub is_overdue: bool,
}

/// Where somebody stands with second factors; part of the answer to "who am I".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactorStanding {
    pub has_factor: bool,
    /// Empty when nobody demands one.
    pub demands: Vec<DemandView>,
}

/// The password was right, and a second factor is wanted: `POST /api/v1/auth/mfa/challenge/verify` or `…/recovery/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MfaRequired {
    pub mfa: MfaChallenge,
}

/// What the second half of signing in needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MfaChallenge {
    /// `osm_…`; works once, for a few minutes, and only there. Absent when the browser holds it in a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge_token: Option<String>,
    pub expires_at: Time,
    /// What can be shown.
    pub methods: Vec<Method>,
    /// For `navigator.credentials.get`, when a passkey can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyRequest>,
}

/// Ways to show a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Password,
    Totp,
    Passkey,
    Recovery,
}

/// The second half of signing in, by an app's code or a passkey.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaVerify {
    /// What the first half answered; browsers that were sent here by a provider have it in a cookie.
    #[serde(default, alias = "challengeToken")]
    pub challenge_token: Option<Secret>,
    /// Six digits of the authenticator app.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The answer of a passkey.
    #[serde(default)]
    pub passkey: Option<PasskeyAnswer>,
}

/// The second half of signing in, by a recovery code, which is used up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryVerify {
    /// As in `MfaVerify`.
    #[serde(default, alias = "challengeToken")]
    pub challenge_token: Option<Secret>,
    #[serde(alias = "recoveryCode")]
    pub recovery_code: Secret,
}

/// What somebody who is signed in can show to prove it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmOptions {
    /// All of these that are not alternatives to each other: the password, when you have one, and one of the others, when you
    /// have a second factor.
    pub methods: Vec<Method>,
    /// Goes back with a passkey's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyRequest>,
}

/// Proves anew who is behind a session, for what needs more than an old cookie.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(default)]
    pub token: Option<Secret>,
    #[serde(default)]
    pub recovery_code: Option<Secret>,
    #[serde(default)]
    pub passkey: Option<PasskeyAnswer>,
    /// Belongs to the passkey.
    #[serde(default)]
    pub ticket: Option<Secret>,
}

/// Begins to set up an authenticator app.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpBegin {
    /// `Authenticator app` when absent.
    #[serde(default)]
    pub label: Option<Label>,
}

/// What an authenticator app is given. Shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TotpSecret {
    /// In base 32, for typing.
    pub secret: String,
    /// The same as an address that apps read.
    pub otpauth_url: String,
    /// The address as a picture, an SVG document.
    pub qr_svg: String,
}

/// A first code shows that the app has the secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirm {
    /// Six digits.
    pub token: Secret,
}

/// A new factor, and the recovery codes that now count. Shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactorCreated {
    pub factor: FactorView,
    /// Ten codes; each works once. Earlier ones count no longer.
    pub recovery_codes: Vec<String>,
}

/// New recovery codes. Shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryCodes {
    pub recovery_codes: Vec<String>,
}

/// What `navigator.credentials.create` is called with, and the ticket that goes back with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasskeyCreation {
    pub ticket: String,
    pub options: CreationOptions,
}

/// Adds a passkey.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyCreate {
    pub ticket: Secret,
    pub label: Label,
    pub credential: PasskeyMade,
}

/// What `navigator.credentials.get` is called with to sign in without a password, and the ticket that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasskeyLoginOptions {
    pub ticket: String,
    pub options: PasskeyRequest,
}

/// Signs in with a passkey alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyLogin {
    pub ticket: Secret,
    pub credential: PasskeyAnswer,
    /// For programs and apps: answer with tokens instead of a cookie.
    #[serde(default)]
    pub token: bool,
}

/// `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    pub challenge: String,
    pub rp: RelyingParty,
    pub user: PasskeyUser,
    pub pub_key_cred_params: Vec<PasskeyAlgorithm>,
    pub timeout: u64,
    pub exclude_credentials: Vec<PasskeyName>,
    pub authenticator_selection: AuthenticatorSelection,
    pub attestation: String,
}

/// Whom passkeys are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelyingParty {
    pub id: String,
    pub name: String,
}

/// Whose passkey it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyUser {
    pub id: String,
    pub name: String,
    pub display_name: String,
}

/// A signature algorithm, by its COSE number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasskeyAlgorithm {
    #[serde(rename = "type")]
    pub kind: String,
    pub alg: i64,
}

/// A passkey, by the name that its device gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasskeyName {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

/// What kind of passkey is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    pub resident_key: String,
    pub require_resident_key: bool,
    pub user_verification: String,
}

/// `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyRequest {
    pub challenge: String,
    pub timeout: u64,
    pub rp_id: String,
    pub allow_credentials: Vec<PasskeyName>,
    pub user_verification: String,
}

/// A new passkey as a browser's `toJSON` gives it. What else a browser adds is not looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct PasskeyMade {
    #[schemars(length(max = 1400))]
    pub id: String,
    pub response: PasskeyMadeResponse,
}

/// The part of a new passkey that matters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyMadeResponse {
    #[serde(rename = "clientDataJSON")]
    #[schemars(length(max = 8192))]
    pub client_data_json: String,
    #[schemars(length(max = 65536))]
    pub attestation_object: String,
}

/// A passkey's answer as a browser's `toJSON` gives it. What else a browser adds is not looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct PasskeyAnswer {
    #[schemars(length(max = 1400))]
    pub id: String,
    pub response: PasskeyAnswerResponse,
}

/// The part of a passkey's answer that matters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyAnswerResponse {
    #[serde(rename = "clientDataJSON")]
    #[schemars(length(max = 8192))]
    pub client_data_json: String,
    #[schemars(length(max = 8192))]
    pub authenticator_data: String,
    #[schemars(length(max = 2048))]
    pub signature: String,
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub user_handle: Option<String>,
}

/// Whether a second factor is demanded of everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequirementView {
    pub is_required: bool,
    /// When it was first demanded.
    pub since: Option<Time>,
    /// How long people without one may go on.
    pub grace_days: Option<u32>,
}

/// Demands a second factor of everybody, or no longer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementInput {
    pub is_required: bool,
    /// How long people without one may go on; 7 when absent.
    #[serde(default)]
    #[schemars(range(max = 90))]
    pub grace_days: Option<u32>,
}
