//! Lists: the two parameters that all have, and the shape that all answer with.

use super::error::{Error, Result};
use ostler_store::{PAGE_MOST, Page as StorePage, Paging};
use ostler_wire::Page;

const USUAL: u32 = 50;

/// Which page is wanted.
pub fn paging(limit: Option<u32>, cursor: Option<&str>) -> Result<Paging> {
    let limit = limit.unwrap_or(USUAL);
    if !(1..=PAGE_MOST).contains(&limit) {
        return Err(Error::field("limit", format!("use 1 to {PAGE_MOST}")));
    }
    let cursor = cursor.filter(|c| !c.is_empty());
    if cursor.is_some_and(|c| c.len() > 200 || c.contains('\0')) {
        return Err(Error::field("cursor", "use the next_cursor of the page before"));
    }
    Ok(Paging { limit, after: cursor.map(str::to_owned) })
}

/// A page as callers see it.
pub fn page<T, U>(page: StorePage<T>, view: impl FnMut(T) -> U) -> Page<U> {
    let StorePage { items, next } = page.map(view);
    Page { items, next_cursor: next }
}
