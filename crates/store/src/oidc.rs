//! Providers that people may sign in with, and who somebody is at each.

use crate::db::error::{Result, StoreError};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, Tx};
use crate::db::value::args;
use crate::factor::spend;
use crate::secret::sealed;
use crate::user::{self, New};
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Collection, Grant, Platform, Resource, Write};
use ostler_model::event::Fact;
use ostler_model::oidc::Provider;
use ostler_model::user::{Email, Session, State};
use ostler_model::{Name, ProviderId, Secret, Time, UserId};
use serde_json::json;

/// What a provider has said, checked.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub subject: &'a str,
    /// The address, when it is proven to be theirs.
    pub email: Option<&'a Email>,
    /// The account that somebody unknown gets, when they may have one.
    pub newcomer: Option<&'a New>,
}

/// Whom a provider's word leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Somebody who has come this way before.
    Known(UserId),
    /// Somebody with the same proven address, who is now known by the subject.
    Linked(UserId),
    /// Somebody new.
    Created(UserId),
    /// Nobody who may come in.
    Nobody,
}

impl Store {
    /// All providers, by name.
    pub async fn provider_list(&self) -> Result<Vec<Provider>> {
        read!(self, "provider_list", |db| {
            db.all("SELECT * FROM provider ORDER BY slug LIMIT 200", vec![]).await?.iter().map(from_row).collect()
        })
    }
    /// A provider by id, if there is one.
    pub async fn provider_find(&self, id: ProviderId) -> Result<Option<Provider>> {
        read!(self, "provider_find", |db| {
            db.opt("SELECT * FROM provider WHERE id = $1", args![id]).await?.as_ref().map(from_row).transpose()
        })
    }
    /// A provider by the name that paths have.
    pub async fn provider_by_slug(&self, slug: &Name) -> Result<Option<Provider>> {
        read!(self, "provider_by_slug", |db| {
            db.opt("SELECT * FROM provider WHERE slug = $1", args![slug]).await?.as_ref().map(from_row).transpose()
        })
    }
    /// The client's secret of a provider, when it has one.
    pub async fn provider_secret(&self, provider: &Provider) -> Result<Option<Secret>> {
        match provider.client_secret {
            Some(id) => self.secret_get(id, &provider.id.to_string()).await.map(Some),
            None => Ok(None),
        }
    }
    /// Adds a provider.
    pub async fn provider_create(
        &self,
        grant: &Grant<Platform, Write>,
        new: &Provider,
        secret: Option<&Secret>,
        at: Time,
    ) -> Result<Provider> {
        change!(self, "provider_create", at, |tx| {
            put_secret(self, tx, new, secret, at).await?;
            let row = tx
                .one(
                    "INSERT INTO provider (id, slug, name, preset, issuer, client_id, secret_id, scopes, domains, is_enabled,
                         trusts_email, created_at, changed_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING *",
                    args![
                        new.id, new.slug, new.name, new.preset.as_str(), new.issuer, new.client_id, new.client_secret,
                        texts(&new.scopes), texts(&new.domains), new.is_enabled, new.trusts_email, at
                    ],
                )
                .await?;
            let made = from_row(&row)?;
            tx.audit(grant, "provider.create", new.id, Told::made(&told(&made)));
            Ok(made)
        })
    }
    /// Changes a provider. A secret that is given replaces the one before.
    pub async fn provider_update(
        &self,
        grant: &Grant<Provider, Write>,
        new: &Provider,
        secret: Option<&Secret>,
        at: Time,
    ) -> Result<Provider> {
        change!(self, "provider_update", at, |tx| {
            let row = tx.opt("UPDATE provider SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&row.ok_or_else(|| StoreError::missing("provider", grant.id()))?)?;
            put_secret(self, tx, new, secret, at).await?;
            let changed = tx
                .one(
                    "UPDATE provider SET name = $2, client_id = $3, secret_id = $4, scopes = $5, domains = $6,
                         is_enabled = $7, trusts_email = $8, changed_at = $9 WHERE id = $1 RETURNING *",
                    args![
                        grant.id(),
                        new.name,
                        new.client_id,
                        new.client_secret,
                        texts(&new.scopes),
                        texts(&new.domains),
                        new.is_enabled,
                        new.trusts_email,
                        at
                    ],
                )
                .await?;
            if let Some(old) = before.client_secret.filter(|old| new.client_secret != Some(*old)) {
                tx.exec("DELETE FROM secret WHERE id = $1", args![old]).await?;
            }
            let after = from_row(&changed)?;
            tx.audit(grant, "provider.update", grant.id(), Told::changed(&told(&before), &told(&after)));
            Ok(after)
        })
    }
    /// Removes a provider, and who was who there.
    pub async fn provider_delete(&self, grant: &Grant<Provider, Write>, at: Time) -> Result<()> {
        change!(self, "provider_delete", at, |tx| {
            let row = tx.opt("DELETE FROM provider WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&row.ok_or_else(|| StoreError::missing("provider", grant.id()))?)?;
            if let Some(secret) = before.client_secret {
                tx.exec("DELETE FROM secret WHERE id = $1", args![secret]).await?;
            }
            tx.audit(grant, "provider.delete", grant.id(), Told::gone(&told(&before)));
            Ok(())
        })
    }
    /// Finds whom a provider's word leads to: first by issuer and subject, then by a proven address, then as somebody new. The
    /// ticket of the journey is used up, whatever the answer.
    pub async fn oidc_arrive(
        &self,
        grant: &Grant<Collection<Session>, Write>,
        provider: &Provider,
        claim: Claim<'_>,
        (ticket_hash, ticket_until): (&[u8], Time),
        at: Time,
    ) -> Result<Arrival> {
        change!(self, "oidc_arrive", at, |tx| {
            spend(tx, ticket_hash, ticket_until).await?;
            let row = tx
                .opt(
                    "UPDATE identity SET last_used_at = $4 WHERE provider_id = $1 AND issuer = $2 AND subject = $3
                     RETURNING user_id",
                    args![provider.id, provider.issuer, claim.subject, at],
                )
                .await?;
            if let Some(row) = row {
                return Ok(Arrival::Known(row.get("user_id")?));
            }
            let Some(email) = claim.email else { return Ok(Arrival::Nobody) };
            let row = tx.opt("SELECT id, state FROM users WHERE email = $1", args![email]).await?;
            if let Some(row) = row {
                let id: UserId = row.get("id")?;
                if user::state(&row, "state")? != State::Active || is_linked(tx, provider, id).await? {
                    return Ok(Arrival::Nobody);
                }
                link(tx, grant, provider, (claim.subject, id, email), at).await?;
                return Ok(Arrival::Linked(id));
            }
            let Some(new) = claim.newcomer else { return Ok(Arrival::Nobody) };
            let person = user::insert(tx, new, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: person.id });
            let told = Told::made(&user::told(&person)).with("provider", provider.slug.clone());
            tx.audit(grant, "user.create", person.id, told);
            link(tx, grant, provider, (claim.subject, person.id, email), at).await?;
            Ok(Arrival::Created(person.id))
        })
    }
}

/// True when the person is known to the provider by another subject: whoever has their address now is somebody else.
async fn is_linked(tx: &mut Tx, provider: &Provider, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM identity WHERE provider_id = $1 AND user_id = $2";
    Ok(tx.opt(sql, args![provider.id, user]).await?.is_some())
}

async fn link<R: Resource>(
    tx: &mut Tx,
    grant: &Grant<R, Write>,
    provider: &Provider,
    (subject, user, email): (&str, UserId, &Email),
    at: Time,
) -> Result<()> {
    tx.exec(
        "INSERT INTO identity (provider_id, issuer, subject, user_id, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        args![provider.id, provider.issuer, subject, user, at],
    )
    .await?;
    tx.note(Note {
        workspace: None,
        actor: Actor { kind: ActorKind::User(user), label: email.to_string() },
        origin: grant.origin().clone(),
        action: "user.link_provider".to_owned(),
        target_kind: "user".to_owned(),
        target_id: user.to_string(),
        outcome: Outcome::Done,
        told: Told::made(&json!({ "provider": provider.slug, "subject": subject })),
    });
    Ok(())
}

async fn put_secret(store: &Store, tx: &mut Tx, of: &Provider, secret: Option<&Secret>, at: Time) -> Result<()> {
    let (Some(id), Some(secret)) = (of.client_secret, secret) else { return Ok(()) };
    let owner = of.id.to_string();
    let (key_id, bytes) = sealed(store.key(), id, &owner, secret);
    tx.exec(
        "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)",
        args![id, owner, key_id, bytes, at],
    )
    .await
    .map(|_| ())
}

/// What the trail keeps of a provider.
fn told(provider: &Provider) -> serde_json::Value {
    json!({
        "slug": provider.slug, "name": provider.name, "issuer": provider.issuer, "client_id": provider.client_id,
        // Which one it is, not what: a new secret is kept under another id.
        "kept_as": provider.client_secret, "scopes": provider.scopes, "is_enabled": provider.is_enabled,
        "trusts_email": provider.trusts_email, "domains": provider.domains
    })
}

fn texts(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}

fn from_row(row: &Row) -> Result<Provider> {
    Ok(Provider {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        preset: row.get::<String>("preset")?.parse().map_err(|()| crate::db::row::unreadable("preset"))?,
        issuer: row.get("issuer")?,
        client_id: row.get("client_id")?,
        client_secret: row.get("secret_id")?,
        scopes: row.json("scopes")?,
        is_enabled: row.get("is_enabled")?,
        trusts_email: row.get("trusts_email")?,
        domains: row.json("domains")?,
        created_at: row.get("created_at")?,
    })
}
