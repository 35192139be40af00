//! What a caller may learn when something did not work: one enum, one envelope, one place that knows status codes.

use crate::fleet::FleetError;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use ostler_model::authz::{Capability, Denied};
use ostler_model::{Millis, NodeId, RequestId};
use ostler_store::{Rule, StoreError};
use ostler_wire::ErrorBody;
use ostler_wire::error::FieldError;
use serde_json::{Value, json};

/// The server's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller may learn. Each code is in `ostler_wire::code`, which docs/reference/errors.md is written from, and never changes
/// its meaning.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400: cannot be read at all.
    #[error("{0}")]
    Malformed(String),
    /// 401: nobody has signed in.
    #[error("sign in first")]
    SignIn,
    /// 401: what was presented is wrong, expired or revoked, or of a kind that is not accepted here.
    #[error("these credentials are not valid here, or no longer")]
    Credentials,
    /// 403: may know of it, but lacks this capability.
    #[error("this needs the capability {0}")]
    Lacks(Capability),
    /// 403: a rule that has nothing to do with capabilities.
    #[error("{message}")]
    Forbidden { code: &'static str, message: String },
    /// 404: is not there, or may not be known to be.
    #[error("there is no such thing here, or it is not yours to see")]
    NotFound,
    /// 405: the path exists, with these methods.
    #[error("this path answers {0} only")]
    Method(String),
    /// 408: the request's body came too slowly.
    #[error("the request did not arrive in time")]
    TooSlow,
    /// 409: not in the present state. The details say what that is.
    #[error("{message}")]
    Conflict { code: &'static str, message: String, details: Option<Value> },
    /// 410: was there, and is over for good.
    #[error("{message}")]
    Gone { code: &'static str, message: String },
    /// 413: more than this many bytes.
    #[error("the body is larger than the {limit} bytes that are accepted here")]
    TooLarge { limit: usize },
    /// 415: not the content type that is accepted here.
    #[error("send the body as application/json")]
    MediaType,
    /// 422: these fields are wrong.
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    /// 429: too many requests.
    #[error("too many requests; try again in {} seconds", secs(*retry_after))]
    TooMany { retry_after: Millis },
    /// What a match's worker refuses, in the words of the matches' protocol.
    #[error("{message}")]
    Worker { status: StatusCode, code: &'static str, message: String },
    /// 503: the node is away.
    #[error("the node {node} is not connected now; what it runs goes on, and this works again when it is back")]
    NodeAway { node: NodeId },
    /// 503: the platform itself cannot at the moment.
    #[error("{message}")]
    Unavailable { message: String, retry_after: Millis },
    /// 500: our fault. The chain goes to the log, with the request id that the caller sees.
    #[error("something went wrong on our side; the request id helps to find it in the server's log")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// One wrong field with its remedy.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }
    /// A conflict with the present state, under a stable code.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Error::Conflict { code, message: message.into(), details: None }
    }
    /// The status.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Malformed(_) => StatusCode::BAD_REQUEST,
            Error::SignIn | Error::Credentials => StatusCode::UNAUTHORIZED,
            Error::Lacks(_) | Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Gone { .. } => StatusCode::GONE,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Worker { status, .. } => *status,
            Error::NodeAway { .. } | Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Malformed(_) => "malformed",
            Error::SignIn => "sign_in",
            Error::Credentials => "bad_credentials",
            Error::Lacks(_) => "forbidden",
            Error::Forbidden { code, .. } | Error::Conflict { code, .. } | Error::Gone { code, .. } => code,
            Error::Worker { code, .. } => code,
            Error::NotFound => "not_found",
            Error::Method(_) => "method_not_allowed",
            Error::TooSlow => "too_slow",
            Error::TooLarge { .. } => "too_large",
            Error::MediaType => "unsupported_media_type",
            Error::Invalid(_) => "invalid",
            Error::TooMany { .. } => "too_many_requests",
            Error::NodeAway { .. } => "node_away",
            Error::Unavailable { .. } => "unavailable",
            Error::Internal(_) => "internal",
        }
    }
    /// True when somebody tried what they may not; such attempts are audited.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Error::Lacks(_) | Error::Forbidden { .. } | Error::NotFound)
            || matches!(self, Error::Worker { status, .. } if *status == StatusCode::FORBIDDEN)
    }

    fn details(&self) -> Option<Value> {
        match self {
            Error::Lacks(capability) => Some(json!({ "capability": capability })),
            Error::Conflict { details, .. } => details.clone(),
            Error::NodeAway { node } => Some(json!({ "node": node })),
            _ => None,
        }
    }

    /// The answer. Nothing of an internal error's chain is in it.
    pub fn respond(self, request_id: RequestId) -> Response<Body> {
        let status = self.status();
        debug_assert!(
            ostler_wire::code::is_known(self.code(), status.as_u16()),
            "{} with {status} is missing in wire/src/code/table.rs",
            self.code()
        );
        if let Error::Internal(chain) = &self {
            tracing::error!(request.id = %request_id, error = format!("{chain:#}"), "a request failed on our side");
        }
        let body = ErrorBody {
            error: self.code().to_owned(),
            message: self.to_string(),
            details: self.details(),
            fields: if let Error::Invalid(fields) = &self { fields.clone() } else { Vec::new() },
            request_id: request_id.to_string(),
        };
        let mut response = super::output::json(status, &body);
        let headers = response.headers_mut();
        match &self {
            Error::SignIn | Error::Credentials => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ostler\""));
            }
            Error::Method(allowed) => {
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    headers.insert(header::ALLOW, allowed);
                }
            }
            Error::TooMany { retry_after } | Error::Unavailable { retry_after, .. } => {
                headers.insert(header::RETRY_AFTER, secs(*retry_after).into());
            }
            Error::NodeAway { .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Error::TooSlow | Error::TooLarge { .. } => {
                // What is left of the body is not read.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

/// Whole seconds, rounded up, at least one.
fn secs(span: Millis) -> u64 {
    span.0.div_ceil(1000).max(1)
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::SignIn => Error::SignIn,
            Denied::Hidden => Error::NotFound,
            Denied::Lacks(capability) => Error::Lacks(capability),
        }
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Error::Internal(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { .. } => Error::NotFound,
            StoreError::Taken(what) => Error::conflict("taken", format!("{what} is already taken")),
            StoreError::Refused(Rule::AboveOwnRole) => {
                Error::Forbidden { code: "above_own_role", message: Rule::AboveOwnRole.to_string() }
            }
            StoreError::Refused(Rule::SetupSecret) => {
                Error::Forbidden { code: "setup_secret", message: Rule::SetupSecret.to_string() }
            }
            StoreError::Refused(Rule::JoinToken) => {
                Error::Forbidden { code: "join_token", message: Rule::JoinToken.to_string() }
            }
            StoreError::Refused(Rule::Archived) => crate::workspace::archived(),
            StoreError::Refused(Rule::Installed) => Error::NotFound,
            StoreError::Refused(Rule::PasswordChanged) => Error::Credentials,
            StoreError::Beyond(beyond) => match beyond.field() {
                Some(field) => Error::field(field, beyond.to_string()),
                None => Error::Forbidden { code: "not_your_key", message: beyond.to_string() },
            },
            StoreError::Refused(rule) => Error::conflict(rule_code(rule), rule.to_string()),
            StoreError::Busy(_) | StoreError::Late { .. } => {
                tracing::warn!(%error, "the database could not keep up");
                Error::Unavailable {
                    message: "the database is busy; nothing was changed".to_owned(),
                    retry_after: Millis::secs(1),
                }
            }
            StoreError::Full(_) => {
                tracing::error!(%error, "the database has no room left");
                Error::Unavailable {
                    message: "the server's disk is full; nothing was changed".to_owned(),
                    retry_after: Millis::secs(60),
                }
            }
            StoreError::Unsure { .. } => {
                tracing::error!(%error, "a commit may or may not have happened");
                Error::Unavailable {
                    message: "the database was lost at the end; look whether the change was made before repeating it"
                        .to_owned(),
                    retry_after: Millis::secs(5),
                }
            }
            StoreError::Unusable(_) | StoreError::Sealed { .. } | StoreError::Failed { .. } => {
                Error::Internal(error.into())
            }
        }
    }
}

impl From<FleetError> for Error {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Away(node) | FleetError::Late(node) | FleetError::Cut { node, .. } => Error::NodeAway { node },
            FleetError::Refused { status: StatusCode::NOT_FOUND, .. } => Error::NotFound,
            FleetError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, message, .. } => Error::field("", message),
            FleetError::Refused { status, message, .. } if status.is_client_error() => {
                Error::conflict("node_refused", message)
            }
            FleetError::Refused { .. } => {
                tracing::warn!(%error, "a node failed at a request");
                Error::Unavailable { message: "the node could not do it now".into(), retry_after: Millis::secs(5) }
            }
            FleetError::Unreadable { .. } => Error::Internal(error.into()),
        }
    }
}

/// The stable code of a rule that the present state breaks.
fn rule_code(rule: Rule) -> &'static str {
    match rule {
        Rule::LastOwner => "last_owner",
        Rule::LastAdmin => "last_admin",
        Rule::RoleInUse => "role_in_use",
        Rule::TooManyRoles => "too_many_roles",
        Rule::TooManyTeams => "too_many_teams",
        Rule::TooManyInTeam => "too_many_in_team",
        Rule::NodeInUse => "node_in_use",
        Rule::WorkspaceInUse => "workspace_in_use",
        Rule::WorkspaceBusy => "workspace_busy",
        Rule::Archived => "workspace_archived",
        Rule::NotArchived => "not_archived",
        Rule::Unconfirmed => "unconfirmed",
        Rule::NoFreePort => "no_free_port",
        Rule::NoFreeWorker => "no_free_worker",
        Rule::ForeignNode => "foreign_node",
        Rule::Placed => "placed",
        Rule::Deleting => "deleting",
        Rule::JobEnded => "job_ended",
        Rule::NotActive => "not_active",
        Rule::NodeFull => "node_full",
        Rule::NotIsolated => "not_isolated",
        Rule::TooManyWorkloads => "too_many_workloads",
        Rule::TooMuchShared => "too_much_shared",
        Rule::TooManyPorts => "too_many_ports",
        Rule::FactorUsed => "factor_used",
        Rule::FactorDemanded => "factor_demanded",
        Rule::NoFactor => "no_factor",
        Rule::Accepted => "accepted",
        Rule::HasAccount => "has_account",
        Rule::NotAccepted => "not_accepted",
        Rule::UserInUse => "user_in_use",
        Rule::Invite => "invite_ended",
        Rule::AcceptSignedIn => "accept_signed_in",
        Rule::NotYourInvite => "not_your_invite",
        Rule::Unproven => "unproven_address",
        Rule::IdentityTaken => "identity_taken",
        Rule::IdentityLinked => "identity_linked",
        Rule::LastWayIn => "last_way_in",
        Rule::Reset => "reset_ended",
        Rule::AboveOwnRole
        | Rule::Installed
        | Rule::SetupSecret
        | Rule::JoinToken
        | Rule::Fenced
        | Rule::Linked
        | Rule::PasswordChanged
        | Rule::Throttled => "conflict",
    }
}
