//! What people said about a key, checked before the store sees it, and the store's refusals in terms of what they said.

use crate::app::App;
use crate::http::{Error, Result};
use crate::limits;
use ostler_model::authz::{Capability, Scope};
use ostler_model::key::Beyond;
use ostler_model::{Network, Time};
use ostler_store::StoreError;
use ostler_wire::error::FieldError;
use ostler_wire::key::KeyScope;

/// What makes no sense whoever says it.
pub(super) fn limits(now: Time, expires_at: Option<Time>, networks: &[Network]) -> Result<()> {
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Error::field("expires_at", "use a time in the future"));
    }
    if networks.len() > limits::KEY_NETWORKS {
        return Err(Error::field("networks", format!("name at most {}", limits::KEY_NETWORKS)));
    }
    Ok(())
}

/// What a key is confined to, each thing once.
pub(super) fn scope(said: KeyScope) -> Result<Scope> {
    match said {
        KeyScope::All => Ok(Scope::All),
        KeyScope::Workspace(id) => Ok(Scope::Workspace(id)),
        KeyScope::Only(ids) if (1..=limits::KEY_SCOPE_IDS).contains(&ids.len()) => Ok(Scope::Only(ids)),
        KeyScope::Only(_) => Err(Error::field("scope", format!("name 1 to {} ids", limits::KEY_SCOPE_IDS))),
    }
}

/// Those of the ids that are names of templates.
pub(super) fn templates(app: &App, scope: &Scope) -> Vec<String> {
    let Scope::Only(ids) = scope else { return Vec::new() };
    ids.iter().filter(|id| app.templates.find(id).is_some()).cloned().collect()
}

/// A refusal, with the place in the lists of each thing that is wrong.
pub(super) fn wrong(error: StoreError, scope: Option<&Scope>, capabilities: Option<&[Capability]>) -> Error {
    let fields: Vec<FieldError> = match (&error, scope, capabilities) {
        (StoreError::Beyond(Beyond::Unknown(unknown)), Some(Scope::Only(ids)), _) => {
            places("scope.only", ids, |id| unknown.contains(id), |id| Beyond::Unknown(vec![id.clone()]).to_string())
        }
        (StoreError::Beyond(refused @ Beyond::Unknown(_)), Some(Scope::Workspace(_)), _) => {
            vec![FieldError { field: "scope.workspace".to_owned(), message: refused.to_string() }]
        }
        (StoreError::Beyond(Beyond::Capabilities(more)), _, Some(said)) => {
            let about = |one: &Capability| format!("you do not hold {one} yourself");
            places("capabilities", said, |one| more.iter().any(|lacked| lacked == *one), about)
        }
        // It is the new reach in which they do not hold what the key has.
        (StoreError::Beyond(refused @ Beyond::Capabilities(_)), Some(_), None) => {
            vec![FieldError { field: "scope".to_owned(), message: format!("there {refused}") }]
        }
        _ => return error.into(),
    };
    if fields.is_empty() { error.into() } else { Error::Invalid(fields) }
}

fn places<T>(list: &str, said: &[T], is_wrong: impl Fn(&T) -> bool, about: impl Fn(&T) -> String) -> Vec<FieldError> {
    let wrong = said.iter().enumerate().filter(|(_, one)| is_wrong(one));
    wrong.map(|(at, one)| FieldError { field: format!("{list}[{at}]"), message: about(one) }).collect()
}
