//! Providers: who may be signed in with, and their upkeep by admins.

use super::flow::{self, redirect_uri};
use super::identity;
use super::party::{self, Trouble};
use crate::app::App;
use crate::factor::{Browser, FromBrowser};
use crate::http::{
    Allowed, Confirmed, Created, Error, Found, Json, Load, Lookup, NoContent, Public, Query, Result, Routes, View,
    page, window,
};
use ostler_model::authz::{Platform, Read, Write};
use ostler_model::oidc::Provider;
use ostler_model::user::Email;
use ostler_model::{Name, ProviderId, Secret};
use ostler_wire::Page;
use ostler_wire::oidc::{
    ProviderCreate, ProviderLink, ProviderLinks, ProviderTest, ProviderTested, ProviderUpdate, ProviderView,
};
use ostler_wire::page::PageQuery;

/// The room's endpoints.
pub fn routes() -> Routes {
    identity::add(providers())
}

fn providers() -> Routes {
    Routes::new("provider")
        .get("/api/v1/auth/providers", links)
        .post("/api/v1/auth/providers", create)
        .get("/api/v1/auth/providers/admin", list)
        .post("/api/v1/auth/providers/test", test)
        .patch("/api/v1/auth/providers/{provider}", update)
        .delete("/api/v1/auth/providers/{provider}", delete)
        .get("/api/v1/auth/oidc/{provider}/start", flow::start)
        .get("/api/v1/auth/oidc/{provider}/callback", flow::callback)
}

impl Load for Provider {
    const FOUND: Found = Found::Param("provider");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        if let Some(id) = find.id::<ProviderId>("provider") {
            return Ok(app.store.provider_find(id).await?);
        }
        match find.id::<Name>("provider") {
            Some(slug) => Ok(app.store.provider_by_slug(&slug).await?),
            None => Ok(None),
        }
    }
}

/// The parties that people may sign in with.
pub async fn links(app: App, _: Public, _: ()) -> Result<View<ProviderLinks>> {
    let all = app.store.provider_list().await?;
    let items = all.into_iter().filter(|provider| provider.is_enabled).map(|provider| ProviderLink {
        start: format!("/api/v1/auth/oidc/{}/start", provider.slug),
        slug: provider.slug.to_string(),
        name: provider.name.to_string(),
        preset: provider.preset,
    });
    Ok(View(ProviderLinks { items: items.collect() }))
}

/// List all providers with their settings.
pub async fn list(
    app: App,
    _: Allowed<Platform, Read>,
    asked: FromBrowser<Query<PageQuery>>,
) -> Result<View<Page<ProviderView>>> {
    let FromBrowser { browser, input: Query(query) } = asked;
    let all = window(app.store.provider_list().await?, &query, |provider| provider.id.to_string())?;
    Ok(View(page(all, |provider| view(&app, &browser, provider))))
}

/// Add a provider. It is asked for its description and its keys first; what does not answer is not saved.
pub async fn create(
    app: App,
    platform: Confirmed<Allowed<Platform, Write>>,
    asked: FromBrowser<Json<ProviderCreate>>,
) -> Result<Created<ProviderView>> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let issuer = party::issuer(input.preset, input.issuer.as_deref())?;
    tried(&app, &issuer).await?;
    let secret = input.client_secret.filter(|secret| !secret.reveal().is_empty());
    let now = app.clock.now();
    let new = Provider {
        id: app.ids.next(),
        slug: input.slug,
        name: input.name,
        preset: input.preset,
        issuer,
        client_id: input.client_id,
        client_secret: secret.as_ref().map(|_| app.ids.next()),
        scopes: scopes(input.scopes)?,
        is_enabled: input.is_enabled.unwrap_or(true),
        trusts_email: input.trusts_email,
        domains: domains(input.domains)?,
        created_at: now,
    };
    let made = app.store.provider_create(&platform.grant, &new, secret.as_ref(), now).await?;
    Ok(Created(view(&app, &browser, made)))
}

/// Change a provider. Its issuer stays: people are known by it.
pub async fn update(
    app: App,
    provider: Confirmed<Allowed<Provider, Write>>,
    asked: FromBrowser<Json<ProviderUpdate>>,
) -> Result<View<ProviderView>> {
    let FromBrowser { browser, input: Json(input) } = asked;
    let before = &provider.resource;
    let is_enabled = input.is_enabled.unwrap_or(before.is_enabled);
    if is_enabled && (input.client_id.is_some() || !before.is_enabled) {
        tried(&app, &before.issuer).await?;
    }
    let (client_secret, secret): (_, Option<Secret>) = match input.client_secret {
        None => (before.client_secret, None),
        Some(secret) if secret.reveal().is_empty() => (None, None),
        Some(secret) => (Some(app.ids.next()), Some(secret)),
    };
    let new = Provider {
        name: input.name.unwrap_or_else(|| before.name.clone()),
        client_id: input.client_id.unwrap_or_else(|| before.client_id.clone()),
        client_secret,
        scopes: input.scopes.map_or_else(|| Ok(before.scopes.clone()), |given| scopes(Some(given)))?,
        is_enabled,
        trusts_email: input.trusts_email.unwrap_or(before.trusts_email),
        domains: input.domains.map_or_else(|| Ok(before.domains.clone()), domains)?,
        ..before.clone()
    };
    let made = app.store.provider_update(&provider.grant, &new, secret.as_ref(), app.clock.now()).await?;
    Ok(View(view(&app, &browser, made)))
}

/// Remove a provider. Who was known by it signs in another way from then on.
pub async fn delete(app: App, provider: Confirmed<Allowed<Provider, Write>>, _: ()) -> Result<NoContent> {
    app.store.provider_delete(&provider.grant, app.clock.now()).await?;
    Ok(NoContent)
}

/// Ask a provider for its description and its keys, and save nothing.
pub async fn test(
    app: App,
    platform: Allowed<Platform, Write>,
    Json(input): Json<ProviderTest>,
) -> Result<View<ProviderTested>> {
    let issuer = party::issuer(input.preset, input.issuer.as_deref())?;
    let tested = tried(&app, &issuer).await?;
    let grant = &platform.grant;
    app.store.audit_note(grant, "provider.test", 1, app.clock.now()).await?;
    Ok(View(tested))
}

/// Insists on a provider that can be used.
async fn tried(app: &App, issuer: &str) -> Result<ProviderTested> {
    let wrong = |why: Trouble| Error::field("issuer", why.to_string());
    let found = party::discover(app, issuer).await.map_err(wrong)?;
    let keys = party::keys(app, &found).await.and_then(|keys| keys.usable(found.algorithms())).map_err(wrong)?;
    Ok(ProviderTested {
        issuer: found.issuer,
        authorization_endpoint: found.authorization_endpoint,
        token_endpoint: found.token_endpoint,
        keys,
    })
}

fn scopes(given: Option<Vec<String>>) -> Result<Vec<String>> {
    let mut all = given.unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).to_vec());
    if !all.iter().any(|scope| scope == "openid") {
        all.insert(0, "openid".to_owned());
    }
    let is_plain = |scope: &String| (1..=100).contains(&scope.len()) && scope.chars().all(|c| c.is_ascii_graphic());
    if all.iter().all(is_plain) { Ok(all) } else { Err(Error::field("scopes", "scopes are words without spaces")) }
}

fn domains(given: Vec<String>) -> Result<Vec<String>> {
    let domain =
        |text: &String| format!("x@{}", text.trim()).parse::<Email>().ok().map(|email| email.domain().to_owned());
    let all: Option<Vec<String>> = given.iter().map(domain).collect();
    all.ok_or_else(|| Error::field("domains", "write domains like example.org"))
}

fn view(app: &App, browser: &Browser, provider: Provider) -> ProviderView {
    ProviderView {
        redirect_uri: redirect_uri(app, browser, &provider.slug),
        id: provider.id,
        slug: provider.slug.to_string(),
        name: provider.name.to_string(),
        preset: provider.preset,
        issuer: provider.issuer,
        client_id: provider.client_id,
        has_client_secret: provider.client_secret.is_some(),
        scopes: provider.scopes,
        is_enabled: provider.is_enabled,
        trusts_email: provider.trusts_email,
        domains: provider.domains,
        created_at: provider.created_at,
    }
}
