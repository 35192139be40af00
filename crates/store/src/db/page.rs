//! Lists: bounded pages, newest first, continued after the last item seen.

use super::conn::{Sql, placeholders};
use super::value::{ToValue, Value};
use ostler_model::WorkspaceId;
use ostler_model::authz::{Authority, Scope};

/// The most items that one page holds.
pub const PAGE_MOST: u32 = 200;

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// How many; at most [`PAGE_MOST`], and that many when zero.
    pub limit: u32,
    /// The `next` of the page before.
    pub after: Option<String>,
}

impl Paging {
    /// The first page of this size.
    pub fn first(limit: u32) -> Self {
        Self { limit, after: None }
    }
    fn size(&self) -> usize {
        let most = PAGE_MOST as usize;
        if self.limit == 0 { most } else { (self.limit as usize).min(most) }
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Gives the next page; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Each item as something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// How far somebody may look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Only in these workspaces; `None` for everywhere.
    pub workspaces: Option<Vec<WorkspaceId>>,
    /// Only the things with these ids; `None` for all.
    pub only: Option<Vec<String>>,
    /// Of these, only those with these ids: what a key is confined to.
    pub scope: Option<Vec<String>>,
}

impl Reach {
    /// Everything, for platform admins and the platform itself.
    pub fn everything() -> Self {
        Self::default()
    }
    /// Of workspaces, those that somebody sees.
    pub fn of(who: &Authority) -> Self {
        let own: Vec<_> = who.memberships.iter().map(|m| m.workspace).collect();
        match who.limit.as_ref().map(|limit| &limit.scope) {
            Some(Scope::Workspace(id)) if who.is_platform_admin || own.contains(id) => Self::workspace(*id),
            Some(Scope::Workspace(_)) => Self { workspaces: Some(Vec::new()), ..Self::default() },
            Some(Scope::Only(ids)) => {
                Self { workspaces: (!who.is_platform_admin).then_some(own), scope: Some(ids.clone()), only: None }
            }
            Some(Scope::All) | None if who.is_platform_admin => Self::everything(),
            Some(Scope::All) | None => Self { workspaces: Some(own), ..Self::default() },
        }
    }
    /// One workspace.
    pub fn workspace(id: WorkspaceId) -> Self {
        Self { workspaces: Some(vec![id]), ..Self::default() }
    }
}

/// A `SELECT` that grows by conditions. Only literals and placeholders become text.
pub(crate) struct Select {
    sql: String,
    values: Vec<Value>,
    has_where: bool,
}

impl Select {
    /// Begins with everything up to, but without, `WHERE`.
    pub(crate) fn new(from: &'static str) -> Self {
        Self { sql: from.to_owned(), values: Vec::new(), has_where: false }
    }
    fn and(&mut self) {
        self.sql.push_str(if self.has_where { " AND " } else { " WHERE " });
        self.has_where = true;
    }
    /// A condition in which `?` stands for the value, as often as it occurs.
    pub(crate) fn when(&mut self, condition: &'static str, value: impl ToValue) -> &mut Self {
        self.and();
        self.values.push(value.to_value());
        self.sql.push_str(&condition.replace('?', &format!("${}", self.values.len())));
        self
    }
    /// The same, when there is a value.
    pub(crate) fn when_some(&mut self, condition: &'static str, value: Option<impl ToValue>) -> &mut Self {
        if let Some(value) = value {
            self.when(condition, value);
        }
        self
    }
    /// A condition without a value.
    pub(crate) fn plain(&mut self, condition: &'static str) -> &mut Self {
        self.and();
        self.sql.push_str(condition);
        self
    }
    /// One of these values.
    pub(crate) fn among<T: ToValue>(&mut self, column: &'static str, values: &[T]) -> &mut Self {
        self.and();
        let list = placeholders(self.values.len() + 1, values.len());
        self.sql.push_str(&format!("{column} IN ({list})"));
        self.values.extend(values.iter().map(ToValue::to_value));
        self
    }
    /// What lies within reach.
    pub(crate) fn within(&mut self, reach: &Reach, workspace: &'static str, id: &'static str) -> &mut Self {
        if let Some(workspaces) = &reach.workspaces {
            self.among(workspace, workspaces);
        }
        for ids in [&reach.only, &reach.scope].into_iter().flatten() {
            self.among(id, ids);
        }
        self
    }
    /// The same, where a thing is also within reach when what it is about is.
    pub(crate) fn within_or_about(
        &mut self,
        reach: &Reach,
        workspace: &'static str,
        id: &'static str,
        about: &'static str,
    ) -> &mut Self {
        if let Some(workspaces) = &reach.workspaces {
            self.among(workspace, workspaces);
        }
        for ids in [&reach.only, &reach.scope].into_iter().flatten() {
            self.and();
            let list = placeholders(self.values.len() + 1, ids.len());
            self.sql.push_str(&format!("({id} IN ({list}) OR {about} IN ({list}))"));
            self.values.extend(ids.iter().map(ToValue::to_value));
        }
        self
    }
    /// One of these values, or what this literal condition says.
    pub(crate) fn among_or(&mut self, column: &'static str, values: &[String], or: &'static str) -> &mut Self {
        self.and();
        let list = placeholders(self.values.len() + 1, values.len());
        self.sql.push_str(&format!("({column} IN ({list}) OR {or})"));
        self.values.extend(values.iter().map(ToValue::to_value));
        self
    }
    /// One page in falling order of a text column; asks for one item more to know whether there is a next page.
    pub(crate) fn page(mut self, column: &'static str, paging: &Paging) -> (Sql, Vec<Value>) {
        if let Some(after) = &paging.after {
            self.and();
            self.values.push(after.to_value());
            self.sql.push_str(&format!("{column} < ${}", self.values.len()));
        }
        self.values.push((paging.size() + 1).to_value());
        self.sql.push_str(&format!(" ORDER BY {column} DESC LIMIT ${}", self.values.len()));
        self.done()
    }
    /// The same for a sequence number.
    pub(crate) fn page_seq(mut self, column: &'static str, paging: &Paging) -> (Sql, Vec<Value>) {
        // A cursor that is no number was not made here; it reads as the end of the list.
        let after = paging.after.as_ref().map(|text| text.parse::<i64>().unwrap_or(i64::MIN));
        if let Some(after) = after {
            self.and();
            self.values.push(after.to_value());
            self.sql.push_str(&format!("{column} < ${}", self.values.len()));
        }
        self.values.push((paging.size() + 1).to_value());
        self.sql.push_str(&format!(" ORDER BY {column} DESC LIMIT ${}", self.values.len()));
        self.done()
    }
    /// Ends with literal text in which `?` stands for the value.
    pub(crate) fn end(mut self, tail: &'static str, value: impl ToValue) -> (Sql, Vec<Value>) {
        self.values.push(value.to_value());
        self.sql.push_str(&tail.replace('?', &format!("${}", self.values.len())));
        self.done()
    }
    /// Ends with literal text.
    pub(crate) fn tail(mut self, tail: &'static str) -> (Sql, Vec<Value>) {
        self.sql.push_str(tail);
        self.done()
    }
    /// Ends here.
    pub(crate) fn done(self) -> (Sql, Vec<Value>) {
        (Sql::Built(self.sql), self.values)
    }
}

/// Cuts off the extra item and makes the cursor of the next page.
pub(crate) fn page<T>(mut items: Vec<T>, paging: &Paging, cursor: impl Fn(&T) -> String) -> Page<T> {
    let size = paging.size();
    let has_more = items.len() > size;
    items.truncate(size);
    let next = if has_more { items.last().map(cursor) } else { None };
    Page { items, next }
}
