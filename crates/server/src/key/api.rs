//! Endpoints about API keys.

use super::said;
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
use ostler_store::key::Change;
use ostler_wire::Page;
use ostler_wire::key::{KeyCreate, KeyCreated, KeyScope, KeyUpdate, KeyView};
use ostler_wire::page::PageQuery;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("key")
        .get("/api/v1/keys", list)
        .post("/api/v1/keys", create)
        .get("/api/v1/keys/{key}", get)
        .patch("/api/v1/keys/{key}", update)
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
/// It reaches only what you can see. The secret is in this answer and nowhere else.
pub async fn create(app: App, me: Allowed<User, Write>, Json(input): Json<KeyCreate>) -> Result<Once<KeyCreated>> {
    let now = app.clock.now();
    said::limits(now, input.expires_at, &input.networks)?;
    let scope = said::scope(input.scope)?;
    if app.store.key_list(me.resource.id).await?.len() >= limits::KEYS_PER_PERSON {
        let message = format!("you have {} keys; delete one that is not used any more", limits::KEYS_PER_PERSON);
        return Err(Error::conflict("too_many_keys", message));
    }
    let secret = secret(&app);
    let templates = said::templates(&app, &scope);
    let key = Key {
        id: app.ids.next(),
        owner: me.resource.id,
        label: input.label,
        prefix: prefix(&secret),
        capabilities: input.capabilities.iter().copied().collect::<CapabilitySet>(),
        scope,
        networks: input.networks,
        requests_per_minute: input.requests_per_minute,
        created_at: now,
        expires_at: input.expires_at,
        last_used_at: None,
        last_used_from: None,
    };
    match app.store.key_create(&me.grant, &key, &hash_token(&secret), &templates, now).await {
        Ok(key) => Ok(Once(KeyCreated { key: view(key), secret })),
        Err(error) => Err(said::wrong(error, Some(&key.scope), Some(&input.capabilities))),
    }
}

/// Change what one of your keys may do, from the next request on. Its secret stays.
///
/// As when a key is made: nothing that you do not hold now, and nothing that you cannot see.
pub async fn update(app: App, key: Allowed<Key, Write>, Json(input): Json<KeyUpdate>) -> Result<View<KeyView>> {
    let now = app.clock.now();
    said::limits(now, input.expires_at.flatten(), input.networks.as_deref().unwrap_or_default())?;
    let change = Change {
        label: input.label,
        capabilities: input.capabilities.as_ref().map(|list| list.iter().copied().collect()),
        scope: input.scope.map(said::scope).transpose()?,
        networks: input.networks,
        expires_at: input.expires_at,
        requests_per_minute: input.requests_per_minute,
    };
    let templates = change.scope.as_ref().map(|scope| said::templates(&app, scope)).unwrap_or_default();
    match app.store.key_update(&key.grant, &change, &templates, now).await {
        Ok(key) => Ok(View(view(key))),
        Err(error) => Err(said::wrong(error, change.scope.as_ref(), input.capabilities.as_deref())),
    }
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
