//! Collects the doc comments of public async functions, so that a handler's doc comment is its public documentation; and makes
//! sure that there is a panel to embed, if only a page that says how to build the real one.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=../../web/dist");
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let root = Path::new(&root);
    let mut table = Vec::new();
    walk(&root.join("src"), &mut Vec::new(), &mut table)?;
    table.sort();
    let mut text = String::from("/// Doc comments of public async functions by module path, sorted.\n");
    text.push_str("static DOCS: &[(&str, &str)] = &[\n");
    for (name, docs) in &table {
        writeln!(text, "    ({name:?}, {docs:?}),").map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("docs.rs"), text)?;
    panel(&root.join("../../web/dist"))
}

/// Reads one folder of modules.
fn walk(dir: &Path, module: &mut Vec<String>, table: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(stem);
            walk(&path, module, table)?;
            module.pop();
        } else if path.extension().is_some_and(|e| e == "rs") {
            let is_own = !matches!(stem.as_str(), "mod" | "lib" | "main");
            if is_own {
                module.push(stem);
            }
            functions(&fs::read_to_string(&path)?, module, table);
            if is_own {
                module.pop();
            }
        }
    }
    Ok(())
}

/// Takes the `///` lines right above each `pub async fn` that stands at the beginning of its line.
fn functions(source: &str, module: &[String], table: &mut Vec<(String, String)>) {
    let mut docs: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            docs.push(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(rest) = line.strip_prefix("pub async fn ") {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let path: Vec<&str> = module.iter().map(String::as_str).chain([name.as_str()]).collect();
            table.push((path.join("::"), docs.join("\n")));
            docs.clear();
        } else if !line.starts_with("#[") {
            docs.clear();
        }
    }
}

const NO_PANEL: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Ostler</title>
<h1>The panel is not part of this program</h1>
<p>It was built without it. <code>cargo xtask up</code> builds both. The API is at <a href=\"/api/v1/openapi.json\">/api/v1</a>.</p>
</html>
";

/// Embedding needs a folder. What is there is left alone.
fn panel(dist: &Path) -> io::Result<()> {
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(index, NO_PANEL)?;
    }
    Ok(())
}
