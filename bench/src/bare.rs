//! The baseline: the same bytes from an axum handler that does nothing for them.

use anyhow::Result;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;

/// Serves `body` as JSON at every path, and prints the address.
pub(super) async fn run(body: &[u8]) -> Result<()> {
    let body = Bytes::copy_from_slice(body);
    let answer = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/json")], body) }
    };
    let router = Router::new().route("/", get(answer.clone())).fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}
