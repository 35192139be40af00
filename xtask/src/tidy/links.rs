//! Links in documents lead somewhere: files exist, and headings too.

use super::Finding;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (target, line) in links(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path) };
            if !tree.has(&path) {
                found.push(Finding::new(&file.path, line, format!("`{target}` leads to {path}, which does not exist")));
            } else if let (Some(anchor), Some(there)) = (anchor, tree.files.iter().find(|there| there.path == path))
                && there.path.ends_with(".md")
                && !headings(there).any(|heading| heading == anchor)
            {
                found.push(Finding::new(&file.path, line, format!("`{target}`: {path} has no heading #{anchor}")));
            }
        }
    }
    found
}

/// Targets of `[text](target)` and `![text](target)` outside code.
fn links(text: &str) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    for (line, at) in prose(text) {
        // What stands between backticks is code: every second piece.
        for piece in line.split('`').step_by(2) {
            find_in(piece, at, &mut out);
        }
        // A link whose text is code is split by the rule above: look at the whole line for those.
        for (start, _) in line.match_indices("`](") {
            find_in(&format!("x{}", &line[start + 1..]), at, &mut out);
        }
    }
    out.dedup();
    out
}

fn find_in(text: &str, at: usize, out: &mut Vec<(String, usize)>) {
    for (start, _) in text.match_indices("](") {
        let rest = &text[start + 2..];
        if let Some(end) = rest.find(')') {
            let target = rest[..end].split_whitespace().next().unwrap_or("");
            if start > 0 && !out.contains(&(target.to_owned(), at)) {
                out.push((target.to_owned(), at));
            }
        }
    }
}

/// Lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut is_code = false;
    text.lines().zip(1..).filter(move |(line, _)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Anchors as forges make them: lower case, spaces to dashes, other marks dropped.
fn headings(file: &File) -> impl Iterator<Item = String> {
    prose(&file.text).filter_map(|(line, _)| {
        let words = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        Some(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
    })
}

/// `target` as seen from the folder of `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') { vec![] } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let dead =
            ["[a](gone.md)", "![a](../pic.png)", "[a](b.md#nothing)", "[a](#nowhere)", "see [`a`](gone.rs) there"];
        for text in dead {
            let files = [("docs/a.md", text), ("docs/b.md", "# A heading, here\n")];
            assert_eq!(found(check, &files).len(), 1, "{text}");
        }
    }

    #[test]
    fn live_links_and_code_are_fine() {
        let fine = [
            "[a](b.md)",
            "[a](b.md#a-heading-here)",
            "[a](../docs)",
            "[a](https://example.org/x)",
            "`[a](gone.md)`",
            "```\n[a](gone.md)\n```",
            "call `f(a[1](2))` now",
        ];
        for text in fine {
            let files = [("docs/a.md", text), ("docs/b.md", "## A heading, here\n")];
            assert_eq!(found(check, &files), Vec::<String>::new(), "{text}");
        }
    }
}
