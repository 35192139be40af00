//! The repository's files, and what the rules want to know of a Rust file.

use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::shell;

/// Every file that belongs to the repository, in the order of its path.
pub struct Tree {
    pub files: Vec<File>,
    /// Rust files that could not be parsed: path and why.
    pub unreadable: Vec<(String, String)>,
}

/// One text file.
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
    /// Present for Rust.
    pub rust: Option<Rust>,
}

/// What is read from a syntax tree.
#[derive(Default)]
pub struct Rust {
    /// Idents and punctuation in order; text in quotes and comments is left out.
    pub tokens: Vec<(String, usize)>,
    /// Paths as written (`std::fs::read`), and the leaves of `use` trees.
    pub paths: Vec<(String, usize)>,
    /// Functions with a body: name, first line, last line.
    pub functions: Vec<(String, usize, usize)>,
    /// Lines of items that exist only under test.
    tests: Vec<RangeInclusive<usize>>,
    /// Modules in files of their own that exist only under test.
    test_modules: Vec<String>,
    /// Whether the file begins with a `//!` header.
    pub has_header: bool,
}

impl Tree {
    /// Reads what git knows or would add.
    pub fn read(root: &Path) -> Result<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
        let names = shell::output(&mut list).context("tidy reads the files that git knows")?;
        let mut names: Vec<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        // Deleted but not yet committed, and binary files, are nothing to read; names of both still count as link targets.
        Ok(Self::build(names.into_iter().filter_map(|name| {
            let path = root.join(name);
            path.is_file().then(|| (name.to_owned(), std::fs::read_to_string(path).unwrap_or_default()))
        })))
    }

    /// A tree of these paths and texts.
    #[cfg(test)]
    pub fn from(files: &[(&str, &str)]) -> Self {
        Self::build(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
    }

    fn build(files: impl Iterator<Item = (String, String)>) -> Self {
        let mut tree = Self { files: Vec::new(), unreadable: Vec::new() };
        for (path, text) in files {
            let rust = match path.ends_with(".rs").then(|| Rust::read(&text)) {
                Some(Ok(rust)) => Some(rust),
                Some(Err(error)) => {
                    tree.unreadable.push((path.clone(), error.to_string()));
                    None
                }
                None => None,
            };
            tree.files.push(File { path, text, rust });
        }
        tree.mark_test_modules();
        tree
    }

    /// `#[cfg(test)] mod name;` makes the whole of `name.rs`, or of the folder `name`, test code.
    fn mark_test_modules(&mut self) {
        let mut places = Vec::new();
        for (file, rust) in self.rust() {
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let stem = name.trim_end_matches(".rs");
            let base =
                if ["mod", "lib", "main"].contains(&stem) { folder.to_owned() } else { format!("{folder}/{stem}") };
            places.extend(rust.test_modules.iter().map(|module| format!("{base}/{module}")));
        }
        for file in &mut self.files {
            let is_test = places.iter().any(|place| {
                file.path.strip_prefix(place.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
            if let (true, Some(rust)) = (is_test, &mut file.rust) {
                rust.tests.push(1..=usize::MAX);
            }
        }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = (&File, &Rust)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }

    /// Whether a file or folder of this name exists.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

impl File {
    /// The crate's folder name; `xtask` and `tests` for those two.
    pub fn home(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("crates") => parts.next().unwrap_or(""),
            Some(first) => first,
            None => "",
        }
    }

    /// Whether the line is compiled only for tests.
    pub fn is_test(&self, line: usize) -> bool {
        let path = &self.path;
        path.starts_with("tests/")
            || path.starts_with("crates/testkit/")
            || path.contains("/tests/")
            || path.ends_with("/tests.rs")
            || self.rust.as_ref().is_some_and(|rust| rust.tests.iter().any(|lines| lines.contains(&line)))
    }
}

impl Rust {
    fn read(text: &str) -> syn::Result<Self> {
        let stream: TokenStream = text.parse().map_err(syn::Error::from)?;
        let mut rust = Self { has_header: has_header(text), ..Self::default() };
        flatten(stream.clone(), &mut rust.tokens);
        rust.paths = joined(&rust.tokens);
        rust.visit_file(&syn::parse2::<syn::File>(stream)?);
        // A `use` without braces is both: a run of tokens and a leaf.
        rust.paths.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        rust.paths.dedup();
        Ok(rust)
    }

    fn note_test(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) {
        if attributes.iter().any(is_test_only) {
            let span = item.span();
            self.tests.push(span.start().line..=span.end().line);
        }
    }

    fn note_function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let last = block.brace_token.span.close().end().line;
        self.functions.push((signature.ident.to_string(), signature.span().start().line, last));
    }

    fn note_use(&mut self, before: &str, tree: &syn::UseTree) {
        let join =
            |ident: &syn::Ident| if before.is_empty() { ident.to_string() } else { format!("{before}::{ident}") };
        match tree {
            syn::UseTree::Path(path) => self.note_use(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.paths.push((before.to_owned(), name.span().start().line))
            }
            syn::UseTree::Name(name) => self.paths.push((join(&name.ident), name.span().start().line)),
            syn::UseTree::Rename(name) => self.paths.push((join(&name.ident), name.span().start().line)),
            syn::UseTree::Glob(star) => self.paths.push((before.to_owned(), star.span().start().line)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.note_use(before, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Rust {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note_test(&item.attrs, item);
        self.note_function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note_test(&item.attrs, item);
        self.note_function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.note_function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.note_test(&item.attrs, item);
        if item.content.is_none() && item.attrs.iter().any(is_test_only) {
            self.test_modules.push(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.note_test(&item.attrs, item);
        visit::visit_item_impl(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_test(&item.attrs, item);
        self.note_use("", &item.tree);
    }
}

/// `#[test]`, `#[tokio::test]`, `#[test_server]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`; not `#[cfg(not(test))]`.
fn is_test_only(attribute: &syn::Attribute) -> bool {
    let path = attribute.path();
    if path.segments.last().is_some_and(|last| last.ident == "test" || last.ident == "test_server") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let mut tokens = Vec::new();
    flatten(list.tokens.clone(), &mut tokens);
    let has = |word| tokens.iter().any(|(text, _)| text == word);
    path.is_ident("cfg") && has("test") && !has("not") && !has("any")
}

/// The first thing in the file, but for blank lines and a licence line, is an inner doc comment.
fn has_header(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty()))
}

fn flatten(stream: TokenStream, out: &mut Vec<(String, usize)>) {
    for token in stream {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::None => ("", ""),
                };
                out.push((open.to_owned(), line));
                flatten(group.stream(), out);
                out.push((close.to_owned(), group.span_close().start().line));
            }
            TokenTree::Ident(ident) => out.push((ident.to_string(), line)),
            TokenTree::Punct(punct) => out.push((punct.as_char().to_string(), line)),
            TokenTree::Literal(_) => out.push(("\"\"".to_owned(), line)),
        }
    }
}

/// Runs of `a :: b :: c`, wherever they stand, also inside macros.
fn joined(tokens: &[(String, usize)]) -> Vec<(String, usize)> {
    let is_word =
        |at: usize| tokens.get(at).is_some_and(|(text, _)| text.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    let is_colon = |at: usize| tokens.get(at).is_some_and(|(text, _)| text == ":");
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !is_word(at) {
            at += 1;
            continue;
        }
        let (mut path, line) = tokens[at].clone();
        at += 1;
        while is_colon(at) && is_colon(at + 1) && is_word(at + 2) {
            path = format!("{path}::{}", tokens[at + 2].0);
            at += 3;
        }
        out.push((path, line));
    }
    out
}
