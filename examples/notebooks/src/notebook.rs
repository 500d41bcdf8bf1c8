//! Notebooks as files: their code cells, and what the cells printed.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The notebooks in a folder, in the order of their names.
pub fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of the notebooks");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "ipynb")).collect();
    found.sort();
    found
}

pub struct Notebook {
    pub json: Value,
}

/// One code cell.
pub struct Cell<'a> {
    json: &'a Value,
}

impl Notebook {
    pub fn read(path: &Path) -> Result<Notebook, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        Ok(Notebook { json: serde_json::from_str(&text).map_err(|e| e.to_string())? })
    }

    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let all = self.json["cells"].as_array().into_iter().flatten();
        all.filter(|cell| cell["cell_type"] == "code").map(|json| Cell { json })
    }
}

impl Cell<'_> {
    /// The Rust code; lines that are commands to the kernel (`:dep`) are left empty.
    pub fn code(&self) -> String {
        let source = text(&self.json["source"]);
        let line = |line: &str| if line.starts_with(':') { String::new() } else { line.to_owned() };
        source.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The output is different in each run: it shows times, say.
    #[allow(dead_code)] // The build script compares nothing.
    pub fn varies(&self) -> bool {
        let tags = self.json["metadata"]["tags"].as_array();
        tags.is_some_and(|tags| tags.iter().any(|tag| tag == "varies"))
    }

    #[allow(dead_code)]
    pub fn outputs(&self) -> &Value {
        &self.json["outputs"]
    }
}

/// Notebooks keep texts as one string, or as a list of lines.
pub fn text(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
