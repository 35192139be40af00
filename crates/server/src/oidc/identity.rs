//! The accounts at providers that may sign a person in: linked and unlinked by that person, in a confirmed session.

use super::flow::{ACCOUNT, depart};
use crate::app::App;
use crate::factor::{Browser, FromBrowser};
use crate::http::{
    Allowed, BodyUse, Confirmed, Error, Incoming, Input, InputDoc, NoContent, Result, Routes, View, WithHeaders,
};
use ostler_model::Name;
use ostler_model::authz::{Read, Write};
use ostler_model::oidc::Provider;
use ostler_model::user::User;
use ostler_wire::oidc::{Identities, IdentityView, LinkStarted};

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/api/v1/auth/identities", identities)
        .post("/api/v1/auth/identities/{provider}/link", link)
        .delete("/api/v1/auth/identities/{provider}/link", unlink)
}

/// The accounts at providers that sign you in.
pub async fn identities(app: App, me: Allowed<User, Read>, _: ()) -> Result<View<Identities>> {
    let found = app.store.identity_list(me.resource.id).await?.into_iter();
    let items = found.map(|it| IdentityView {
        provider: it.provider,
        slug: it.slug.to_string(),
        name: it.name.to_string(),
        created_at: it.created_at,
        last_used_at: it.last_used_at,
    });
    Ok(View(Identities { items: items.collect() }))
}

/// Begin to link a provider to your account. Send the browser to the address in the answer; it comes back to your account.
///
/// From then on the account at the provider signs you in. You are told by mail.
pub async fn link(
    app: App,
    me: Confirmed<Allowed<User, Write>>,
    asked: FromBrowser<NoBody>,
) -> Result<WithHeaders<View<LinkStarted>>> {
    let provider = named(&app, &asked.browser).await?.filter(|provider| provider.is_enabled);
    let provider = provider.ok_or_else(not_linked)?;
    let origin = &me.caller.origin;
    let links = Some((me.resource.id, me.session.id));
    let is_secure = app.config.public_url().starts_with("https:");
    let sent = depart(&app, (origin, is_secure), &asked.browser, &provider, ACCOUNT.to_owned(), links).await?;
    // The journey itself is written down when it has led somewhere; that it was begun is one entry, too.
    app.store.audit_note(&me.grant, "user.link_begin", 1, app.clock.now()).await?;
    Ok(WithHeaders(View(LinkStarted { location: sent.to }), sent.headers))
}

/// Unlink a provider: its account does not sign you in any more. Refused when it is your last way in.
pub async fn unlink(app: App, me: Confirmed<Allowed<User, Write>>, asked: FromBrowser<NoBody>) -> Result<NoContent> {
    let provider = named(&app, &asked.browser).await?.ok_or_else(not_linked)?;
    if app.store.identity_unlink(&me.grant, &provider, app.clock.now()).await? {
        return Ok(NoContent);
    }
    Err(not_linked())
}

async fn named(app: &App, browser: &Browser) -> Result<Option<Provider>> {
    let slug: Option<Name> = browser.path_part_before_last().and_then(|part| part.parse().ok());
    match slug {
        Some(slug) => Ok(app.store.provider_by_slug(&slug).await?),
        None => Ok(None),
    }
}

fn not_linked() -> Error {
    Error::conflict("not_linked", "your account is not linked to a provider of this name")
}

/// Nothing but the path.
#[derive(Debug, Clone, Copy)]
pub struct NoBody;

impl Input for NoBody {
    const BODY: BodyUse = BodyUse::None;
    fn describe(_: &mut schemars::SchemaGenerator) -> InputDoc {
        InputDoc::default()
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        <() as Input>::read(from).map(|()| Self)
    }
}
