//! Search: over everything that the caller may see, by the same decisions as everywhere else.
//!
//! The store keeps the index with the things themselves; this room says how far the caller sees, decides once more on each
//! result, and adds what is not in the database (templates). It also fills the index of a database from before there was one.

mod api;
mod cursor;

use crate::app::App;
use ostler_model::Millis;
use ostler_store::search::Filling;

pub use api::routes;

/// Between two steps of filling: other writers come first.
const PAUSE: Millis = Millis(5);
/// After a failure.
const AGAIN: Millis = Millis::secs(5);

/// Fills the index when it is not in the form of this program. Searches find what is there meanwhile.
pub async fn fill(app: &App) {
    loop {
        match fill_once(app).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "could not fill the search; trying again"),
        }
        app.clock.sleep(AGAIN).await;
    }
}

async fn fill_once(app: &App) -> ostler_store::Result<()> {
    if app.store.search_is_filled().await? {
        return Ok(());
    }
    let mut next = Some(Filling::default());
    while let Some(from) = next {
        next = app.store.search_fill(&from, app.clock.now()).await?;
        app.clock.sleep(PAUSE).await;
    }
    tracing::info!("the search has been filled");
    Ok(())
}
