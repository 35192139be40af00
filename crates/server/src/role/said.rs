//! What people said about a role, checked before the store sees it.

use crate::http::{Error, Result};
use ostler_model::Label;
use ostler_model::authz::{Capability, CapabilitySet};
use ostler_model::role::{self, is_built_in_name};
use ostler_store::StoreError;
use ostler_wire::error::FieldError;

/// Each capability that a role cannot hold, with its place in the list.
pub(super) fn capabilities(said: &[Capability]) -> Result<CapabilitySet> {
    let wrong: Vec<FieldError> = said
        .iter()
        .enumerate()
        .filter_map(|(at, capability)| {
            let error = role::check(*capability).err()?;
            Some(FieldError { field: format!("capabilities[{at}]"), message: error.to_string() })
        })
        .collect();
    if wrong.is_empty() { Ok(said.iter().copied().collect()) } else { Err(Error::Invalid(wrong)) }
}

/// A name that nobody takes for a role that every workspace has.
pub(super) fn name(said: &Label) -> Result<()> {
    if is_built_in_name(said) {
        return Err(Error::field("name", "every workspace has a role of this name; choose another one"));
    }
    Ok(())
}

/// Some lines about a thing, for people.
pub(crate) fn prose(field: &'static str, said: String) -> Result<String> {
    if said.chars().any(|c| c.is_control() && c != '\n') || !ostler_model::text::is_shown(&said) {
        return Err(Error::field(field, "use printable characters and line breaks"));
    }
    Ok(said)
}

/// A role that the workspace does not have is a wrong field, not a missing page.
pub(crate) fn no_such_role(field: &'static str) -> impl Fn(StoreError) -> Error {
    move |error| match error {
        StoreError::Missing { kind: "role", .. } => Error::field(field, "this workspace has no such role"),
        error => error.into(),
    }
}
