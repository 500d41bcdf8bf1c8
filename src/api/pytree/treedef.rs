//! The structure of a pytree as data: a stream of tokens in preorder, cheap to build, hash and
//! compare on every call.

use smallvec::SmallVec;
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// One node of the structure; children follow it.
#[derive(Clone)]
pub enum Token {
    Leaf,
    Tuple(u32),
    Vec(u32),
    Array(u32),
    None,
    /// One child.
    Some,
    /// This many pairs of a [`Token::Static`] key and a tree.
    Map(u32),
    /// One child per field; a static field's is a [`Token::Static`].
    Struct(&'static StructInfo),
    Static(StaticValue),
}

/// Name of a struct, or of an enum with its variant, and of its fields.
#[derive(PartialEq, Eq, Debug)]
pub struct StructInfo {
    pub name: &'static str,
    pub fields: &'static [&'static str],
}

/// A value that is structure, not data: part of a jitted function's cache key.
#[derive(Clone)]
pub struct StaticValue(Arc<dyn Opaque>);

// A static value is never written again.
impl UnwindSafe for StaticValue {}
impl RefUnwindSafe for StaticValue {}

pub(super) trait Opaque: Any + Send + Sync {
    fn same(&self, other: &dyn Opaque) -> bool;
    fn feed(&self, hasher: &mut dyn Hasher);
    fn text(&self) -> String;
    fn any(&self) -> &dyn Any;
}

struct Plain<T>(T, Option<String>);

impl<T: Eq + Hash + Send + Sync + 'static> Opaque for Plain<T> {
    fn same(&self, other: &dyn Opaque) -> bool {
        other.any().downcast_ref::<T>() == Some(&self.0)
    }

    fn feed(&self, mut hasher: &mut dyn Hasher) {
        self.0.hash(&mut hasher);
    }

    fn text(&self) -> String {
        self.1.clone().unwrap_or_else(|| format!("<{}>", std::any::type_name::<T>()))
    }

    fn any(&self) -> &dyn Any {
        &self.0
    }
}

impl StaticValue {
    pub fn new<T: Eq + Hash + Send + Sync + 'static>(value: T) -> StaticValue {
        StaticValue(Arc::new(Plain(value, None)))
    }

    /// With the text that it shows as in paths and explanations.
    pub fn named<T: Eq + Hash + Send + Sync + 'static>(value: T, text: String) -> StaticValue {
        StaticValue(Arc::new(Plain(value, Some(text))))
    }

    pub(super) fn opaque(value: impl Opaque) -> StaticValue {
        StaticValue(Arc::new(value))
    }

    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.any().downcast_ref()
    }
}

impl PartialEq for StaticValue {
    fn eq(&self, other: &StaticValue) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.same(&*other.0)
    }
}

/// An argument that is structure: a function is traced anew for every different value.
///
/// ```
/// use cotangent::prelude::*;
/// let power = jit(|x: Array, n: Static<usize>| (0..n.0).fold(x.clone(), |y, _| y * x.clone()));
/// assert_eq!(power(array![2.0], Static(2)).to_vec::<f32>(), [8.0]);
/// ```
#[doc(alias = "register_static")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Static<T>(pub T);

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        match (self, other) {
            (Token::Leaf, Token::Leaf)
            | (Token::None, Token::None)
            | (Token::Some, Token::Some) => true,
            (Token::Tuple(a), Token::Tuple(b))
            | (Token::Vec(a), Token::Vec(b))
            | (Token::Array(a), Token::Array(b))
            | (Token::Map(a), Token::Map(b)) => a == b,
            (Token::Struct(a), Token::Struct(b)) => std::ptr::eq(*a, *b) || a == b,
            (Token::Static(a), Token::Static(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Token {}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (kind, count) = match self {
            Token::Leaf => (0, 0),
            Token::Tuple(n) => (1, *n),
            Token::Vec(n) => (2, *n),
            Token::Array(n) => (3, *n),
            Token::None => (4, 0),
            Token::Some => (5, 0),
            Token::Map(n) => (6, *n),
            Token::Struct(info) => (7, info.name.len() as u32),
            Token::Static(_) => (8, 0),
        };
        state.write_u64(kind << 32 | count as u64);
        if let Token::Static(value) = self {
            value.0.feed(state);
        }
    }
}

/// As in messages: `a tuple of 2`.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Leaf => f.write_str("an array"),
            Token::Tuple(n) => write!(f, "a tuple of {n}"),
            Token::Vec(n) => write!(f, "a Vec of {n}"),
            Token::Array(n) => write!(f, "a fixed array of {n}"),
            Token::None => f.write_str("None"),
            Token::Some => f.write_str("Some"),
            Token::Map(n) => write!(f, "a map of {n}"),
            Token::Struct(info) => write!(f, "{}", info.name),
            Token::Static(value) => write!(f, "the static value {}", value.0.text()),
        }
    }
}

/// The structure of a pytree. Equal and of equal hash when two trees have the same shape, keys and
/// static values.
#[doc(alias = "PyTreeDef")]
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TreeDef {
    tokens: SmallVec<[Token; 6]>,
}

impl TreeDef {
    pub fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    pub(crate) fn reserve(&mut self, tokens: usize) {
        self.tokens.reserve(tokens);
    }

    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// How many arrays the tree holds.
    pub fn leaf_count(&self) -> usize {
        self.tokens.iter().filter(|t| matches!(t, Token::Leaf)).count()
    }

    /// The subtree below child `index` of the root, and where its leaves are.
    pub(crate) fn child(&self, index: usize) -> (TreeDef, std::ops::Range<usize>) {
        let mut from = 1;
        for _ in 0..index {
            from = self.skip(from);
        }
        let to = self.skip(from);
        let leaves = |t: &[Token]| t.iter().filter(|t| matches!(t, Token::Leaf)).count();
        let start = leaves(&self.tokens[..from]);
        let end = start + leaves(&self.tokens[from..to]);
        (TreeDef { tokens: self.tokens[from..to].iter().cloned().collect() }, start..end)
    }

    /// The structure with another in place of each leaf.
    pub fn with_leaves(&self, inner: &TreeDef) -> TreeDef {
        let mut tokens = SmallVec::new();
        for token in &self.tokens {
            match token {
                Token::Leaf => tokens.extend(inner.tokens.iter().cloned()),
                other => tokens.push(other.clone()),
            }
        }
        TreeDef { tokens }
    }

    /// How many children the root has.
    pub(crate) fn child_count(&self) -> usize {
        self.tokens().first().map_or(0, children)
    }

    /// The position after the subtree that starts at `at`.
    pub(crate) fn skip(&self, at: usize) -> usize {
        let mut left = 1;
        let mut at = at;
        while left > 0 {
            left += children(&self.tokens[at]);
            left -= 1;
            at += 1;
        }
        at
    }

    /// Where each leaf is: `.layers[0].w`, `.1`, `["bias"]`; empty for a bare array.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.walk(at, &mut String::new(), &mut |token, path| {
                if matches!(token, Token::Leaf) {
                    paths.push(path.to_string());
                }
            });
        }
        paths
    }

    /// Calls `f` with every token and the path that leads to it.
    pub(crate) fn walk(
        &self,
        at: usize,
        path: &mut String,
        f: &mut dyn FnMut(&Token, &str),
    ) -> usize {
        let token = &self.tokens[at];
        f(token, path);
        let mut next = at + 1;
        let length = path.len();
        let steps = if let Token::Map(n) = token { *n as usize } else { children(token) };
        for i in 0..steps {
            match token {
                Token::Tuple(_) => path.push_str(&format!(".{i}")),
                Token::Vec(_) | Token::Array(_) => path.push_str(&format!("[{i}]")),
                Token::Struct(info) => path.push_str(&format!(".{}", info.fields[i])),
                Token::Map(_) => {
                    if let Token::Static(key) = &self.tokens[next] {
                        path.push_str(&format!("[{}]", key.0.text()));
                    }
                    next += 1;
                }
                _ => {}
            }
            next = self.walk(next, path, f);
            path.truncate(length);
        }
        next
    }

    /// As `Display`, with texts for the leaves.
    pub(crate) fn text_with(&self, leaves: &mut dyn Iterator<Item = String>) -> String {
        let mut text = String::new();
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.text(at, leaves, &mut text);
        }
        text
    }

    /// The first place where two structures differ: path, what is here, what is there.
    pub(crate) fn difference(&self, other: &TreeDef) -> Option<(String, String, String)> {
        let mut mine = Vec::new();
        let mut theirs = Vec::new();
        for (tree, to) in [(self, &mut mine), (other, &mut theirs)] {
            if !tree.tokens.is_empty() {
                tree.walk(0, &mut String::new(), &mut |t, path| {
                    to.push((path.to_string(), t.clone()))
                });
            }
        }
        for ((path, a), (other, b)) in mine.iter().zip(&theirs) {
            // Maps with other keys: the same place has another name.
            if path != other {
                return Some((path.clone(), path.clone(), other.clone()));
            }
            if a != b {
                let detail = |t: &Token| match t {
                    Token::Struct(info) => {
                        format!("{} {{ {} }}", info.name, info.fields.join(", "))
                    }
                    t => t.to_string(),
                };
                return Some((path.clone(), detail(a), detail(b)));
            }
        }
        // Empty trees, or keys that print alike.
        self.tokens
            .iter()
            .zip(&other.tokens)
            .find(|(a, b)| a != b)
            .map(|(a, b)| (String::new(), a.to_string(), b.to_string()))
    }

    fn text(&self, at: usize, leaves: &mut dyn Iterator<Item = String>, to: &mut String) -> usize {
        let mut next = at + 1;
        let mut list = |to: &mut String, open: &str, close: &str, n: u32| {
            to.push_str(open);
            for i in 0..n {
                if i > 0 {
                    to.push_str(", ");
                }
                next = self.text(next, leaves, to);
            }
            to.push_str(close);
            next
        };
        match &self.tokens[at] {
            Token::Leaf => to.push_str(&leaves.next().unwrap_or_else(|| "*".into())),
            Token::None => to.push_str("None"),
            Token::Static(value) => to.push_str(&value.0.text()),
            Token::Some => return list(to, "Some(", ")", 1),
            Token::Tuple(1) => return list(to, "(", ",)", 1),
            Token::Tuple(n) => return list(to, "(", ")", *n),
            Token::Vec(n) => return list(to, "vec![", "]", *n),
            Token::Array(n) => return list(to, "[", "]", *n),
            Token::Map(n) => {
                to.push('{');
                for i in 0..*n {
                    to.push_str(if i > 0 { ", " } else { "" });
                    next = self.text(next, leaves, to);
                    to.push_str(": ");
                    next = self.text(next, leaves, to);
                }
                to.push('}');
            }
            Token::Struct(info) => {
                to.push_str(info.name);
                to.push_str(" { ");
                for (i, field) in info.fields.iter().enumerate() {
                    to.push_str(if i > 0 { ", " } else { "" });
                    to.push_str(field);
                    to.push_str(": ");
                    next = self.text(next, leaves, to);
                }
                to.push_str(" }");
            }
        }
        next
    }
}

pub(super) fn children(token: &Token) -> usize {
    match token {
        Token::Leaf | Token::None | Token::Static(_) => 0,
        Token::Some => 1,
        Token::Tuple(n) | Token::Vec(n) | Token::Array(n) => *n as usize,
        Token::Map(n) => 2 * *n as usize,
        Token::Struct(info) => info.fields.len(),
    }
}

/// Leaves are stars: `(*, vec![*, *])`.
impl fmt::Display for TreeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text_with(&mut std::iter::empty()))
    }
}

impl fmt::Debug for TreeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
