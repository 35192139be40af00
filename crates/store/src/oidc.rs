//! Providers that people may sign in with, and who somebody is at each.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::{Note, Tx};
use crate::db::value::args;
use crate::factor::spend;
use crate::held::lock_person;
use crate::mail;
use crate::secret::sealed;
use crate::user::{self, New};
use ostler_model::audit::Outcome;
use ostler_model::authz::{Actor, ActorKind, Collection, Grant, Platform, Resource, Write};
use ostler_model::event::Fact;
use ostler_model::oidc::Provider;
use ostler_model::user::{Email, Session, State, User};
use ostler_model::{Label, Name, ProviderId, Secret, Time, UserId};
use serde_json::json;

/// What a provider has said, checked.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub subject: &'a str,
    /// The address, when the provider says that it is proven and is trusted with the address' domain.
    pub email: Option<&'a Email>,
    /// The account that an unknown person gets.
    pub newcomer: Option<&'a New>,
    /// Tells the person that the provider may sign them in from now on, when mail is on.
    pub notice: Option<&'a mail::New>,
}

/// An account at a provider that may sign a person in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub provider: ProviderId,
    pub slug: Name,
    pub name: Label,
    /// What the provider calls the person.
    pub subject: String,
    pub created_at: Time,
    pub last_used_at: Time,
}

/// Whom a provider's word leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Somebody who has come this way before.
    Known(UserId),
    /// A person with the same proven address and no password, who is now known by the subject.
    Linked(UserId),
    /// Somebody new.
    Created(UserId),
    /// A person with this address who has a password, or administers the platform: they link the provider themselves, signed in.
    LinkFirst,
    /// No person who may come in.
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
    /// Finds whom a provider's word leads to: first by issuer and subject, then by a proven address in the provider's domains,
    /// then as somebody new. The ticket of the journey is used up, whatever the answer.
    ///
    /// By address it leads to no admin of the platform, and to no person with a password or a passkey of their own. A password of an address
    /// that had never proved itself is not its owner's, and ends here.
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
            // The person's password and rights stay as they are until this has ended.
            let row = tx.opt("UPDATE users SET name = name WHERE email = $1 RETURNING *", args![email]).await?;
            if let Some(row) = row {
                let found = user::from_row(&row)?;
                if found.state != State::Active || is_linked(tx, provider, found.id).await? {
                    return Ok(Arrival::Nobody);
                }
                if found.is_platform_admin {
                    return Ok(Arrival::LinkFirst);
                }
                let has_password = row.get::<Option<String>>("password_hash")?.is_some();
                if !user::email_proven(tx, found.id, at).await? && (has_password || has_passkey(tx, found.id).await?) {
                    return Ok(Arrival::LinkFirst);
                }
                link(tx, grant, provider, (claim.subject, found.id, email), at).await?;
                if let Some(notice) = claim.notice {
                    mail::enqueue(tx, self.key(), notice, at).await?;
                }
                tx.event(grant, None, Fact::UserChanged { id: found.id });
                return Ok(Arrival::Linked(found.id));
            }
            let Some(new) = claim.newcomer else { return Ok(Arrival::Nobody) };
            let person = user::insert(tx, new, true, at).await?;
            tx.event(grant, None, Fact::UserChanged { id: person.id });
            let told = Told::made(&user::told(&person)).with("provider", provider.slug.clone());
            tx.audit(grant, "user.create", person.id, told);
            link(tx, grant, provider, (claim.subject, person.id, email), at).await?;
            Ok(Arrival::Created(person.id))
        })
    }
    /// Links an account at a provider to the person who has come back from there: they asked for it in a session of their own.
    pub async fn identity_link(
        &self,
        grant: &Grant<User, Write>,
        provider: &Provider,
        (subject, notice): (&str, Option<&mail::New>),
        (ticket_hash, ticket_until): (&[u8], Time),
        at: Time,
    ) -> Result<()> {
        change!(self, "identity_link", at, |tx| {
            spend(tx, ticket_hash, ticket_until).await?;
            lock_person(tx, grant.id()).await?;
            let row = tx.opt("SELECT * FROM users WHERE id = $1", args![grant.id()]).await?;
            let person = user::from_row(&row.ok_or_else(|| StoreError::missing("user", grant.id()))?)?;
            if person.state != State::Active {
                return Err(Rule::NotActive.into());
            }
            let sql = "SELECT user_id FROM identity WHERE provider_id = $1 AND issuer = $2 AND subject = $3";
            if let Some(row) = tx.opt(sql, args![provider.id, provider.issuer, subject]).await? {
                return if row.get::<UserId>("user_id")? == person.id {
                    Ok(())
                } else {
                    Err(Rule::IdentityTaken.into())
                };
            }
            if is_linked(tx, provider, person.id).await? {
                return Err(Rule::IdentityLinked.into());
            }
            link(tx, grant, provider, (subject, person.id, &person.email), at).await?;
            if let Some(notice) = notice {
                mail::enqueue(tx, self.key(), notice, at).await?;
            }
            tx.event(grant, None, Fact::UserChanged { id: person.id });
            Ok(())
        })
    }
    /// Ends sign-in by a provider for a person. Refused when they would have no way in any more. False when there was none.
    pub async fn identity_unlink(&self, grant: &Grant<User, Write>, provider: &Provider, at: Time) -> Result<bool> {
        change!(self, "identity_unlink", at, |tx| {
            lock_person(tx, grant.id()).await?;
            let row = tx
                .opt(
                    "DELETE FROM identity WHERE provider_id = $1 AND user_id = $2 RETURNING subject",
                    args![provider.id, grant.id()],
                )
                .await?;
            let Some(row) = row else { return Ok(false) };
            let left = "SELECT 1 AS one FROM users u WHERE u.id = $1 AND (u.password_hash IS NOT NULL
                 OR EXISTS (SELECT 1 FROM identity i WHERE i.user_id = u.id)
                 OR EXISTS (SELECT 1 FROM factor f WHERE f.user_id = u.id AND f.kind = 'passkey' AND f.is_pending = FALSE))";
            if tx.opt(left, args![grant.id()]).await?.is_none() {
                return Err(Rule::LastWayIn.into());
            }
            let id = grant.id().parse().map_err(|_| StoreError::missing("user", grant.id()))?;
            tx.event(grant, None, Fact::UserChanged { id });
            let before = json!({ "provider": provider.slug, "subject": row.get::<String>("subject")? });
            tx.audit(grant, "user.unlink_provider", grant.id(), Told::gone(&before));
            Ok(true)
        })
    }
    /// The accounts at providers that may sign a person in, by the provider's name.
    pub async fn identity_list(&self, user: UserId) -> Result<Vec<Identity>> {
        read!(self, "identity_list", |db| {
            let sql = "SELECT i.provider_id, p.slug, p.name, i.subject, i.created_at, i.last_used_at
                       FROM identity i JOIN provider p ON p.id = i.provider_id WHERE i.user_id = $1 ORDER BY p.slug LIMIT 200";
            let identity = |row: &Row| {
                Ok(Identity {
                    provider: row.get("provider_id")?,
                    slug: row.get("slug")?,
                    name: row.get("name")?,
                    subject: row.get("subject")?,
                    created_at: row.get("created_at")?,
                    last_used_at: row.get("last_used_at")?,
                })
            };
            db.all(sql, args![user]).await?.iter().map(identity).collect()
        })
    }
}

/// True when the person is known to the provider by another subject: whoever has their address now is somebody else.
async fn is_linked(tx: &mut Tx, provider: &Provider, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM identity WHERE provider_id = $1 AND user_id = $2";
    Ok(tx.opt(sql, args![provider.id, user]).await?.is_some())
}

/// True when the person signs in with a passkey of their own.
async fn has_passkey(tx: &mut Tx, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM factor WHERE user_id = $1 AND kind = 'passkey' AND is_pending = FALSE LIMIT 1";
    Ok(tx.opt(sql, args![user]).await?.is_some())
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
