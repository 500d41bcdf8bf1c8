//! The names under which rustdoc finds the public items, read from the sources: functions, methods,
//! types, macros, and their `#[doc(alias)]`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A public item, or a field or variant that has an alias.
pub struct Item {
    /// The item as users write it: `Array::sum`, `lax::sin`; of the prelude the bare name.
    pub path: String,
    pub name: String,
    pub aliases: Vec<String>,
    /// The type of a method, a field or a variant.
    owner: Option<String>,
}

/// Rooms whose items users reach through `lax`, the prelude and the root only.
const HIDDEN: &[&str] = &["core", "prims", "stage", "transforms"];

/// The macros whose rows are methods, and of which type: `methods!`, and those that expand to it or
/// to an `impl`.
pub fn method_macros(files: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([("methods".to_owned(), "Array".to_owned())]);
    for file in files {
        let text = read(file);
        for block in text.split("\nmacro_rules! ").skip(1) {
            let body = block.split("\n}").next().unwrap_or(block);
            let of = body.lines().map(str::trim_start).find_map(|line| match line {
                _ if line.starts_with("methods! {") => Some("Array".to_owned()),
                _ => owner(line.strip_prefix("impl")?).filter(|_| body.contains(", $try:")),
            });
            // The `impl` that `methods!` itself makes names its type by a path.
            if let Some(of) = of.filter(|of| of.starts_with(char::is_uppercase)) {
                found.insert(word(block).to_owned(), of);
            }
        }
    }
    found
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository")
}

/// The Rust files below a folder, relative to the root, with slashes.
pub fn rust_files(folder: &str) -> Vec<String> {
    fn collect(folder: &Path, to: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, to);
            } else if path.extension().is_some_and(|e| e == "rs") {
                to.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let shown = |p: &PathBuf| p.strip_prefix(root()).expect("below the root").to_owned();
    paths.iter().map(|p| shown(p).to_string_lossy().replace('\\', "/")).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The word with which a text begins.
fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The text before unit tests.
pub fn untested(text: &str) -> &str {
    &text[..text.find("#[cfg(test)]").unwrap_or(text.len())]
}

/// What files export: the words of their `pub use`, and the modules that they declare.
struct Exports {
    /// The words of the `pub use` of each file.
    used: BTreeMap<String, BTreeSet<String>>,
    /// Files whose every item `lax` exports.
    in_lax: BTreeSet<String>,
    /// Modules that are declared `mod`, not `pub mod`, and the file that declares them.
    private: BTreeMap<String, String>,
}

impl Exports {
    fn of(files: &[String]) -> Exports {
        let (mut used, mut private) = (BTreeMap::new(), BTreeMap::new());
        let mut in_lax = BTreeSet::new();
        for file in files {
            let text = read(file);
            let text = untested(&text);
            let mut words = BTreeSet::new();
            for (at, _) in text.match_indices("pub use ") {
                let tree = &text[at + 8..];
                let tree = &tree[..tree.find(';').expect("a use ends")];
                // The segments in front of `::` are no names.
                let names = tree.split([',', '{', '}']).filter(|path| !path.ends_with("::"));
                let last = |path: &str| path.rsplit("::").next().unwrap_or(path).trim().to_owned();
                words.extend(names.map(last));
                if let Some(family) =
                    tree.strip_prefix("super::").and_then(|t| t.strip_suffix("::*"))
                {
                    in_lax.insert(format!("src/prims/{}.rs", family.replace("::", "/")));
                }
            }
            used.insert(file.clone(), words);
            let folder = file.trim_end_matches("mod.rs").trim_end_matches("lib.rs");
            for line in text.lines() {
                let declared = line.strip_prefix("mod ").or(line.strip_prefix("pub(crate) mod "));
                if let Some(name) = declared.and_then(|d| d.strip_suffix(';')) {
                    private.insert(format!("{folder}{name}"), file.clone());
                }
            }
        }
        Exports { used, in_lax, private }
    }

    fn exports(&self, file: &str, name: &str) -> bool {
        self.used.get(file).is_some_and(|words| words.contains(name))
    }

    /// The path under which users reach an item of a file.
    fn path(&self, file: &str, name: &str) -> Option<String> {
        let below = ["src/stage/", "src/transforms/"];
        if below.iter().any(|room| file.starts_with(room)) {
            return None;
        }
        if self.exports("src/lib.rs", name) {
            return Some(name.to_owned());
        }
        let inside = file.strip_prefix("src/")?.trim_end_matches(".rs").trim_end_matches("/mod");
        let mut modules: Vec<&str> = inside.split('/').filter(|m| *m != "lib").collect();
        if HIDDEN.contains(modules.first()?) {
            let in_lax = self.in_lax.contains(file)
                || self.exports("src/prims/lax.rs", name)
                    && (file.starts_with("src/prims/") || name.starts_with(char::is_uppercase));
            // Types that a public module exports from a room below.
            let exporter = self.used.iter().find(|(f, words)| {
                (f.starts_with("src/api/") || f.starts_with("src/numpy/")) && words.contains(name)
            });
            return match exporter {
                _ if in_lax => Some(format!("lax::{name}")),
                Some((f, _)) => self.path(f, name),
                None => None,
            };
        }
        for n in 0..modules.len() {
            let declaration = self.private.get(&format!("src/{}", modules[..=n].join("/")));
            if let Some(parent) = declaration {
                if !self.exports(parent, name) {
                    return None;
                }
                modules.truncate(n);
                break;
            }
        }
        modules.push(name);
        Some(modules.join("::"))
    }
}

/// Reads one file line by line.
struct Scan<'a> {
    file: &'a str,
    exports: &'a Exports,
    methods: &'a BTreeMap<String, String>,
    /// The type of the `impl` in which the line stands.
    owner: Option<String>,
    /// The macro whose call it stands in.
    call: Option<String>,
    aliases: Vec<String>,
    hidden: bool,
    exported_macro: bool,
    found: Vec<Item>,
}

impl Scan<'_> {
    fn push(&mut self, path: Option<String>, owner: Option<&str>, name: &str) {
        let aliases = std::mem::take(&mut self.aliases);
        let hidden = std::mem::take(&mut self.hidden);
        // A twin is found beside its panicking form.
        let twin = name.starts_with("try_") && aliases.is_empty();
        if let (Some(path), false) = (path, hidden || twin) {
            let owner = owner.map(str::to_owned);
            self.found.push(Item { path, name: name.to_owned(), aliases, owner });
        }
    }

    fn method(&mut self, owner: &str, name: &str) {
        self.push(Some(format!("{owner}::{name}")), Some(owner), name);
    }

    fn line(&mut self, line: &str) {
        let code = line.trim_start();
        let outside = code.len() == line.len();
        if outside && code.starts_with('}') {
            (self.owner, self.call) = (None, None);
        }
        if outside && let Some(rest) = code.strip_prefix("impl") {
            self.owner = owner(rest);
        }
        if outside && let Some(name) = code.strip_suffix("! {") {
            self.call = Some(name.to_owned());
        }
        if let Some(name) = code.strip_prefix("macro_rules! ") {
            let name = word(name);
            let path = self.exported_macro.then(|| format!("{name}!"));
            self.push(path, None, name);
            self.exported_macro = false;
            // The output of a macro is read where the macro is called.
            self.owner = None;
            self.call = Some("macro_rules".into());
            return;
        }
        if self.call.as_deref() == Some("macro_rules") || code.starts_with("//") {
            return;
        }
        if let Some(call) = self.call.clone() {
            self.pairs(&call, code);
            return;
        }
        let Some(rest) = code.strip_prefix("pub ") else {
            // A field or variant.
            let name = word(code);
            if !self.aliases.is_empty() && !outside && !name.is_empty() {
                let inside = self.found.iter().rev().find(|i| i.owner.is_none());
                let inside = inside.map_or_else(String::new, |i| i.name.clone());
                self.method(&inside, name);
            }
            self.hidden = false;
            self.exported_macro = false;
            return;
        };
        let rest = rest.trim_start_matches("const ").trim_start_matches("unsafe ");
        let Some((kind, rest)) = rest.split_once(' ') else { return };
        let name = word(rest).to_owned();
        match kind {
            "fn" if outside => self.push(self.exports.path(self.file, &name), None, &name),
            "fn" => {
                if let Some(owner) = self.owner.clone() {
                    self.method(&owner, &name);
                } else {
                    self.push(None, None, &name);
                }
            }
            "struct" | "enum" | "trait" | "type" if outside => {
                self.push(self.exports.path(self.file, &name), None, &name);
            }
            _ => {}
        }
    }

    /// The functions of a macro's rows: `name, try_name`.
    fn pairs(&mut self, call: &str, code: &str) {
        let owner = self.methods.get(call).map(String::as_str);
        for (at, _) in code.match_indices(", try_") {
            let before = &code[..at];
            let name = &before[before.rfind(|c| !is_word(c)).map_or(0, |n| n + 1)..];
            if name.is_empty() || word(&code[at + 6..]) != name {
                continue;
            }
            match owner {
                Some(owner) => self.method(owner, name),
                None => self.push(self.exports.path(self.file, name), None, name),
            }
        }
    }

    fn attribute(&mut self, text: &str) {
        if text.starts_with("#[doc(alias") {
            self.aliases.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
        }
        self.hidden |= text == "#[doc(hidden)]";
        self.exported_macro |= text == "#[macro_export]";
    }
}

/// The type of `impl<..> Type<..> {`, unless it is that of a trait.
fn owner(rest: &str) -> Option<String> {
    let mut depth = 0;
    let at = rest.find(|c| {
        depth += (c == '<') as i32 - (c == '>') as i32;
        depth == 0 && c == ' '
    })?;
    let rest = &rest[at + 1..];
    (!rest.contains(" for ")).then(|| word(rest).to_owned())
}

/// All public items.
pub fn public() -> Vec<Item> {
    let files = rust_files("src");
    let (exports, methods) = (Exports::of(&files), method_macros(&files));
    let mut found = Vec::new();
    let jit = ["jit/src/dtype.rs".to_owned(), "jit/src/error.rs".to_owned()];
    for file in files.iter().chain(&jit).filter(|f| *f != "src/author.rs") {
        let text = read(file);
        let mut scan = Scan {
            file,
            exports: &exports,
            methods: &methods,
            owner: None,
            call: None,
            aliases: Vec::new(),
            hidden: false,
            exported_macro: false,
            found: Vec::new(),
        };
        let mut attribute = String::new();
        for line in untested(&text).lines() {
            let code = line.trim();
            if !attribute.is_empty() || code.starts_with("#[") {
                // A comment may follow.
                let code = match code.find("] //") {
                    Some(end) => &code[..=end],
                    None => code,
                };
                attribute += code;
                if code.ends_with(']') {
                    scan.attribute(&std::mem::take(&mut attribute));
                }
                continue;
            }
            scan.line(line);
        }
        found.extend(scan.found);
    }
    let types = found.iter().filter(|i| i.owner.is_none()).map(|i| i.name.clone());
    let types: BTreeSet<String> = types.collect();
    found.retain(|i| i.owner.as_ref().is_none_or(|o| types.contains(o)));
    found
}
