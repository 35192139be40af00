//! Secret values of variables: sealed rows of their own. In a spec there is only a reference, `{"secret": "sec_…"}`.

use ostler_model::authz::{Authority, Collection, Grant, Origin, SystemReason, Write, authorize};
use ostler_model::template::Template;
use ostler_model::workload::{Spec, Workload};
use ostler_model::{Secret, SecretId, Time, WorkspaceId};
use ostler_runtime::Ids;
use ostler_store::{Store, StoreError};
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "secret";
/// What people see of a secret that is set.
pub(crate) const DOTS: &str = "••••";

/// The secret that a value refers to. People can never write such a value: variables accept no objects.
pub(crate) fn reference(value: &Value) -> Option<SecretId> {
    value.get(KEY)?.as_str()?.parse().ok()
}

/// Every secret that a spec refers to.
pub(crate) fn references(spec: &Spec) -> Vec<SecretId> {
    spec.variables.values().filter_map(reference).collect()
}

/// Replaces secret texts in the spec by references and returns what is to be sealed.
pub(crate) fn take_out(template: &Template, spec: &mut Spec, ids: &Ids) -> Vec<(SecretId, Secret)> {
    let mut taken = Vec::new();
    for variable in template.variables.iter().filter(|v| v.is_secret()) {
        if let Some(value) = spec.variables.get_mut(variable.name.as_str())
            && let Some(text) = value.as_str()
        {
            let id: SecretId = ids.next();
            taken.push((id, Secret::new(text)));
            *value = json!({ KEY: id });
        }
    }
    taken
}

/// The spec with the secrets' texts in it, for lowering only.
pub(crate) async fn put_in(store: &Store, workload: &Workload) -> Result<Spec, StoreError> {
    let mut spec = workload.spec.clone();
    for value in spec.variables.values_mut() {
        if let Some(id) = reference(value) {
            let secret = store.secret_get(id, &workload.workspace.to_string()).await?;
            *value = Value::String(secret.reveal().to_owned());
        }
    }
    Ok(spec)
}

/// The spec without anything secret, for people: a secret that is set shows as dots.
pub(crate) fn shown(spec: &Spec) -> std::collections::BTreeMap<String, Value> {
    spec.variables
        .iter()
        .map(|(name, value)| (name.clone(), if reference(value).is_some() { json!(DOTS) } else { value.clone() }))
        .collect()
}

/// Seals what was taken out. It belongs to the workspace, because it is stored before its workload is.
pub(crate) async fn seal(
    store: &Store,
    workspace: &Grant<Collection<Workload>, Write>,
    taken: &[(SecretId, Secret)],
    at: Time,
) -> Result<(), StoreError> {
    for (id, secret) in taken {
        store.secret_put(workspace, *id, secret, at).await?;
    }
    Ok(())
}

/// Removes secrets that nothing refers to any more. What cannot be removed now is only told: nobody can read it.
pub(crate) async fn forget(store: &Store, workspace: WorkspaceId, ids: Vec<SecretId>, at: Time) {
    let who = Authority::system(SystemReason::Job);
    let place = Collection::<Workload>::of(workspace);
    let Ok(grant) = authorize::<_, Write>(&who, &place, &Arc::new(Origin::default())) else { return };
    for id in ids {
        if let Err(error) = store.secret_delete(&grant, id, at).await {
            tracing::warn!(secret.id = %id, %error, "could not remove a secret that is not used any more");
        }
    }
}

/// Removes the secrets of a workload whose row is gone.
pub(crate) async fn forget_all(store: &Store, gone: &Workload, at: Time) {
    forget(store, gone.workspace, references(&gone.spec), at).await;
}
