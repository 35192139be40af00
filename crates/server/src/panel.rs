//! The panel: the built web application, inside this program.

use crate::app::App;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderValue, Method, Response, StatusCode, header};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Files;

/// Answers with a file of the panel, or with its first page for paths that the panel itself resolves. `None` for everything
/// that is not a page somebody looks at.
pub fn answer(_: &App, request: &Request) -> Option<Response<Body>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let path = request.uri().path().trim_start_matches('/');
    let is_docs = is_docs(request.uri().path());
    if path.starts_with("api/") && !is_docs {
        return None;
    }
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        return Some(respond(path, file, request));
    }
    // A file that is missing is missing; only pages fall back to the application.
    let wants_page = request
        .headers()
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(|accept| accept.contains("text/html"));
    let is_asset = path.starts_with("assets/");
    if (wants_page || is_docs || path.is_empty()) && !is_asset {
        return Files::get("index.html").map(|file| respond("index.html", file, request));
    }
    None
}

/// True for the page of the panel that shows the API's reference.
pub fn is_docs(path: &str) -> bool {
    path == "/api/v1/docs"
}

fn respond(path: &str, file: rust_embed::EmbeddedFile, request: &Request) -> Response<Body> {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let is_known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let body = if is_known { Body::empty() } else { Body::from(file.data) };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    // The names of built assets contain a hash of their content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
