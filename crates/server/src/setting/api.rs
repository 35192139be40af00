//! Endpoints about the platform's settings.

use super::current::changes;
use crate::app::App;
use crate::http::{Accepted, Allowed, Confirmed, Json, Located, Query, Result, Routes, View, page, paging};
use crate::mail;
use ostler_model::authz::{Platform, Read, Write};
use ostler_wire::Page;
use ostler_wire::page::PageQuery;
use ostler_wire::setting::{CheckView, MailCheck, MailView, RestartView, SettingsUpdate, SettingsView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("setting")
        .get("/api/v1/platform-settings", list)
        .patch("/api/v1/platform-settings", update)
        .post("/api/v1/platform-settings/validate/smtp", check_smtp)
        .post("/api/v1/platform-settings/restart", restart)
        .get("/api/v1/platform-settings/mail", waiting)
}

/// List all settings of the platform: the value that holds from the next start on, and who says it.
///
/// Secrets are never among the values; `is_set` says whether there is one.
pub async fn list(app: App, _: Allowed<Platform, Read>, _: ()) -> Result<View<SettingsView>> {
    Ok(View(app.settings.view(&app.store).await?))
}

/// Set some settings and leave the others; `null` takes back what was set here.
///
/// What would not be safe is refused with the field's name. Settings that are not live hold from the next start on.
pub async fn update(
    app: App,
    platform: Confirmed<Allowed<Platform, Write>>,
    Json(input): Json<SettingsUpdate>,
) -> Result<View<SettingsView>> {
    let now = app.settings.effective(&app.store).await?;
    let new = changes(&input.values, &now, &app.ids, "values")?;
    app.store.setting_change(&platform.grant, &new.puts, app.clock.now()).await?;
    app.settings.refresh(&app.store).await?;
    if input.values.keys().any(|name| name.starts_with("mail.")) {
        app.store.mail_hurry(app.clock.now()).await?;
        app.post.wake();
    }
    Ok(View(app.settings.view(&app.store).await?))
}

/// Try whether mail can leave with these settings, before they are saved. With `to`, a mail is sent.
pub async fn check_smtp(
    app: App,
    platform: Confirmed<Allowed<Platform, Write>>,
    Json(input): Json<MailCheck>,
) -> Result<View<CheckView>> {
    let now = app.settings.effective(&app.store).await?;
    let new = changes(&input.values, &now, &app.ids, "values")?;
    let found = mail::check(&app, &new.config.mail, input.to.as_ref()).await;
    app.store.setting_note(&platform.grant, "platform.check_smtp", found.is_good, app.clock.now()).await?;
    Ok(View(found))
}

/// Start the server anew, so that all settings hold. Requests under way finish; `/health` then shows another `bootId`.
pub async fn restart(app: App, platform: Allowed<Platform, Write>, _: ()) -> Result<Accepted<RestartView>> {
    let requested_at = app.clock.now();
    app.store.setting_note(&platform.grant, "platform.restart", true, requested_at).await?;
    app.settings.ask_restart();
    Ok(Accepted(RestartView { requested_at, boot_id: app.boot }))
}

impl Located for RestartView {
    fn location(&self) -> String {
        "/api/v1/health".to_owned()
    }
}

/// List the mails that wait to be sent, newest first, and why they were not sent yet. What they say is never shown.
pub async fn waiting(
    app: App,
    _: Allowed<Platform, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<MailView>>> {
    let mails = app.store.mail_list(&paging(query.limit, query.cursor.as_deref())?).await?;
    Ok(View(page(mails, |mail| MailView {
        id: mail.id,
        kind: mail.kind,
        to: mail.to.to_string(),
        created_at: mail.created_at,
        due_at: mail.due_at,
        expires_at: mail.expires_at,
        attempts: mail.attempts,
        error: mail.error,
    })))
}
