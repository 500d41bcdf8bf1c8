//! Text to jaxpr: the inverse of printing. Text from anywhere gives an error at worst.

use super::aval::Aval;
use super::axis::AxisName;
use super::jaxpr::{Atom, Eqn, Jaxpr, Var};
use super::params::Param;
use super::primitive::Registry;
use super::source;
use cotangent_jit::{DType, Error, Scalar, err};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Bodies nest at most this deep, so that hostile text cannot exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Reads a jaxpr as it prints. Primitives are rebuilt by the registry; those that carry a user's
/// rule (`@name`) cannot be. Captured inputs, before the semicolon, come first.
#[track_caller]
pub fn parse(text: &str, registry: &dyn Registry) -> Result<Jaxpr, Error> {
    let mut p = Parser { text, at: 0, registry };
    let jaxpr = p.jaxpr(0)?;
    p.space();
    if p.at < text.len() {
        return Err(p.error("the end of the text"));
    }
    Ok(jaxpr)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    registry: &'a dyn Registry,
}

/// The variables in scope.
#[derive(Default)]
struct Scope {
    jaxpr: Jaxpr,
    vars: FxHashMap<String, Var>,
}

impl Parser<'_> {
    fn error(&self, expected: &str) -> Error {
        let line = self.text[..self.at].matches('\n').count() + 1;
        let rest: String = self.text[self.at..].chars().take(24).collect();
        err!(Parse, "parse: expected {expected} at line {line}, got {rest:?}")
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self, token: &str) -> bool {
        self.space();
        self.text[self.at..].starts_with(token)
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.peek(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), Error> {
        if self.eat(token) { Ok(()) } else { Err(self.error(&format!("`{token}`"))) }
    }

    /// The longest run of characters that `allowed` lets through; not empty.
    fn word(&mut self, what: &str, allowed: fn(char) -> bool) -> Result<String, Error> {
        self.space();
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error(what));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn name(&mut self, what: &str) -> Result<String, Error> {
        self.word(what, |c| c.is_alphanumeric() || "_-.<>:".contains(c) && c != ':')
    }

    fn jaxpr(&mut self, depth: usize) -> Result<Jaxpr, Error> {
        if depth > MAX_DEPTH {
            return Err(err!(Parse, "parse: bodies nest more than {MAX_DEPTH} deep"));
        }
        self.expect("{")?;
        self.expect("lambda")?;
        let mut scope = Scope::default();
        while !self.eat(".") {
            if !self.eat(";") {
                let v = self.binding(&mut scope)?;
                scope.jaxpr.inputs.push(v);
            }
        }
        self.expect("let")?;
        while !self.at_keyword("in") {
            let eqn = self.eqn(&mut scope, depth)?;
            scope.jaxpr.eqns.push(eqn);
        }
        self.expect("in")?;
        self.expect("(")?;
        while !self.eat(")") {
            let atom = self.atom(&scope)?;
            scope.jaxpr.outputs.push(atom);
            self.eat(",");
        }
        self.expect("}")?;
        Ok(scope.jaxpr)
    }

    /// `in (`, which no equation begins with.
    fn at_keyword(&mut self, word: &str) -> bool {
        self.peek(word) && self.text[self.at + word.len()..].trim_start().starts_with('(')
    }

    /// `name:f32[2,3]`
    fn binding(&mut self, scope: &mut Scope) -> Result<Var, Error> {
        let name = self.word("a variable", |c| c.is_ascii_lowercase() || c == '_')?;
        self.expect(":")?;
        let aval = self.aval()?;
        let var = scope.jaxpr.new_var(aval);
        if name != "_" && scope.vars.insert(name.clone(), var).is_some() {
            return Err(err!(Parse, "parse: variable {name} is bound twice"));
        }
        Ok(var)
    }

    fn dtype(&mut self) -> Result<DType, Error> {
        let name = self.word("a dtype", |c| c.is_ascii_alphanumeric())?;
        DType::parse(&name).ok_or_else(|| err!(Parse, "parse: {name} is no dtype"))
    }

    fn aval(&mut self) -> Result<Aval, Error> {
        let dtype = self.dtype()?;
        self.expect("[")?;
        let mut shape = Vec::new();
        while !self.eat("]") {
            let n = self.word("a size", |c| c.is_ascii_digit())?;
            shape.push(n.parse().map_err(|_| err!(Parse, "parse: size {n} is too large"))?);
            self.eat(",");
        }
        Ok(Aval::new(shape, dtype))
    }

    #[track_caller]
    fn eqn(&mut self, scope: &mut Scope, depth: usize) -> Result<Eqn, Error> {
        let mut outs: Vec<(String, Aval)> = Vec::new();
        while !self.eat("=") {
            let name = self.word("a variable", |c| c.is_ascii_lowercase() || c == '_')?;
            self.expect(":")?;
            outs.push((name, self.aval()?));
        }
        let prim = self.name("a primitive")?;
        let mut params: Vec<(String, Param)> = Vec::new();
        if self.eat("[") {
            while !self.eat("]") {
                let key = self.name("a parameter")?;
                self.expect("=")?;
                params.push((key, self.param(depth)?));
            }
        }
        let mut inputs = smallvec::SmallVec::new();
        while self.at_atom(scope) {
            inputs.push(self.atom(scope)?);
        }
        let prim = self.registry.build(&prim, &params)?;
        let mut outputs = smallvec::SmallVec::new();
        for (name, aval) in outs {
            let var = scope.jaxpr.new_var(aval);
            if name != "_" && scope.vars.insert(name.clone(), var).is_some() {
                return Err(err!(Parse, "parse: variable {name} is bound twice"));
            }
            outputs.push(var);
        }
        Ok(Eqn { effects: prim.effects(), prim, inputs, outputs, source: source::here() })
    }

    /// Whether an operand follows, and not `b:f32[] =` of the next equation or `in (`.
    fn at_atom(&mut self, scope: &Scope) -> bool {
        if self.at_keyword("in") || self.peek("=") {
            return false;
        }
        self.space();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let number = rest.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let literal = word.is_empty() && number
            || ["nan", "inf", "true", "false"].contains(&word)
                && after.starts_with([':', '('])
                && !scope.vars.contains_key(word);
        literal || !word.is_empty() && !after.starts_with([':', '_'])
    }

    fn atom(&mut self, scope: &Scope) -> Result<Atom, Error> {
        self.space();
        let start = self.at;
        let word = self.word("an operand", |c| c.is_ascii_alphanumeric() || "+-.()".contains(c));
        // A closing bracket may belong to the list around the operand.
        let mut word = word?;
        while word.ends_with(')') && word.matches(')').count() > word.matches('(').count() {
            word.pop();
        }
        self.at = start + word.len();
        if self.text[self.at..].starts_with(':') {
            self.at += 1;
            let aval = self.aval()?;
            let value = Scalar::parse(aval.dtype, &word).filter(|_| aval.shape.is_empty());
            return value
                .map(Atom::Literal)
                .ok_or_else(|| err!(Parse, "parse: {word} is no literal of {aval}"));
        }
        let var = scope.vars.get(&word).copied();
        var.map(Atom::Var).ok_or_else(|| err!(Parse, "parse: variable {word} is not bound"))
    }

    fn param(&mut self, depth: usize) -> Result<Param, Error> {
        if self.peek("{") {
            return Ok(Param::Jaxpr(Arc::new(self.jaxpr(depth + 1)?)));
        }
        if self.eat("@") {
            let rest = &self.text[self.at..];
            let end = rest.find(|c: char| c.is_whitespace() || c == ']').unwrap_or(rest.len());
            let name: Arc<str> = rest[..end].into();
            self.at += end;
            return Ok(Param::Rule(super::params::Rule { name, value: Arc::new(()) }));
        }
        if self.eat("(") {
            return self.list(depth);
        }
        let word =
            self.word("a parameter's value", |c| c.is_alphanumeric() || "_-+.<>".contains(c))?;
        if self.text[self.at..].starts_with(':') {
            self.at += 1;
            let aval = self.aval()?;
            let value = Scalar::parse(aval.dtype, &word);
            let no = || err!(Parse, "parse: {word} is no literal of {aval}");
            return value.map(Param::Scalar).ok_or_else(no);
        }
        Ok(match &word[..] {
            "true" => Param::Bool(true),
            "false" => Param::Bool(false),
            w if DType::parse(w).is_some() => Param::DType(DType::parse(w).expect("just seen")),
            w => w.parse().map(Param::Int).unwrap_or(Param::Name(word)),
        })
    }

    /// After `"`: a name as it prints, with escapes.
    fn quoted(&mut self) -> Result<String, Error> {
        let mut name = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(name);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => name.push('\n'),
                    Some((_, 't')) => name.push('\t'),
                    Some((_, 'r')) => name.push('\r'),
                    Some((_, '0')) => name.push('\0'),
                    Some((_, 'u')) => {
                        let code: String = chars
                            .by_ref()
                            .map(|(_, c)| c)
                            .skip(1)
                            .take_while(|c| *c != '}')
                            .collect();
                        let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                        name.push(c.ok_or_else(|| self.error("a character"))?);
                    }
                    Some((_, c)) => name.push(c),
                    None => break,
                },
                c => name.push(c),
            }
        }
        Err(self.error("a closing quote"))
    }

    /// After `(`: ints, lists of ints, names of axes or jaxprs. An empty list is of ints.
    fn list(&mut self, depth: usize) -> Result<Param, Error> {
        let (mut ints, mut lists, mut bodies) = (smallvec::SmallVec::new(), Vec::new(), Vec::new());
        let mut names: smallvec::SmallVec<[AxisName; 1]> = smallvec::SmallVec::new();
        while !self.eat(")") {
            if self.peek("{") {
                bodies.push(Arc::new(self.jaxpr(depth + 1)?));
            } else if self.eat("\"") {
                names.push(self.quoted()?.into());
            } else if self.eat("(") {
                let Param::Ints(list) = self.list(depth)? else {
                    return Err(self.error("a list of ints"));
                };
                lists.push(list);
            } else {
                let n = self.word("an int", |c| c.is_ascii_digit() || c == '-')?;
                ints.push(n.parse().map_err(|_| err!(Parse, "parse: {n} is no int"))?);
            }
            self.eat(",");
        }
        match (ints.is_empty(), lists.is_empty(), bodies.is_empty(), names.is_empty()) {
            (_, true, true, true) => Ok(Param::Ints(ints)),
            (true, false, true, true) => Ok(Param::Lists(lists)),
            (true, true, false, true) => Ok(Param::Jaxprs(bodies)),
            (true, true, true, false) => Ok(Param::Axes(names)),
            _ => Err(self.error("a list of one kind")),
        }
    }
}
