//! The loop that sends what waits.

use super::letter::Letter;
use super::smtp::{Refusal, Server};
use crate::app::App;
use crate::auth::hash_token;
use crate::limits;
use crate::user::fresh_token;
use ostler_model::user::Email;
use ostler_model::{Millis, Time};
use ostler_store::mail::{New, Waiting};
use std::sync::Arc;
use tokio::sync::Notify;

/// Wakes the loop, and writes letters for it.
#[derive(Debug, Clone, Default)]
pub struct Post(Arc<Notify>);

/// Looked at this often without being told: other servers write letters, too.
const EVERY: Millis = Millis::secs(20);
/// Letters per round.
const BATCH: u32 = 20;
const PAUSE_FIRST: Millis = Millis::secs(15);
const PAUSE_MOST: Millis = Millis::secs(3600);

impl Post {
    /// There may be something to send.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

impl App {
    /// A letter to put into the outbox; `None` when mail is off.
    pub(crate) fn letter(&self, to: &Email, letter: &Letter, expires_at: Time) -> Option<New> {
        self.settings.mail().host.as_ref()?;
        Some(New {
            id: self.ids.next(),
            secret: self.ids.next(),
            kind: letter.kind(),
            to: to.clone(),
            values: letter.sealed(),
            expires_at,
        })
    }
}

/// Sends what waits, for ever.
pub(crate) async fn run(app: &App) {
    loop {
        match round(app).await {
            Ok(0) => {
                tokio::select! {
                    () = app.post.0.notified() => {}
                    () = app.clock.sleep(EVERY) => {}
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "waiting mail could not be looked at; trying again");
                app.clock.sleep(EVERY).await;
            }
        }
    }
}

/// One round; answers how many letters it dealt with.
async fn round(app: &App) -> anyhow::Result<usize> {
    app.settings.refresh(&app.store).await?;
    let Some(server) = Server::of(&app.settings.mail())? else { return Ok(0) };
    let taken = app.store.mail_claim(BATCH, limits::MAIL_LEASE, app.clock.now()).await?;
    for mail in &taken {
        let now = app.clock.now();
        if mail.expires_at <= now {
            tracing::warn!(mail.id = %mail.id, why = mail.error, "a mail could not be sent in time and is dropped");
            app.store.mail_forget(mail, now).await?;
            continue;
        }
        let sent = app.clock.timeout(limits::SMTP_TIME, Box::pin(deliver(app, &server, mail))).await;
        let late = || Err(Refusal { is_final: false, says: "the mail server did not answer in time".to_owned() });
        match sent.unwrap_or_else(late) {
            Ok(()) => app.store.mail_forget(mail, app.clock.now()).await?,
            Err(refusal) => {
                tracing::warn!(mail.id = %mail.id, why = refusal.says, "a mail could not be sent; trying again later");
                let now = app.clock.now();
                app.store.mail_postpone(mail.id, &refusal.says, now + pause(mail, refusal.is_final), now).await?;
            }
        }
    }
    Ok(taken.len())
}

fn pause(mail: &Waiting, is_final: bool) -> Millis {
    if is_final {
        // Refusals for good do end sometimes: a mailbox was full, a setting was wrong.
        return PAUSE_MOST;
    }
    Millis(PAUSE_FIRST.0.saturating_mul(1 << mail.attempts.saturating_sub(1).min(20)).min(PAUSE_MOST.0))
}

async fn deliver(app: &App, server: &Server, mail: &Waiting) -> Result<(), Refusal> {
    let broken = |error: anyhow::Error| Refusal { is_final: false, says: format!("{error:#}") };
    let values = app.store.mail_values(mail).await.map_err(|error| broken(error.into()))?;
    let letter = match Letter::open(&values).map_err(broken)? {
        Letter::Forgot => match reset(app, mail).await.map_err(broken)? {
            Some(letter) => letter,
            // Nobody has this address. Whoever asked was told the same as everybody.
            None => return Ok(()),
        },
        letter => letter,
    };
    let written = letter.write(&mail.to, &app.config.public_url()).map_err(broken)?;
    server.send(&mail.id.to_string(), &mail.to, written, app.clock.now()).await
}

/// The link is made only now, so it lies nowhere while it waits; each attempt makes a new one and ends the one before.
async fn reset(app: &App, mail: &Waiting) -> anyhow::Result<Option<Letter>> {
    let token = fresh_token(app, "osp_");
    let hash = hash_token(token.reveal());
    let found = app.store.reset_begin(&mail.to, &hash, mail.expires_at, app.clock.now()).await?;
    Ok(found.map(|user| Letter::Reset {
        name: user.name.to_string(),
        link: format!("{}/reset#token={}", app.config.public_url(), token.reveal()),
        until: mail.expires_at,
    }))
}
