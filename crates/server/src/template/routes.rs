//! Templates, over the API.

use super::{Catalog, Entry};
use crate::app::App;
use crate::http::{Allowed, Error, Found, Load, Lookup, Query, Result, Routes, SignedIn, View, paging};
use ostler_model::authz::Read;
use ostler_model::template::Template;
use ostler_wire::Page;
use ostler_wire::page::PageQuery;
use ostler_wire::template::TemplateView;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("template").get("/api/v1/templates", list).get("/api/v1/templates/{template}", get)
}

/// The templates that workloads can be made from, in order of their names.
pub async fn list(app: App, _: SignedIn, Query(query): Query<PageQuery>) -> Result<View<Page<TemplateView>>> {
    let at = paging(query.limit, query.cursor.as_deref())?;
    let after = at.after.unwrap_or_default();
    let mut items: Vec<TemplateView> = app
        .templates
        .iter()
        .filter(|entry| entry.template.name.as_str() > after.as_str())
        .take(at.limit as usize + 1)
        .map(|entry| view(entry))
        .collect();
    let has_more = items.len() > at.limit as usize;
    items.truncate(at.limit as usize);
    let next_cursor = items.last().filter(|_| has_more).map(|last| last.template.name.to_string());
    Ok(View(Page { items, next_cursor }))
}

/// A template with the schema of its variables and its YAML source.
pub async fn get(app: App, template: Allowed<Template, Read>, _: ()) -> Result<View<TemplateView>> {
    let entry = app.templates.find(template.resource.name.as_str()).ok_or(Error::NotFound)?;
    Ok(View(view(entry)))
}

fn view(entry: &Entry) -> TemplateView {
    TemplateView {
        template: entry.template.clone(),
        variables_schema: entry.template.variables_schema(),
        source: entry.source.to_owned(),
    }
}

impl Load for Template {
    const FOUND: Found = Found::Param("template");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let catalog: &Catalog = &app.templates;
        Ok(find.param("template").and_then(|name| catalog.find(name)).map(|entry| entry.template.clone()))
    }
}
