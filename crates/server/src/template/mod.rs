//! Templates, for people who choose one and for the rooms that make workloads from them.

mod catalog;
mod routes;

pub use catalog::{Catalog, Entry};
pub use routes::routes;

/// The JSON Schema of templates, as committed in docs/reference/template.schema.json.
pub fn schema_json() -> String {
    let schema = ostler_model::template::schema();
    serde_json::to_string_pretty(&schema).expect("a schema is plain JSON") + "\n"
}
