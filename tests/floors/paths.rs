//! The paths that a file names: in `use` trees, and inline where they begin with `crate`, `super`
//! or the name of a crate of the workspace.

use super::sources::File;

/// A path from the root of a crate (`crate`, then its segments) or from the name of another crate.
pub struct Named {
    pub line: usize,
    pub segments: Vec<String>,
}

/// A word or a sign of the code.
struct Token<'a> {
    line: usize,
    text: &'a str,
}

impl File {
    /// The paths that the file names, unit tests left out. `super` and `self` are resolved. The
    /// path of a `use` may also begin with a module that the file declares.
    pub fn paths(&self) -> Vec<Named> {
        let tokens = tokens_of(self.tested());
        let mut reader = Reader { tokens, at: 0, module: self.module(), found: Vec::new() };
        reader.read();
        reader.found
    }
}

/// Words, `::` and other signs of the code. Comments, strings and characters are left out.
fn tokens_of(code: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut line, mut rest) = (Vec::new(), 1, code);
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => 1 + quoted(&rest[1..], '"'),
            '\'' => character(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw_string(rest),
            _ if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => c.len_utf8(),
        };
        let (text, tail) = rest.split_at(len);
        let left_out = c.is_whitespace() || matches!(c, '"' | '\'') || text.starts_with("//");
        if !left_out && !text.starts_with("r\"") && !text.starts_with("r#") {
            found.push(Token { line, text });
        }
        line += text.matches('\n').count();
        rest = tail;
    }
    found
}

/// The length of quoted text, with the quote that ends it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (n, c) in rest.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            _ if c == quote && !escaped => return n + 1,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// The length of a character, or of the sign with which a lifetime begins.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => 1 + quoted(&rest[1..], '\''),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// The length of a raw string, or of the sign with which a raw name begins.
fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    let open = 1 + hashes;
    if !rest[open..].starts_with('"') {
        return open;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    rest[open + 1..].find(&end).map_or(rest.len(), |n| open + 1 + n + end.len())
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// The module of the code that is read: that of the file, or one inside the file.
    module: Vec<String>,
    found: Vec<Named>,
}

impl Reader<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.text)
    }

    fn read(&mut self) {
        // The depth of braces, and that at which each inner module began.
        let (mut depth, mut modules) = (0, Vec::new());
        while self.at < self.tokens.len() {
            match self.text(0) {
                // Not the captures of an opaque type, `use<'a>`.
                "use" if self.text(1) != "<" => {
                    self.at += 1;
                    self.tree(&[]);
                    continue;
                }
                "mod" if self.text(2) == "{" => {
                    self.module.push(self.text(1).to_owned());
                    modules.push(depth);
                    self.at += 1;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if modules.last() == Some(&depth) {
                        modules.pop();
                        self.module.pop();
                    }
                }
                "crate" | "super" if self.text(1) == "::" => {
                    self.inline();
                    continue;
                }
                // After `::` it is the path of a macro's output.
                word if word.starts_with("cotangent")
                    && self.text(1) == "::"
                    && !self.follows_path() =>
                {
                    self.inline();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn follows_path(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].text == "::"
    }

    /// Reads a tree of a `use`, which begins at the current token.
    fn tree(&mut self, before: &[String]) {
        let line = self.tokens.get(self.at).map_or(0, |t| t.line);
        let mut path = before.to_vec();
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.tree(&path);
                        if self.text(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "::" => self.at += 1,
                "as" => self.at += 2,
                "," | "}" | ";" | "" => break,
                word => {
                    let word = word.to_owned();
                    path.push(word);
                    self.at += 1;
                }
            }
        }
        self.push(line, path);
    }

    /// Reads a path outside of `use`.
    fn inline(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = vec![self.text(0).to_owned()];
        self.at += 1;
        while self.text(0) == "::" && self.text(1).starts_with(|c: char| c.is_alphabetic()) {
            path.push(self.text(1).to_owned());
            self.at += 2;
        }
        self.push(line, path);
    }

    fn push(&mut self, line: usize, path: Vec<String>) {
        let ups = path.iter().take_while(|s| *s == "super").count();
        let own = ups == 0 && path.first().is_some_and(|s| s == "self");
        let mut segments = path;
        if ups > 0 || own {
            let rest = segments.split_off(if own { 1 } else { ups });
            let at = self.module.len().saturating_sub(ups);
            let absolute = ["crate".to_owned()].into_iter().chain(self.module[..at].to_vec());
            segments = absolute.chain(rest).collect();
        }
        if segments.last().is_some_and(|s| s == "self") {
            segments.pop();
        }
        self.found.push(Named { line, segments });
    }
}

/// Relied on by the tests that follow from paths.
#[test]
fn paths_are_read() {
    let text = "use super::apply::one;\nuse crate::core::array::Array; // crate::stage::x\n\
                use super::{a::{self, B}, c as d};\nmod inner { use super::E; }\n\
                fn f() { super::super::stage::run(\"crate::no::path\") }\n\
                #[cfg(test)]\nmod tests { use crate::api::x; }";
    let file = File { path: "src/prims/rules/unary.rs".into(), text: text.into() };
    let paths: Vec<String> =
        file.paths().iter().map(|p| format!("{} {}", p.line, p.segments.join("::"))).collect();
    assert_eq!(
        paths,
        [
            "1 crate::prims::rules::apply::one",
            "2 crate::core::array::Array",
            "3 crate::prims::rules::a",
            "3 crate::prims::rules::a::B",
            "3 crate::prims::rules::c",
            "4 crate::prims::rules::unary::E",
            "5 crate::prims::stage::run",
        ]
    );
}
