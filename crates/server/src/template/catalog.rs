//! The built-in templates: part of the program, read once at start-up.

use ostler_model::template::{Template, parse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every built-in template. A test compares this list with the folder.
const BUILTIN: &[&str] = &[
    include_str!("../../../../templates/luanti.yaml"),
    include_str!("../../../../templates/match-host.yaml"),
    include_str!("../../../../templates/minecraft.yaml"),
    include_str!("../../../../templates/openttd.yaml"),
    include_str!("../../../../templates/process.yaml"),
];

/// A template with its source.
#[derive(Debug)]
pub struct Entry {
    pub template: Template,
    pub source: &'static str,
}

/// The templates that workloads can be made from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog(Arc<BTreeMap<String, Arc<Entry>>>);

impl Catalog {
    /// The built-in ones.
    pub fn builtin() -> Self {
        let read = |source: &'static str| {
            let template = parse(source).expect("built-in templates are checked by a test of the model");
            (template.name.to_string(), Arc::new(Entry { template, source }))
        };
        Self(Arc::new(BUILTIN.iter().copied().map(read).collect()))
    }
    /// The template of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.0.get(name)
    }
    /// All, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
            .collect();
        files.sort();
        let names: Vec<String> = Catalog::builtin().0.keys().cloned().collect();
        assert_eq!(names, files);
    }
}
