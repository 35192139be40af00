//! Lists: the two parameters that all have, and the shape that all answer with.

use super::error::{Error, Result};
use ostler_store::{PAGE_MOST, Page as StorePage, Paging};
use ostler_wire::Page;
use ostler_wire::page::PageQuery;

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

/// The page of a list that is short enough to be whole in memory, newest first.
pub fn window<T>(mut items: Vec<T>, query: &PageQuery, id: impl Fn(&T) -> String) -> Result<StorePage<T>> {
    let at = paging(query.limit, query.cursor.as_deref())?;
    items.sort_by_cached_key(|item| std::cmp::Reverse(id(item)));
    if let Some(after) = at.after {
        // By order and not by place: what the cursor names may be gone.
        items.retain(|item| id(item) < after);
    }
    let has_more = items.len() > at.limit as usize;
    items.truncate(at.limit as usize);
    let next = items.last().filter(|_| has_more).map(&id);
    Ok(StorePage { items, next })
}

/// A page as callers see it.
pub fn page<T, U>(page: StorePage<T>, view: impl FnMut(T) -> U) -> Page<U> {
    let StorePage { items, next } = page.map(view);
    Page { items, next_cursor: next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_on_when_what_its_cursor_names_is_gone() {
        let query = |cursor: Option<&str>| PageQuery { limit: Some(2), cursor: cursor.map(str::to_owned) };
        let id = |item: &&str| (*item).to_owned();
        let first = window(vec!["a", "d", "c", "b"], &query(None), id).unwrap();
        assert_eq!((first.items, first.next.as_deref()), (vec!["d", "c"], Some("c")));
        let second = window(vec!["a", "d", "b"], &query(Some("c")), id).unwrap();
        assert_eq!((second.items, second.next), (vec!["b", "a"], None));
        assert!(window(vec!["a"], &PageQuery { limit: Some(0), cursor: None }, id).is_err());
    }
}
