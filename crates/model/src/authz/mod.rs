//! Who may do what: capabilities, roles, actors, and the one place where a grant is made.
//!
//! A [`Grant`] is proof that the policy allowed one verb on one resource. Its fields are private and
//! [`authorize`] is its only constructor, so a store function that takes a grant cannot be reached without a decision.

mod actor;
mod capability;
mod grant;
mod role;

pub use actor::{Actor, ActorKind, Authority, Limit, Membership, OnThing, Origin, Scope, SystemReason};
pub use capability::{Capability, CapabilitySet, Kind, Operate, Read, Report, Verb, VerbKind, Write};
pub use grant::{Collection, Denied, Grant, Platform, Resource, Within, authorize, decide};
pub use role::{Role, RoleRef, RoleRefError};
