//! Endpoints about API keys.

use super::strength;
use crate::app::App;
use crate::auth::{KEY_PREFIX, hash_token};
use crate::http::{
    Allowed, Collected, Error, EvenArchived, Found, Json, Load, Lookup, Mine, NoContent, Once, Query, Result, Routes,
    View, page, window,
};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::authz::{CapabilitySet, Collection, Read, Scope, Write};
use ostler_model::key::Key;
use ostler_model::user::User;
use ostler_wire::Page;
use ostler_wire::error::FieldError;
use ostler_wire::key::{KeyCreate, KeyCreated, KeyScope, KeyView};
use ostler_wire::page::PageQuery;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("key")
        .get("/api/v1/keys", list)
        .post("/api/v1/keys", create)
        .get("/api/v1/keys/{key}", get)
        .delete("/api/v1/keys/{key}", delete)
        .post("/api/v1/keys/{key}/rotate", rotate)
        .get("/api/v1/workspaces/{workspace}/keys", list_in)
}

impl Collected for Key {}

impl Load for Key {
    const FOUND: Found = Found::Param("key");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let Some(id) = find.id("key") else { return Ok(None) };
        Ok(app.store.key_find(id).await?)
    }
}

/// List your API keys, newest first.
pub async fn list(
    app: App,
    mine: Allowed<Mine<Key>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<KeyView>>> {
    let keys = app.store.key_list(mine.resource.owner).await?;
    Ok(View(page(window(keys, &query, |key| key.id.to_string())?, view)))
}

/// List the keys of anybody that are confined to this workspace, newest first.
pub async fn list_in(
    app: App,
    all: Allowed<Collection<Key>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<KeyView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let keys = app.store.key_list_in(workspace).await?;
    Ok(View(page(window(keys, &query, |key| key.id.to_string())?, view)))
}

/// Make an API key. It can do at most what you can do now, and loses what you lose later.
///
/// The secret is in this answer and nowhere else.
pub async fn create(app: App, me: Allowed<User, Write>, Json(input): Json<KeyCreate>) -> Result<Once<KeyCreated>> {
    let now = app.clock.now();
    if input.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::field("expires_at", "use a time in the future"));
    }
    if input.networks.len() > limits::KEY_NETWORKS {
        return Err(Error::field("networks", format!("name at most {}", limits::KEY_NETWORKS)));
    }
    strength::lasts_within(me.caller.key.as_ref(), (&input.networks, input.expires_at, input.requests_per_minute))?;
    let scope = match input.scope {
        KeyScope::All => Scope::All,
        KeyScope::Workspace(id) => Scope::Workspace(id),
        KeyScope::Only(ids) if (1..=limits::KEY_SCOPE_IDS).contains(&ids.len()) => Scope::Only(ids),
        KeyScope::Only(_) => return Err(Error::field("scope", format!("name 1 to {} ids", limits::KEY_SCOPE_IDS))),
    };
    let most = strength::most(&me.caller.authority, &scope)
        .ok_or_else(|| Error::field("scope", "this is not within your own reach"))?;
    let too_strong: Vec<FieldError> = input
        .capabilities
        .iter()
        .enumerate()
        .filter(|(_, capability)| !most.allows(**capability))
        .map(|(at, capability)| FieldError {
            field: format!("capabilities[{at}]"),
            message: format!("you do not hold {capability} yourself"),
        })
        .collect();
    if !too_strong.is_empty() {
        return Err(Error::Invalid(too_strong));
    }
    if app.store.key_list(me.resource.id).await?.len() >= limits::KEYS_PER_PERSON {
        let message = format!("you have {} keys; delete one that is not used any more", limits::KEYS_PER_PERSON);
        return Err(Error::conflict("too_many_keys", message));
    }
    let secret = secret(&app);
    let key = Key {
        id: app.ids.next(),
        owner: me.resource.id,
        label: input.label,
        prefix: prefix(&secret),
        capabilities: input.capabilities.into_iter().collect::<CapabilitySet>(),
        scope,
        networks: input.networks,
        requests_per_minute: input.requests_per_minute,
        created_at: now,
        expires_at: input.expires_at,
        last_used_at: None,
        last_used_from: None,
    };
    let key = app.store.key_create(&me.grant, &key, &hash_token(&secret), now).await?;
    Ok(Once(KeyCreated { key: view(key), secret }))
}

/// Read about a key.
pub async fn get(_: App, key: Allowed<Key, Read>, _: ()) -> Result<View<KeyView>> {
    Ok(View(view(key.resource)))
}

/// Delete a key. It ends at once.
pub async fn delete(app: App, EvenArchived(key): EvenArchived<Key, Write>, _: ()) -> Result<NoContent> {
    app.store.key_delete(&key.grant, app.clock.now()).await?;
    Ok(NoContent)
}

/// Give one of your keys a new secret. The old one ends at once.
pub async fn rotate(app: App, key: Allowed<Key, Write>, _: ()) -> Result<Once<KeyCreated>> {
    // Whoever may delete a key of somebody else must not thereby get its power.
    let (old, maker) = (&key.resource, key.caller.key.as_ref());
    let is_covered = strength::covers(&key.caller.authority, old);
    if !is_covered || strength::lasts_within(maker, (&old.networks, old.expires_at, old.requests_per_minute)).is_err() {
        let message = "only its owner gets a key's new secret, and not with a weaker key".to_owned();
        return Err(Error::Forbidden { code: "not_your_key", message });
    }
    let secret = secret(&app);
    let key = app.store.key_rotate(&key.grant, &prefix(&secret), &hash_token(&secret), app.clock.now()).await?;
    Ok(Once(KeyCreated { key: view(key), secret }))
}

fn secret(app: &App) -> String {
    format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(app.ids.bytes::<32>()))
}

/// Enough to recognise a key by, far too little to guess the rest.
fn prefix(secret: &str) -> String {
    secret.chars().take(KEY_PREFIX.len() + 6).collect()
}

fn view(key: Key) -> KeyView {
    KeyView {
        id: key.id,
        label: key.label.to_string(),
        owner: key.owner,
        prefix: key.prefix,
        capabilities: key.capabilities.iter().collect(),
        scope: match key.scope {
            Scope::All => KeyScope::All,
            Scope::Workspace(id) => KeyScope::Workspace(id),
            Scope::Only(ids) => KeyScope::Only(ids),
        },
        networks: key.networks,
        requests_per_minute: key.requests_per_minute,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        last_used_from: key.last_used_from,
    }
}
